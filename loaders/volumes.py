"""A cohort as a map-style dataset for `DataLoader` and MONAI."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torch.utils.data import Dataset

from .items import IMAGE_DTYPE, KEYS, ItemMaker
from .patches import Placement, Sampling, Uniform
from .progress import Progress
from .random_words import PATCH, WORDS, random_words
from .tensors import to_tensor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch

    from ..store.arrays import Box
    from ..store.cohort import Cohort

__all__ = ["VolumeDataset"]


class VolumeDataset(Dataset[Any]):
    """Samples by number.

    An item is a dictionary: each key a `MetaTensor` (1, x, y, z) with its affine and `meta` (`spacing_mm`, `sample_id`,
    `synthetic`, the names of `labels`), `sample_id`, `index`, and the conditions and measures as plain values.
    `VolumeStream` gives the same items faster, in batches.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        keys: arrays to read.
        patch: read one box of so many voxels instead of the whole volume; its place depends on the seed, the
            epoch and the sample, not on workers.
        sampling: where patches lie: `Uniform`, `Foreground` or `Labels`.
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
        sampling: Sampling | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        dtype: torch.dtype | None = IMAGE_DTYPE,
        seed: int = 0,
    ) -> None:
        self._maker = ItemMaker(cohort=cohort, keys=tuple(keys), dtype=dtype, patch=patch)
        self._sampling = sampling or Uniform()
        self._placement: Placement | None = None
        self._seed = seed
        self._progress = Progress()
        self.transform = transform

    def __len__(self) -> int:
        return len(self._maker.cohort)

    def set_epoch(self, epoch: int) -> None:
        """Choose other places of the patches; call it before each epoch."""
        self._progress.set_epoch(epoch)

    def __getitem__(self, position: int) -> Any:
        row = self._checked(position)
        box = self._box(row)
        cohort = self._maker.cohort
        voxels = {
            key: to_tensor(cohort.read(row, key, box), cohort.specs[key], self._maker.dtype)[None]
            for key in self._maker.keys
        }
        item = self._maker.item(row, box, voxels)
        return item if self.transform is None else self.transform(item)

    def _checked(self, position: int) -> int:
        if not -len(self) <= position < len(self):
            msg = f"index {position} is out of range for a cohort of {len(self)} samples"
            raise IndexError(msg)
        return position % len(self)

    def _box(self, row: int) -> Box | None:
        if self._placement is None:
            self._placement = self._maker.placement(self._sampling)
        if self._placement is None:
            return None
        address = {"seed": self._seed, "epoch": self._progress.epoch, "index": int(self._maker.indices[row])}
        return self._placement.box(row, random_words(**address, purpose=PATCH, count=WORDS).tolist())
