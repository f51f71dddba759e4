"""What `load_dataset` and `open` say of what they cannot load from a Hub."""

import shutil

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_store as tiny
from range_server import Faults

import voxpress as vp
from voxpress import store

NAME = "org/brains"
TABLE = "metadata/train-00000-of-00001.parquet"


@pytest.fixture(autouse=True)
def quiet():
    datasets.disable_progress_bars()


@pytest.fixture
def brains(loopback_hub, carded_store):
    loopback_hub.add_folder(NAME, carded_store, tag="v1.0.0")
    return loopback_hub


@pytest.mark.parametrize(
    ("path", "options", "error", "said"),
    [
        ("org/nothing", {}, vp.StoreNotFoundError, "no data set 'org/nothing' on the Hub .*check the name"),
        ("org/nothing@v1", {}, vp.StoreNotFoundError, "no folder 'org/nothing@v1' here, and no data set 'org/nothing'"),
        (NAME, {"revision": "v9"}, vp.StoreNotFoundError, "org/brains on the Hub has no revision 'v9'; give a branch"),
        (f"{NAME}@v9", {}, vp.StoreNotFoundError, "no revision 'v9'"),
        (f"{NAME}@v9", {"revision": "v8"}, ValueError, "two revisions, 'v9' in the name and revision='v8'"),
        (NAME, {"split": "tset"}, vp.QueryError, "no split 'tset' in hf://.*; the splits are train, validation"),
        (NAME, {"split": "train+x[:3]"}, vp.QueryError, "no split 'x'"),
        (NAME, {"columns": ["age", "ago"], "streaming": True}, vp.QueryError, "there is no column ago in the table"),
        (NAME, {"name": "2mm"}, vp.StoreNotFoundError, "no configuration '2mm': it is no collection"),
        (NAME, {"filters": [("age", ">", 500)]}, vp.QueryError, "no row of the data set matches"),
    ],
)
def test_what_is_not_there_is_told(brains, path, options, error, said):
    with pytest.raises(error, match=said):
        vp.load_dataset(path, **options)
    assert not [request for request in brains.storage.log if request.path.endswith(TABLE)]


def test_a_column_that_is_not_there_is_told(carded_store, tmp_path):
    with pytest.raises(vp.QueryError, match="there is no column ago in the table"):
        vp.load_dataset(carded_store, columns=["age", "ago"], cache_dir=tmp_path / "cache")


def test_a_folder_whose_name_is_a_pattern_is_a_folder(carded_store, tmp_path):
    folder = shutil.copytree(carded_store, tmp_path / "brains [2mm] *")
    rows = vp.load_dataset(folder, split="train", cache_dir=tmp_path / "cache")
    np.testing.assert_array_equal(rows[0]["image"].numpy(), tiny.voxels(0)["image"])


@pytest.mark.parametrize("streaming", [False, True])
def test_splits_that_are_there_are_no_mistake(brains, streaming):
    parts = {"train": 9} if streaming else {"train": 9, "train[:4]": 4, "train[2:4]+validation": 5, "all": 12}
    for split, count in parts.items():
        assert len(list(vp.load_dataset(NAME, split=split, streaming=streaming))) == count


def test_a_repository_of_something_else_is_described(loopback_hub, tmp_path):
    (tmp_path / "other/data").mkdir(parents=True)
    (tmp_path / "other/data/train.csv").write_text("a,b\n1,2\n")
    (tmp_path / "other/README.md").write_text("# Words\n")
    loopback_hub.add_folder("org/words", tmp_path / "other")
    said = r"org/words on the Hub is not a voxpress data set: it has no voxpress\.json, but README\.md, data/; load it"
    with pytest.raises(vp.StoreNotFoundError, match=said):
        vp.load_dataset("org/words")
    for number in range(30):
        (tmp_path / f"other/{number:02d}.txt").touch()
    loopback_hub.add_folder("org/words", tmp_path / "other")
    with pytest.raises(vp.StoreNotFoundError, match=r"but 00\.txt, 01\.txt, .* and 20 more; load"):
        vp.load_dataset("org/words")


@pytest.mark.parametrize("load", [vp.load_dataset, vp.open])
def test_a_manifest_that_points_outside_the_store_is_refused(loopback_hub, tiny_store, load):
    path = tiny_store / "voxpress.json"
    path.write_text(path.read_text().replace('"recipe.yaml": {', '"../../recipe.yaml": {'))
    loopback_hub.add_folder(NAME, tiny_store)
    with pytest.raises(vp.UnsafePathError, match=r"names the path '\.\./\.\./recipe\.yaml'.*do not trust this store"):
        load(NAME)


def test_a_manifest_that_is_none_is_refused(loopback_hub, tiny_store):
    (tiny_store / "voxpress.json").write_text("<html>not here</html>")
    loopback_hub.add_folder(NAME, tiny_store)
    with pytest.raises(vp.FormatError, match=r"hub|resolve|voxpress\.json"):
        vp.load_dataset(NAME)


def test_a_table_that_is_not_that_of_the_manifest_is_refused_before_it_is_downloaded(loopback_hub, tiny_store):
    table = pq.read_table(tiny_store / TABLE)
    pq.write_table(table.slice(0, 5), tiny_store / TABLE)
    loopback_hub.add_folder(NAME, tiny_store)
    with pytest.raises(vp.CorruptError, match=rf"{TABLE} at hf://.* is not the table that the manifest names"):
        vp.load_dataset(NAME, split="train")
    (tiny_store / TABLE).unlink()
    loopback_hub.add_folder(NAME, tiny_store)
    with pytest.raises(vp.CorruptError, match=rf"{TABLE} is missing at hf://"):
        vp.load_dataset(NAME, split="train")
    assert not loopback_hub.storage.log


def test_rows_that_refer_to_what_the_arrays_do_not_have_are_refused(loopback_hub, tiny_store):
    """By somebody who also brought the manifest in line with them."""
    table = pq.read_table(tiny_store / TABLE)
    wrong = [{"path": "volumes/train.zarr/image", "index": slot} for slot in [tiny.HOLE, 99, *range(7)]]
    place = table.schema.get_field_index("image")
    pq.write_table(
        table.set_column(place, table.schema.field(place), pa.array(wrong, table.schema.field(place).type)),
        tiny_store / TABLE,
    )
    tiny.rewrite(tiny_store)
    loopback_hub.add_folder(NAME, tiny_store)
    rows = vp.load_dataset(NAME, split="train")
    for row in (0, 1):
        with pytest.raises(
            vp.FormatError, match=r"names slot (5|99) of volumes/train\.zarr/image, which holds no sample"
        ):
            rows[row]["image"].numpy()


def test_a_shard_that_is_wrong_is_an_error_that_names_samples(loopback_hub, tiny_store):
    path = tiny_store / store.shard_path("train", "image", 1)
    data = bytearray(path.read_bytes())
    data[1000] ^= 255
    path.write_bytes(data)
    loopback_hub.add_folder(NAME, tiny_store)
    rows = vp.load_dataset(NAME, split="train")
    with pytest.raises(vp.CorruptError, match=r"image/c\.1\.0\.0\.0 .*samples tiny-000004") as caught:
        rows[4]["image"].numpy()
    assert "tiny-000006" in caught.value.samples


def test_an_interrupted_download_goes_on(brains):
    brains.storage.faults = Faults(truncate=1.0, first=1)
    rows = vp.load_dataset(NAME, split="train", streaming=True)
    np.testing.assert_array_equal(next(iter(rows))["image"].numpy(), tiny.voxels(0)["image"])
    assert any(request.fault for request in brains.storage.log)


def test_a_hub_without_ranges_is_told(brains):
    rows = vp.load_dataset(NAME, split="train")
    brains.storage.ranges = False
    with pytest.raises(vp.RemoteError, match=r"does not give ranges of volumes/train.*use a server that does"):
        rows[0]["image"].numpy()


def test_a_hub_that_cannot_be_reached_is_told(brains, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(
        vp.RemoteError, match=r"org/other could not be looked up on the Hub .*check the name and the net"
    ):
        vp.load_dataset("org/other")


PLAIN = """if True:
    import sys
    sys.modules["voxpress"] = None
    import datasets
    whole = datasets.load_dataset("org/brains", revision="v1.0.0")
    assert {split: len(rows) for split, rows in whole.items()} == {"train": 9, "validation": 3}, whole
    assert whole["train"][0]["image"] == {"path": "volumes/train.zarr/image", "index": 0}
    assert all(type(value).__module__.startswith("datasets") for value in whole["train"].features.values()
               if not isinstance(value, dict))
    stream = datasets.load_dataset("org/brains", "default", revision="v1.0.0", split="validation", streaming=True)
    assert [row["index"] for row in stream] == [10, 11, 12]
    try:
        import voxpress
    except ImportError:
        print("done")
"""


@pytest.mark.timeout(120)
def test_without_this_package_it_is_a_plain_table(brains, tmp_path):
    # after this package has filled the same caches
    assert len(vp.load_dataset(NAME, split="train", revision="v1.0.0").map(lambda row: {"more": 1})) == 9
    ran = brains.run(PLAIN, home=tmp_path / "home")
    assert ran.stdout == "done\n", ran.stderr
