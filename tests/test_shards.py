from __future__ import annotations

import threading

import numpy as np
import pytest
import tiny_store as tiny
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st
from zarr.storage import MemoryStore

from voxpress import store
from voxpress.store.arrays import RULE_CHUNK, default_chunk
from voxpress.store.codec_chain import CODECS, TRAINING_CODECS, UNCOMPRESSED_CODECS
from voxpress.store.shards import MISSING, encode_samples

SPEC = tiny.SPECS["image"]


def spec_of(shape: tuple[int, int, int], dtype: str, shard_samples: int, **more: object) -> store.ArraySpec:
    return store.ArraySpec(
        name="image", kind="image", dtype=dtype, shape=shape, shard_samples=shard_samples, affine=tiny.AFFINE, **more
    )


def through_zarr(spec: store.ArraySpec, slots: int, shards: list[bytes]) -> np.ndarray:
    """What zarr-python, the reference, makes of the shards."""
    memory = MemoryStore()
    content = {"zarr.json": store.document_bytes(store.array_document(spec, slots, [], {}))}
    content |= {f"c.{number}.0.0.0": data for number, data in enumerate(shards)}
    for key, data in content.items():
        zarr.core.sync.sync(memory.set(key, zarr.core.buffer.default_buffer_prototype().buffer.from_bytes(data)))
    return zarr.open_array(store=memory, mode="r")[:]


@st.composite
def filled(draw: st.DrawFn) -> tuple[store.ArraySpec, list[np.ndarray | None]]:
    shape = draw(st.tuples(st.integers(1, 26), st.integers(1, 6), st.integers(1, 6)))
    chunk = tuple(draw(st.sampled_from([step for step in range(1, size + 1) if size % step == 0])) for size in shape)
    dtype = draw(st.sampled_from(["uint8", "uint16", "int16"]))
    codecs = draw(st.sampled_from([CODECS, TRAINING_CODECS[dtype], UNCOMPRESSED_CODECS, UNCOMPRESSED_CODECS[:1]]))
    spec = spec_of(
        shape, dtype, draw(st.integers(1, 4)), chunk=draw(st.sampled_from([chunk, RULE_CHUNK])), codecs=codecs
    )
    limits = np.iinfo(spec.dtype)
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    samples: list[np.ndarray | None] = []
    for kind in draw(st.lists(st.sampled_from(["full", "empty", "slabs", "hole"]), min_size=1, max_size=9)):
        voxels = random.integers(limits.min, limits.max, shape, dtype=spec.dtype, endpoint=True)
        if kind == "slabs":
            voxels[random.random(shape[0]) < 0.6] = 0
            voxels[:, random.random(shape[1]) < 0.3] = 0
        samples.append(None if kind == "hole" else voxels * (kind != "empty"))
    return spec, samples


@settings(max_examples=60, deadline=None, derandomize=True)
@given(filled())
def test_zarr_python_reads_what_was_written(case: tuple[store.ArraySpec, list[np.ndarray | None]]) -> None:
    spec, samples = case
    encoded = [None if sample is None else store.encode_sample(spec, sample) for sample in samples]
    k = spec.shard_samples
    shards = [b"".join(store.assemble_shard(spec, encoded[start : start + k])) for start in range(0, len(samples), k)]
    read = through_zarr(spec, len(samples), shards)
    assert read.dtype == spec.dtype
    for found, sample in zip(read, samples, strict=True):
        np.testing.assert_array_equal(found, 0 if sample is None else sample)
    for start, shard in zip(range(0, len(samples), k), shards, strict=True):
        index = store.parse_index(spec, shard[-store.index_bytes(spec) :], len(shard))
        kept = [None if sample is None else [c is not None for c in sample] for sample in encoded[start : start + k]]
        expected = [[False] * spec.chunks_per_sample if row is None else row for row in kept]
        expected += [[False] * spec.chunks_per_sample] * (k - len(expected))
        np.testing.assert_array_equal(index[..., 0] != MISSING, expected)


def test_a_sample_is_one_contiguous_range_in_c_order() -> None:
    samples = [store.encode_sample(SPEC, tiny.voxels(index)["image"]) for index in range(3)]
    shard = b"".join(store.assemble_shard(SPEC, samples))
    index = store.parse_index(SPEC, shard[-store.index_bytes(SPEC) :], len(shard)).reshape(-1, 2)
    offsets, sizes = index[index[:, 0] != MISSING].T
    np.testing.assert_array_equal(offsets, np.concatenate([[0], np.cumsum(sizes)[:-1]]))
    assert len(shard) == sizes.sum() + store.index_bytes(SPEC)


def test_the_bytes_are_pinned() -> None:
    """The format is a promise: these are the bytes of version 1, whatever made them."""
    spec = spec_of((2, 1, 2), "int16", 2)
    voxels = np.array([[[0, 0]], [[1, -2]]], dtype=np.int16)
    shard = b"".join(store.assemble_shard(spec, [None, store.encode_sample(spec, voxels)]))
    chunk = bytes.fromhex("28b52ffd200421000001 00feff".replace(" ", ""))
    missing = b"\xff" * 16
    assert shard[: len(chunk)] == chunk
    index = missing * 3 + (0).to_bytes(8, "little") + (len(chunk) + 4).to_bytes(8, "little")
    assert shard[len(chunk) + 4 : -4] == index
    assert shard[-4:] == crc32c(index)
    assert shard[len(chunk) : len(chunk) + 4] == crc32c(chunk)


def crc32c(data: bytes) -> bytes:
    """Bit by bit, from RFC 3720: polynomial 0x1EDC6F41, reflected."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return (crc ^ 0xFFFFFFFF).to_bytes(4, "little")


@pytest.mark.parametrize("codecs", [CODECS, TRAINING_CODECS["uint8"]], ids=["zstd", "lz4"])
def test_encoding_does_not_depend_on_the_threads(codecs) -> None:
    spec = spec_of(tiny.SHAPE, "uint8", 4, codecs=codecs, chunk=(4, 10, 18))
    samples = [None if index == 3 else tiny.voxels(index)["image"] for index in range(9)]
    alone = [None if sample is None else store.encode_sample(spec, sample) for sample in samples]
    before = threading.active_count()
    assert [list(encode_samples(spec, samples, threads=threads)) for threads in (1, 2, 5)] == [alone] * 3
    assert threading.active_count() == before


def test_few_samples_are_held_while_threads_encode() -> None:
    taken: list[int] = []
    encoded = encode_samples(SPEC, (taken.append(n) or tiny.voxels(n)["image"] for n in range(50)), threads=2)
    next(encoded)
    assert len(taken) == 4
    encoded.close()
    assert len(taken) == 4


def test_an_error_in_a_thread_comes_at_its_place() -> None:
    samples = [tiny.voxels(0)["image"], tiny.voxels(1)["image"][1:], tiny.voxels(2)["image"]]
    encoded = encode_samples(SPEC, samples, threads=3)
    assert next(encoded) == store.encode_sample(SPEC, samples[0])
    with pytest.raises(ValueError, match="needs uint8 of shape"):
        next(encoded)


def test_encoding_does_not_depend_on_the_order_of_memory() -> None:
    voxels = tiny.voxels(1)["image"]
    assert store.encode_sample(SPEC, np.asfortranarray(voxels)) == store.encode_sample(SPEC, voxels)
    big = spec_of((4, 3, 2), "int16", 1)
    values = np.arange(24, dtype=np.int16).reshape(4, 3, 2)
    assert store.encode_sample(big, values.astype(">i2").astype("=i2")) == store.encode_sample(big, values)


@pytest.mark.parametrize(
    "voxels", [np.zeros((16, 20, 17), np.uint8), np.zeros((16, 20, 18), np.int16), np.zeros((16, 20, 18))]
)
def test_voxels_of_another_shape_or_dtype_are_refused(voxels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="needs uint8 of shape"):
        store.encode_sample(SPEC, voxels)


def test_a_shard_of_too_many_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="holds 4 samples, got 5"):
        store.assemble_shard(SPEC, [None] * 5)
    with pytest.raises(ValueError, match="inner chunks, got 1"):
        store.assemble_shard(SPEC, [[b"x"]])


@pytest.mark.parametrize("damage", ["short", "flip", "outside"])
def test_a_wrong_index_is_refused(damage: str) -> None:
    shard = b"".join(store.assemble_shard(SPEC, [store.encode_sample(SPEC, tiny.voxels(0)["image"])]))
    tail = bytearray(shard[-store.index_bytes(SPEC) :])
    size = len(shard)
    if damage == "short":
        tail = tail[1:]
    elif damage == "flip":
        tail[3] ^= 1
    else:
        size -= 100
    with pytest.raises(ValueError, match="index"):
        store.parse_index(SPEC, bytes(tail), size)


@pytest.mark.parametrize(("x", "slab"), [(160, 20), (16, 2), (17, 1), (8, 1), (1, 1), (197, 1), (182, 14), (224, 28)])
def test_an_inner_chunk_is_the_largest_slab_that_divides(x: int, slab: int) -> None:
    assert default_chunk((x, 20, 18)) == (slab, 20, 18)
    assert spec_of((x, 20, 18), "uint8", 1).chunk == (slab, 20, 18)
