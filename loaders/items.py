"""One sample of a cohort as the dictionary of MONAI tensors that training code expects."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa
import torch
from monai.data.meta_tensor import MetaTensor
from monai.data.utils import collate_meta_tensor_fn
from torch.utils.data._utils.collate import default_collate_fn_map

from .patches import check_patch, shifted_affine
from .tensors import to_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..store.arrays import ArraySpec, Box
    from ..store.cohort import Cohort

__all__ = ["IMAGE_DTYPE", "KEYS", "ItemReader"]

KEYS: Final = ("image", "label")
IMAGE_DTYPE: Final = torch.float32
"""What networks take; the stored integers of every dtype fit into it exactly."""

# MONAI does this only once its own DataLoader is used; before, torch's gives a batch the affine of its first item.
default_collate_fn_map[MetaTensor] = collate_meta_tensor_fn

_IDENTITY: Final = ("sample_id", "index")


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemReader:
    """Reads samples of a cohort as items.

    Slots also keep MONAI's seeding of workers, which walks through all attributes of a dataset, out of the cohort.

    Attributes:
        cohort: what is read.
        keys: arrays, each one key of the item.
        dtype: of images, in physical units; None keeps the stored integers.
        patch: voxels of the boxes that will be asked for; None for whole volumes.
    """

    cohort: Cohort
    keys: tuple[str, ...]
    dtype: torch.dtype | None
    patch: tuple[int, int, int] | None

    def __post_init__(self) -> None:
        _check_keys(self.keys, self.cohort)
        if self.dtype is not None and not self.dtype.is_floating_point:
            msg = f"dtype must be a floating point dtype, or None for the stored integers, got {self.dtype}"
            raise ValueError(msg)
        if self.patch is not None:
            shapes = {self.cohort.specs[key].shape for key in self.keys}
            if len(shapes) > 1:
                msg = f"a patch is one box for all arrays, but {', '.join(self.keys)} have the shapes {sorted(shapes)}"
                raise ValueError(msg)
            check_patch(self.patch, *shapes)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the whole volume of the first key."""
        return self.cohort.specs[self.keys[0]].shape

    def index(self, position: int) -> int:
        """Index of a row in the whole cohort, which selecting rows does not change."""
        return int(self.cohort.table.column("index")[self._checked(position)].as_py())

    def read(self, position: int, box: Box | None = None) -> dict[str, Any]:
        """One item.

        Args:
            position: row of the cohort.
            box: read only these voxels; the affine moves with them.

        Returns:
            each key as a `MetaTensor` of shape (1, x, y, z), `sample_id`, `index`, the conditions and the measures.
        """
        position = self._checked(position)
        item = _values(self.cohort, position)
        for key in self.keys:
            spec = self.cohort.specs[key]
            voxels = to_tensor(self.cohort.read(position, key, box), spec, self.dtype)
            affine = shifted_affine(np.asarray(spec.affine), box)
            item[key] = MetaTensor(voxels[None], meta=_meta(spec, affine, item["sample_id"]))
        return item

    def _checked(self, position: int) -> int:
        samples = len(self.cohort)
        if not -samples <= position < samples:
            msg = f"index {position} is out of range for a cohort of {samples} samples"
            raise IndexError(msg)
        return position % samples


def _meta(spec: ArraySpec, affine: NDArray[np.float64], sample_id: str) -> dict[str, Any]:
    meta = {
        "affine": torch.from_numpy(affine),
        "original_affine": torch.from_numpy(affine.copy()),
        "original_channel_dim": 0,
        "space": "RAS",
        "spacing_mm": spec.spacing_mm,
        "unit": spec.unit,
        "sample_id": sample_id,
        # the key under which MONAI's writers look for a name
        "filename_or_obj": sample_id,
        "synthetic": True,
    }
    if spec.labels is not None:
        meta["labels"] = dict(spec.labels)
    return meta


def _values(cohort: Cohort, position: int) -> dict[str, Any]:
    """Identity, conditions and measures of a row."""
    return filled(cohort.table.select([*_IDENTITY, *cohort.conditions, *cohort.measures]).slice(position, 1))


def filled(row: pa.Table) -> dict[str, Any]:
    """The values of a table of one row; a missing one becomes NaN or "", as collating knows no None."""
    values = row.to_pylist()[0]
    return {f.name: _missing(f.type) if values[f.name] is None else values[f.name] for f in row.schema}


def _missing(kind: pa.DataType) -> float | str:
    return "" if pa.types.is_string(kind) else float("nan")


def _check_keys(keys: Sequence[str], cohort: Cohort) -> None:
    unknown = [key for key in keys if key not in cohort.specs]
    if unknown or not keys:
        have = ", ".join(cohort.specs)
        msg = f"keys must name arrays of the data set, which has {have}; got {', '.join(map(repr, keys)) or 'none'}"
        raise ValueError(msg)
