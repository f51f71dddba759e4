"""Chunks of a read that are unpacked by one call."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tiny_store as tiny

from voxpress import store
from voxpress.errors import CorruptError
from voxpress.store import frames as module
from voxpress.store.codecs import crc_of, encoder
from voxpress.store.frames import Frames, takes_frames

SPEC = tiny.SPECS["image"]
PATH = "volumes/train.zarr/image"
MAX_GAP_BYTES = 7


def packed(count: int, *, gap: int = 0) -> tuple[list[np.ndarray], bytes, list[tuple[int, int]]]:
    """Chunks, the bytes of all with gaps between, and where each is."""
    rng = np.random.default_rng(count)
    chunks = [rng.integers(0, 50, SPEC.chunk).astype(SPEC.dtype) for _ in range(count)]
    data, ranges = b"", []
    for chunk in chunks:
        coded = encoder(SPEC.codecs, SPEC.numpy_dtype)(chunk)
        coded += crc_of(coded)
        ranges.append((100 + len(data), 100 + len(data) + len(coded)))
        data += coded + b"\xff" * gap
    return chunks, data[: len(data) - gap], ranges


def filled(data: bytes, ranges: list[tuple[int, int]]) -> Frames:
    memory = np.empty(max(stop for _, stop in ranges) - min(ranges)[0] + MAX_GAP_BYTES, np.uint8)
    frames = Frames.of(*zip(*ranges, strict=True), memory, max_gap_bytes=MAX_GAP_BYTES)
    for start, parts in frames.runs:
        place = start - min(ranges)[0]
        for part in parts:
            part[:] = data[place : place + len(part)]
            place += len(part)
    assert place == len(data)
    return frames


@pytest.mark.parametrize("gap", [0, 7, 8])
@pytest.mark.parametrize("count", [1, 2, 5])
def test_all_frames_are_unpacked(count: int, gap: int) -> None:
    chunks, data, ranges = packed(count, gap=gap)
    out = np.zeros((count, *SPEC.chunk), SPEC.dtype)
    frames = filled(data, ranges)
    frames.unpack(chunks[0].nbytes, out)
    np.testing.assert_array_equal(out, chunks)
    assert len(frames.runs) == (count if gap > MAX_GAP_BYTES else 1), "what lies in wide gaps is not read"


def test_frames_are_unpacked_in_the_order_asked_for() -> None:
    chunks, data, ranges = packed(5, gap=3)
    order = [3, 0, 4, 1, 2]
    out = np.zeros((5, *SPEC.chunk), SPEC.dtype)
    frames = filled(data, [ranges[number] for number in order])
    frames.unpack(chunks[0].nbytes, out)
    np.testing.assert_array_equal(out, [chunks[number] for number in order])
    assert len(frames.runs) == 1


@pytest.mark.parametrize("where", ["first", "checksum", "last"])
def test_a_flipped_byte_is_noticed(where: str) -> None:
    chunks, data, ranges = packed(3)
    place = {"first": 0, "checksum": ranges[0][1] - 101, "last": len(data) - 1}[where]
    wrong = bytearray(data)
    wrong[place] ^= 1
    with pytest.raises(ValueError, match="crc32c of a chunk is wrong"):
        filled(bytes(wrong), ranges).unpack(chunks[0].nbytes, np.zeros((3, *SPEC.chunk), SPEC.dtype))


def test_frames_of_another_size_are_refused() -> None:
    chunks, data, ranges = packed(2)
    with pytest.raises(ValueError, match=f"unpacks to {chunks[0].nbytes} bytes"):
        filled(data, ranges).unpack(chunks[0].nbytes + 1, np.zeros((2, *SPEC.chunk), SPEC.dtype))


def test_a_later_frame_of_another_size_is_refused() -> None:
    chunks, data, ranges = packed(2)
    coded = encoder(SPEC.codecs, SPEC.numpy_dtype)(chunks[0][1:])
    coded += crc_of(coded)
    frames = filled(data + coded, [*ranges, (ranges[-1][1], ranges[-1][1] + len(coded))])
    with pytest.raises(ValueError, match=f"unpacks to {chunks[0][1:].nbytes} bytes"):
        frames.unpack(chunks[0].nbytes, np.zeros((3, *SPEC.chunk), SPEC.dtype))


def test_chunks_that_overlap_are_not_taken() -> None:
    assert Frames.of([0, 39], [40, 80], np.empty(80, np.uint8), max_gap_bytes=MAX_GAP_BYTES) is None


def test_only_zstd_with_a_checksum_is_taken() -> None:
    assert takes_frames(SPEC)
    assert not takes_frames(dataclasses.replace(SPEC, codecs=SPEC.codecs[:-1]))
    blosc = {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 1}}
    blosc["configuration"]["blocksize"] = 0
    assert not takes_frames(dataclasses.replace(SPEC, codecs=(SPEC.codecs[0], blosc, SPEC.codecs[-1])))


@pytest.mark.parametrize("box", [None, ((1, 15), (3, 20), (0, 11))])
def test_a_local_read_is_unpacked_at_once(tiny_store, monkeypatch: pytest.MonkeyPatch, box) -> None:
    calls = []
    unpack = module.unpack_frames
    monkeypatch.setattr(module, "unpack_frames", lambda *given: (calls.append(len(given[1])), unpack(*given)))
    found = store.open(tiny_store).store.reader.read(PATH, 1, box)
    whole = tiny.voxels(1)["image"]
    np.testing.assert_array_equal(found, whole if box is None else whole[tuple(slice(*ends) for ends in box)])
    assert len(calls) == 1
    assert calls[0] > 1


def test_a_wrong_chunk_among_many_is_told(tiny_store) -> None:
    reader = store.open(tiny_store).store.reader
    shard = tiny_store / reader.shard_of(PATH, 0)
    data = bytearray(shard.read_bytes())
    data[5] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CorruptError, match="crc32c of a chunk is wrong") as caught:
        reader.read(PATH, 0)
    assert caught.value.path == reader.shard_of(PATH, 0)
