"""Comparing data sets: what is read for it, and what is found between versions that the factory made."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import tiny_store as tiny
from range_server import RangeServer
from tiny_factory import SAMPLES, order, press

import voxpress
from voxpress import store
from voxpress.errors import CorruptError, StoreNotFoundError
from voxpress.store.diff import ChangesFile, diff
from voxpress.store.diff.changes_file import SCHEMA
from voxpress.store.opening import open_source
from voxpress.store.sources import LocalSource
from voxpress.store.sources.counted import CountedSource

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def grown(tmp_path_factory) -> Path:
    """The balls of `pressed_balls`, some more, others darker, and one that no attempt makes well enough."""
    target = tmp_path_factory.mktemp("grown") / "balls"
    recipe = order("version=1.1.0", "samples=18", "tone=dark", "backend.fail={3: 9}")
    press(recipe, target)
    return target


def test_a_data_set_is_the_same_as_its_copy(pressed_balls, tmp_path) -> None:
    copy = shutil.copytree(pressed_balls, tmp_path / "copy")
    (copy / "README.md").write_text("a card is no part of the data set")
    found = voxpress.diff(pressed_balls, copy)
    assert found.same
    assert found.samples.same == SAMPLES
    assert (found.schema, found.arrays, found.recipe, found.lock) == ((), (), (), ())
    assert (found.files.added, found.files.removed, found.files.changed, found.files.new_bytes) == (0, 0, 0, 0)


def test_the_next_version(pressed_balls, grown) -> None:
    found = diff(pressed_balls, grown)
    old, new = (
        {row["sample_id"]: row for row in store.open(each).table.to_pylist()} for each in (pressed_balls, grown)
    )
    darker = [name for name in new if name in old and old[name]["tone"] == "bright"]
    assert not found.same
    assert (found.old.version, found.new.version) == ("1.0.0", "1.1.0")
    assert found.samples.added.to_pylist() == [name for name in new if name not in old]
    assert found.samples.removed.to_pylist() == ["tiny-balls-0000003"]
    assert found.samples.changed.to_pylist() == darker
    assert darker
    changed = {each.column: each.samples for each in found.samples.columns}
    assert changed == {"tone": len(darker), "image_sha256": len(darker)}
    assert len(found.samples.moved) == 0
    assert {each.name: (each.old, each.new) for each in found.recipe} == {
        "version": ("1.0.0", "1.1.0"),
        "samples": (14, 18),
        "backend.fail": (None, {"3": 9}),
        "conditions.tone": (None, "dark"),
    }
    (rejection,) = found.rejected.added
    assert rejection.sample_id == "tiny-balls-0000003"
    assert found.lock == found.arrays == found.schema == ()
    assert found.files.beside == ("recipe.yaml",)


def test_the_other_way_round(pressed_balls, grown) -> None:
    there, back = diff(pressed_balls, grown), diff(grown, pressed_balls)
    assert back.samples.removed.to_pylist() == there.samples.added.to_pylist()
    assert back.samples.added.to_pylist() == there.samples.removed.to_pylist()
    assert back.rejected.removed == there.rejected.added
    assert (back.files.added, back.files.removed) == (there.files.removed, there.files.added)


def test_everything_that_differs_is_in_the_parquet_file(pressed_balls, grown, tmp_path) -> None:
    path = tmp_path / "changes.parquet"
    with ChangesFile(path) as changes:
        found = diff(pressed_balls, grown, on_changes=changes.add)
    told = pq.read_table(path)
    assert told.schema == SCHEMA
    assert list(tmp_path.iterdir()) == [path]
    rows = told.to_pylist()
    by_change = {
        what: [each["sample_id"] for each in rows if each["change"] == what] for what in ("added", "removed", "moved")
    }
    assert by_change == {
        "added": found.samples.added.to_pylist(),
        "removed": found.samples.removed.to_pylist(),
        "moved": [],
    }
    changed = [each for each in rows if each["change"] == "changed"]
    assert len(changed) == sum(each.samples for each in found.samples.columns)
    assert {(each["column"], each["old"], each["new"]) for each in changed if each["column"] == "tone"} == {
        ("tone", "bright", "dark")
    }


def test_a_parquet_file_that_is_not_finished_is_not_there(pressed_balls, tmp_path) -> None:
    with pytest.raises(KeyboardInterrupt), ChangesFile(tmp_path / "changes.parquet"):
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


def test_no_voxel_is_read(pressed_balls, grown) -> None:
    sides = [open_source(CountedSource(LocalSource(root))) for root in (pressed_balls, grown)]
    assert not diff(*sides).same
    for side in sides:
        read = side.store.source.tally.now()
        assert read.requests == 0
        files = side.manifest.files
        tables = sum(files[path].bytes for path in files if path.startswith("metadata/"))
        # the manifest, the recipe, the schema, the ids, and all else at once
        assert 0 < read.file_bytes <= len(side.manifest.to_bytes()) + files["recipe.yaml"].bytes + 3 * tables


def test_voxels_need_not_be_there(pressed_balls, grown, tmp_path) -> None:
    copies = [shutil.copytree(root, tmp_path / str(n)) for n, root in enumerate((pressed_balls, grown))]
    for copy in copies:
        shutil.rmtree(copy / "volumes")
    assert diff(*copies).samples.columns == diff(pressed_balls, grown).samples.columns


def test_over_http(pressed_balls, grown) -> None:
    with RangeServer(pressed_balls) as server:
        found = diff(server.url, grown)
        asked = [each.path for each in server.log]
    assert found.samples.columns == diff(pressed_balls, grown).samples.columns
    assert not any("volumes" in path for path in asked)
    tables = [path for path in store.open(pressed_balls).manifest.files if path.startswith("metadata/")]
    assert sorted(asked) == sorted(["voxpress.json", "recipe.yaml", *tables])


def test_another_lock(tiny_store, sealed_store) -> None:
    tiny.rewrite(tiny_store, lock={"packages": {"numpy": "3", "scipy": "1"}})
    found = diff(sealed_store, tiny_store)
    assert not found.same
    assert [(each.name, each.old, each.new) for each in found.lock] == [
        ("packages.numpy", "2", "3"),
        ("packages.scipy", None, "1"),
    ]
    assert found.samples.same == tiny.SAMPLES


def test_a_copy_that_is_packed_otherwise_has_the_same_samples(sealed_store, tmp_path) -> None:
    store.recode(sealed_store, tmp_path / "copy", store.Packing(chunk="4,5,6", shard_samples=2))
    found = diff(sealed_store, tmp_path / "copy")
    assert found.samples.same == tiny.SAMPLES
    assert found.samples.columns == ()
    assert {each.name for each in found.arrays} >= {"image.chunk", "image.codecs", "label.shard_samples"}
    assert [each.name for each in found.lock] == ["recoded"]


def test_formats_of_other_versions(tmp_path) -> None:
    found = diff(GOLDEN / "format-1", GOLDEN / "format-2")
    assert (found.old.format_version, found.new.format_version) == (1, 2)
    added = [(each.name, each.old) for each in found.schema]
    assert added == [(name, None) for name in ("image_box", "label_values", "label_counts", "label_boxes")]
    assert found.samples.same == found.new.samples


def test_a_recipe_that_is_no_yaml_is_told_by_its_digest(tiny_store, sealed_store) -> None:
    (tiny_store / "recipe.yaml").write_text("name: [")
    tiny.rewrite(tiny_store, recipe_sha256=store.hash_file(tiny_store / "recipe.yaml").sha256)
    (change,) = diff(sealed_store, tiny_store).recipe
    assert change.name == "recipe.yaml"
    assert change.new == store.hash_file(tiny_store / "recipe.yaml").sha256


@pytest.mark.parametrize("name", ["recipe.yaml", "metadata/train-00000-of-00001.parquet"])
def test_wrong_bytes_are_an_error(name, pressed_balls, grown, tmp_path) -> None:
    copy = shutil.copytree(grown, tmp_path / "copy")
    path = next(copy.glob(name.replace("00001.", "*.")))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(CorruptError, match=path.name):
        diff(pressed_balls, copy)


def test_what_is_no_data_set_is_told_of(pressed_balls, tmp_path) -> None:
    with pytest.raises(StoreNotFoundError):
        diff(pressed_balls, tmp_path)
