"""Volumes cut into a grid of patches for inference, with what MONAI needs to put predictions together again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from monai.data.meta_tensor import MetaTensor
from torch.utils.data import Dataset

from .items import IMAGE_DTYPE, KEYS
from .patches import grid_boxes, shifted_affine
from .volumes import VolumeDataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..store.arrays import Box
    from ..store.cohort import Cohort

__all__ = ["GridPatches"]


class GridPatches(Dataset[Any]):
    """All patches of all samples, those of a sample after each other.

    An item is that of `VolumeDataset`, cut to a box, with `row` (of the cohort) and `location` (3,), the voxel of the
    volume where the patch begins: what `monai.inferers.AvgMerger.aggregate` asks for. Items should be asked for in
    sequence: a volume is read and decoded once, and held until an item of another one is asked for.

    To share the work among processes, give each its own rows (``cohort.select(slice(rank, None, world_size))``), so
    that all patches of a volume are in one place.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        keys: arrays to read.
        patch: voxels of a box. The last one along an axis is moved inwards, so that all have this size.
        overlap: voxels that neighbours share at least.
        transform: applied to each item.
        dtype: of images, in physical units; None keeps the stored integers.

    Raises:
        ValueError: a key is no array of the data set, arrays differ in shape, the patch does not fit, or the overlap is
            not less than the patch.

    Example:
        >>> patches = GridPatches(cohort, patch=(96, 96, 96), overlap=(48, 48, 48))             # doctest: +SKIP
        >>> inferer = PatchInferer(batch_size=4, merged_shape=(1, 2, *patches.shape))           # doctest: +SKIP
        >>> for row in range(len(cohort)):                                                      # doctest: +SKIP
        ...     prediction = inferer(patches.of_volume(row), network)
    """

    def __init__(
        self,
        cohort: Cohort,
        *,
        keys: Sequence[str] = KEYS,
        patch: tuple[int, int, int],
        overlap: tuple[int, int, int] = (0, 0, 0),
        transform: Callable[[dict[str, Any]], Any] | None = None,
        dtype: torch.dtype | None = IMAGE_DTYPE,
    ) -> None:
        # the patch is given so that it is checked, as for random patches
        VolumeDataset(cohort, keys=keys, patch=patch, dtype=dtype)
        self._volumes = VolumeDataset(cohort, keys=keys, dtype=dtype)
        self._keys = tuple(keys)
        self._held: tuple[int, dict[str, Any]] | None = None
        self.shape: tuple[int, int, int] = cohort.specs[self._keys[0]].shape
        """Voxels of a volume."""
        self.boxes: list[Box] = grid_boxes(self.shape, patch, overlap=overlap)
        """Of the patches of a volume, in their sequence."""
        self.transform = transform

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_held": None}

    def __len__(self) -> int:
        return len(self._volumes) * len(self.boxes)

    def __getitem__(self, number: int) -> Any:
        if not -len(self) <= number < len(self):
            msg = f"index {number} is out of range for {len(self)} patches"
            raise IndexError(msg)
        row, place = divmod(number % len(self), len(self.boxes))
        item = self._cut(row, self.boxes[place])
        return item if self.transform is None else self.transform(item)

    def of_volume(self, row: int, key: str | None = None) -> Iterator[tuple[torch.Tensor, tuple[int, ...]]]:
        """The patches of one volume, as `monai.inferers.PatchInferer` without a splitter takes them.

        Args:
            row: of the cohort.
            key: what of the item; the first key if not given.

        Yields:
            (1, 1, x, y, z), and the voxel where the patch begins.
        """
        first = row * len(self.boxes)
        for number in range(first, first + len(self.boxes)):
            item = self[number]
            yield item[key or self._keys[0]][None], tuple(item["location"].tolist())

    def _cut(self, row: int, box: Box) -> dict[str, Any]:
        if self._held is None or self._held[0] != row:
            self._held = row, self._volumes[row]
        item = dict(self._held[1])
        x, y, z = (slice(*ends) for ends in box)
        for key in self._keys:
            whole = item[key]
            affine = torch.from_numpy(shifted_affine(whole.affine.numpy(), box))
            meta = whole.meta | {"affine": affine, "original_affine": affine.clone()}
            item[key] = MetaTensor(whole.as_tensor()[:, x, y, z].clone(), meta=meta)
        return item | {"row": row, "location": torch.tensor([start for start, _ in box])}
