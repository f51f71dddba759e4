"""What one array of a data set looks like, the same in every split."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..errors import FormatError
from .codec_chain import CODECS, Codecs, parse_codecs
from .parsing import as_float, as_int, as_list, as_mapping, as_str, refuse_unknown

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Box = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    """Voxel ranges ``((x0, x1), (y0, y1), (z0, z1))``, ends excluded."""

__all__ = [
    "CODECS",
    "DTYPES",
    "NAME_PATTERN",
    "RULE_CHUNK",
    "ArraySpec",
    "default_chunk",
    "thickest_slab",
    "voxels_sha256",
]

DTYPES: Final = ("uint8", "uint16", "int16")
NAME_PATTERN: Final = r"^[a-z][a-z0-9_]{0,63}$"
RULE_CHUNK: Final = (0, 0, 0)
"""Given as `ArraySpec.chunk`, asks for `default_chunk`."""

_LONGEST_AXIS = 16_384
_MOST_SAMPLE_BYTES = 2**32
_MOST_CHUNK_BYTES = 2**31 - 2**20
_MOST_SHARD_SAMPLES = 65_536
_MOST_SHARD_CHUNKS = 2**22
_MOST_LABELS = 65_536
_SLABS = 8
_FIELDS = ("affine", "chunk", "codecs", "dtype", "kind", "labels", "offset", "scale", "shape", "shard", "unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ArraySpec:
    """One array of a data set, without the number of its samples.

    A stored integer `v` means ``v * scale + offset`` in `unit`; 0 is the background.

    Attributes:
        name: `image`, `label`, …
        kind: `image` or `label`.
        dtype: `uint8`, `uint16` or `int16`, little endian on disk.
        shape: voxels of one sample along x, y and z.
        shard_samples: samples in one shard file.
        chunk: voxels of one inner chunk along x, y and z, each a divisor of the sample's; by default `default_chunk`.
        codecs: of an inner chunk, as `parse_codecs` allows them.
        affine: 4×4, voxel index to mm in RAS+.
        scale, offset: from stored integers to values.
        unit: of the values.
        labels: value → name of a label array, background included; None for an image.

    Raises:
        FormatError: a field is out of its range.
    """

    name: str
    kind: str
    dtype: str
    shape: tuple[int, int, int]
    shard_samples: int
    affine: tuple[tuple[float, ...], ...]
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    labels: Mapping[int, str] | None = None
    chunk: tuple[int, int, int] = RULE_CHUNK
    codecs: Codecs = field(default=CODECS, hash=False)

    def __post_init__(self) -> None:
        _check_names(self)
        _check_sample(self)
        if self.chunk == RULE_CHUNK:
            object.__setattr__(self, "chunk", default_chunk(self.shape))
        _check_chunks(self)
        object.__setattr__(self, "codecs", parse_codecs(self.codecs, f"array {self.name!r}: codecs"))
        _check_affine(self)
        _check_labels(self)

    @property
    def grid(self) -> tuple[int, int, int]:
        """Inner chunks of one sample along x, y and z."""
        x, y, z = (size // step for size, step in zip(self.shape, self.chunk, strict=True))
        return x, y, z

    @property
    def chunks_per_sample(self) -> int:
        """Inner chunks of one sample."""
        return math.prod(self.grid)

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of voxel centres along x, y and z."""
        x, y, z = (math.sqrt(sum(row[axis] * row[axis] for row in self.affine[:3])) for axis in range(3))
        return x, y, z

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The stored dtype, little endian on every machine."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample, uncompressed."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize

    def to_json(self, slots: int) -> dict[str, Any]:
        """Entry of the manifest for the array of a split that has `slots` slots."""
        return {
            "affine": [[float(x) for x in row] for row in self.affine],
            "chunk": [1, *self.chunk],
            "codecs": [dict(codec) for codec in self.codecs],
            "dtype": self.dtype,
            "kind": self.kind,
            "labels": None if self.labels is None else {str(value): name for value, name in self.labels.items()},
            "offset": float(self.offset),
            "scale": float(self.scale),
            "shape": [slots, *self.shape],
            "shard": [self.shard_samples, *self.shape],
            "unit": self.unit,
        }

    @classmethod
    def from_json(cls, name: str, entry: Any, where: str) -> tuple[ArraySpec, int]:
        """Parse an entry of the manifest.

        Args:
            name: of the array, the last part of the entry's key.
            entry: what the manifest holds.
            where: prefix of error messages, for example ``voxpress.json: arrays["volumes/train.zarr/image"]``.

        Returns:
            the spec, and the number of slots.

        Raises:
            FormatError: a field is missing, unknown, of the wrong type, or out of range.
        """
        fields = as_mapping(entry, where)
        refuse_unknown(fields, _FIELDS, where)
        shape = _shape(fields["shape"], f"{where}.shape")
        shard = _shape(fields["shard"], f"{where}.shard")
        chunk = _shape(fields["chunk"], f"{where}.chunk")
        if shard[1:] != shape[1:]:
            msg = f"{where}.shard must hold whole samples, [K, {shape[1]}, {shape[2]}, {shape[3]}], got {shard}"
            raise FormatError(msg)
        if chunk[0] != 1 or 0 in chunk:
            msg = f"{where}.chunk must be of one sample and not empty, [1, x, y, z], got {chunk}"
            raise FormatError(msg)
        spec = cls(
            name=name,
            kind=as_str(fields["kind"], f"{where}.kind"),
            dtype=as_str(fields["dtype"], f"{where}.dtype"),
            shape=(shape[1], shape[2], shape[3]),
            shard_samples=shard[0],
            affine=_affine(fields["affine"], f"{where}.affine"),
            scale=as_float(fields["scale"], f"{where}.scale"),
            offset=as_float(fields["offset"], f"{where}.offset"),
            unit=as_str(fields["unit"], f"{where}.unit"),
            labels=_labels(fields["labels"], f"{where}.labels"),
            chunk=(chunk[1], chunk[2], chunk[3]),
            codecs=parse_codecs(fields["codecs"], f"{where}.codecs"),
        )
        return spec, shape[0]


def default_chunk(shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Inner chunk of version 1: whole y–z planes, so that a sample is a run of slabs along x, at least eight if it can.

    Args:
        shape: voxels of one sample along x, y and z.
    """
    return thickest_slab(shape, -(-shape[0] // _SLABS))


def thickest_slab(shape: tuple[int, int, int], most: int) -> tuple[int, int, int]:
    """Whole y–z planes, as many as divide the sample and are at most so many, and at least one."""
    x, y, z = shape
    return max(planes for planes in range(1, max(1, min(most, x)) + 1) if x % planes == 0), y, z


def voxels_sha256(voxels: NDArray[Any]) -> str:
    """Hex digest of the voxels of one sample: C order ``(x, y, z)``, little endian, as the table's `<array>_sha256`."""
    return hashlib.sha256(np.ascontiguousarray(voxels, dtype=voxels.dtype.newbyteorder("<")).data).hexdigest()


def _shape(value: Any, where: str) -> list[int]:
    sizes = [as_int(size, where) for size in as_list(value, where, most=4)]
    if len(sizes) != 4:
        msg = f"{where} must be four sizes (sample, x, y, z), got {sizes}"
        raise FormatError(msg)
    return sizes


def _affine(value: Any, where: str) -> tuple[tuple[float, ...], ...]:
    return tuple(
        tuple(as_float(x, where) for x in as_list(row, where, most=4)) for row in as_list(value, where, most=4)
    )


def _labels(value: Any, where: str) -> dict[int, str] | None:
    if value is None:
        return None
    names = as_mapping(value, where)
    if not all(re.fullmatch("0|-?[1-9][0-9]{0,4}", key) for key in names):
        msg = f"{where} must have integers as keys, got {str(list(names)[:10])[:200]}"
        raise FormatError(msg)
    return {int(key): as_str(names[key], f"{where}[{key}]") for key in sorted(names, key=int)}


def _check_names(spec: ArraySpec) -> None:
    if not re.match(NAME_PATTERN, spec.name):
        msg = f"the name of an array must match {NAME_PATTERN}, got {spec.name[:200]!r}"
        raise FormatError(msg)
    if spec.kind not in {"image", "label"}:
        msg = f"array {spec.name!r}: kind must be 'image' or 'label', got {spec.kind[:200]!r}"
        raise FormatError(msg)
    if spec.dtype not in DTYPES:
        msg = f"array {spec.name!r}: dtype must be one of {', '.join(DTYPES)}, got {spec.dtype[:200]!r}"
        raise FormatError(msg)


def _check_sample(spec: ArraySpec) -> None:
    """Before anything is allocated or factorised: a hostile manifest may name any size."""
    if len(spec.shape) != 3 or not all(1 <= size <= _LONGEST_AXIS for size in spec.shape):
        msg = f"array {spec.name!r}: shape must be three sizes from 1 to {_LONGEST_AXIS}, got {spec.shape}"
        raise FormatError(msg)
    if spec.sample_bytes > _MOST_SAMPLE_BYTES:
        msg = f"array {spec.name!r}: a sample of shape {spec.shape} has {spec.sample_bytes} bytes, the limit is 4 GiB"
        raise FormatError(msg)


def _check_chunks(spec: ArraySpec) -> None:
    pairs = list(zip(spec.shape, spec.chunk, strict=False))
    if len(spec.chunk) != 3 or not all(step >= 1 and size % step == 0 for size, step in pairs):
        msg = f"array {spec.name!r}: chunk must be three divisors of the shape {spec.shape}, got {spec.chunk}"
        raise FormatError(msg)
    if spec.sample_bytes // spec.chunks_per_sample > _MOST_CHUNK_BYTES:
        msg = f"array {spec.name!r}: an inner chunk of shape {spec.chunk} is larger than 2 GiB"
        raise FormatError(msg)
    if not 1 <= spec.shard_samples <= _MOST_SHARD_SAMPLES:
        msg = f"array {spec.name!r}: shard_samples must be 1 to {_MOST_SHARD_SAMPLES}, got {spec.shard_samples}"
        raise FormatError(msg)
    if spec.shard_samples * spec.chunks_per_sample > _MOST_SHARD_CHUNKS:
        msg = (
            f"array {spec.name!r}: a shard of {spec.shard_samples} samples has "
            f"{spec.shard_samples * spec.chunks_per_sample} inner chunks, the limit is {_MOST_SHARD_CHUNKS}"
        )
        raise FormatError(msg)


def _check_affine(spec: ArraySpec) -> None:
    matrix = spec.affine
    if len(matrix) != 4 or any(len(row) != 4 for row in matrix) or tuple(matrix[3]) != (0, 0, 0, 1):
        msg = f"array {spec.name!r}: affine must be 4 by 4 with the last row 0 0 0 1, got {str(matrix)[:200]}"
        raise FormatError(msg)
    numbers = [*(x for row in matrix for x in row), spec.scale, spec.offset]
    if not all(math.isfinite(x) for x in numbers) or abs(float(np.linalg.det(np.asarray(matrix)[:3, :3]))) == 0:
        msg = f"array {spec.name!r}: affine, scale and offset must be finite and the affine invertible, got {numbers}"
        raise FormatError(msg)
    if spec.scale == 0:
        msg = f"array {spec.name!r}: scale must not be 0: every stored value would mean the same"
        raise FormatError(msg)


def _check_labels(spec: ArraySpec) -> None:
    if (spec.kind == "label") != (spec.labels is not None):
        msg = f"array {spec.name!r}: labels must be given for kind 'label' and only then, got {spec.kind!r}"
        raise FormatError(msg)
    if spec.labels is None:
        return
    limits = np.iinfo(spec.dtype)
    if len(spec.labels) > _MOST_LABELS or not all(limits.min <= value <= limits.max for value in spec.labels):
        msg = f"array {spec.name!r}: the values of labels must fit into {spec.dtype}, got {list(spec.labels)[:10]}"
        raise FormatError(msg)
