"""The `conditions` part: subgroups, coverage, refusals, leakage, each with a sabotage that it must see."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest

from voxpress import CorruptError, store
from voxpress.quality.conditions import Intervention, condition_scores, interventions_of
from voxpress.quality.conditions.categorical import categorical_scores
from voxpress.quality.conditions.covariates import Covariate
from voxpress.quality.conditions.coverage import total_variation
from voxpress.quality.conditions.leakage import leakage_scores
from voxpress.quality.conditions.refusals import Refusals
from voxpress.quality.conditions.scoring import table_scores
from voxpress.quality.rejects import REJECTS_NAME, write_rejects

if TYPE_CHECKING:
    from voxpress.quality import Score

PEOPLE = 1200
CONDITIONS = ("age", "sex", "ventricular_volume_ml")
NOTHING = Refusals(attempts={}, reasons={})


def people(seed: int = 0, *, bias_of_old_men: float = 0.0) -> pa.Table:
    """People from 45 to 84 years with their ventricles, measured almost as ordered."""
    rng = np.random.default_rng(seed)
    age = rng.uniform(45, 85, PEOPLE)
    sex = rng.choice(["F", "M"], PEOPLE)
    volume = 10 + 0.5 * (age - 45) + rng.normal(0, 4, PEOPLE)
    measured = volume + rng.normal(0, 0.5, PEOPLE)
    measured[(sex == "M") & (age >= 70) & (age < 80)] += bias_of_old_men
    return pa.table(
        {
            "sample_id": [f"p-{row:05d}" for row in range(PEOPLE)],
            "age": age,
            "sex": sex,
            "ventricular_volume_ml": volume,
            "measured_ventricular_volume_ml": measured,
        }
    )


def measured(table: pa.Table, refusals: Refusals = NOTHING, gone: int = 0, **options: Any):
    scores, tables, figures = table_scores(table, CONDITIONS, refusals=refusals, gone=gone, **options)
    ids = [score.id for score in scores]
    assert len(set(ids)) == len(ids)
    return {score.id: score for score in scores}, tables, figures


def test_a_faithful_cohort_is_found_faithful() -> None:
    scores, tables, figures = measured(people())
    assert scores["conditions.ccc.ventricular_volume_ml"].value > 0.99
    assert scores["conditions.worst_subgroup_bias"].value < 0.5
    assert scores["conditions.subgroup_reject_ratio"].value == 1
    assert scores["conditions.reject_rate"].value == scores["conditions.shortfall"].value == 0
    assert scores["conditions.coverage_joint"].value == 0
    assert scores["conditions.smallest_subgroup"].value >= 30
    assert "measured_age" in scores["conditions.ccc.age"].reason
    names = [row[0] for row in tables["subgroups"]["rows"]]
    assert "sex F" in names
    assert "age 70-79 · sex M" in names
    assert any(name.startswith("ventricular_volume_ml above") for name in names)
    assert sum(row[1] for row in tables["subgroups"]["rows"] if " · " in row[0]) == PEOPLE
    assert figures["coverage_ventricular_volume_ml"]["kind"] == "histogram"
    assert sum(figures["coverage_ventricular_volume_ml"]["measured"]) == PEOPLE


def test_a_subgroup_that_is_off_is_found_though_the_whole_looks_right() -> None:
    scores, tables, _ = measured(people(bias_of_old_men=4.0))
    assert scores["conditions.ccc.ventricular_volume_ml"].value > 0.9
    assert abs(scores["conditions.bias_sd.ventricular_volume_ml"].value) < 0.1
    worst = scores["conditions.worst_subgroup_bias"]
    assert worst.value > 2
    assert worst.interval[0] > 2
    rows = {row[0]: row for row in tables["subgroup_errors"]["rows"]}
    assert rows["age 70-79 · sex M"][5] == pytest.approx(4, abs=0.2)
    assert abs(rows["age 70-79 · sex F"][5]) < 0.2


def test_a_subgroup_that_is_refused_more_often_is_found() -> None:
    table = people()
    old = [i for i, age in zip(table["sample_id"].to_pylist(), table["age"].to_pylist(), strict=True) if age >= 80]
    refused = Refusals(attempts=dict.fromkeys(old[:60], 2), reasons={"COND_MISMATCH": 120})
    scores, tables, _ = measured(table, refused)
    assert scores["conditions.reject_rate"].value == pytest.approx(120 / (PEOPLE + 120))
    ratio = scores["conditions.subgroup_reject_ratio"]
    assert ratio.value > 3
    assert ratio.interval[0] > 2
    assert tables["refused_by_reason"]["rows"] == [["COND_MISMATCH", 120]]
    rows = {row[0]: row for row in tables["subgroups"]["rows"]}
    assert rows["age 80-89"][3] == 120
    assert rows["age 50-59"][3] == 0


def test_those_who_are_not_there_show_in_the_coverage() -> None:
    table = people()
    women = np.array(table["sex"].to_pylist()) == "F"
    gone = np.flatnonzero(women)[:200]
    there = table.take(np.setdiff1d(np.arange(PEOPLE), gone))
    holes = table.take(gone).select(["sample_id", *CONDITIONS])
    attempts = dict.fromkeys(holes["sample_id"].to_pylist(), 6)
    scores, tables, _ = measured(there, Refusals(attempts=attempts, reasons={"EMPTY": 1200}, holes=holes), 200)
    share = women.mean()
    assert scores["conditions.coverage.sex"].value == pytest.approx(share - (women.sum() - 200) / (PEOPLE - 200))
    assert scores["conditions.shortfall"].value == pytest.approx(200 / PEOPLE)
    assert scores["conditions.coverage_joint"].value > 0.05
    rows = {row[0]: row for row in tables["subgroups"]["rows"]}
    assert rows["sex F"][1] - rows["sex F"][2] == 200


def test_holes_of_whom_nothing_is_known_are_not_passed_over() -> None:
    scores, _, _ = measured(people(), Refusals(attempts={"gone": 6}, reasons={}), 1)
    for name in ("subgroup_reject_ratio", "coverage_joint", "coverage.sex"):
        assert "1 samples were planned and are not there" in scores[f"conditions.{name}"].reason
    assert scores["conditions.shortfall"].value == pytest.approx(1 / (PEOPLE + 1))


def test_few_samples_say_how_many_are_needed() -> None:
    scores, _, _ = measured(people().slice(0, 40))
    assert "needs 100 measured samples to be judged, the largest has" in scores["conditions.worst_subgroup_bias"].reason
    assert "needs 100 planned samples" in scores["conditions.subgroup_reject_ratio"].reason


def test_who_is_ordered_beyond_the_reference_is_counted() -> None:
    reference = people(1)
    young = reference.filter(pa.compute.less(reference["age"], 65))
    scores, _, _ = measured(people(), reference=young)
    ages = np.array(people()["age"].to_pylist())
    assert scores["conditions.extrapolation"].value >= (ages > 65).mean()
    assert "no reference" in measured(people())[0]["conditions.extrapolation"].reason


def _category(ordered: list[str], read: list[str] | None) -> Covariate:
    words = None if read is None else np.array(read)
    return Covariate(name="sex", kind="category", unit="", ordered=np.array(ordered), measured=words)


def test_accuracy_counts_each_word_alike_where_it_says_balanced() -> None:
    ordered = ["F"] * 90 + ["M"] * 10
    scores, table = categorical_scores(_category(ordered, ["F"] * 100))
    accuracy, balanced = scores
    assert accuracy.value == pytest.approx(0.9)
    assert accuracy.interval == pytest.approx((0.8238, 0.9510), abs=1e-3)
    assert balanced.value == pytest.approx(0.5)
    assert table["rows"] == [["F", 90, 0], ["M", 10, 0]]
    floor = categorical_scores(_category(ordered, ["F"] * 100), reference=_category(ordered, ordered))[0][0].floor
    assert floor == 1
    assert "no words measured_sex" in categorical_scores(_category(ordered, None))[0][0].reason


def test_total_variation_is_half_of_the_difference() -> None:
    assert total_variation(np.array([1, 1, 2]), np.array([2, 2, 0])) == pytest.approx(0.5)
    assert total_variation(np.array([3, 5]), np.array([6, 10])) == 0


def _pairs(leak: float, rng: np.random.Generator) -> list[Intervention]:
    """Interventions on two volumes; changing the cortex moves the ventricles by `leak` standard deviations."""
    made = []
    for condition, other, moved in (("cortex", "ventricles", leak), ("ventricles", "cortex", 0.0)):
        for change in (-1.0, 1.0, 1.5) * 4:
            base = {"cortex": rng.normal(500, 40), "ventricles": rng.normal(20, 8)}
            spread = {"cortex": 40.0, "ventricles": 8.0}
            changed = {
                condition: base[condition] + change * spread[condition] + rng.normal(0, 0.01),
                other: base[other] + moved * change * spread[other] + rng.normal(0, 0.01),
            }
            made.append(Intervention(condition=condition, change=change, base=base, changed=changed))
    return made


@pytest.mark.parametrize("leak", [0.0, 0.3, -0.3])
def test_a_condition_that_moves_another_leaks(leak: float) -> None:
    (score,), table = leakage_scores(_pairs(leak, np.random.default_rng(3)), {"cortex": 40.0, "ventricles": 8.0})
    assert score.value == pytest.approx(abs(leak), abs=0.01)
    rows = {(row[0], row[1]): row[2] for row in table["rows"]}
    assert rows["cortex", "cortex"] == pytest.approx(1, abs=0.01)
    assert rows["cortex", "ventricles"] == pytest.approx(leak, abs=0.01)


def test_words_have_effects_of_their_own_that_do_not_cancel() -> None:
    """A table as generation makes it: becoming a man makes the ventricles larger, becoming a woman smaller."""
    moves = (("sex", None, "M", 20.0), ("sex", None, "F", -20.0), ("cortex", 80.0, None, 80.0))
    rows = [
        {"changed": name, "delta": delta, "to": to, "before_cortex": 500.0 + row, "after_cortex": 500.0 + row + moved,
         "before_sex_score": 0.0, "after_sex_score": 0.0}
        for row in range(6)
        for name, delta, to, moved in moves
    ]  # fmt: skip
    table = pa.Table.from_pylist(rows).replace_schema_metadata({"sd": json.dumps({"cortex": 40.0})})
    (score,), matrix = leakage_scores(interventions_of(table), {"cortex": 40.0})
    assert score.value == pytest.approx(0.5)
    assert {(row[0], row[1]): row[2] for row in matrix["rows"]} == pytest.approx(
        {("sex to M", "cortex"): 0.5, ("sex to F", "cortex"): -0.5, ("cortex", "cortex"): 1.0}
    )


def test_without_pairs_leakage_says_what_is_needed() -> None:
    assert "no paired samples were made" in leakage_scores(None, {})[0][0].reason
    few = _pairs(0.0, np.random.default_rng(0))[:3]
    assert "at least 5 pairs" in leakage_scores(few, {"cortex": 40.0, "ventricles": 8.0})[0][0].reason


def _of_store(root) -> dict[str, Score]:
    return {score.id: score for score in condition_scores(store.open(root))[0]}


def test_a_store_is_measured_from_its_tables(sealed_store) -> None:
    scores = _of_store(sealed_store)
    assert scores["conditions.reject_rate"].n == {"refused": 1, "attempts": 13}
    assert scores["conditions.shortfall"].n == {"missing": 1, "planned": 13}
    assert "quality/rejects.parquet" in scores["conditions.coverage.age"].reason


def _rejects(root, digest: str) -> None:
    """The record of one sample that no attempt made well enough, in two attempts as its manifest says."""
    hole = store.open(root).manifest.rejected[0]
    place = {"sample_id": hole.sample_id, "index": hole.index, "split": hole.split, "age": 65.0, "sex": "M"}
    rows = [
        {**place, "diagnosis": "AD", "attempt": each.attempt, "seed": each.seed, "reasons": list(each.reasons)}
        for each in hole.attempts
    ]
    kinds = {"age": "number", "sex": "category", "diagnosis": "category"}
    (root / "quality").mkdir()
    write_rejects(root, rows, kinds, manifest_sha256=digest, scratch=root / "quality")


def test_the_record_of_refused_attempts_tells_who_is_not_there(tiny_store) -> None:
    _rejects(tiny_store, store.open(tiny_store).manifest.digest)
    scores, tables, _ = condition_scores(store.open(tiny_store))
    found = {score.id: score for score in scores}
    assert found["conditions.reject_rate"].n == {"refused": 1, "attempts": 13}
    assert found["conditions.coverage.age"].value > 0
    assert [count for _, count in tables["refused_by_reason"]["rows"]] == [1]


def test_a_record_of_another_version_is_passed_over(tiny_store) -> None:
    _rejects(tiny_store, "0" * 64)
    assert "quality/rejects.parquet" in _of_store(tiny_store)["conditions.coverage.age"].reason


def test_a_record_that_is_none_is_refused(tiny_store) -> None:
    (tiny_store / REJECTS_NAME).parent.mkdir()
    (tiny_store / REJECTS_NAME).write_bytes(b"PAR1 nothing")
    with pytest.raises(CorruptError, match="is damaged"):
        _of_store(tiny_store)
