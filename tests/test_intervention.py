"""Pairs with one condition changed: the same seed, what is in reach, and what leaks shows."""

from __future__ import annotations

import dataclasses
import json
from functools import partial

import numpy as np
import pytest
from spheres_backend import RADIUS, SpheresBackend
from tiny_factory import balls, order

from voxpress.errors import RecipeError
from voxpress.generation.backend import Order
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.intervention import paired_interventions, planned_changes
from voxpress.generation.streams import sample_seed

RECIPE = order("samples=40")


class LeakyBackend(SpheresBackend):
    """Balls that grow by half a millimetre where a bright one is ordered."""

    def _sample(self, order):
        if order.conditions["tone"] == "bright":
            radius = float(order.conditions["radius_mm"]) + 0.5
            order = dataclasses.replace(order, conditions={**order.conditions, "radius_mm": radius})
        return super()._sample(order)


def leaky():
    return LeakyBackend(RECIPE.backend.options, RECIPE.grid)


def interventions(recipe=RECIPE, *, pairs=6, load=None, **options):
    return paired_interventions(recipe, pairs=pairs, load=load or partial(balls, recipe), **options)


def test_one_condition_is_changed_and_the_seed_is_not() -> None:
    table = interventions()
    backend, plan = balls(RECIPE), draw_cohort(RECIPE, balls(RECIPE))
    assert table["changed"].to_pylist() == ["radius_mm", "tone"] * 6
    for row in table.to_pylist():
        base = plan.order(row["index"])
        assert {name: row[name] for name in base.conditions} == base.conditions
        assert row["seed"] == base.seed == sample_seed(RECIPE.seed, row["index"], 0)
        value = row["to"] if row["changed"] == "tone" else row["radius_mm"] + row["delta"]
        changed = Order(
            index=base.index, attempt=0, seed=base.seed, conditions={**base.conditions, row["changed"]: value}
        )
        before, after = backend.generate([base, changed])
        assert row["before_radius_mm"] == before.measured["radius_mm"]
        assert row["after_radius_mm"] == after.measured["radius_mm"]
    assert sorted(set(table["index"].to_pylist())) == [0, 6, 13, 20, 26, 33]


def test_numbers_change_by_one_standard_deviation_towards_the_middle() -> None:
    table = interventions(pairs=12)
    ordered = draw_cohort(RECIPE, balls(RECIPE)).conditions["radius_mm"]
    sd = json.loads(table.schema.metadata[b"sd"])
    assert sd == {"radius_mm": pytest.approx(ordered.std())}
    rows = [row for row in table.to_pylist() if row["changed"] == "radius_mm"]
    assert {row["delta"] > 0 for row in rows} == {True, False}
    for row in rows:
        assert abs(row["delta"]) == pytest.approx(ordered.std(), abs=0.01)
        assert (row["delta"] > 0) == (row["radius_mm"] <= np.median(ordered))
        assert ordered.min() - 0.01 <= row["radius_mm"] + row["delta"] <= ordered.max() + 0.01
        moved = row["after_radius_mm"] - row["before_radius_mm"]
        assert moved == pytest.approx(row["delta"], abs=0.1)
        assert row["to"] is None


def test_what_leaks_shows_and_what_does_not_is_nothing() -> None:
    clean = [row for row in interventions(pairs=9).to_pylist() if row["changed"] == "tone"]
    assert all(row["before_radius_mm"] == row["after_radius_mm"] for row in clean)
    assert {row["to"] for row in clean} == {"dark", "bright"}
    for row in interventions(load=leaky).to_pylist():
        if row["changed"] == "tone":
            moved = row["after_radius_mm"] - row["before_radius_mm"]
            assert moved == pytest.approx(0.5 if row["to"] == "bright" else -0.5, abs=0.1)


def test_neither_workers_nor_progress_change_it() -> None:
    told = []
    one = interventions(progress=lambda progress: told.append((progress.done, progress.samples)))
    assert told == [(done, 18) for done in range(1, 19)]
    two = interventions(workers=2)
    assert one.equals(two, check_metadata=True)


def test_faults_are_left_out_and_counted() -> None:
    # sample 0 at its third attempt, and no attempt at sample 13
    recipe = order("samples=40", "backend.fail={0: 2, 13: 9}")
    table = interventions(recipe)
    assert table["pair"].to_pylist() == [pair for pair in (0, 1, 3, 4, 5) for _ in range(2)]
    assert table["attempt"].to_pylist()[:2] == [2, 2]
    assert table["seed"].to_pylist()[0] == sample_seed(recipe.seed, 0, 2)
    assert json.loads(table.schema.metadata[b"left_out"]) == {"radius_mm": 1, "tone": 1}


def test_more_pairs_than_samples_take_later_rows_of_the_same_cohort() -> None:
    table = interventions(order("samples=3"), pairs=5)
    assert sorted(set(table["index"].to_pylist())) == [0, 1, 2, 3, 4]


def test_what_does_not_vary_is_not_changed() -> None:
    table = interventions(order("tone=dark"), pairs=2)
    assert table["changed"].to_pylist() == ["radius_mm"] * 2
    with pytest.raises(RecipeError, match="no condition of the recipe varies"):
        interventions(order("tone=dark", "radius_mm=3"))
    with pytest.raises(ValueError, match="at least 1, got 0"):
        interventions(pairs=0)


def narrow(low: float, high: float) -> SpheresBackend:
    """Balls that are bright, dark or grey, whose reach is so narrow."""
    backend = balls(RECIPE)
    backend.conditions = (dataclasses.replace(RADIUS, minimum=low, maximum=high), backend.conditions[1])
    return backend


def test_the_reach_of_the_backend_is_kept() -> None:
    values = np.array([3.0, 3.0, 5.0, 5.0])
    conditions = {"radius_mm": values, "tone": np.array(["dark"] * 4)}
    rows = np.arange(4)
    assert planned_changes(narrow(2, 6), conditions, rows) == {"radius_mm": [4.0, 4.0, 4.0, 4.0]}
    # the other way
    assert planned_changes(narrow(4.5, 6), conditions, rows)["radius_mm"][2:] == [6.0, 6.0]
    # by half
    assert planned_changes(narrow(4.5, 5.2), conditions, rows)["radius_mm"][2:] == [4.5, 4.5]
    assert planned_changes(narrow(4.9, 5.2), conditions, rows)["radius_mm"] == [None] * 4


def test_limits_that_a_change_moves_are_kept() -> None:
    """A second condition whose reach depends on the first: what would be out of reach is not ordered."""
    backend = balls(RECIPE)
    share = dataclasses.replace(
        RADIUS, name="core_mm", limits=lambda known: (0 * known["radius_mm"], known["radius_mm"] - 1)
    )
    backend.conditions = (RADIUS, share)
    conditions = {"radius_mm": np.array([5.0, 5.0, 3.0, 3.0]), "core_mm": np.array([4.0, 2.0, 2.0, 2.0])}
    changes = planned_changes(backend, conditions, np.arange(4))
    # towards the middle would be 4, which has no room for a core of 4
    assert changes["radius_mm"] == [6.0, 4.0, 4.0, 4.0]
