"""A reader for `monai.transforms.LoadImaged`: pipelines that know file names read a store by changing one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.data.image_reader import ImageReader
from monai.utils import MetaKeys, SpaceKeys, ensure_tuple

from .addresses import Address, AddressReader, addresses
from .items import KEYS, check_keys
from .tensors import to_tensor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..store.cohort import Cohort

__all__ = ["VoxpressReader", "data_list"]


def data_list(cohort: Cohort, keys: Sequence[str] = KEYS) -> list[dict[str, Any]]:
    """The samples as the list of dictionaries that MONAI's datasets take.

    Only text and numbers, so that it can be written as JSON, hashed by `PersistentDataset`, and sent to workers. The
    text ends in the first digits of the data set's digest: what `PersistentDataset` kept of another version is not
    taken for this one, and a list that outlives its data set is an error.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        keys: arrays to list.

    Returns:
        for each row ``{"image": ".../volumes/train.zarr/image#12@3f…", "label": …, "sample_id": …}``.

    Raises:
        ValueError: a key is no array of the data set.

    Example:
        >>> load = LoadImaged(keys=("image", "label"), reader=VoxpressReader)         # doctest: +SKIP
        >>> CacheDataset(data_list(voxpress.open("brains")), Compose([load, ...]))    # doctest: +SKIP
    """
    check_keys(keys, cohort)
    columns = [addresses(cohort, key) for key in keys]
    names = cohort.columns(["sample_id"])["sample_id"].to_pylist()
    return [
        dict(zip(keys, texts, strict=True)) | {"sample_id": name} for name, *texts in zip(names, *columns, strict=True)
    ]


class VoxpressReader(ImageReader):  # type: ignore[misc]
    """Reads what `data_list` lists, in `LoadImage` and `LoadImaged`.

    Volumes come without a channel axis, as from NIfTI files, so `EnsureChannelFirstd` and ``ensure_channel_first=True``
    work. The metadata has the affine in RAS+, `spacing_mm`, `unit`, names of `labels`, and `synthetic`. Other files of
    a pipeline are left to MONAI's own readers.

    Args:
        cohort: read its data set as it was opened, with its cache and its credentials; otherwise each process opens
            the data sets that the list names, where addresses carry no passwords.
        physical: images in physical units (stored · scale + offset) as float32; otherwise the stored integers, which
            `LoadImaged` makes float32 too, unless it has ``dtype=None``. Labels stay integers.
    """

    def __init__(self, cohort: Cohort | None = None, *, physical: bool = True) -> None:
        super().__init__()
        self._reader = AddressReader(cohort)
        self._physical = physical

    def verify_suffix(self, filename: Any) -> bool:
        """Whether all names are volumes of a store."""
        try:
            self.read(filename)
        except ValueError:
            return False
        return True

    def read(self, data: Any, **_: Any) -> list[Address]:
        """Understand the names; voxels are read by `get_data`, so that its errors are told as they are.

        Raises:
            ValueError: a name is no volume of a store.
        """
        return [Address.parse(str(name)) for name in ensure_tuple(data)]

    def get_data(self, img: list[Address]) -> tuple[NDArray[Any], dict[str, Any]]:
        """Read the voxels.

        Args:
            img: several volumes become channels of one.

        Returns:
            (x, y, z), or (channel, x, y, z) of several; and the metadata.

        Raises:
            CorruptError: bytes are missing or wrong, or the data set is another one.
            KeyError: there is no such volume.
            ValueError: several volumes differ in shape or affine.
        """
        volumes, metas = zip(*(self._volume(address) for address in img), strict=True)
        meta: dict[str, Any] = metas[0]
        if len(volumes) == 1:
            return volumes[0], meta
        if any(
            volume.shape != volumes[0].shape or not np.array_equal(other[MetaKeys.AFFINE], meta[MetaKeys.AFFINE])
            for volume, other in zip(volumes, metas, strict=True)
        ):
            msg = f"volumes must have one shape and one affine to become channels, got {', '.join(map(str, img))}"
            raise ValueError(msg)
        return np.stack(volumes), meta | {MetaKeys.ORIGINAL_CHANNEL_DIM: 0}

    def _volume(self, address: Address) -> tuple[NDArray[Any], dict[str, Any]]:
        stored, spec, manifest, digest = self._reader.read(address)
        affine = np.array(spec.affine, dtype=np.float64)
        meta = {
            MetaKeys.AFFINE: affine,
            MetaKeys.ORIGINAL_AFFINE: affine.copy(),
            MetaKeys.SPATIAL_SHAPE: np.array(spec.shape),
            MetaKeys.SPACE: SpaceKeys.RAS,
            # NaN is how MONAI says that there is no channel axis
            MetaKeys.ORIGINAL_CHANNEL_DIM: float("nan"),
            "spacing_mm": spec.spacing_mm,
            "unit": spec.unit,
            "synthetic": manifest.synthetic,
            "dataset_digest": digest,
        }
        if spec.labels is not None:
            meta["labels"] = dict(spec.labels)
        return to_tensor(stored, spec, torch.float32 if self._physical else None).numpy(), meta
