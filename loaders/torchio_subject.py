"""Samples as TorchIO has them: `Subject`s, one by one or as the lazy list that `SubjectsDataset` and `Queue` take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from .addresses import Address
from .extras import missing
from .items import IMAGE_DTYPE, KEYS
from .tensors import to_tensor
from .values import Values

try:
    import torchio
except ImportError as error:
    raise missing("torchio", "torchio", "a subject") from error

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from ..store.cohort import Cohort

__all__ = ["Subjects", "subject", "subjects"]


def subject(
    cohort: Cohort, row: int, keys: Sequence[str] = KEYS, *, dtype: torch.dtype | None = IMAGE_DTYPE
) -> torchio.Subject:
    """One sample, its voxels in memory.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        row: of it; negative ones count from the end.
        keys: arrays, each one image of the subject.
        dtype: of images, in physical units (stored · scale + offset); None keeps the stored integers.

    Returns:
        each key as a `ScalarImage` or `LabelMap` (1, x, y, z) with its affine in RAS+; `sample_id`, `index`, conditions
        and measures as plain values, a missing number being NaN.

    Raises:
        ValueError: a key is no array of the data set.
        IndexError: there is no such row.
        CorruptError: bytes are missing or wrong.
    """
    sample = subjects(cohort, keys, dtype=dtype)[row]
    sample.load()
    return sample


def subjects(cohort: Cohort, keys: Sequence[str] = KEYS, *, dtype: torch.dtype | None = IMAGE_DTYPE) -> Subjects:
    """All samples, as what `torchio.SubjectsDataset` takes. Voxels are read when an image is loaded.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        keys: arrays, each one image of the subjects.
        dtype: as in `subject`.

    Raises:
        ValueError: a key is no array of the data set.

    Example:
        >>> dataset = torchio.SubjectsDataset(subjects(cohort), transform=torchio.RandomFlip())   # doctest: +SKIP
        >>> queue = torchio.Queue(dataset, 300, 4, torchio.UniformSampler(96), num_workers=2)     # doctest: +SKIP
    """
    return Subjects(cohort, keys, dtype)


class Subjects(Sequence[torchio.Subject]):
    """Subjects that are made when asked for, so that a large cohort takes no memory."""

    def __init__(self, cohort: Cohort, keys: Sequence[str], dtype: torch.dtype | None) -> None:
        if unknown := [key for key in keys if key not in cohort.specs]:
            msg = f"keys must name arrays of the data set, which has {', '.join(cohort.specs)}; got {unknown[0]!r}"
            raise ValueError(msg)
        self._cohort = cohort
        self._keys = tuple(keys)
        self._dtype = dtype
        self._values = Values(cohort.columns(["sample_id", "index", *cohort.conditions, *cohort.measures]))
        self._where = cohort.locations

    def __reduce__(self) -> tuple[Any, ...]:
        return Subjects, (self._cohort, self._keys, self._dtype)

    def __len__(self) -> int:
        return len(self._cohort)

    @overload
    def __getitem__(self, row: int) -> torchio.Subject: ...

    @overload
    def __getitem__(self, row: slice) -> Subjects: ...

    def __getitem__(self, row: int | slice) -> torchio.Subject | Subjects:
        if isinstance(row, slice):
            return Subjects(self._cohort.select(row), self._keys, self._dtype)
        if not -len(self) <= row < len(self):
            msg = f"row {row} of {len(self)} subjects"
            raise IndexError(msg)
        row %= len(self)
        images = {key: self._image(row, key) for key in self._keys}
        return torchio.Subject(self._values.row(row) | images)

    def _image(self, row: int, key: str) -> torchio.Image:
        kind = _StoredImage if self._cohort.specs[key].kind == "image" else _StoredLabelMap
        split, slot = self._where.splits[self._where.split[row]], int(self._where.slot[row])
        address = Address(url=self._cohort.url, split=split, array=key, slot=slot)
        return kind(str(address), reader=_Reader(self._cohort, row, key, self._dtype), verify_path=False)


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one volume; the path that TorchIO has for it is only shown."""

    cohort: Cohort
    row: int
    key: str
    dtype: torch.dtype | None

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        # SubjectsDataset copies each subject before it loads it; the data set behind it is not to be copied
        return self

    def __call__(self, _: object) -> tuple[torch.Tensor, NDArray[np.float64]]:
        spec = self.cohort.specs[self.key]
        voxels = to_tensor(self.cohort.read(self.row, self.key), spec, self.dtype)
        return voxels[None], np.array(spec.affine, dtype=np.float64)


class _Stored:
    """What differs for an image whose path is no file."""

    def load(self: Any) -> None:
        if not self._loaded:
            super().load()  # type: ignore[misc]
            # so that sending a loaded image to another process does not send the data set's manifest with it
            self.reader, self.path = torchio.data.io.read_image, None

    def __copy__(self: Any) -> Any:
        if self._loaded:
            return super().__copy__()  # type: ignore[misc]
        copied = type(self)(self.path, reader=self.reader, verify_path=False, check_nans=self.check_nans)
        copied.update(self)
        return copied


class _StoredImage(_Stored, torchio.ScalarImage):  # type: ignore[misc]
    pass


class _StoredLabelMap(_Stored, torchio.LabelMap):  # type: ignore[misc]
    pass
