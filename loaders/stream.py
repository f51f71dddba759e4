"""A cohort as a stream of items or batches, in a sequence that depends on seed and epoch alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from monai.data.utils import list_data_collate
from torch.utils.data import IterableDataset, get_worker_info

from .epoch import Epoch
from .items import IMAGE_DTYPE, KEYS, ItemReader
from .order import AUGMENTATION, deal, order, random_words
from .patches import random_box
from .steps import Steps

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch

    from ..store.arrays import Box
    from ..store.cohort import Cohort

__all__ = ["VolumeStream"]


class VolumeStream(IterableDataset[Any]):
    """Samples, or patches of them, in sequence.

    The sequence of an epoch is a function of (seed, epoch). Ranks are dealt samples in turn, and the workers of a rank
    its steps in turn, so that together they read each sample once, and a `DataLoader` gives the same batches with any
    number of workers. Items are those of `VolumeDataset`. Where a patch lies, and what a MONAI transform draws
    (through its `set_random_state`), depends on the seed, the epoch, the sample and the number of the patch alone.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        keys: arrays to read.
        patch: voxels of a random box, the same for all keys; only these are read. None for whole volumes.
        patches_per_volume: they follow each other in the stream.
        batch_size: give collated batches; use ``DataLoader(stream, batch_size=None)``. None gives single items.
        transform: applied to each item, for example a MONAI `Compose`.
        dtype: of images, in physical units (stored · scale + offset); None keeps the stored integers.
        shuffle: another sequence in each epoch; otherwise that of the cohort.
        seed: 0 to 2^64 - 1.
        rank, world_size: which of how many processes this is.
        drop_last: leave out what would make one rank's epoch longer than another's, or its last batch smaller.

    Raises:
        ValueError: a key is no array of the data set, the patch exceeds the volumes, or a number is out of range.

    Example:
        >>> stream = VolumeStream(cohort, batch_size=2, patch=(96, 96, 96), shuffle=True)   # doctest: +SKIP
        >>> for epoch in range(10):                                                         # doctest: +SKIP
        ...     stream.set_epoch(epoch)
        ...     for batch in DataLoader(stream, batch_size=None, num_workers=2):
        ...         train(batch["image"], batch["label"])
    """

    def __init__(
        self,
        cohort: Cohort,
        *,
        keys: Sequence[str] = KEYS,
        patch: tuple[int, int, int] | None = None,
        patches_per_volume: int = 1,
        batch_size: int | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        dtype: torch.dtype | None = IMAGE_DTYPE,
        shuffle: bool = False,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = False,
    ) -> None:
        _check_numbers(patch, patches_per_volume, batch_size, rank, world_size)
        if not 0 <= seed < 2**64:
            msg = f"seed must be 0 to 2^64 - 1, got {seed}"
            raise ValueError(msg)
        self._items = ItemReader(cohort=cohort, keys=tuple(keys), dtype=dtype, patch=patch)
        self._patches_per_volume = patches_per_volume
        self._batch_size = batch_size
        self._shuffle = shuffle
        self._seed = seed
        self._rank = rank
        self._world_size = world_size
        self._drop_last = drop_last
        self._epoch = Epoch()
        self.transform = transform

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; workers that persist see it too."""
        self._epoch.set(epoch)

    def __len__(self) -> int:
        """Steps of this rank in an epoch: batches, or items if there is no batch size."""
        return len(self._steps(epoch=0))

    def __iter__(self) -> Iterator[Any]:
        epoch = self._epoch.get()
        worker = get_worker_info()
        mine, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        for step in self._steps(epoch).of_worker(mine, workers):
            items = [self._item(position, number, epoch) for position, number in step]
            yield items[0] if self._batch_size is None else list_data_collate(items)

    def _steps(self, epoch: int) -> Steps:
        sequence = order(len(self._items.cohort), seed=self._seed, epoch=epoch, shuffle=self._shuffle)
        return Steps(
            positions=deal(sequence, rank=self._rank, world_size=self._world_size, drop_last=self._drop_last),
            patches_per_volume=self._patches_per_volume,
            batch_size=self._batch_size or 1,
            drop_last=self._drop_last,
        )

    def _item(self, position: int, number: int, epoch: int) -> Any:
        index = self._items.index(position)
        item = self._items.read(position, self._box(index, number, epoch))
        if self.transform is None:
            return item
        if hasattr(self.transform, "set_random_state"):
            word = random_words(
                seed=self._seed, epoch=epoch, purpose=AUGMENTATION, index=index, number=number, count=1
            )[0]
            self.transform.set_random_state(seed=int(word) % 2**32)
        return self.transform(item)

    def _box(self, index: int, number: int, epoch: int) -> Box | None:
        patch = self._items.patch
        if patch is None:
            return None
        return random_box(self._items.shape, patch, seed=self._seed, epoch=epoch, index=index, number=number)


def _check_numbers(
    patch: tuple[int, int, int] | None, patches_per_volume: int, batch_size: int | None, rank: int, world_size: int
) -> None:
    for name, value in (
        ("patches_per_volume", patches_per_volume),
        ("batch_size", 1 if batch_size is None else batch_size),
        ("world_size", world_size),
    ):
        if value < 1:
            msg = f"{name} must be at least 1, got {value}"
            raise ValueError(msg)
    if not 0 <= rank < world_size:
        msg = f"rank must be 0 to {world_size - 1} for a world_size of {world_size}, got {rank}"
        raise ValueError(msg)
    if patch is None and patches_per_volume > 1:
        msg = f"patches_per_volume={patches_per_volume} needs patch=(x, y, z): without it an item is the whole volume"
        raise ValueError(msg)
