"""The planned reader against zarr-python, which wrote and reads the same shards."""

import dataclasses
import pickle
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import tiny_store as tiny
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

from voxpress import CorruptError, store
from voxpress.store.codec_chain import CODECS, FAST_CODECS, TRAINING_CODECS, UNCOMPRESSED_CODECS
from voxpress.store.frames import Frames
from voxpress.store.plan import Coalescing, checked_box
from voxpress.store.reader import Reader
from voxpress.store.reads import Wanted
from voxpress.store.sources import LocalSource

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
CHAINS = {
    "zstd": CODECS,
    "zstd-fast": FAST_CODECS,
    "lz4": TRAINING_CODECS["int16"],
    "none": UNCOMPRESSED_CODECS,
    "gzip": (BYTES, {"name": "gzip", "configuration": {"level": 1}}, {"name": "crc32c"}),
    "transpose": ({"name": "transpose", "configuration": {"order": [0, 3, 1, 2]}}, *CODECS),
}
PATH = "volumes/train.zarr/image"


def written_by_zarr(root, spec, volumes):
    """A store whose shards zarr-python wrote: Morton order, chunks of zeros left out."""
    document = store.array_document(spec, len(volumes), [], tiny.ATTRS)
    folder = root / PATH
    folder.mkdir(parents=True)
    (folder / "zarr.json").write_bytes(store.document_bytes(document))
    array = zarr.open_array(zarr.storage.LocalStore(folder), mode="r+", zarr_format=3)
    for start in range(0, len(volumes), spec.shard_samples):
        array[start : start + spec.shard_samples] = volumes[start : start + spec.shard_samples]
    files = {}
    for path in sorted(folder.iterdir()):
        files[f"{PATH}/{path.name}"] = store.hash_file(path)
    shards = -(-len(volumes) // spec.shard_samples)
    split = store.SplitRecord(slots=len(volumes), samples=len(volumes), shard_samples=spec.shard_samples)
    nothing = store.FileRecord(0, "0" * 64)
    files |= {"volumes/train.zarr/zarr.json": nothing, store.metadata_path("train", 0, 1): nothing}
    for number in range(shards):
        # zarr-python writes no file for a shard of nothing but background; the format wants one
        if store.shard_path("train", "image", number) not in files:
            path = root / store.shard_path("train", "image", number)
            path.write_bytes(b"".join(store.assemble_shard(spec, [])))
            files[store.shard_path("train", "image", number)] = store.hash_file(path)
    manifest = store.Manifest(
        name="by-zarr",
        version="1.0.0",
        recipe_sha256="0" * 64,
        lock={},
        splits={"train": split},
        arrays={PATH: spec},
        rejected=(),
        files=files,
    )
    return Reader(LocalSource(root), manifest), array


@st.composite
def cases(draw):
    chunk = tuple(draw(st.integers(1, 5)) for _ in range(3))
    grid = tuple(draw(st.integers(1, 3)) for _ in range(3))
    shape = tuple(size * count for size, count in zip(chunk, grid, strict=True))
    box = []
    for size in shape:
        start = draw(st.integers(0, size - 1))
        box.append((start, draw(st.integers(start + 1, size))))
    return {
        "chunk": chunk,
        "shape": shape,
        "box": tuple(box),
        "dtype": draw(st.sampled_from(["uint8", "uint16", "int16"])),
        "chain": draw(st.sampled_from(list(CHAINS))),
        "samples": draw(st.integers(1, 5)),
        "shard": draw(st.integers(1, 3)),
        "seed": draw(st.integers(0, 2**32 - 1)),
        "far": draw(st.sampled_from([FarAway, FarAwayInParts])),
        "rule": Coalescing(
            max_gap_bytes=draw(st.sampled_from([0, 50, 10**6])), max_read_bytes=draw(st.integers(1, 500))
        ),
    }


@given(cases())
@settings(max_examples=60, deadline=None)
def test_boxes_are_what_zarr_python_reads(case):
    spec = dataclasses.replace(
        tiny.SPECS["image"],
        shape=case["shape"],
        chunk=case["chunk"],
        dtype=case["dtype"],
        codecs=CHAINS[case["chain"]],
        shard_samples=case["shard"],
    )
    rng = np.random.default_rng(case["seed"])
    volumes = rng.integers(0, 200, (case["samples"], *case["shape"])).astype(case["dtype"])
    volumes[rng.random(volumes.shape) < 0.3] = 0
    volumes[rng.random(case["samples"]) < 0.3] = 0
    with tempfile.TemporaryDirectory() as folder:
        reader, array = written_by_zarr(Path(folder), spec, volumes)
        for slot in range(case["samples"]):
            x, y, z = (slice(*ends) for ends in case["box"])
            found = reader.read(PATH, slot, case["box"])
            np.testing.assert_array_equal(found, array[slot, x, y, z], strict=True)
            np.testing.assert_array_equal(reader.read(PATH, slot), volumes[slot], strict=True)
        far = Reader(case["far"](Path(folder)), reader._manifest)
        far._rule = case["rule"]
        targets = [np.empty([stop - start for start, stop in case["box"]], spec.numpy_dtype) for _ in volumes]
        wanted = [Wanted(path=PATH, slot=slot, box=case["box"], target=target) for slot, target in enumerate(targets)]
        for start in range(0, len(wanted), case["shard"]):
            for read in far.open(far.shard_of(PATH, start), wanted[start : start + case["shard"]]):
                read.run()
        for slot, target in enumerate(targets):
            np.testing.assert_array_equal(target, array[slot, x, y, z])


class FarAway(LocalSource):
    """A folder that is read as if it were on a server."""

    remote = True
    fills_parts = False


class FarAwayInParts(FarAway):
    """One whose answers can be received in parts."""

    fills_parts = True


@pytest.fixture
def reader(tiny_store):
    return store.open(tiny_store).store.reader


def test_a_whole_sample_is_one_read(reader):
    wanted = Wanted(path=PATH, slot=1, box=None, target=np.empty(tiny.SHAPE, np.uint8))
    assert len(reader.open(reader.shard_of(PATH, 1), [wanted])) == 1


def test_only_the_chunks_of_a_box_are_read(reader):
    spec = tiny.SPECS["image"]
    box = checked_box(((8, 9), (0, 20), (0, 18)), spec.shape)
    wanted = Wanted(path=PATH, slot=0, box=box, target=np.empty((1, 20, 18), np.uint8))
    (read,) = reader.open(reader.shard_of(PATH, 0), [wanted])
    index = reader._indexes.of(reader.shard_of(PATH, 0), spec)[4]
    assert (read.start, read.stop) == (index[0], index[0] + index[1])


def test_chunks_of_a_box_that_lie_far_apart_are_one_read_without_what_is_between(tmp_path):
    spec = dataclasses.replace(
        tiny.SPECS["image"], shape=(16, 320, 320), chunk=(8, 160, 160), dtype="uint8", codecs=CODECS, shard_samples=1
    )
    volume = np.random.default_rng(0).integers(0, 256, (1, *spec.shape), np.uint8)
    reader, _ = written_by_zarr(tmp_path, spec, volume)
    read_parts, runs = reader._read_parts, []

    def counted(shard, start, parts):
        runs[-1].append(sum(map(len, parts)))
        return read_parts(shard, start, parts)

    reader._read_parts = counted
    whole = ((0, 16), (0, 320), (0, 320))
    for axis in range(3):
        box = tuple((0, size // 2) if axis == each else (0, size) for each, (_, size) in enumerate(whole))
        runs.append([])
        x, y, z = (slice(*ends) for ends in box)
        np.testing.assert_array_equal(reader.read(PATH, 0, box), volume[0, x, y, z])
    one_chunk = reader._indexes.of(reader.shard_of(PATH, 0), spec)[:, 1].max()
    assert sorted(map(len, runs)) == [1, 2, 4]
    assert all(sum(run) <= 4 * one_chunk for run in runs)


@pytest.mark.parametrize("far", [FarAway, FarAwayInParts])
def test_what_a_server_sends_is_unpacked_together(tmp_path, monkeypatch, far):
    spec = dataclasses.replace(tiny.SPECS["image"], dtype="uint8", codecs=CODECS, shard_samples=1)
    volume = np.random.default_rng(0).integers(1, 256, (1, *spec.shape), np.uint8)
    near, _ = written_by_zarr(tmp_path, spec, volume)
    reader = Reader(far(tmp_path), near._manifest)
    monkeypatch.setattr(reader, "_one_by_one", lambda *_: pytest.fail("one by one"))
    if far.fills_parts:
        monkeypatch.setattr(Frames, "fill", lambda *_: pytest.fail("copied behind each other"))
    np.testing.assert_array_equal(reader.read(PATH, 0), volume[0])
    box = ((3, 11), (2, 17), (1, 16))
    np.testing.assert_array_equal(reader.read(PATH, 0, box), volume[0, 3:11, 2:17, 1:16])


def test_boxes_of_one_sample_that_share_a_read(tmp_path):
    spec = dataclasses.replace(tiny.SPECS["image"], dtype="uint8", codecs=CODECS, shard_samples=1)
    volume = np.random.default_rng(0).integers(1, 256, (1, *spec.shape), np.uint8)
    near, _ = written_by_zarr(tmp_path, spec, volume)
    reader = Reader(FarAwayInParts(tmp_path), near._manifest)
    boxes = [((0, 9), (2, 17), (1, 16)), ((3, 11), (0, 20), (0, 9)), ((3, 11), (0, 20), (0, 9))]
    wanted = [Wanted(path=PATH, slot=0, box=box, target=np.empty([b - a for a, b in box], np.uint8)) for box in boxes]
    (read,) = reader.open(reader.shard_of(PATH, 0), wanted)
    read.run()
    for one in wanted:
        np.testing.assert_array_equal(one.target, volume[0][tuple(slice(*ends) for ends in one.box)])


def test_many_threads_read_at_once(reader):
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda slot: reader.read(PATH, slot % 5), range(200)))
    for slot, voxels in enumerate(found):
        np.testing.assert_array_equal(voxels, tiny.voxels(slot % 5)["image"])


def test_threads_that_come_later_work_in_the_same_memory(reader):
    for _ in range(3):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda slot: reader.read(PATH, slot % 5), range(20)))
    assert 1 <= len(reader._unused) <= 2


def test_a_copy_for_another_process_reads_too(reader):
    reader.read(PATH, 0)
    copy = pickle.loads(pickle.dumps(reader))
    np.testing.assert_array_equal(copy.read(PATH, 1), tiny.voxels(1)["image"])


def test_a_changed_file_is_noticed(reader, tiny_store):
    reader.read(PATH, 0)
    shard = tiny_store / reader.shard_of(PATH, 0)
    data = bytearray(shard.read_bytes())
    data[-3] ^= 255
    shard.write_bytes(data)
    with pytest.raises(CorruptError, match="crc32c of the shard's index") as caught:
        reader.read(PATH, 0)
    assert caught.value.path == reader.shard_of(PATH, 0)


def test_background_is_filled_without_reading(reader, tiny_store):
    zeros = {**tiny.SPECS}["image"]
    shard = tiny_store / reader.shard_of(PATH, 0)
    shard.write_bytes(b"".join(store.assemble_shard(zeros, [[None] * zeros.chunks_per_sample])))
    tiny.rewrite(tiny_store)
    found = store.open(tiny_store).store.reader
    target = np.full(tiny.SHAPE, 7.0, np.float32)

    def fill(into, stored):
        into[...] = stored * 2.0 - 1

    wanted = Wanted(path=PATH, slot=0, box=None, target=target, fill=fill)
    assert found.open(found.shard_of(PATH, 0), [wanted]) == []
    assert (target == -1).all()


@pytest.mark.parametrize(
    "box",
    [((0, 0), (0, 1), (0, 1)), ((-1, 1), (0, 1), (0, 1)), ((0, 17), (0, 1), (0, 1)), ((0, 1), (0, 1)), ((3, 1),) * 3],
    ids=["empty", "before", "beyond", "two axes", "backwards"],
)
def test_a_box_outside_is_refused(reader, box):
    with pytest.raises(IndexError, match="box must"):
        reader.read(PATH, 0, box)
