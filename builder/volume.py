"""The column type that turns a row's reference into a volume, which is read only when it is used.

A published table holds plain structs ``{path, index}``; `voxpress.load_dataset` casts them to `Volume`. The type is
registered with `datasets` under the name `VoxpressVolume`, so that data sets derived with `map` and friends load again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from datasets import Value
from datasets.features.features import register_feature
from datasets.table import array_cast
from torch.utils.data._utils.collate import default_collate_fn_map

from ..loaders.tensors import to_tensor
from .handles import Handle, along, handle_of, take_along
from .together import read_together

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from ..store import ArraySpec
    from ..store.arrays import Box

__all__ = ["REFERENCE", "LazyVolume", "Volume"]

REFERENCE = {"path": Value("string"), "index": Value("int64")}
"""Features of a column that refers to volumes, as it is published."""

_KEYS = ("root", "path", "index")


class LazyVolume(Mapping[str, Any]):
    """One volume that is not read yet.

    `shape`, `dtype`, `affine` and `spec` come from the manifest; `read`, `numpy`, `torch` and `numpy.asarray` read
    voxels, each time anew. It is small, and can be pickled and hashed.

    It is a mapping of `root`, `path` and `index`, so that what handles plain references (`datasets`, when it passes
    rows through a stream of `map` and `filter`) handles it as one, rather than as the array that it could become.

    Attributes:
        root: folder (or URL) of the data set.
        path: of the array in it.
        index: slot in the array.
    """

    __slots__ = ("index", "path", "root")

    def __init__(self, reference: Mapping[str, Any]) -> None:
        self.root: str = reference["root"]
        self.path: str = reference["path"]
        self.index: int = reference["index"]

    def __getitem__(self, key: str) -> Any:
        if key not in _KEYS:
            raise KeyError(key)
        return getattr(self, key)

    def __iter__(self) -> Iterator[str]:
        return iter(_KEYS)

    def __len__(self) -> int:
        return len(_KEYS)

    def __repr__(self) -> str:
        return f"LazyVolume({self.path!r}, {self.index})"

    def __hash__(self) -> int:
        return hash((self.root, self.path, self.index))

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:  # noqa: FBT001 - NumPy's protocol
        if copy is False:
            msg = "a LazyVolume has no array that could be shared: reading makes a new one; leave out copy=False"
            raise ValueError(msg)
        voxels = self.read()
        return voxels if dtype is None else voxels.astype(dtype, copy=False)

    @property
    def spec(self) -> ArraySpec:
        """Shape, dtype, affine, scale and offset, unit, labels."""
        return self._handle.spec(self.path)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along x, y and z."""
        return self.spec.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the stored integers."""
        return np.dtype(self.spec.dtype)

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4), voxel index to millimetres in RAS+."""
        return np.asarray(self.spec.affine, dtype=np.float64)

    @property
    def _handle(self) -> Handle:
        return handle_of(self.root)

    def read(self, box: Box | None = None) -> NDArray[Any]:
        """Voxels as stored: ``value * spec.scale + spec.offset`` is in `spec.unit`.

        Args:
            box: voxel ranges ``((x0, x1), (y0, y1), (z0, z1))``, ends excluded; None for the whole volume.

        Returns:
            (x, y, z).

        Raises:
            StoreNotFoundError: the folder is gone.
            FormatError: the row does not fit the data set.
            CorruptError: the bytes are missing or wrong.
            RemoteError: the server cannot be reached, or refuses.
            IndexError: the box leaves the volume.
        """
        return self._handle.read(self.path, self.index, box)

    def numpy(self) -> NDArray[Any]:
        """The whole volume as stored, (x, y, z)."""
        return self.read()

    def torch(self) -> torch.Tensor:
        """The whole volume as stored, (x, y, z); uint16 becomes int32."""
        return to_tensor(self.read(), self.spec, None)


@dataclass
class Volume:
    """Feature of a column of volumes.

    It is written into data sets derived from this one, so it holds no secret.

    Attributes:
        root: folder or URL of the data set that the paths start from.
        decode: False gives the plain ``{"path", "index"}``.
    """

    root: str = ""
    decode: bool = True
    id: str | None = field(default=None, repr=False)
    dtype: ClassVar[str] = "voxpress.builder.LazyVolume"
    pa_type: ClassVar[Any] = pa.struct({"path": pa.string(), "index": pa.int64()})
    _type: str = field(default="VoxpressVolume", init=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        # a worker that is started with it reads with the token and the cache that were given here
        return _revived, (self.root, self.decode, self.id, along(self.root))

    def __call__(self) -> pa.DataType:
        """The Arrow type, as `datasets` asks for it."""
        return self.pa_type

    def encode_example(self, value: object) -> dict[str, Any]:
        """The reference of a volume, for Arrow.

        Raises:
            TypeError: voxels cannot be put into a table.
        """
        if isinstance(value, Mapping):
            return {"path": value["path"], "index": value["index"]}
        msg = (
            f"a Volume column holds references, not voxels, got {type(value).__name__}; "
            "return the LazyVolume unchanged, or put what you computed into another column"
        )
        raise TypeError(msg)

    def decode_example(self, value: Mapping[str, Any], token_per_repo_id: object = None) -> LazyVolume:
        """A volume that is read when it is used; nothing is opened here."""
        del token_per_repo_id
        if isinstance(value, LazyVolume):
            return value
        return LazyVolume({"root": self.root, "path": value["path"], "index": value["index"]})

    def cast_storage(self, storage: pa.Array) -> pa.Array:
        """Arrow array of structs with at least `path` and `index`, as the stored type."""
        fields = [storage.field(name) for name in ("path", "index")]
        return array_cast(pa.StructArray.from_arrays(fields, ["path", "index"], mask=storage.is_null()), self.pa_type)

    def embed_storage(self, storage: pa.Array, token_per_repo_id: object = None, **_options: object) -> pa.Array:
        """The references unchanged: voxels are never copied into a table."""
        del token_per_repo_id
        return storage

    def flatten(self) -> Volume | dict[str, Value]:
        """The columns that `Dataset.flatten` makes of it."""
        return self if self.decode else REFERENCE


def _revived(root: str, decode: bool, id_: str | None, sent: tuple[Any, ...]) -> Volume:  # noqa: FBT001 - of a pickle
    take_along(root, *sent)
    return Volume(root=root, decode=decode, id=id_)


def _collate(batch: list[LazyVolume], *, collate_fn_map: object = None) -> torch.Tensor:
    import torch

    del collate_fn_map
    voxels = read_together(batch)
    return torch.stack([to_tensor(one, volume.spec, None) for one, volume in zip(voxels, batch, strict=True)])


with warnings.catch_warnings():
    # that it is experimental is for the authors of features to know, not for their users
    warnings.simplefilter("ignore")
    register_feature(Volume, "VoxpressVolume")
# so that a plain DataLoader stacks volumes, reading them in its workers
default_collate_fn_map[LazyVolume] = _collate
