"""Density and coverage by subgroup: one that is wrong is found in a set that is right as a whole."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from voxpress.quality.conditions.alike import groups_alike
from voxpress.quality.features import FeatureSet
from voxpress.quality.sets import Subgroup, subgroup_scores

CONDITIONS = ("age", "sex", "diagnosis")
NAME = "random_conv"


def people(rows: int, seed: int, **columns: object) -> pa.Table:
    rng = np.random.default_rng([7, seed])
    made = {"age": rng.uniform(50, 89, rows), "sex": rng.choice(["F", "M"], rows)}
    return pa.table({**made, "diagnosis": ["CN"] * rows, **columns})


def features(table: pa.Table, seed: int, *, alike: str = "", width: int = 12) -> dict[str, FeatureSet]:
    """Normal, and shifted by sex; of the sex `alike` all but one in twenty are one person again."""
    rng = np.random.default_rng([8, seed])
    men = np.array(table["sex"].to_pylist()) == "M"
    values = rng.standard_normal((len(men), width)) + 3.0 * men[:, None]
    again = np.flatnonzero((np.array(table["sex"].to_pylist()) == alike) & (np.arange(len(men)) % 20 > 0))
    if len(again):
        values[again] = values[again[0]] + rng.standard_normal((len(again), width)) / 50
    ids = tuple(map(str, range(len(men))))
    return {NAME: FeatureSet(name=NAME, feature_id=f"{NAME}/1", ids=ids, values=values.astype(np.float32))}


REAL = people(400, 1)
OURS = people(300, 2)


def measured(**options: str):
    groups = groups_alike(OURS, REAL, CONDITIONS)
    scores, tables = subgroup_scores(features(OURS, 3, **options), features(REAL, 4), groups)
    return {score.id: score for score in scores}, tables


def test_subgroups_are_the_same_in_both_sets() -> None:
    groups = {group.name: group for group in groups_alike(OURS, REAL, CONDITIONS)}
    assert {"sex F", "sex M", "age 50-59", "age 80-89 · sex M"} <= groups.keys()
    sexes, real = OURS["sex"].to_pylist(), REAL["sex"].to_pylist()
    assert (
        {sexes[row] for row in groups["sex F"].synthetic} == {real[row] for row in groups["sex F"].reference} == {"F"}
    )
    assert len(groups["sex F"].synthetic) == sexes.count("F")
    assert not any("diagnosis" in name for name in groups), "all have the same"


def test_thirds_are_those_of_what_was_ordered() -> None:
    ours = pa.table({"volume_ml": np.arange(30.0)})
    real = pa.table({"volume_ml": np.arange(1000.0)})
    groups = groups_alike(ours, real, ["volume_ml"])
    assert [len(group.synthetic) for group in groups] == [10, 10, 10]
    assert [len(group.reference) for group in groups] == [10, 10, 980]


def test_conditions_of_another_kind_make_no_subgroups() -> None:
    real = REAL.set_column(1, "sex", pa.array([0.0, 1.0] * 200))
    assert not any("sex" in group.name for group in groups_alike(OURS, real, CONDITIONS))
    assert groups_alike(OURS, pa.table({"height": [1.0]}), CONDITIONS) == []


def test_the_same_population_is_covered_in_every_subgroup() -> None:
    scores, tables = measured()
    coverage = scores[f"set.subgroup_coverage.{NAME}"]
    assert coverage.value > 0.8 * coverage.floor
    assert coverage.interval[0] <= coverage.value <= coverage.interval[1]
    assert coverage.n["subgroups"] >= 2
    table = tables[f"subgroups.{NAME}"]
    rows = {row[0]: dict(zip(table["columns"], row, strict=True)) for row in table["rows"]}
    assert rows["sex F"]["taken of each"] >= 90
    assert rows["sex F"]["density"] == pytest.approx(1, abs=0.3)
    few = rows["age 80-89 · sex M"]
    assert few["coverage"] is None, "fewer than 60 real people"
    assert few["synthetic"] > 0


def test_a_subgroup_drawn_always_alike_is_found() -> None:
    scores, tables = measured(alike="F")
    worst = scores[f"set.subgroup_coverage.{NAME}"]
    assert worst.value < 0.6 * worst.floor
    rows = {row[0]: row for row in tables[f"subgroups.{NAME}"]["rows"]}
    coverage = tables[f"subgroups.{NAME}"]["columns"].index("coverage")
    assert rows["sex M"][coverage] > 0.8
    assert rows["sex F"][coverage] < 0.6


def test_too_few_people_say_how_many_are_needed() -> None:
    groups = [Subgroup(name="sex F", synthetic=np.arange(20), reference=np.arange(59))]
    scores, tables = subgroup_scores(features(OURS, 3), features(REAL, 4), groups)
    assert tables == {}
    for score in scores:
        assert score.value is None
        assert "needs 30 samples and 60 real people, and sex F has 20 and 59" in score.reason


def test_the_same_arguments_give_the_same_numbers() -> None:
    assert measured() == measured()


def test_without_people_each_kind_of_features_says_why() -> None:
    scores, _ = subgroup_scores(features(OURS, 3), {}, [], reason="nobody is known")
    assert {score.id: score.reason for score in scores} == {
        f"set.subgroup_coverage.{NAME}": "nobody is known",
        f"set.subgroup_density.{NAME}": "nobody is known",
    }
