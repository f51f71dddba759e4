"""The next version: the bytes of a fresh run of the changed recipe, with all reused that the change leaves alone."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_store as tiny
from range_server import RangeServer
from tiny_factory import SHARDS, balls, contents, order, press

from voxpress import store
from voxpress.errors import CorruptError, RecipeError, StoreExistsError, StoreNotFoundError, UnreachableError
from voxpress.generation.lock import lock_of
from voxpress.generation.next_version import make_next, plan_next
from voxpress.generation.recipe import recipe_from
from voxpress.store.strict_yaml import read_mapping

GOLDEN = Path(__file__).parent / "golden"


def planned(source: Path, *sets: str, version: str = "1.1.0", **options):
    return plan_next(store.open(source), version=version, sets=sets, load=balls, **options)


def alike(old: store.Cohort, new: store.Cohort) -> set[tuple[str, int]]:
    """Shards whose files and rows are the same in two data sets, by their manifests and tables alone."""
    found = set()
    for split, sizes in new.manifest.splits.items():
        for number in range(sizes.shards):
            paths = [store.shard_path(split, name, number) for name in new.specs]
            held = [
                (
                    [side.manifest.files.get(path) for path in paths],
                    [
                        row
                        for row in side.split(split).table.to_pylist()
                        if row["image"]["index"] // sizes.shard_samples == number
                    ],
                    [
                        each
                        for each in side.manifest.rejected
                        if (each.split, each.slot // sizes.shard_samples) == (split, number)
                    ],
                )
                for side in (old, new)
                if split in side.splits
            ]
            if len(held) == 2 and held[0] == held[1]:
                found.add((split, number))
    return found


@pytest.fixture(scope="module")
def with_holes(tmp_path_factory) -> Path:
    """The order of `tiny_factory`, where no attempt makes sample 3 well enough and sample 5 needs two."""
    target = tmp_path_factory.mktemp("holes") / "balls"
    press(order("backend.fail={3: 9, 5: 1}"), target)
    return target


@pytest.mark.parametrize(
    ("sets", "reused"),
    [
        ([], SHARDS),
        (["samples=30"], None),
        (["samples=15"], None),
        (["samples=5"], None),
        (["tone=dark"], None),
        (["tone=dark*0.6,bright*0.4"], None),
        (["radius_mm=3:4"], 0),
        (["splits={train: 0.6, test: 0.4}"], None),
        (["splits={train: 0.7, test: 0.2, more: 0.1}"], None),
        (["splits={test: 0.3, train: 0.7}"], None),
        (["seed=8"], 0),
        (["shards.samples=3"], 0),
        (["image.dtype=uint16"], 0),
        (["image.shape=15,16,15"], 0),
    ],
    ids=lambda value: " ".join(value) or "only the version" if isinstance(value, list) else "",
)
@pytest.mark.parametrize("source", ["pressed_balls", "with_holes"])
def test_it_is_what_would_be_made_from_nothing(source, sets, reused, request, tmp_path) -> None:
    source = request.getfixturevalue(source)
    plan = planned(source, *sets)
    run = make_next(plan, tmp_path / "next")
    press(plan.recipe, tmp_path / "fresh")
    assert contents(tmp_path / "next") == contents(tmp_path / "fresh")
    assert run.made == plan.recipe.samples - plan.reused_samples
    # neither too few: whatever is the same was taken over; nor too many, though that would show in the bytes
    fresh = store.open(tmp_path / "fresh")
    assert set(plan.reused) == alike(store.open(source), fresh)
    assert plan.shards == sum(split.shards for split in fresh.manifest.splits.values())
    assert reused in (None, len(plan.reused))
    for path, file in ((path, tmp_path / "next" / path) for path in fresh.manifest.files):
        taken = any(path in record.files for record in plan.reused.values())
        assert taken == ((source / path).exists() and file.samefile(source / path))


def test_growth_reuses_what_is_full(pressed_balls) -> None:
    plan = planned(pressed_balls, "samples=30")
    assert 5 <= len(plan.reused) < SHARDS
    assert plan.why_not == ()


@pytest.mark.parametrize(
    ("sets", "why"),
    [(["seed=8"], "seed"), (["backend.fail={1: 1}"], "backend"), (["image.dtype=int16", "seed=1"], "seed image")],
)
def test_what_keeps_everything_from_being_reused_is_told(pressed_balls, sets, why) -> None:
    assert " ".join(planned(pressed_balls, *sets).why_not) == why


def test_version_after_version(pressed_balls, tmp_path) -> None:
    source = pressed_balls
    for number, samples in enumerate((18, 22, 16)):
        target = tmp_path / str(number)
        make_next(planned(source, f"samples={samples}", version=f"1.{number + 1}.0"), target)
        source = target
    press(order("samples=16", "version=1.3.0"), tmp_path / "fresh")
    assert contents(source) == contents(tmp_path / "fresh")


def test_copies_share_nothing(pressed_balls, tmp_path) -> None:
    make_next(planned(pressed_balls, "samples=18"), tmp_path / "next", copy=True)
    press(order("samples=18", "version=1.1.0"), tmp_path / "fresh")
    assert contents(tmp_path / "next") == contents(tmp_path / "fresh")
    assert {path.stat().st_nlink for path in (tmp_path / "next").rglob("*") if path.is_file()} == {1}


@pytest.mark.timeout(120)
def test_two_workers(pressed_balls, tmp_path) -> None:
    make_next(planned(pressed_balls, "samples=30"), tmp_path / "next", workers=2)
    press(order("samples=30", "version=1.1.0"), tmp_path / "fresh")
    assert contents(tmp_path / "next") == contents(tmp_path / "fresh")


@pytest.mark.timeout(120)
def test_killed_before_each_rename_and_link(tmp_path) -> None:
    program = [sys.executable, "-m", "killed_everywhere", str(tmp_path), "next"]
    done = subprocess.run(program, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines()]
    # order.json; link and rename of image and label, and record, of the shard that is there; the other as always
    assert len(told) >= 1 + 5 + 3 + 1 + 2 + 3 + 1
    assert all(each["same"] for each in told)
    assert {each["made"] for each in told} == {0, 2}


def test_progress_counts_what_was_taken_over(pressed_balls, tmp_path) -> None:
    told = []
    plan = planned(pressed_balls, "samples=18")
    make_next(plan, tmp_path / "next", progress=lambda each: told.append((each.done, each.samples)))
    assert told[0] == (0, 18)
    assert told[-1] == (18, 18)
    assert (plan.reused_samples, 18) in told
    assert told == sorted(told)


def test_again_makes_nothing(pressed_balls, tmp_path) -> None:
    plan = planned(pressed_balls, "samples=18")
    make_next(plan, tmp_path / "next")
    before = contents(tmp_path / "next")
    assert make_next(plan, tmp_path / "next").made == 0
    assert contents(tmp_path / "next") == before
    with pytest.raises(StoreExistsError, match="samples: 18"):
        make_next(planned(pressed_balls, "samples=19"), tmp_path / "next")


def test_a_wrong_byte_is_not_taken_over(pressed_balls, tmp_path) -> None:
    source = shutil.copytree(pressed_balls, tmp_path / "source")
    shard = source / store.shard_path("train", "label", 1)
    right = shard.read_bytes()
    shard.write_bytes(right[:-1] + bytes([right[-1] ^ 1]))
    plan = planned(source, "samples=18")
    with pytest.raises(CorruptError, match="sha256") as caught:
        make_next(plan, tmp_path / "next")
    assert caught.value.path == store.shard_path("train", "label", 1)
    assert set(caught.value.samples) == {row["sample_id"] for row in plan.reused["train", 1].rows}
    assert not (tmp_path / "next" / "voxpress.json").exists()
    shard.write_bytes(right)
    make_next(plan, tmp_path / "next")
    press(order("samples=18", "version=1.1.0"), tmp_path / "fresh")
    assert contents(tmp_path / "next") == contents(tmp_path / "fresh")


@pytest.fixture
def older(pressed_balls, tmp_path) -> Path:
    """The same balls, as if they were made with another numpy."""
    source = shutil.copytree(pressed_balls, tmp_path / "older")
    lock = lock_of(balls(order()))
    tiny.rewrite(source, lock={**lock, "cohort": {**lock["cohort"], "numpy": "1.0"}})
    return source


def test_another_lock_is_refused_by_default(older) -> None:
    with pytest.raises(RecipeError, match=r"cohort\.numpy has 1\.0 there.*--if-lock-differs remake"):
        planned(older, "samples=18")


def test_another_lock_does_not_matter_where_nothing_could_be_reused(older) -> None:
    assert planned(older, "seed=8").why_not == ("seed",)


def test_another_lock_remade(older, tmp_path) -> None:
    plan = planned(older, "samples=18", if_lock_differs="remake")
    assert plan.reused == {}
    assert "cohort.numpy" in plan.why_not[0]
    make_next(plan, tmp_path / "next")
    press(order("samples=18", "version=1.1.0"), tmp_path / "fresh")
    assert contents(tmp_path / "next") == contents(tmp_path / "fresh")


def test_another_lock_reused_is_said_in_the_lock(older, tmp_path) -> None:
    plan = planned(older, "samples=18", if_lock_differs="reuse")
    assert plan.reused
    manifest = make_next(plan, tmp_path / "next").manifest
    assert manifest.lock["reused"] == {"source_digest": store.open(older).manifest.digest, "cohort.numpy": "1.0"}
    assert {group: manifest.lock[group] for group in manifest.lock if group != "reused"} == lock_of(balls(order()))
    assert store.verify(tmp_path / "next").ok
    # and it stays said: what came of it is no plain data set of this lock
    with pytest.raises(RecipeError, match="reused"):
        planned(tmp_path / "next", "samples=20", version="1.2.0")


def test_a_copy_that_is_packed_otherwise_has_nothing_to_reuse(pressed_balls, tmp_path) -> None:
    store.recode(pressed_balls, tmp_path / "copy", store.Packing())
    (why,) = planned(tmp_path / "copy", "samples=18").why_not
    assert "packed otherwise" in why


def test_a_table_without_extents_has_nothing_to_reuse() -> None:
    (why,) = planned(GOLDEN / "format-1", "samples=12").why_not
    assert "format version 1" in why
    assert "image_box" in why


def test_rows_that_the_recipe_does_not_order_are_made_again(pressed_balls, tmp_path) -> None:
    source = shutil.copytree(pressed_balls, tmp_path / "source")
    path = next(source.glob("metadata/train-00000-*.parquet"))
    table = pq.read_table(path)
    seeds = pa.array([seed + 1 for seed in table["seed"].to_pylist()])
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table.set_column(table.column_names.index("seed"), "seed", seeds))
    tiny.rewrite(source)
    plan = planned(source)
    assert len(plan.reused) == SHARDS - 1
    make_next(plan, tmp_path / "next")
    press(order("version=1.1.0"), tmp_path / "fresh")
    assert contents(tmp_path / "next") == contents(tmp_path / "fresh")


def people(path: Path, rows: int) -> Path:
    path.parent.mkdir(exist_ok=True)
    lines = [f"{2.5 + number / 10:.1f},{('dark', 'bright')[number % 2]}" for number in range(rows)]
    path.write_text("\n".join(["radius_mm,tone", *lines]) + "\n")
    return path


def test_people_stay_and_can_grow(tmp_path) -> None:
    file = people(tmp_path / "ordered" / "people.csv", 12)
    mapping = read_mapping("name: known\nbackend: spheres\npeople: people.csv\nshards: {samples: 2}\nsplits: {all: 1}")
    mapping["image"] = {"shape": [14, 16, 15], "spacing_mm": [1, 1, 1]}
    recipe = recipe_from(mapping, folder=file.parent)
    press(recipe, tmp_path / "one", people_folder=file.parent)
    same = planned(tmp_path / "one", "samples=9")
    make_next(same, tmp_path / "two")
    assert len(same.reused) == 4
    with pytest.raises(RecipeError, match="at most 12"):
        planned(tmp_path / "one", "samples=15")
    more = people(tmp_path / "new" / "more people.csv", 15)
    plan = planned(tmp_path / "one", "samples=15", people=more)
    make_next(plan, tmp_path / "three")
    assert len(plan.reused) == 6
    press(plan.recipe, tmp_path / "fresh", people_folder=more.parent)
    assert contents(tmp_path / "three") == contents(tmp_path / "fresh")
    assert (tmp_path / "three" / "people.csv").read_bytes() == more.read_bytes()


@pytest.mark.parametrize(
    ("sets", "version", "said"),
    [
        ([], "1.0.0", "must be greater than 1.0.0"),
        ([], "1.0.0-rc.1", "must be greater than 1.0.0"),
        ([], "0.9", "a semantic version such as 1.0.0, got"),
        (["name=others"], "1.1.0", "must stay 'tiny-balls'"),
        (["sample=3"], "1.1.0", "did you mean"),
        (["samples"], "1.1.0", "--set must be name=value"),
    ],
)
def test_mistakes(pressed_balls, sets, version, said) -> None:
    with pytest.raises(RecipeError, match=said):
        planned(pressed_balls, *sets, version=version)


def test_what_cannot_be_made_is_refused_before_anything_is_written(pressed_balls) -> None:
    with pytest.raises(UnreachableError, match="radius_mm"):
        planned(pressed_balls, "radius_mm=3:40")


def test_targets_that_are_refused(pressed_balls, tmp_path) -> None:
    source = shutil.copytree(pressed_balls, tmp_path / "source")
    before = contents(source)
    plan = planned(source, "samples=18")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    for target, said in (
        (source / "next", "lies in the data set"),
        (source, "lies in"),
        (tmp_path / "full", "not empty"),
    ):
        with pytest.raises(StoreExistsError, match=said):
            make_next(plan, target)
    assert contents(source) == before


def test_sources_that_are_refused(pressed_balls, tiny_store) -> None:
    with RangeServer(pressed_balls) as server, pytest.raises(StoreNotFoundError, match="download the data set first"):
        plan_next(store.open(server.url), version="1.1.0", load=balls)
    (tiny_store / "recipe.yaml").unlink()
    tiny.rewrite(tiny_store)
    with pytest.raises(RecipeError, match=r"has no recipe\.yaml"):
        plan_next(store.open(tiny_store), version="1.1.0", load=balls)
    with pytest.raises(ValueError, match="refuse, remake or reuse, got 'maybe'"):
        planned(pressed_balls, if_lock_differs="maybe")
