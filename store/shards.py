"""Bytes of a shard file, as Zarr v3's `sharding_indexed` codec has them. Pure functions; no file is opened.

A shard is the packed inner chunks of its samples one after the other in C order, so that a sample is one
contiguous range, then the index: for each inner chunk of the shard, in C order, offset and number of bytes as
uint64 (both 2^64 - 1 where the chunk is all background and left out), then the crc32c of the index as uint32. All
numbers are little endian. (zarr-python writes Morton order, which spreads a sample over up to twice its bytes.)
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from .codec_chain import has_checksum
from .codecs import CRC_BYTES, crc_of, encoder
from .threads import map_in_order

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from .arrays import ArraySpec

__all__ = ["MISSING", "assemble_shard", "encode_sample", "encode_samples", "index_bytes", "parse_index"]

MISSING = 2**64 - 1
"""Offset and size, in the index, of an inner chunk that is left out."""


def encode_sample(spec: ArraySpec, voxels: NDArray[Any]) -> list[bytes | None]:
    """Pack one sample.

    Args:
        spec: of the array.
        voxels: ``(x, y, z)``, of the array's shape and dtype.

    Returns:
        the inner chunks in C order, each packed by ``spec.codecs`` without their checksum, which `assemble_shard` adds;
        None for one that is all zero.

    Raises:
        ValueError: shape or dtype differ from the array's, or its codecs are none that voxpress writes.
    """
    if voxels.shape != spec.shape or voxels.dtype != np.dtype(spec.dtype):
        msg = f"array {spec.name!r} needs {spec.dtype} of shape {spec.shape}, got {voxels.dtype} of {voxels.shape}"
        raise ValueError(msg)
    encode = encoder(spec.codecs, spec.numpy_dtype)
    starts = product(*(range(0, size, step) for size, step in zip(spec.shape, spec.chunk, strict=True)))
    x, y, z = spec.chunk
    chunks = (np.ascontiguousarray(voxels[i : i + x, j : j + y, k : k + z]) for i, j, k in starts)
    return [None if _is_background(chunk) else encode(chunk) for chunk in chunks]


def _is_background(chunk: NDArray[Any]) -> bool:
    # `any` looks at every voxel; a plane of the middle tells it of most chunks
    return not (chunk[len(chunk) // 2].any() or chunk.any())


def encode_samples(
    spec: ArraySpec, samples: Iterable[NDArray[Any] | None], *, threads: int
) -> Iterator[list[bytes | None] | None]:
    """Pack samples in threads, as codecs do their work without the GIL; few are held at a time.

    Args:
        spec: of the array.
        samples: as for `encode_sample`; None for a hole.
        threads: that pack; the bytes do not depend on it.

    Yields:
        what `assemble_shard` takes, in the same order.

    Raises:
        ValueError: as `encode_sample`.
    """
    yield from map_in_order(lambda voxels: None if voxels is None else encode_sample(spec, voxels), samples, threads)


def assemble_shard(spec: ArraySpec, samples: Sequence[Sequence[bytes | None] | None]) -> list[bytes]:
    """Put encoded samples into one shard file.

    Args:
        spec: of the array.
        samples: results of `encode_sample` in slot order; None for a hole. Where there are fewer than
            ``spec.shard_samples``, the rest of the shard is missing.

    Returns:
        the bytes of the file in pieces, in order: putting them together would copy all of them.

    Raises:
        ValueError: too many samples, or a sample with the wrong number of inner chunks.
    """
    if len(samples) > spec.shard_samples:
        msg = f"a shard of array {spec.name!r} holds {spec.shard_samples} samples, got {len(samples)}"
        raise ValueError(msg)
    index = np.full((spec.shard_samples * spec.chunks_per_sample, 2), MISSING, dtype="<u8")
    sealed = has_checksum(spec.codecs)
    body: list[bytes] = []
    offset = 0
    for slot, chunks in enumerate(samples):
        if chunks is not None and len(chunks) != spec.chunks_per_sample:
            msg = f"a sample of array {spec.name!r} has {spec.chunks_per_sample} inner chunks, got {len(chunks)}"
            raise ValueError(msg)
        for number, chunk in enumerate(chunks or ()):
            if chunk is not None:
                parts = [chunk, crc_of(chunk)] if sealed else [chunk]
                size = sum(map(len, parts))
                index[slot * spec.chunks_per_sample + number] = offset, size
                body += parts
                offset += size
    tail = index.tobytes()
    return [*body, tail, crc_of(tail)]


def index_bytes(spec: ArraySpec) -> int:
    """Size of the index at the end of each shard file of the array, its crc32c included."""
    return 16 * spec.shard_samples * spec.chunks_per_sample + CRC_BYTES


def parse_index(spec: ArraySpec, tail: bytes, file_bytes: int) -> NDArray[np.uint64]:
    """Read the index of a shard.

    Args:
        spec: of the array.
        tail: the last `index_bytes` bytes of the file.
        file_bytes: size of the whole file.

    Returns:
        ``(shard_samples, chunks_per_sample, 2)``: offset and size of each inner chunk, or twice `MISSING`.

    Raises:
        ValueError: wrong length, wrong crc32c, or a range that is not inside the file.
    """
    if len(tail) != index_bytes(spec) or file_bytes < len(tail):
        msg = f"the index of a shard has {index_bytes(spec)} bytes, got {len(tail)} of a file of {file_bytes}"
        raise ValueError(msg)
    if crc_of(tail[:-CRC_BYTES]) != tail[-CRC_BYTES:]:
        msg = "the crc32c of the shard's index is wrong"
        raise ValueError(msg)
    index = np.frombuffer(tail, dtype="<u8", count=len(tail) // 8 // 2 * 2).reshape(-1, 2)
    offset, size = index[:, 0], index[:, 1]
    end = np.uint64(file_bytes - len(tail))
    missing = (offset == MISSING) & (size == MISSING)
    inside = (
        (offset <= end)
        & (size <= end - np.minimum(offset, end))
        & (size > (CRC_BYTES if has_checksum(spec.codecs) else 0))
    )
    if not (missing | inside).all():
        msg = "the shard's index names bytes that are not in the file"
        raise ValueError(msg)
    return index.astype(np.uint64).reshape(spec.shard_samples, spec.chunks_per_sample, 2)
