"""A cohort as a map-style dataset for `DataLoader` and MONAI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset

from .epoch import Epoch
from .items import IMAGE_DTYPE, KEYS, ItemReader
from .patches import random_box

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from ..store.cohort import Cohort

__all__ = ["VolumeDataset"]


class VolumeDataset(Dataset[Any]):
    """Samples by number.

    An item is a dictionary: each key a `MetaTensor` (1, x, y, z) with its affine and `meta` (`spacing_mm`, `sample_id`,
    `synthetic`, the names of `labels`), `sample_id`, `index`, and the conditions and measures as plain values.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        keys: arrays to read.
        patch: read one random box of so many voxels instead of the whole volume; its place depends on the seed, the
            epoch and the sample, not on workers.
        transform: what makes something else of the item, for example a MONAI `Compose`.
        dtype: of images, in physical units (stored · scale + offset); None keeps the stored integers.
        seed: of the patches' places.

    Raises:
        ValueError: a key is no array of the data set, or the patch is larger than the volumes.

    Example:
        >>> women = voxpress.open("brains").where("sex == 'F'")          # doctest: +SKIP
        >>> loader = monai.data.DataLoader(VolumeDataset(women), batch_size=2, num_workers=2)  # doctest: +SKIP
    """

    def __init__(
        self,
        cohort: Cohort,
        *,
        keys: Sequence[str] = KEYS,
        patch: tuple[int, int, int] | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        dtype: torch.dtype | None = IMAGE_DTYPE,
        seed: int = 0,
    ) -> None:
        self._items = ItemReader(cohort=cohort, keys=tuple(keys), dtype=dtype, patch=patch)
        self._seed = seed
        self._epoch = Epoch()
        self.transform = transform

    def __len__(self) -> int:
        return len(self._items.cohort)

    def set_epoch(self, epoch: int) -> None:
        """Choose other places of the patches; call it before each epoch."""
        self._epoch.set(epoch)

    def __getitem__(self, position: int) -> Any:
        item = self._items.read(position, self._box(position))
        return item if self.transform is None else self.transform(item)

    def _box(self, position: int) -> Any:
        patch = self._items.patch
        if patch is None:
            return None
        index = self._items.index(position)
        return random_box(self._items.shape, patch, seed=self._seed, epoch=self._epoch.get(), index=index)
