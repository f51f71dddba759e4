"""The record of refused attempts: all of them, with their reasons as far as these are known."""

from __future__ import annotations

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_store as tiny
from tiny_factory import contents, order, press

from voxpress import store
from voxpress.errors import CorruptError, QueryError
from voxpress.generation.streams import sample_seed
from voxpress.quality.reject_table import tabulated
from voxpress.quality.rejects import REJECTS_NAME, refused_attempts, reject_table

FAIL = "backend.fail={3: 9, 5: 2, 11: 1}"
TRIED = [(3, attempt) for attempt in range(6)] + [(5, 0), (5, 1), (11, 0)]


@pytest.fixture(scope="module")
def balls(tmp_path_factory):
    """No attempt makes sample 3 well enough; 5 needs three, and 11 two."""
    target = tmp_path_factory.mktemp("rejects") / "balls"
    press(order(FAIL), target)
    return target


def test_every_refused_attempt_is_there(balls) -> None:
    table = refused_attempts(balls)
    rows = table.to_pylist()
    assert [(row["index"], row["attempt"]) for row in rows] == TRIED
    assert table.column_names == ["sample_id", "index", "split", "attempt", "seed", "reasons", "radius_mm", "tone"]
    recipe, cohort = order(FAIL), store.open(balls)
    there = {row["sample_id"]: row for row in cohort.table.to_pylist()}
    for row in rows:
        assert row["seed"] == sample_seed(recipe.seed, row["index"], row["attempt"])
        assert row["reasons"] == ["TEST_FAULT"]
        if row["index"] != 3:
            same = ("index", "split", "radius_mm", "tone")
            assert [row[name] for name in same] == [there[row["sample_id"]][name] for name in same]
    # what was ordered of the sample that is missing, nothing else tells
    assert {row["tone"] for row in rows if row["index"] == 3} <= {"dark", "bright"}
    assert (
        store.open(balls).manifest.digest.encode() == pq.read_schema(balls / REJECTS_NAME).metadata[b"manifest_sha256"]
    )


def test_it_is_the_same_again_and_beside_the_manifest(balls, tmp_path) -> None:
    press(order(FAIL), tmp_path / "again")
    assert contents(balls) == contents(tmp_path / "again")
    assert REJECTS_NAME not in store.open(balls).manifest.files
    assert store.verify(balls).ok


def test_a_data_set_without_refusals_has_an_empty_record(pressed_balls) -> None:
    assert pq.read_metadata(pressed_balls / REJECTS_NAME).num_rows == 0
    assert refused_attempts(pressed_balls).num_rows == 0
    assert reject_table(store.open(pressed_balls)).total.rate == 0


@pytest.mark.parametrize("how", ["missing", "of another version"])
def test_without_it_the_attempts_are_known_but_not_why(balls, tmp_path, how) -> None:
    root = shutil.copytree(balls, tmp_path / "balls")
    if how == "missing":
        shutil.rmtree(root / "quality")
    else:
        tiny.rewrite(root, version="1.0.9")
    rows = refused_attempts(root).to_pylist()
    assert [(row["index"], row["attempt"]) for row in rows] == TRIED
    # the manifest tells of holes
    assert [row["reasons"] for row in rows] == [["TEST_FAULT"]] * 6 + [None] * 3
    assert [row["seed"] is None for row in rows] == [False] * 6 + [True] * 3
    assert [row["tone"] is None for row in rows] == [True] * 6 + [False] * 3
    table = reject_table(store.open(root), by="tone")
    assert table.total.reasons == {"TEST_FAULT": 6, "UNRECORDED": 3}
    assert table.cells[-1].group == {"tone": "unknown"}
    assert table.cells[-1].missing == 1


DAMAGE = {
    "no Parquet": lambda path: path.write_bytes(b"PAR1 nothing"),
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-20]),
    "other columns": lambda path: pq.write_table(pa.table({"a": [1]}), path),
    "a column twice": lambda path: pq.write_table(
        pa.Table.from_arrays([pa.array(["a"]), pa.array(["a"])], names=["sample_id", "sample_id"]), path
    ),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_record_is_an_error_that_says_what_to_do(balls, tmp_path, damage) -> None:
    root = shutil.copytree(balls, tmp_path / "balls")
    damage(root / REJECTS_NAME)
    with pytest.raises(CorruptError, match="delete it") as caught:
        refused_attempts(root)
    assert caught.value.path == REJECTS_NAME


def test_rates_by_reason_and_group(balls) -> None:
    cohort = store.open(balls)
    table = reject_table(cohort, by="tone")
    total = table.total
    assert (total.samples, total.missing, total.refused, total.retried, total.attempts) == (13, 1, 9, 2, 22)
    assert total.rate == pytest.approx(9 / 22)
    rows = refused_attempts(balls).to_pylist()
    tones = cohort.table["tone"].to_pylist()
    for cell in table.cells:
        tone = cell.group["tone"]
        assert cell.samples == tones.count(tone)
        assert cell.refused == sum(row["tone"] == tone for row in rows)
        assert cell.reasons == ({"TEST_FAULT": cell.refused} if cell.refused else {})
    assert [cell.group["tone"] for cell in table.cells] == ["bright", "dark"]
    shown = table.to_json()
    assert shown["columns"] == ["tone", "samples", "missing", "attempts", "refused", "rate", "TEST_FAULT"]
    assert shown["rows"][-1] == ["all", 13, 1, 22, 9, 9 / 22, 9]
    assert table.reasons_to_json()["rows"] == [["TEST_FAULT", 9, 9 / 22]]
    # a selection of samples does not change what was refused on the way to all of them
    assert reject_table(cohort.where("index == 1"), by="tone") == table


def test_numbers_are_told_apart_in_thirds_and_ages_in_decades() -> None:
    ids = [f"s{number}" for number in range(9)]
    samples = pa.table({"sample_id": ids, "age": [59.9, 60, 61, 69.9, 70, 71, 88, 89, 90.0], "ml": [*range(9)]})
    attempts = pa.table({"sample_id": ["s0", "s1", "s8"], "reasons": [["A"], ["A", "B"], ["B", "B"]]})
    attempts = attempts.append_column("age", pa.array([59.9, 60, 90.0])).append_column("ml", pa.array([0, 1, 8]))
    decades = tabulated(samples, attempts, by=["age"])
    found = [(cell.group["age"], cell.samples, cell.refused) for cell in decades.cells]
    assert found == [("50-59", 1, 1), ("60-69", 3, 1), ("70-79", 2, 0), ("80-89", 2, 0), ("90-99", 1, 1)]
    thirds = tabulated(samples, attempts, by=["ml"])
    found = [(cell.group["ml"], cell.samples, cell.refused) for cell in thirds.cells]
    assert found == [("up to 2.667", 3, 2), ("2.667 to 5.333", 3, 0), ("above 5.333", 3, 1)]
    both = tabulated(samples, attempts, by=["ml", "age"])
    assert sum(cell.samples for cell in both.cells) == 9
    # an attempt with two reasons counts for both
    assert both.total.reasons == {"A": 2, "B": 2}
    assert both.total.refused == 3
    with pytest.raises(QueryError, match="no condition 'height'"):
        tabulated(samples, attempts, by=["height"])
