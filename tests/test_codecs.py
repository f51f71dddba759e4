"""Packing and unpacking of inner chunks, in place and through zarr-python."""

import dataclasses

import numpy as np
import pytest
import tiny_store as tiny
import zarr

from voxpress import store
from voxpress.store import codecs
from voxpress.store.codec_chain import CODECS, FAST_CODECS, TRAINING_CODECS, UNCOMPRESSED_CODECS, has_checksum

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
CRC = {"name": "crc32c"}
ZSTD = {"name": "zstd", "configuration": {"level": 3, "checksum": True}}
SHUFFLED = {
    "name": "blosc",
    "configuration": {"cname": "zstd", "clevel": 3, "shuffle": "bitshuffle", "typesize": 2, "blocksize": 0},
}
CHAINS = {
    "published": (CODECS, True),
    "for patches": (FAST_CODECS, True),
    "training": (TRAINING_CODECS["int16"], True),
    "plain": (UNCOMPRESSED_CODECS, True),
    "no checksum": ((BYTES, ZSTD), True),
    "bitshuffle": ((BYTES, SHUFFLED, CRC), True),
    "gzip": ((BYTES, {"name": "gzip", "configuration": {"level": 1}}, CRC), False),
    "transposed": (({"name": "transpose", "configuration": {"order": [3, 2, 1, 0]}}, BYTES, ZSTD, CRC), False),
}
CHAINS_IDS = list(CHAINS)


def spec_of(chain, dtype="int16"):
    return dataclasses.replace(tiny.SPECS["image"], dtype=dtype, codecs=chain, chunk=(4, 10, 6))


def voxels(spec):
    return np.random.default_rng(1).integers(0, 100, spec.chunk).astype(spec.numpy_dtype)


def packed_by_zarr(spec, chunk):
    """The bytes that zarr-python makes of one inner chunk."""
    memory = zarr.storage.MemoryStore()
    array = zarr.create_array(
        memory, shape=(1, *spec.chunk), chunks=(1, *spec.chunk), dtype=spec.dtype, compressors=None
    )
    document = array.metadata.to_dict() | {"codecs": [dict(codec) for codec in spec.codecs]}
    opened = zarr.Array(zarr.AsyncArray(metadata=document, store_path=array.store_path))
    opened[0] = chunk
    return np.frombuffer(memory._store_dict["c/0/0/0/0"].to_bytes(), np.uint8)


def packed(spec, chunk):
    """The bytes that voxpress makes of one inner chunk."""
    data = codecs.encoder(spec.codecs, spec.numpy_dtype)(chunk)
    return _sealed(data) if has_checksum(spec.codecs) else data


@pytest.mark.parametrize("name", CHAINS_IDS)
def test_what_zarr_packs_is_unpacked(name):
    chain, in_place = CHAINS[name]
    spec = spec_of(chain)
    chunk = voxels(spec)
    out = np.zeros(spec.chunk, spec.numpy_dtype)
    codecs.decoder(spec)(packed_by_zarr(spec, chunk), out)
    np.testing.assert_array_equal(out, chunk)
    assert codecs.known(spec.codecs, spec.numpy_dtype) == in_place


@pytest.mark.parametrize("name", [name for name in CHAINS_IDS if CHAINS[name][1]])
@pytest.mark.parametrize("dtype", store.arrays.DTYPES)
def test_what_is_packed_is_unpacked(name, dtype):
    spec = spec_of(CHAINS[name][0], dtype)
    chunk = voxels(spec)
    data = packed(spec, chunk)
    out = np.zeros(spec.chunk, spec.numpy_dtype)
    codecs.decoder(spec)(np.frombuffer(data, np.uint8), out)
    np.testing.assert_array_equal(out, chunk)


def test_a_chain_that_is_not_written_is_refused():
    with pytest.raises(ValueError, match="gzip"):
        codecs.encoder(CHAINS["gzip"][0], np.dtype("uint8"))


def _cut(data):
    return data[:-1]


def _flip(data):
    changed = bytearray(data)
    changed[len(data) // 2] ^= 255
    return bytes(changed)


def _sealed(data):
    return data + codecs.crc_of(data)


def _resealed(change):
    """Wrong bytes under a right checksum, as somebody who means harm would make them."""
    return lambda data: _sealed(change(data[:-4]))


WRONG = {
    "cut": _cut,
    "flipped": _flip,
    "empty": lambda _: b"",
    "three bytes": lambda data: data[:3],
    "nothing but a checksum": lambda _: _sealed(b""),
    "cut and sealed": _resealed(_cut),
    "flipped and sealed": _resealed(lambda data: bytes([data[0] ^ 255]) + data[1:]),
    "too long": _resealed(lambda data: data + b"more"),
}


SEALED = [name for name in CHAINS_IDS if name != "no checksum"]
# a changed byte under a right checksum is another volume where nothing is compressed
UNNOTICED = {("plain", "flipped and sealed")}


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (name, wrong)
        for name in CHAINS_IDS
        if name != "no checksum"
        for wrong in WRONG
        if (name, wrong) not in UNNOTICED
    ],
)
def test_wrong_bytes_are_an_error(name, wrong):
    spec = spec_of(CHAINS[name][0])
    data = WRONG[wrong](packed_by_zarr(spec, voxels(spec)).tobytes())
    out = np.zeros(spec.chunk, spec.numpy_dtype)
    with pytest.raises(ValueError, match="chunk"):
        codecs.decoder(spec)(np.frombuffer(data, np.uint8), out)


@pytest.mark.parametrize("name", ["published", "training", "plain"])
@pytest.mark.parametrize("shape", [(2, 10, 6), (8, 10, 6)], ids=["fewer", "more"])
def test_a_chunk_of_another_size_is_an_error(name, shape):
    spec = spec_of(CHAINS[name][0])
    other = np.zeros(shape, spec.numpy_dtype)
    data = packed(spec, other)
    with pytest.raises(ValueError, match="unpacks to"):
        codecs.decoder(spec)(np.frombuffer(data, np.uint8), np.zeros(spec.chunk, spec.numpy_dtype))


def test_a_frame_that_does_not_tell_its_size_is_unpacked():
    spec = spec_of((BYTES, ZSTD))
    chunk = voxels(spec)
    raw = chunk.tobytes()
    # RFC 8878: magic, a descriptor without size, a window of 1 KiB, and one raw block that is the last
    frame = b"\x28\xb5\x2f\xfd" + b"\x00\x00" + (len(raw) << 3 | 1).to_bytes(3, "little") + raw
    out = np.zeros(spec.chunk, spec.numpy_dtype)
    codecs.decoder(spec)(np.frombuffer(frame, np.uint8), out)
    np.testing.assert_array_equal(out, chunk)
