"""`load_dataset` from a Hub: one commit, nothing read that is not used, in any process, with and without network."""

import pickle

import datasets
import numpy as np
import pytest
import tiny_store as tiny
import torch
from datasets.distributed import split_dataset_by_node
from huggingface_hub import snapshot_download
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

import voxpress as vp
from voxpress import store
from voxpress.builder import LazyVolume, handles
from voxpress.store.cache import cache_of
from voxpress.store.sources.process import PerProcess

NAME = "org/brains"
TRAIN = [index for index in range(10) if index != tiny.HOLE]
both = pytest.mark.parametrize("streaming", [False, True], ids=["map", "stream"])


@pytest.fixture(autouse=True)
def quiet():
    datasets.disable_progress_bars()


@pytest.fixture
def brains(loopback_hub, carded_store, tmp_path):
    """v1.0.0 is the small store; the main branch has four of its samples, packed otherwise. Gives both commits."""
    first = loopback_hub.add_folder(NAME, carded_store, tag="v1.0.0")
    store.recode(carded_store, tmp_path / "later", store.Packing(shard_samples=2), where="index < 4")
    second = loopback_hub.add_folder(NAME, tmp_path / "later", tag="v2.0.0")
    loopback_hub.reset()
    return first, second


def of_volumes(hub):
    """Requests to the Hub for volumes."""
    return [request for request in hub.log if "volumes/" in request.path]


@both
@pytest.mark.parametrize(
    ("path", "revision"),
    [
        (NAME, "v1.0.0"),
        (f"{NAME}@v1.0.0", None),
        (f"hf://datasets/{NAME}@v1.0.0", None),
        (f"hf://datasets/{NAME}", "v1.0.0"),
    ],
)
def test_a_version_is_loaded_with_its_own_volumes(brains, loopback_hub, path, revision, streaming):
    rows = vp.load_dataset(path, split="train", revision=revision, streaming=streaming)
    assert rows.features["image"].root == f"hf://datasets/{NAME}@{brains[0]}"
    assert [row["index"] for row in rows] == TRAIN
    assert not of_volumes(loopback_hub)
    row = next(iter(rows.skip(3)))
    np.testing.assert_array_equal(row["image"].numpy(), tiny.voxels(3)["image"])
    np.testing.assert_array_equal(row["label"].torch().numpy(), tiny.voxels(3)["label"])


@both
def test_a_branch_that_moves_does_not_mix_versions(brains, loopback_hub, carded_store, streaming):
    rows = vp.load_dataset(NAME, split="train", streaming=streaming)
    assert [row["index"] for row in rows] == [0, 1, 2, 3]
    # the version that is now there packs the same samples otherwise
    loopback_hub.add_folder(NAME, carded_store)
    for row in rows:
        np.testing.assert_array_equal(row["image"].numpy(), tiny.voxels(row["index"])["image"])
    assert {request.path.split("/resolve/")[1][:40] for request in of_volumes(loopback_hub)} == {brains[1]}
    assert len(list(vp.load_dataset(NAME, split="train", streaming=streaming))) == len(TRAIN)


def test_the_revision_is_resolved_once(brains, loopback_hub):
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0")
    rows[0]["image"].numpy()
    named = [request.path for request in loopback_hub.log if "v1.0.0" in request.path]
    assert named == [f"api/datasets/{NAME}/revision/v1.0.0"]


def test_a_pin_is_the_commit(brains, loopback_hub):
    assert vp.pin(f"{NAME}@v1.0.0") == brains[0]
    assert vp.pin(f"hf://datasets/{NAME}") == vp.pin(NAME) == brains[1]
    assert vp.pin(f"{NAME}@{brains[0]}") == brains[0]
    assert len(vp.load_dataset(NAME, split="train", revision=vp.pin(f"{NAME}@v1.0.0"))) == len(TRAIN)
    with pytest.raises(vp.StoreNotFoundError, match="no revision 'v9'"):
        vp.pin(f"{NAME}@v9")
    with pytest.raises(ValueError, match=r"must be org/name .*got 'brains'"):
        vp.pin("brains")


@both
def test_nothing_is_read_before_it_is_used(brains, loopback_hub, streaming, monkeypatch):
    # `datasets` waits so long after each stream of shuffled Parquet files, for a fault of older Arrows
    monkeypatch.setattr("datasets.config.SLEEP_TIME_ON_THREADS_SHUTDOWN", 0)
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0", streaming=streaming)
    loopback_hub.storage.reset()
    list(rows.select_columns(["age", "image"]))
    list(rows.remove_columns(["label"]))
    list(rows.filter(lambda age: age > 60, input_columns=["age"]))
    list(rows.filter(lambda row: row["age"] > 60))
    list(rows.map(lambda row: {"decade": row["age"] // 10}))
    list(rows.shuffle(seed=0))
    list(split_dataset_by_node(rows, rank=1, world_size=2))
    if streaming:
        list(rows.shuffle(seed=0, buffer_size=5))
        state = rows.state_dict()
        rows.load_state_dict(state)
        list(rows)
    else:
        rows.select([3, 5])[:]
    shards = {path.name for path in (loopback_hub.folder / NAME / "lfs").iterdir()}
    read = {request.path.split("/")[-1] for request in loopback_hub.storage.log}
    tables = {
        file.lfs
        for path, file in loopback_hub.repository(NAME).read("v1.0.0").files.items()
        if path.endswith(".parquet")
    }
    assert not of_volumes(loopback_hub)
    assert read <= tables < shards


def test_a_stream_goes_on_where_it_was(brains):
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0", streaming=True)
    before = []
    for row in rows:
        before.append(row["index"])
        if len(before) == 4:
            break
    state = rows.state_dict()
    again = vp.load_dataset(NAME, split="train", revision="v1.0.0", streaming=True)
    again.load_state_dict(state)
    rest = list(again)
    assert before + [row["index"] for row in rest] == TRAIN
    np.testing.assert_array_equal(rest[0]["image"].numpy(), tiny.voxels(4)["image"])


@pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")
@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_goes_on_where_it_was(brains, workers):
    def loader():
        rows = vp.load_dataset(
            NAME,
            split="train",
            revision="v1.0.0",
            streaming=True,
            columns=["index", "image"],
            filters=[("age", ">", 52)],
        )
        return StatefulDataLoader(rows, batch_size=2, num_workers=workers)

    whole = [batch["index"].tolist() for batch in loader()]
    assert sorted(index for batch in whole for index in batch) == TRAIN[1:]
    first = loader()
    for batch in first:
        done = batch["index"].tolist()
        break
    state = first.state_dict()
    rest = loader()
    rest.load_state_dict(state)
    batches = list(rest)
    assert [done, *(batch["index"].tolist() for batch in batches)] == whole
    for batch in batches:
        for index, image in zip(batch["index"].tolist(), batch["image"], strict=True):
            np.testing.assert_array_equal(image.numpy(), tiny.voxels(index)["image"])


@both
@pytest.mark.timeout(120)
def test_forked_workers_read_volumes(brains, streaming):
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0", streaming=streaming, columns=["index", "image"])
    # read here before, so that what is open must not be used in the workers
    next(iter(rows))["image"].numpy()
    loader = DataLoader(rows, batch_size=4, num_workers=2, multiprocessing_context="fork")
    found = []
    for batch in loader:
        for index, image in zip(batch["index"].tolist(), batch["image"], strict=True):
            np.testing.assert_array_equal(image.numpy(), tiny.voxels(index)["image"])
            found.append(index)
    assert sorted(found) == TRAIN


def test_the_volumes_of_a_batch_are_read_together(brains, loopback_hub):
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0", columns=["index", "image"])
    (batch,) = DataLoader(rows.select(range(8)), batch_size=8)
    assert batch["image"].shape == (8, *tiny.SHAPE)
    assert batch["image"].dtype == torch.uint8
    np.testing.assert_array_equal(batch["image"][7].numpy(), tiny.voxels(TRAIN[7])["image"])
    spans = [request for request in loopback_hub.storage.log if request.span]
    # an index and one range of each of the three shards
    assert len(spans) == 6


@both
def test_detached_rows_are_plain(brains, tmp_path, streaming):
    rows = vp.detach(vp.load_dataset(NAME, revision="v1.0.0", streaming=streaming))
    assert next(iter(rows["validation"]))["image"] == {"path": "volumes/validation.zarr/image", "index": 0}
    if not streaming:
        rows.save_to_disk(tmp_path / "saved")
        assert not any("hf://" in path.read_text() for path in (tmp_path / "saved").rglob("*.json"))


def test_derived_rows_that_are_saved_load_again(brains, tmp_path):
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0").map(lambda row: {"decade": row["age"] // 10})
    rows.save_to_disk(tmp_path / "saved")
    row = datasets.load_from_disk(str(tmp_path / "saved"))[5]
    assert isinstance(row["image"], LazyVolume)
    np.testing.assert_array_equal(row["image"].numpy(), tiny.voxels(6)["image"])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(row["image"])).numpy(), tiny.voxels(6)["image"])


def test_volumes_are_kept_in_a_cache(brains, loopback_hub, tmp_path):
    cache = cache_of(tmp_path / "cache", "10MB")
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0", cache=cache)
    for _ in range(2):
        for row in rows:
            np.testing.assert_array_equal(row["image"].numpy(), tiny.voxels(row["index"])["image"])
        loopback_hub.storage.reset()
    list(rows)
    [row["image"].numpy() for row in rows]
    assert not loopback_hub.storage.log


# --- without network


def offline(monkeypatch, hub):
    """As `HF_HUB_OFFLINE=1`, with a Hub that could be asked."""
    hub.reset()
    hub.storage.reset()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(handles, "_HANDLES", PerProcess(handles._Handles))


@both
def test_a_snapshot_is_enough_when_offline(brains, loopback_hub, monkeypatch, streaming):
    snapshot_download(NAME, repo_type="dataset", revision="v1.0.0")
    offline(monkeypatch, loopback_hub)
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0", streaming=streaming)
    for row in rows:
        np.testing.assert_array_equal(row["image"].numpy(), tiny.voxels(row["index"])["image"])
    np.testing.assert_array_equal(vp.open(f"{NAME}@v1.0.0")[1]["image"], tiny.voxels(1)["image"])
    assert vp.pin(f"{NAME}@v1.0.0") == brains[0]
    assert not loopback_hub.log
    with pytest.raises(vp.RemoteError, match=r"could not be looked up .*HF_HUB_OFFLINE is set"):
        vp.load_dataset(NAME, revision="v2.0.0")


def test_a_snapshot_folder_is_a_path(brains, loopback_hub):
    folder = snapshot_download(NAME, repo_type="dataset", revision="v1.0.0")
    loopback_hub.reset()
    rows = vp.load_dataset(folder, split="train")
    np.testing.assert_array_equal(rows[3]["image"].numpy(), tiny.voxels(3)["image"])
    assert not loopback_hub.log


def test_the_table_that_was_loaded_once_is_there_when_offline(brains, loopback_hub, monkeypatch):
    vp.load_dataset(NAME, split="train", revision="v1.0.0")
    offline(monkeypatch, loopback_hub)
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0")
    assert rows["index"][:] == TRAIN
    assert rows[0]["image"].shape == tiny.SHAPE
    with pytest.raises(vp.RemoteError, match=r"HF_HUB_OFFLINE is set, and volumes/train.* is not in the cache"):
        rows[0]["image"].numpy()
    assert not loopback_hub.log


def test_a_program_without_network_loads_it(brains, loopback_hub, tmp_path):
    program = """if True:
        import sys
        import voxpress as vp
        rows = vp.load_dataset("org/brains", split="train", revision="v1.0.0")
        print(len(rows), int(rows[0]["image"].numpy().max()))
    """
    snapshot_download(NAME, repo_type="dataset", revision="v1.0.0", cache_dir=tmp_path / "other" / "hub")
    loopback_hub.reset()
    ran = loopback_hub.run(program, home=tmp_path / "other", token=None, HF_HUB_OFFLINE="1")
    assert ran.stdout == f"9 {tiny.voxels(0)['image'].max()}\n", ran.stderr
    assert not loopback_hub.log
