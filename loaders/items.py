"""Samples of a cohort as the dictionaries of MONAI tensors that training code expects, one by one or as batches."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from monai.data.meta_tensor import MetaTensor
from monai.data.utils import collate_meta_tensor_fn
from monai.utils.enums import TraceKeys
from torch.utils.data._utils.collate import default_collate, default_collate_fn_map

from .patches import check_patch, shifted_affine, shifted_affines
from .tensors import Conversion, conversion
from .values import Values

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..store.arrays import ArraySpec, Box
    from ..store.cohort import Cohort
    from ..store.opened import Locations
    from .patches import Placement, Sampling

__all__ = ["IMAGE_DTYPE", "KEYS", "ItemMaker", "check_keys"]

KEYS: Final = ("image", "label")
IMAGE_DTYPE: Final = torch.float32
"""What networks take; the stored integers of every dtype fit into it exactly."""

# MONAI does this only once its own DataLoader is used; before, torch's gives a batch the affine of its first item.
default_collate_fn_map[MetaTensor] = collate_meta_tensor_fn

_IDENTITY: Final = ("sample_id", "index")
_OF_EACH_ITEM: Final = ("affine", "original_affine", "sample_id", "filename_or_obj")
"""Metadata that differ from item to item."""
_PLAIN: Final = MetaTensor(torch.zeros(1, 1, 1, 1, 1))


@dataclass(frozen=True, kw_only=True)
class ItemMaker:
    """Turns voxels and rows into items and batches.

    Attributes:
        cohort: what is read.
        keys: arrays, each one key of the item.
        dtype: of images, in physical units; None keeps the stored integers.
        patch: voxels of the boxes that will be asked for; None for whole volumes.

    Raises:
        ValueError: a key is no array of the data set, or the patch is larger than the volumes.
    """

    cohort: Cohort
    keys: tuple[str, ...]
    dtype: torch.dtype | None
    patch: tuple[int, int, int] | None
    conversions: Mapping[str, Conversion] = field(init=False, repr=False)
    _shared_metas: dict[tuple[str, int], list[tuple[str, Callable[[], Any]]]] = field(
        init=False, repr=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        check_keys(self.keys, self.cohort)
        if self.dtype is not None and not self.dtype.is_floating_point:
            msg = f"dtype must be a floating point dtype, or None for the stored integers, got {self.dtype}"
            raise ValueError(msg)
        if self.patch is not None:
            shapes = {self.cohort.specs[key].shape for key in self.keys}
            if len(shapes) > 1:
                msg = f"a patch is one box for all arrays, but {', '.join(self.keys)} have the shapes {sorted(shapes)}"
                raise ValueError(msg)
            check_patch(self.patch, *shapes)
        how = {key: conversion(self.cohort.specs[key], self.dtype) for key in self.keys}
        object.__setattr__(self, "conversions", how)

    def __reduce__(self) -> tuple[Any, ...]:
        # what is cached stays behind, and functions within `conversions` cannot be pickled
        return _remade, (self.cohort, self.keys, self.dtype, self.patch)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels of the whole volume of the first key."""
        return self.cohort.specs[self.keys[0]].shape

    @property
    def bytes_per_item(self) -> int:
        """Memory that the voxels of one item take."""
        return sum(
            int(np.prod(self.patch or self.cohort.specs[key].shape)) * how.numpy_dtype.itemsize
            for key, how in self.conversions.items()
        )

    @cached_property
    def indices(self) -> NDArray[np.int64]:
        """Index in the whole cohort of each row, which selecting rows does not change."""
        return self.values.numbers["index"]

    @cached_property
    def locations(self) -> Locations:
        """Where the rows are; the cohort would select them anew each time."""
        return self.cohort.locations

    @cached_property
    def values(self) -> Values:
        """Identity, conditions and measures of each row."""
        return Values(self.cohort.columns([*_IDENTITY, *self.cohort.conditions, *self.cohort.measures]))

    @cached_property
    def specs(self) -> Mapping[str, ArraySpec]:
        """Of the keys."""
        return {key: self.cohort.specs[key] for key in self.keys}

    def placement(self, sampling: Sampling) -> Placement | None:
        """Where the patches of each row lie; None for whole volumes."""
        if self.patch is None:
            return None
        specs = self.cohort.specs
        table = self.cohort.columns(sampling.columns(specs) or ("index",))
        return sampling.placement(self.shape, self.patch, specs, table)

    def item(self, row: int, box: Box | None, voxels: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        """One item.

        Args:
            row: of the cohort.
            box: the voxels that it holds; None for the whole volume. The affine moves with it.
            voxels: key → (1, x, y, z).

        Returns:
            each key as a `MetaTensor`, `sample_id`, `index`, the conditions and the measures.
        """
        item = self.values.row(row)
        for key, spec in self.specs.items():
            affine = shifted_affine(np.asarray(spec.affine), box)
            item[key] = MetaTensor(voxels[key], meta=self._meta(spec, affine, item["sample_id"]))
        return item

    def batch(
        self, rows: NDArray[np.int64], boxes: Sequence[Box | None], voxels: Mapping[str, torch.Tensor]
    ) -> dict[str, Any]:
        """Items as one batch, as `monai.data.utils.list_data_collate` would make it of them.

        Args:
            rows: (B,) of the cohort.
            boxes: of each item, as in `item`.
            voxels: key → (B, 1, x, y, z).
        """
        batch = self.values.rows(rows)
        for key, spec in self.specs.items():
            # what its constructor does besides takes longer than unpacking a patch
            tensor = voxels[key].as_subclass(MetaTensor).copy_meta_from(_PLAIN, copy_attr=False)
            tensor.meta = self._metas(key, spec, boxes, batch["sample_id"])
            tensor.applied_operations = [TraceKeys.NONE] * len(boxes)
            tensor.is_batch = True
            batch[key] = tensor
        return batch

    def _meta(self, spec: ArraySpec, affine: NDArray[np.float64], sample_id: str) -> dict[str, Any]:
        return _meta(spec, affine, sample_id, synthetic=self.cohort.manifest.synthetic)

    def _metas(
        self, key: str, spec: ArraySpec, boxes: Sequence[Box | None], sample_ids: Sequence[str]
    ) -> dict[str, Any]:
        """What collating the metadata of the items gives; what they share is collated once."""
        whole = np.asarray(spec.affine)
        shared = self._shared_metas.get((key, len(boxes)))
        if shared is None:
            collated = default_collate([self._meta(spec, whole, "")] * len(boxes))  # type: ignore[no-untyped-call]
            shared = [(name, _maker(value)) for name, value in collated.items() if name not in _OF_EACH_ITEM]
            self._shared_metas[key, len(boxes)] = shared
        starts = np.array([(0, 0, 0) if box is None else [start for start, _ in box] for box in boxes])
        affines = shifted_affines(whole, starts)
        own = (torch.from_numpy(affines), torch.from_numpy(affines.copy()), list(sample_ids), list(sample_ids))
        return {**dict(zip(_OF_EACH_ITEM, own, strict=True)), **{name: make() for name, make in shared}}


def _maker(value: Any) -> Callable[[], Any]:
    """What gives copies of a value: of tensors, and of dictionaries and lists of them."""
    if isinstance(value, dict):
        parts = {key: _maker(part) for key, part in value.items()}
        return lambda: {key: make() for key, make in parts.items()}
    if isinstance(value, list):
        makers = [_maker(part) for part in value]
        return lambda: [make() for make in makers]
    if isinstance(value, torch.Tensor):
        # an array: each call of torch lets go of the GIL for a moment, which threads wait for
        array = value.numpy()
        return lambda: torch.from_numpy(array.copy())
    return lambda: value


def _remade(
    cohort: Cohort, keys: tuple[str, ...], dtype: torch.dtype | None, patch: tuple[int, int, int] | None
) -> ItemMaker:
    return ItemMaker(cohort=cohort, keys=keys, dtype=dtype, patch=patch)


def _meta(spec: ArraySpec, affine: NDArray[np.float64], sample_id: str, *, synthetic: bool) -> dict[str, Any]:
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
        "synthetic": synthetic,
    }
    if spec.labels is not None:
        meta["labels"] = dict(spec.labels)
    return meta


def check_keys(keys: Sequence[str], cohort: Cohort) -> None:
    """Refuse keys that are no arrays of the data set.

    Raises:
        ValueError: there is such a key, or none at all.
    """
    unknown = [key for key in keys if key not in cohort.specs]
    if unknown or not keys:
        have = ", ".join(cohort.specs)
        msg = f"keys must name arrays of the data set, which has {have}; got {', '.join(map(repr, keys)) or 'none'}"
        raise ValueError(msg)
