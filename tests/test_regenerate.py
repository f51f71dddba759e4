"""A data set made again: exact wherever and however it is done, and honest where it is not."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tiny_store as tiny
from altered_backend import AlteredBackend
from golden.make_format_1 import order as golden_order
from range_server import RangeServer
from spheres_backend import SpheresBackend
from tiny_factory import SAMPLES, TEXT, contents, order, press
from troubled_backend import Trouble, TroubledBackend

import voxpress
from voxpress import store
from voxpress.errors import CorruptError, GenerationError, QueryError, RecipeError, StoreExistsError
from voxpress.generation.factory import generate
from voxpress.generation.levels import Level
from voxpress.generation.recipe import parse_recipe

if TYPE_CHECKING:
    from voxpress.generation.regenerate import Regeneration

RECIPE = order()


def spheres(backend=SpheresBackend, recipe=RECIPE, **options):
    return partial(backend, recipe.backend.options, recipe.grid, **options)


def regenerate(source, target=None, *, load=None, **options) -> Regeneration:
    return voxpress.regenerate(source, target, load=load or spheres(), **{"workers": 1, **options})


def ids(*indices: int) -> list[str]:
    return [f"tiny-balls-{index:07d}" for index in indices]


def altered(root: Path, **changes) -> Path:
    """The data set as a release with other voxels made it."""
    generate(RECIPE, root, load=spheres(AlteredBackend, **changes))
    return root


@pytest.mark.parametrize("workers", [1, 2])
def test_the_same_bytes_elsewhere_with_other_workers(pressed_balls, tmp_path, workers) -> None:
    done = regenerate(pressed_balls, tmp_path / "again", workers=workers)
    assert (done.level, done.samples, done.made, done.differences) == (Level.EXACT, SAMPLES, SAMPLES, ())
    assert (done.reasons, done.lock) == ((), ())
    assert done.digest == done.target_digest == store.open(pressed_balls).manifest.digest
    assert contents(tmp_path / "again") == contents(pressed_balls)


def test_people_are_part_of_the_order(tmp_path) -> None:
    people = "radius,tone\n" + "".join(f"{2.5 + n / 10},dark\n" for n in range(9))
    (tmp_path / "who.csv").write_text(people)
    sets = ["people=who.csv", "conditions.radius_mm={column: radius}", "samples=5"]
    recipe = parse_recipe(TEXT, sets=sets, folder=tmp_path)
    press(recipe, tmp_path / "one", people_folder=tmp_path)
    (tmp_path / "who.csv").unlink()
    done = regenerate(tmp_path / "one", tmp_path / "two")
    assert done.level is Level.EXACT
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_from_a_server(pressed_balls) -> None:
    with RangeServer(pressed_balls) as server:
        assert regenerate(server.url, samples=[3]).level is Level.EXACT


def test_a_run_that_was_stopped_goes_on(pressed_balls, tmp_path) -> None:
    broken = spheres(TroubledBackend, trouble=Trouble(kind="raise", at=9))
    with pytest.raises(GenerationError):
        regenerate(pressed_balls, tmp_path / "again", load=broken)
    told: list[int] = []
    done = regenerate(pressed_balls, tmp_path / "again", progress=lambda progress: told.append(progress.done))
    assert 0 < done.made < SAMPLES
    assert told[0] == SAMPLES - done.made
    assert done.level is Level.EXACT
    again = regenerate(pressed_balls, tmp_path / "again")
    assert (again.level, again.made, again.samples) == (Level.EXACT, 0, SAMPLES)


@pytest.mark.parametrize(
    ("chosen", "indices"),
    [
        ({"samples": [7, 2, 7]}, [2, 7]),
        ({"samples": ["7", "tiny-balls-0000003"]}, [3, 7]),
        ({"split": "test"}, [0, 2, 5, 10, 13]),
        ({"where": "index < 3"}, [0, 1, 2]),
        ({"where": "index < 3", "split": "test"}, [0, 2]),
    ],
)
def test_a_part_alone(pressed_balls, tmp_path, chosen, indices) -> None:
    done = regenerate(pressed_balls, **chosen)
    assert (done.level, done.samples, done.made, done.target) == (Level.EXACT, len(indices), len(indices), None)
    regenerate(pressed_balls, tmp_path / "part", **chosen)
    part = store.open(tmp_path / "part")
    assert store.verify(tmp_path / "part").ok
    assert sorted(part.table["sample_id"].to_pylist()) == ids(*indices)
    whole = store.open(pressed_balls)
    for row in part:
        [there] = whole.where(f"index == {row['index']}")
        assert (row["image"] == there["image"]).all()
        assert row["image_sha256"] == there["image_sha256"]
    assert part.manifest.lock["part"]["of"] == whole.manifest.digest
    # a part can be made again, too
    assert regenerate(tmp_path / "part").level is Level.EXACT


def test_a_part_is_no_run_of_another(pressed_balls, tmp_path) -> None:
    regenerate(pressed_balls, tmp_path / "part", samples=[1])
    assert regenerate(pressed_balls, tmp_path / "part", samples=[1]).made == 0
    with pytest.raises(StoreExistsError, match=r"lock\.part"):
        regenerate(pressed_balls, tmp_path / "part", samples=[1, 2])
    with pytest.raises(StoreExistsError, match=r"lock\.part"):
        regenerate(pressed_balls, tmp_path / "part")


def test_a_copy_that_is_packed_otherwise(pressed_balls, tmp_path) -> None:
    store.recode(pressed_balls, tmp_path / "lz4", store.Packing(shard_samples=3), where="tone == 'dark'")
    done = regenerate(tmp_path / "lz4")
    assert done.level is Level.EXACT
    assert 0 < done.samples < SAMPLES
    assert done.lock == ()


@pytest.mark.parametrize("name", ["format-1", "format-2", "format-2-lz4", "format-3"])
def test_old_formats_and_holes(name) -> None:
    done = regenerate(Path(__file__).parent / "golden" / name, load=spheres(recipe=golden_order()))
    assert (done.level, done.samples) == (Level.EXACT, 8)


# --- what is not exact


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({"at": 3, "steps": 40, "voxels": 1}, Level.CLOSE),
        ({"at": 3, "steps": 40, "voxels": 9}, Level.DIFFERENT),
        ({"at": 3, "steps": 2, "voxels": 50}, Level.CLOSE),
        ({"at": 3, "steps": 0, "labels": 2}, Level.CLOSE),
        ({"at": 3, "steps": 0, "labels": 5}, Level.DIFFERENT),
    ],
)
def test_changed_voxels_are_counted(pressed_balls, tmp_path, changes, level) -> None:
    done = regenerate(altered(tmp_path / "there", **changes), tmp_path / "made")
    assert done.level is level
    assert (done.samples, done.count(Level.EXACT), done.count(level)) == (SAMPLES, SAMPLES - 1, 1)
    [difference] = done.differences
    assert (difference.sample_id, difference.level) == (*ids(3), level)
    there, made = (store.open(tmp_path / name).where("index == 3") for name in ("there", "made"))
    gaps = np.abs(there.read(0).astype(int) - made.read(0).astype(int))
    if changes["steps"]:
        image = difference.arrays["image"]
        assert (image.differing, image.greatest, image.voxels) == (changes["voxels"], changes["steps"], gaps.size)
        assert (np.count_nonzero(gaps), gaps.max(), gaps.sum()) == (image.differing, image.greatest, image.total)
        assert image.to_json()["mean"] == pytest.approx(changes["voxels"] * changes["steps"] / gaps.size / 255)
    else:
        assert difference.arrays.keys() == {"label"}
        assert difference.arrays["label"].differing == changes["labels"]
    [reason] = done.reasons
    assert "the lock names nothing that has changed" in reason
    assert contents(tmp_path / "made") == contents(pressed_balls)


def test_another_package_version_is_the_reason(tmp_path) -> None:
    there = altered(tmp_path / "there", at=3, steps=1)
    lock = store.open(there).manifest.lock
    tiny.rewrite(there, lock={**lock, "cohort": {**lock["cohort"], "numpy": "1.99.0"}, "later": {"x": "y"}})
    done = regenerate(there)
    assert done.level is Level.CLOSE
    assert done.reasons == (f"cohort.numpy was 1.99.0, is {np.__version__} here",)
    # where it did not matter, it is told all the same
    exact = regenerate(there, samples=[4])
    assert (exact.level, exact.reasons, exact.lock) == (Level.EXACT, (), done.reasons)


@pytest.mark.parametrize(
    ("fail", "said"),
    [
        ({3: 1}, "attempt 0 fails its checks now, so that attempt 1 is kept"),
        ({3: 6}, "no attempt passes its checks now (TEST_FAULT)"),
    ],
)
def test_an_attempt_that_fails_now(pressed_balls, fail, said) -> None:
    done = regenerate(pressed_balls, load=partial(SpheresBackend, {"fail": fail}, RECIPE.grid))
    assert done.level is Level.DIFFERENT
    assert done.reasons == (said,)
    assert [each.sample_id for each in done.differences] == ids(3)
    assert done.samples == SAMPLES


def test_an_attempt_that_passes_now(tmp_path) -> None:
    recipe = order("backend={name: spheres, fail: {3: 1, 4: 6}}")
    press(recipe, tmp_path / "there")
    done = regenerate(tmp_path / "there")
    assert [(each.sample_id, each.reasons) for each in done.differences] == [
        (*ids(3), ("attempt 0 passes its checks now, so that attempt 0 is kept",)),
        (*ids(4), ("the data set does not have it, and attempt 0 passes its checks now",)),
    ]
    assert done.differences[0].arrays["image"].differing > 100
    assert (done.samples, done.count(Level.DIFFERENT)) == (SAMPLES, 2)


def test_voxels_that_cannot_be_read_are_no_crash(tmp_path) -> None:
    there = altered(tmp_path / "there", at=3, steps=1)
    for shard in there.glob("volumes/*/image/c.*"):
        shard.unlink()
    done = regenerate(there)
    assert done.level is Level.DIFFERENT
    [reason] = done.reasons
    assert "its image cannot be read to compare it" in reason


def test_for_programs(tmp_path) -> None:
    done = regenerate(altered(tmp_path / "there", at=3, steps=1), split="train")
    told = json.loads(json.dumps(done.to_json()))
    assert (told["level"], told["samples"], told["exact"], told["close"], told["different"]) == ("close", 9, 8, 1, 0)
    assert told["arrays"]["image"]["greatest_stored"] == 1
    assert [each["sample_id"] for each in told["differences"]] == ids(3)


# --- mistakes


def test_a_backend_that_is_not_installed(pressed_balls) -> None:
    with pytest.raises(RecipeError, match=r"must be an installed backend, which are .*atlas.*, got 'spheres'"):
        voxpress.regenerate(pressed_balls)


def test_a_data_set_without_an_order(sealed_store, tmp_path) -> None:
    with pytest.raises(RecipeError, match="cannot be made again from its recipe"):
        voxpress.regenerate(sealed_store)
    copy = shutil.copytree(sealed_store, tmp_path / "imported")
    (copy / "recipe.yaml").unlink()
    tiny.rewrite(copy)
    with pytest.raises(RecipeError, match=r"has no recipe\.yaml, as it was not made by voxpress generate"):
        voxpress.regenerate(copy)


def test_a_damaged_order(pressed_balls, tmp_path) -> None:
    copy = shutil.copytree(pressed_balls, tmp_path / "balls")
    (copy / "recipe.yaml").write_bytes((copy / "recipe.yaml").read_bytes().replace(b"seed: 7", b"seed: 8"))
    with pytest.raises(CorruptError, match="voxpress repair"):
        regenerate(copy)


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ({"samples": [99, "x"]}, "has no sample 99, x"),
        ({"split": "holdout"}, "no split 'holdout'"),
        ({"where": "index < 0"}, "no sample is left"),
        ({"samples": []}, "no sample is left"),
    ],
)
def test_samples_that_are_not_there(pressed_balls, chosen, said) -> None:
    with pytest.raises(QueryError, match=said):
        regenerate(pressed_balls, **chosen)


def test_not_into_itself(pressed_balls) -> None:
    for target in (pressed_balls, pressed_balls / "again"):
        with pytest.raises(StoreExistsError, match="lies in the data set"):
            regenerate(pressed_balls, target)
