"""Samples that are refused after they were made: replaced by the next attempt at the same conditions, for good."""

from __future__ import annotations

import json
import shutil
from functools import partial
from typing import TYPE_CHECKING

import pytest
from spheres_backend import SpheresBackend
from tiny_factory import balls, contents, order, press

import voxpress
from voxpress import store
from voxpress.errors import FormatError, RecipeError
from voxpress.generation.arrays import specs_of
from voxpress.generation.factory import generate
from voxpress.generation.levels import Level
from voxpress.generation.next_version import make_next, plan_next
from voxpress.generation.recipe import load_recipe, load_refusals
from voxpress.generation.shard_maker import Row, ShardMaker
from voxpress.generation.streams import sample_seed
from voxpress.quality.quarantine import Quarantine, Quarantined
from voxpress.quality.rejects import refused_attempts
from voxpress.store.diff import diff

if TYPE_CHECKING:
    from pathlib import Path

FAIL = "backend.fail={3: 9, 5: 1, 8: 5}"
CHOSEN = {4: ("COPY_CONFIRMED", "DUP_NEAR"), 5: ("COPY_SUSPECT",), 8: ("REVIEW",)}
"""One at its first attempt, one at its second, and one that has no attempt left."""


def write(path: Path, source: Path, chosen: dict[int, tuple[str, ...]], **changes) -> Path:
    """The quarantine of some samples of a data set, with changes of its fields."""
    cohort = store.open(source)
    rows = {row["index"]: row for row in cohort.columns(["sample_id", "index", "attempt"]).to_pylist()}
    samples = tuple(Quarantined(**rows[index], reasons=reasons) for index, reasons in chosen.items())
    document = json.loads(Quarantine(manifest_sha256=cohort.manifest.digest, samples=samples).to_bytes())
    path.write_text(json.dumps(document | changes))
    return path


def planned(source: Path, refuse: Path | None, *sets: str, version: str = "1.0.1", **options):
    return plan_next(store.open(source), version=version, sets=sets, refuse=refuse, load=balls, **options)


def fresh(root: Path, target: Path) -> Path:
    """What the order that lies in a data set makes from nothing."""
    recipe = load_recipe(root / "recipe.yaml")
    press(recipe, target, people_folder=root)
    return target


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("refusing") / "balls"
    press(order(FAIL), target)
    return target


@pytest.fixture(scope="module")
def replaced(source, tmp_path_factory) -> Path:
    """Version 1.0.1 of it, without the chosen samples; a test must not write to it."""
    folder = tmp_path_factory.mktemp("replaced")
    make_next(planned(source, write(folder / "quarantine.json", source, CHOSEN)), folder / "balls")
    return folder / "balls"


def flip(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def rows_of(root: Path) -> dict[int, dict]:
    return {row["index"]: row for row in store.open(root).table.to_pylist()}


def test_the_same_conditions_and_the_next_attempt(source, replaced) -> None:
    before, after = rows_of(source), rows_of(replaced)
    assert before.keys() - after.keys() == {8}
    assert {index: row["attempt"] for index, row in after.items() if row["attempt"]} == {4: 1, 5: 2}
    for index, row in after.items():
        if index not in CHOSEN:
            assert row == before[index]
            continue
        same = ("sample_id", "split", "radius_mm", "tone", "image", "label")
        assert [row[name] for name in same] == [before[index][name] for name in same]
        assert row["seed"] == sample_seed(7, index, row["attempt"])
        assert row["image_sha256"] != before[index]["image_sha256"]
    assert store.verify(replaced).ok


def test_a_sample_without_another_attempt_is_a_hole_that_tells_why(replaced) -> None:
    three, eight = store.open(replaced).manifest.rejected
    assert (three.index, eight.index) == (3, 8)
    assert [each.reasons for each in eight.attempts] == [("TEST_FAULT",)] * 5 + [("REVIEW",)]


def test_only_their_shards_are_made(source, replaced, tmp_path) -> None:
    plan = planned(source, write(tmp_path / "q.json", source, CHOSEN))
    chosen = {sample_id(index) for index in CHOSEN}
    touched = {
        (job_split, row["image"]["index"] // 2)
        for row in store.open(source).table.to_pylist()
        for job_split in [row["split"]]
        if row["sample_id"] in chosen
    }
    shards = {
        (split, number) for split, sizes in store.open(source).manifest.splits.items() for number in range(sizes.shards)
    }
    assert set(plan.reused) == shards - touched
    assert plan.refused == tuple(sorted(chosen))
    for path in (path for record in plan.reused.values() for path in record.files):
        assert (replaced / path).samefile(source / path)


def sample_id(index: int) -> str:
    return f"tiny-balls-{index:07d}"


def test_it_is_what_its_own_order_makes_from_nothing(replaced, tmp_path) -> None:
    assert (replaced / "refused.csv").read_text() == (
        "index,attempt,reason\n4,0,COPY_CONFIRMED\n4,0,DUP_NEAR\n5,1,COPY_SUSPECT\n8,5,REVIEW\n"
    )
    assert "refused.csv" in store.open(replaced).manifest.files
    assert contents(fresh(replaced, tmp_path / "fresh")) == contents(replaced)


def test_refused_attempts_are_recorded_with_their_reasons(replaced) -> None:
    found = {(row["index"], row["attempt"]): row["reasons"] for row in refused_attempts(replaced).to_pylist()}
    assert found == {
        **{(3, attempt): ["TEST_FAULT"] for attempt in range(6)},
        (4, 0): ["COPY_CONFIRMED", "DUP_NEAR"],
        (5, 0): ["TEST_FAULT"],
        (5, 1): ["COPY_SUSPECT"],
        **{(8, attempt): ["TEST_FAULT"] for attempt in range(5)},
        (8, 5): ["REVIEW"],
    }


def test_a_refused_attempt_is_not_made() -> None:
    recipe = order()
    backend = SpheresBackend(recipe.backend.options, recipe.grid)
    maker = ShardMaker(load=lambda: backend, specs=specs_of(recipe, backend), seed=7, target=None)
    row = Row(
        sample_id="a",
        index=1,
        slot=0,
        conditions={"radius_mm": 3.0, "tone": "dark"},
        refused={0: ("REVIEW",), 2: ("REVIEW",)},
    )
    made, attempts = maker._attempt_all(row, maker._firsts([row]))
    assert made.order.attempt == 1
    assert [(each.attempt, each.reasons) for each in attempts] == [(0, ("REVIEW",))]
    assert backend.calls == [(1, 1)]


def test_made_again_and_mended(replaced, tmp_path) -> None:
    load = partial(balls, load_recipe(replaced / "recipe.yaml"))
    done = voxpress.regenerate(replaced, tmp_path / "again", workers=1, load=load)
    assert (done.level, done.digest) == (Level.EXACT, done.target_digest)
    part = voxpress.regenerate(replaced, tmp_path / "part", samples=[4, 5, 6], workers=1, load=load)
    assert part.level is Level.EXACT
    assert rows_of(tmp_path / "part")[5]["attempt"] == 2
    copy = shutil.copytree(replaced, tmp_path / "copy")
    sound = contents(copy)
    flip(copy / "refused.csv")
    for path in store.open(copy).manifest.files:
        if path.startswith("volumes/") and "/c." in path:
            flip(copy / path)
    report = voxpress.repair(copy, workers=1, load=load)
    assert report.ok
    assert contents(copy) == sound


def test_refused_once_is_refused_for_good(source, replaced, tmp_path) -> None:
    second = planned(replaced, None, "samples=20", "tone=dark", version="1.1.0")
    assert second.refusals == load_refusals(load_recipe(replaced / "recipe.yaml"), replaced)
    make_next(second, tmp_path / "second")
    assert rows_of(tmp_path / "second")[4]["attempt"] == 1
    more = write(tmp_path / "more.json", tmp_path / "second", {4: ("DUP_EXACT",), 15: ("DUP_EXACT",)})
    third = planned(tmp_path / "second", more, version="1.1.1")
    make_next(third, tmp_path / "third")
    assert {index: rows_of(tmp_path / "third")[index]["attempt"] for index in (4, 5, 15)} == {4: 2, 5: 2, 15: 1}
    assert contents(fresh(tmp_path / "third", tmp_path / "fresh")) == contents(tmp_path / "third")
    # a smaller data set keeps the list, so that growing again does not bring them back
    smaller = planned(tmp_path / "third", None, "samples=4", version="1.2.0")
    assert smaller.refusals == third.refusals
    # other attempts, of which nothing is known
    assert planned(tmp_path / "third", None, "seed=8", version="2.0.0").refusals is None


def test_diff_tells(source, replaced) -> None:
    found = diff(store.open(source), store.open(replaced))
    assert found.samples.changed.to_pylist() == [sample_id(4), sample_id(5)]
    assert found.samples.removed.to_pylist() == [sample_id(8)]
    [told] = [change for change in found.recipe if change.name != "version"]
    counts = {"COPY_CONFIRMED": 1, "COPY_SUSPECT": 1, "DUP_NEAR": 1, "REVIEW": 1}
    assert (told.name, told.old) == ("refused", None)
    assert told.new == counts | {"sha256": store.open(replaced).manifest.files["refused.csv"].sha256}
    assert [each.index for each in found.rejected.added] == [8]
    assert "refused.csv" in found.files.beside


def test_reasons_that_the_version_before_does_not_tell_stay_unknown(source, replaced, tmp_path) -> None:
    copy = shutil.copytree(source, tmp_path / "source")
    shutil.rmtree(copy / "quality")
    plan = planned(copy, write(tmp_path / "q.json", copy, {4: ("REVIEW",)}))
    # of sample 5; 3 is a hole, whose reasons the manifest has, and 8 is in the shard of neither
    assert plan.unexplained == len([row for row in refused_attempts(copy).to_pylist() if row["reasons"] is None])
    make_next(plan, tmp_path / "next")
    found = {(row["index"], row["attempt"]): row for row in refused_attempts(tmp_path / "next").to_pylist()}
    assert found[5, 0]["reasons"] is None
    assert found[5, 0]["seed"] == sample_seed(7, 5, 0)
    assert found[3, 0]["reasons"] == ["TEST_FAULT"]
    assert found[4, 0]["reasons"] == ["REVIEW"]


def test_stopped_and_resumed(source, replaced, tmp_path) -> None:
    plan = planned(source, write(tmp_path / "q.json", source, CHOSEN))

    def stop(progress) -> None:
        if progress.done > plan.reused_samples + 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_next(plan, tmp_path / "next", progress=stop)
    make_next(plan, tmp_path / "next")
    assert contents(tmp_path / "next") == contents(replaced)


def test_without_refusals_nothing_changes(source, tmp_path) -> None:
    make_next(planned(source, write(tmp_path / "q.json", source, {})), tmp_path / "next")
    press(order(FAIL, "version=1.0.1"), tmp_path / "fresh")
    assert contents(tmp_path / "next") == contents(tmp_path / "fresh")
    assert not (tmp_path / "next" / "refused.csv").exists()
    assert "refused" not in (tmp_path / "next" / "recipe.yaml").read_text()


def sample(index: int, /, **changes) -> list[dict]:
    return [{"sample_id": sample_id(index), "index": index, "attempt": 0, "reasons": ["REVIEW"], **changes}]


WRONG = {
    "another version": ({"manifest_sha256": "0" * 64}, "judges the data set with the digest 0000.* run voxpress audit"),
    "no such sample": ({"samples": sample(99)}, r"tiny-balls-0000099 \(index 99, attempt 0; there is none\)"),
    "a hole": ({"samples": sample(3)}, r"tiny-balls-0000003 .*there is none"),
    "another attempt": ({"samples": sample(5)}, r"tiny-balls-0000005 .*its row says index 5, attempt 1"),
    "another index": ({"samples": sample(5, index=6, attempt=1)}, "its row says index 5, attempt 1"),
}


@pytest.mark.parametrize(("changes", "said"), WRONG.values(), ids=WRONG.keys())
def test_a_quarantine_of_something_else_is_refused(source, tmp_path, changes, said) -> None:
    with pytest.raises(RecipeError, match=said):
        planned(source, write(tmp_path / "q.json", source, {}, **changes))


def test_mistakes(source, replaced, tmp_path) -> None:
    quarantine = write(tmp_path / "q.json", source, {4: ("REVIEW",)})
    with pytest.raises(RecipeError, match="another seed makes other attempts"):
        planned(source, quarantine, "seed=8")
    with pytest.raises(RecipeError, match=r"--refuse quarantine\.json"):
        planned(source, None, "refused=mine.csv")
    with pytest.raises(RecipeError, match=r"--refuse quarantine\.json"):
        planned(replaced, None, "refused=null")
    with pytest.raises(FormatError, match="cannot be read"):
        planned(source, tmp_path / "absent.json")
    # an order without its list would bring the refused samples back
    (tmp_path / "recipe.yaml").write_bytes((replaced / "recipe.yaml").read_bytes())
    with pytest.raises(RecipeError, match=r"the refusal list .*refused\.csv cannot be read"):
        load_recipe(tmp_path / "recipe.yaml")
    recipe = load_recipe(replaced / "recipe.yaml")
    with pytest.raises(RecipeError, match="refused"):
        generate(recipe, tmp_path / "balls", people_folder=tmp_path, load=partial(balls, recipe))
    assert not (tmp_path / "balls").exists()
