"""Bytes of inner chunks, packed and unpacked with the GIL released.

The chains that voxpress writes (`bytes`, then zstd, blosc or nothing, then perhaps `crc32c`) are unpacked in place by
numcodecs. Any other chain that a store may name goes through zarr-python, slower and with the same result.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .codec_chain import has_checksum

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from .arrays import ArraySpec
    from .codec_chain import Codecs

    Decode = Callable[[NDArray[np.uint8], NDArray[Any]], None]
    """Unpacks the bytes of a chunk into a C-contiguous array of the chunk's shape and stored dtype."""

__all__ = ["CRC_BYTES", "check_crc", "crc_of", "decoder", "encoder", "known", "unpack_frames"]

CRC_BYTES: Final = 4
_SQUEEZERS: Final = ("zstd", "blosc")
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_BLOSC_HEADER: Final = 16


def known(codecs: Codecs, dtype: np.dtype[Any]) -> bool:
    """Whether a chain is unpacked in place; zarr-python does the others."""
    names = [codec["name"] for codec in codecs]
    body = names[1:-1] if has_checksum(codecs) else names[1:]
    if names[:1] != ["bytes"] or len(body) > 1 or not set(body) <= set(_SQUEEZERS):
        return False
    return dtype.itemsize == 1 or codecs[0].get("configuration", {}).get("endian") == "little"


def encoder(codecs: Codecs, dtype: np.dtype[Any]) -> Callable[[NDArray[Any]], bytes]:
    """What packs the voxels of one inner chunk, without the checksum that may end the chain.

    Raises:
        ValueError: the chain is not one that voxpress writes.
    """
    if not known(codecs, dtype):
        msg = f"chunks are written with bytes, then zstd or blosc, then crc32c, got {[c['name'] for c in codecs]}"
        raise ValueError(msg)
    squeezer = _squeezer(codecs)

    def encode(voxels: NDArray[Any]) -> bytes:
        plain = np.ascontiguousarray(voxels, dtype=dtype)
        return plain.tobytes() if squeezer is None else bytes(squeezer.encode(plain))

    return encode


def decoder(spec: ArraySpec) -> Decode:
    """What unpacks the inner chunks of an array.

    The callable checks the crc32c if the chain has one, and that the bytes unpack to exactly one chunk.

    Raises:
        ValueError: from the callable, if the bytes are wrong.
    """
    if not known(spec.codecs, spec.numpy_dtype):
        return partial(_decode_by_zarr, spec)
    name = spec.codecs[1]["name"] if _squeezer(spec.codecs) else ""
    sealed, size_of, unpack = has_checksum(spec.codecs), _SIZES.get(name), _unpacker(name)

    def decode(data: NDArray[np.uint8], out: NDArray[Any]) -> None:
        if sealed:
            data = check_crc(data)
        flat = out.reshape(-1).view(np.uint8)
        if size_of is None:
            _check_size(len(data), flat.size)
            flat[:] = data
            return
        size = size_of(data)
        if size is not None:
            # numcodecs takes a target that is too large without a word
            _check_size(size, flat.size)
            _guarded(unpack, data, flat)
        else:
            plain = np.frombuffer(_guarded(unpack, data), np.uint8)
            _check_size(len(plain), flat.size)
            flat[:] = plain

    return decode


def check_crc(data: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The bytes before their crc32c.

    Raises:
        ValueError: it is not theirs.
    """
    from crc32c import crc32c

    body = data[:-CRC_BYTES]
    if len(data) < CRC_BYTES or crc32c(body.data) != int.from_bytes(data[-CRC_BYTES:].data, "little"):
        msg = "the crc32c of a chunk is wrong"
        raise ValueError(msg)
    return body


def unpack_frames(
    bodies: NDArray[np.uint8],
    frames: Sequence[memoryview],
    checksums: Sequence[int],
    plain_bytes: int,
    out: NDArray[np.uint8],
) -> None:
    """Unpack zstd frames that follow each other, by one call.

    Args:
        bodies: bytes of all of them.
        frames: those of each.
        checksums: crc32c of each.
        plain_bytes: that each must unpack to.
        out: for all of them, one after the other.

    Raises:
        ValueError: a checksum, a frame or a size is wrong, or a frame does not say its size.
    """
    from crc32c import crc32c, hardware_based

    # some µs each, less than threads wait for the GIL that is let go of; without the instruction it takes longer
    hold_gil = 0 if hardware_based else -1
    header = b""
    for frame, checksum in zip(frames, checksums, strict=True):
        if crc32c(frame, 0, hold_gil) != checksum:
            msg = "the crc32c of a chunk is wrong"
            raise ValueError(msg)
        # those of one writer begin alike, and comparing is faster than parsing
        if not header or frame[: len(header)] != header:
            size, header = _zstd_header(frame)
            _check_size(size or 0, plain_bytes)
    _check_size(plain_bytes * len(frames), out.size)
    _guarded(_unpacker("zstd"), bodies, out)


def crc_of(data: bytes) -> bytes:
    """The crc32c of some bytes, uint32 little endian."""
    from crc32c import crc32c

    return crc32c(data).to_bytes(CRC_BYTES, "little")


def _squeezer(codecs: Codecs) -> Any:
    found = next((codec for codec in codecs if codec["name"] in _SQUEEZERS), None)
    if found is None:
        return None
    settings = found.get("configuration", {})
    if found["name"] == "zstd":
        from numcodecs.zstd import Zstd

        return Zstd(level=settings.get("level", 0), checksum=settings.get("checksum", False))
    import numcodecs.blosc

    # As zarr-python sets it too: threads of blosc's own would be there before a fork, and hold the GIL.
    numcodecs.blosc.use_threads = False
    return numcodecs.blosc.Blosc(
        cname=settings["cname"],
        clevel=settings["clevel"],
        shuffle={"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}[settings["shuffle"]],
        blocksize=settings.get("blocksize", 0),
        typesize=settings.get("typesize"),
    )


def _unpacker(name: str) -> Callable[..., Any]:
    """The function behind a codec's method `decode`, which checks its arguments for as long as small chunks take."""
    if name == "zstd":
        from numcodecs.zstd import decompress
    else:
        from numcodecs.blosc import decompress
    unpack: Callable[..., Any] = decompress
    return unpack


def _zstd_size(data: NDArray[np.uint8]) -> int | None:
    """Bytes that a zstd frame unpacks to, where its header says so."""
    return _zstd_header(data.data)[0]


def _zstd_header(frame: memoryview) -> tuple[int | None, bytes]:
    """Bytes that a zstd frame unpacks to, and its bytes up to where its header says so (RFC 8878, section 3.1.1.1)."""
    head = bytes(frame[:18])
    if len(head) < 6 or head[:4] != _ZSTD_MAGIC:
        msg = "a chunk is not a zstd frame"
        raise ValueError(msg)
    flags = head[4]
    single = flags >> 5 & 1
    width = (single, 2, 4, 8)[flags >> 6]
    start = 5 + (1 - single) + (0, 1, 2, 4)[flags & 3]
    if not width:
        return None, b""
    size = head[start : start + width]
    return int.from_bytes(size, "little") + (256 if width == 2 else 0), head[: start + width]


def _blosc_size(data: NDArray[np.uint8]) -> int:
    """Bytes that a blosc buffer unpacks to (blosc 1 header: bytes 4 to 7; bytes 12 to 15 are its own size)."""
    head = data[:_BLOSC_HEADER].tobytes()
    if len(head) < _BLOSC_HEADER or int.from_bytes(head[12:16], "little") != len(data):
        msg = "a chunk is not a whole blosc buffer"
        raise ValueError(msg)
    return int.from_bytes(head[4:8], "little")


_SIZES: Final = {"zstd": _zstd_size, "blosc": _blosc_size}


def _check_size(found: int, expected: int) -> None:
    if found != expected:
        msg = f"a chunk unpacks to {found} bytes, not {expected}"
        raise ValueError(msg)


def _guarded(decode: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return decode(*arguments)
    except (RuntimeError, ValueError) as error:
        msg = f"a chunk cannot be unpacked: {str(error)[:200]}"
        raise ValueError(msg) from error


def _decode_by_zarr(spec: ArraySpec, data: NDArray[np.uint8], out: NDArray[Any]) -> None:
    """Through zarr-python: the chunk as the only one of an array in memory, which needs nothing but its public face."""
    import zarr
    from zarr.buffer import cpu
    from zarr.storage import MemoryStore

    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [1, *spec.chunk],
        "data_type": spec.dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, *spec.chunk]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}},
        "fill_value": 0,
        "codecs": [dict(codec) for codec in spec.codecs],
        "attributes": {},
    }
    content = {"zarr.json": json.dumps(document).encode(), "c.0.0.0.0": data.tobytes()}
    memory = MemoryStore({key: cpu.Buffer.from_bytes(value) for key, value in content.items()})
    try:
        out[...] = zarr.open_array(store=memory, mode="r", zarr_format=3)[0]
    except MemoryError:
        raise
    except Exception as error:
        # a codec may raise anything when bytes are wrong
        msg = f"a chunk cannot be unpacked: {str(error)[:200]}"
        raise ValueError(msg) from error
