"""Several data sets in one repository or folder, each by its name."""

import shutil

import datasets
import numpy as np
import pytest
import tiny_store as tiny
from range_server import RangeServer

import voxpress as vp
from voxpress import store

NAME = "org/brains"
TRAIN = [index for index in range(10) if index != tiny.HOLE]
CARD = """---
configs:
{}---
# Brains at two resolutions
"""
CONFIG = """- config_name: {0}
  data_files:
  - {{split: train, path: {0}/metadata/train-*.parquet}}
  - {{split: validation, path: {0}/metadata/validation-*.parquet}}
"""


@pytest.fixture(scope="module")
def collection(sealed_store, tmp_path_factory):
    """Folder with the small store as 1mm, and four of its samples as 2mm; a test must not write to it."""
    root = tmp_path_factory.mktemp("collection")
    shutil.copytree(sealed_store, root / "1mm")
    store.recode(sealed_store, root / "2mm", store.Packing(shard_samples=2), where="index < 4 or index > 10")
    (root / "README.md").write_text(CARD.format(CONFIG.format("1mm") + CONFIG.format("2mm")))
    return root


@pytest.fixture(params=["folder", "url", "hub", "memory"])
def place(request, collection, loopback_hub):
    if request.param == "folder":
        yield str(collection)
    elif request.param == "hub":
        loopback_hub.add_folder(NAME, collection, tag="v1.0.0")
        yield f"{NAME}@v1.0.0"
    elif request.param == "url":
        with RangeServer(collection) as server:
            yield server.url
    else:
        from fsspec.implementations.memory import MemoryFileSystem

        files = MemoryFileSystem()
        for path in collection.rglob("*"):
            if path.is_file():
                files.pipe_file(f"/collection/{path.relative_to(collection).as_posix()}", path.read_bytes())
        yield "memory://collection"
        files.rm("/collection", recursive=True)


def test_a_name_chooses(place, tmp_path):
    datasets.disable_progress_bars()
    for name, found in (("1mm", TRAIN), ("2mm", [0, 1, 2, 3])):
        cohort = vp.open(place, name)
        assert cohort.split("train").table["index"].to_pylist() == found
        rows = vp.load_dataset(place, name, split="train", cache_dir=tmp_path / "cache")
        assert rows["index"][:] == found
        assert rows.features["image"].root.endswith(f"/{name}")
        for one in (cohort.split("train")[3]["image"], rows[3]["image"].numpy()):
            np.testing.assert_array_equal(one, tiny.voxels(3)["image"])
    stream = vp.load_dataset(place, "2mm", split="validation", streaming=True, cache_dir=tmp_path / "cache")
    assert [row["index"] for row in stream] == [11, 12]


@pytest.mark.parametrize("load", [vp.open, vp.load_dataset])
def test_a_name_that_is_missing_or_wrong_is_told_with_those_that_there_are(place, load):
    with pytest.raises(
        vp.StoreNotFoundError, match="holds data sets but is none itself; give the name of one of: 1mm, 2mm"
    ):
        load(place)
    for name in ("3mm", "default"):
        with pytest.raises(vp.StoreNotFoundError, match=f"no configuration '{name}'; .*one of: 1mm, 2mm"):
            load(place, name)


@pytest.mark.parametrize("name", ["../1mm", "1mm/..", "", "a/b", ".hidden", "-x"])
def test_a_name_cannot_lead_elsewhere(collection, name):
    with pytest.raises(vp.StoreNotFoundError, match="no configuration is called"):
        vp.open(collection, name)


def test_a_single_data_set_is_the_default(sealed_store):
    assert len(vp.open(sealed_store, "default")) == tiny.SAMPLES
    with pytest.raises(
        vp.StoreNotFoundError, match=r"no configuration '2mm': it is no collection .*leave out the name"
    ):
        vp.open(sealed_store, "2mm")


def test_datasets_alone_reads_each(collection, loopback_hub):
    loopback_hub.add_folder(NAME, collection, tag="v1.0.0")
    assert datasets.get_dataset_config_names(NAME, revision="v1.0.0") == ["1mm", "2mm"]
    rows = datasets.load_dataset(NAME, "2mm", revision="v1.0.0", split="train")
    assert rows["index"][:] == [0, 1, 2, 3]
    # with this package a folder is an address too
    same = vp.load_dataset(f"hf://datasets/{NAME}@v1.0.0/2mm", split="train")
    assert same.features["image"].root == vp.load_dataset(NAME, "2mm", split="train").features["image"].root
    np.testing.assert_array_equal(same[3]["image"].numpy(), tiny.voxels(3)["image"])


def test_a_card_that_is_broken_names_nothing(collection, tmp_path):
    (tmp_path / "1mm").mkdir()
    for text in ("", "---\n[\n---\n", "---\nconfigs: 3\n---\n", "---\nconfigs: [{config_name: ../x}, 3]\n---\n"):
        (tmp_path / "README.md").write_text(text)
        with RangeServer(tmp_path) as server, pytest.raises(vp.StoreNotFoundError, match=r"no voxpress\.json at http"):
            vp.open(server.url)
