"""Drawing cohorts: stable, checked before any voxel, split evenly, and as the formulas say."""

from __future__ import annotations

import dataclasses
import pickle
import time

import numpy as np
import pytest
from spheres_backend import RADIUS, TONE, SpheresBackend

from voxpress.errors import RecipeError, UnreachableError
from voxpress.generation import brain_population
from voxpress.generation.backend import Condition, Gaussian, Grid
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.people import parse_people
from voxpress.generation.recipe import default_recipe, example_text, load_people, load_recipe, parse_recipe
from voxpress.generation.registry import load_backend
from voxpress.generation.splits import assign_slots, assign_splits

GRID = Grid(shape=(16, 16, 16), spacing_mm=(1.0, 1.0, 1.0))
SPHERES = SpheresBackend({}, GRID)

BRAINS = dataclasses.replace(
    SPHERES,
    name="brains",
    conditions=(
        Condition(
            name="age", kind="number", meaning="", unit="years", minimum=30, maximum=95, default={"range": [30, 95]}
        ),
        Condition(name="sex", kind="category", meaning="", choices=("F", "M"), default={"choice": ["F", "M"]}),
        Condition(name="diagnosis", kind="category", meaning="", choices=("CN", "MCI", "AD"), default="CN"),
        Condition(
            name="intracranial_volume_ml",
            kind="number",
            meaning="",
            unit="ml",
            minimum=900,
            maximum=2100,
            decimals=1,
            population=brain_population.intracranial_volume,
        ),
        Condition(
            name="ventricular_volume_ml",
            kind="number",
            meaning="",
            unit="ml",
            minimum=5,
            maximum=150,
            population=brain_population.ventricular_volume,
            # the reach of the backend grows with the head
            limits=lambda known: (
                np.full(known["age"].shape, 5.0),
                known["intracranial_volume_ml"] * 0.1,
            ),
        ),
        Condition(
            name="cortical_volume_ml",
            kind="number",
            meaning="",
            unit="ml",
            decimals=1,
            population=brain_population.cortical_volume,
        ),
        Condition(
            name="wmh_volume_ml",
            kind="number",
            meaning="",
            unit="ml",
            minimum=0,
            population=brain_population.wmh_volume,
        ),
        Condition(name="contrast", kind="category", meaning="", choices=("T1w", "T2w"), default="T1w"),
    ),
)


def recipe_of(conditions="{}", *, samples=200, seed=20220614, rest="", folder=None):
    text = f"name: test\nsamples: {samples}\nseed: {seed}\nconditions: {conditions}\n{rest}"
    return parse_recipe(text, folder=folder)


def with_conditions(*conditions):
    return dataclasses.replace(SPHERES, conditions=conditions)


def number(name="x", **fields):
    return Condition(**({"name": name, "kind": "number", "meaning": "", "default": {"range": [0, 1]}} | fields))


def test_every_declared_condition_is_drawn_in_the_declared_order():
    plan = draw_cohort(recipe_of(), BRAINS)
    assert list(plan.conditions) == [condition.name for condition in BRAINS.conditions]
    assert plan.rows == 200
    for condition in BRAINS.conditions:
        values = plan.conditions[condition.name]
        assert values.shape == (200,)
        assert values.dtype.kind == ("f" if condition.kind == "number" else "U")
        with pytest.raises(ValueError, match="read-only"):
            values[0] = values[1]


def test_a_small_cohort_is_pinned():
    plan = draw_cohort(recipe_of("{diagnosis: {choice: {CN: 0.6, MCI: 0.2, AD: 0.2}}}", samples=6), BRAINS)
    rows = [tuple(plan.order(index).conditions.values()) for index in range(6)]
    assert rows == [
        (88.03, "F", "CN", 1447.1, 51.52, 383.6, 9.5, "T1w"),
        (53.47, "M", "CN", 1386.8, 21.57, 446.3, 5.07, "T1w"),
        (42.09, "F", "CN", 1512.4, 14.68, 495.0, 0.34, "T1w"),
        (53.14, "M", "CN", 1694.4, 11.24, 478.7, 4.74, "T1w"),
        (84.49, "M", "MCI", 1632.5, 63.73, 448.5, 13.61, "T1w"),
        (43.25, "F", "CN", 1384.2, 11.43, 427.8, 0.3, "T1w"),
    ]
    assert [plan.split_of(index) for index in range(6)] == ["train", "test", "train", "train", "validation", "train"]
    assert [plan.order(0, attempt).seed for attempt in (0, 1)] == [5226639580278583983, 4393948202710799500]


@pytest.mark.parametrize("samples", [1, 7, 100, 999])
def test_rows_do_not_change_when_the_number_of_samples_grows(samples):
    conditions = "{diagnosis: {choice: [CN, MCI, AD]}, age: {normal: {mean: 75, sd: 6, min: 60, max: 90}}}"
    small = draw_cohort(recipe_of(conditions, samples=samples), BRAINS)
    large = draw_cohort(recipe_of(conditions, samples=1000), BRAINS)
    for name, values in small.conditions.items():
        assert np.array_equal(values, large.conditions[name][:samples]), name
    assert np.array_equal(small.split, large.split[:samples])
    assert np.array_equal(small.slot, large.slot[:samples])
    assert small.order(samples - 1, 2) == large.order(samples - 1, 2)
    assert small.sample_id(samples - 1) == large.sample_id(samples - 1)


def test_conditions_have_streams_of_their_own():
    plan = draw_cohort(recipe_of(), BRAINS)
    without_age = draw_cohort(recipe_of("{age: 70}"), BRAINS)
    assert np.array_equal(plan.conditions["sex"], without_age.conditions["sex"])
    turned = draw_cohort(recipe_of(), dataclasses.replace(BRAINS, conditions=BRAINS.conditions[1::-1]))
    assert np.array_equal(plan.conditions["age"], turned.conditions["age"])
    assert np.array_equal(plan.conditions["sex"], turned.conditions["sex"])


def test_another_seed_is_another_cohort():
    one, other = (draw_cohort(recipe_of(seed=seed), BRAINS) for seed in (1, 2))
    assert not np.array_equal(one.conditions["age"], other.conditions["age"])
    assert not np.array_equal(one.split, other.split)
    assert one.order(0).seed != other.order(0).seed


def test_orders_are_plain_values():
    plan = draw_cohort(recipe_of("{radius_mm: 3}"), SPHERES)
    order = plan.order(np.int64(3), 1)
    assert (order.index, order.attempt) == (3, 1)
    assert [type(value) for value in order.conditions.values()] == [float, str]
    assert type(order.index) is int
    assert pickle.loads(pickle.dumps(order)) == order
    for index in (-1, 200):
        with pytest.raises(IndexError, match=f"row must be from 0 to 199, got {index}"):
            plan.order(index)


def test_a_plan_travels_to_a_worker():
    plan = draw_cohort(recipe_of(samples=5), SPHERES)
    assert pickle.loads(pickle.dumps(plan)).order(4, 1) == plan.order(4, 1)


def test_ids_have_one_width():
    plan = draw_cohort(recipe_of(samples=1), SPHERES)
    assert plan.sample_id(41) == "test-0000041"
    assert plan.sample_id(9_999_999) == "test-9999999"


def test_numbers_are_rounded_as_declared():
    plan = draw_cohort(recipe_of(), BRAINS)
    for condition in BRAINS.conditions:
        if condition.kind == "number":
            values = plan.conditions[condition.name]
            assert np.array_equal(values, np.round(values, condition.decimals))
    assert draw_cohort(recipe_of("{age: 70.123}"), BRAINS).conditions["age"][0] == 70.12


def test_distributions_reach_the_columns():
    many = 20_000
    conditions = (
        "{age: {normal: {mean: 75, sd: 6, min: 60, max: 90}}, sex: {choice: {F: 3, M: 1}}, "
        "intracranial_volume_ml: {choice: {1400: 1, 1500: 1}}, contrast: T2w, wmh_volume_ml: {range: [2, 4]}}"
    )
    drawn = draw_cohort(recipe_of(conditions, samples=many), BRAINS).conditions
    assert drawn["age"].min() >= 60
    assert drawn["age"].max() <= 90
    assert drawn["age"].mean() == pytest.approx(75, abs=0.1)
    assert np.mean(drawn["sex"] == "F") == pytest.approx(0.75, abs=0.01)
    assert sorted(set(drawn["intracranial_volume_ml"])) == [1400.0, 1500.0]
    assert set(drawn["contrast"]) == {"T2w"}
    assert drawn["wmh_volume_ml"].mean() == pytest.approx(3, abs=0.02)


@pytest.mark.parametrize("sex", ["F", "M"])
@pytest.mark.parametrize("diagnosis", ["CN", "MCI", "AD"])
@pytest.mark.parametrize("age", [40, 75])
def test_population_draws_follow_the_formulas(sex, diagnosis, age):
    conditions = f"{{age: {age}, sex: {sex}, diagnosis: {diagnosis}}}"
    unlimited = dataclasses.replace(
        BRAINS,
        conditions=tuple(
            dataclasses.replace(each, minimum=None, maximum=None, limits=None) for each in BRAINS.conditions
        ),
    )
    drawn = draw_cohort(recipe_of(conditions, samples=10_000), unlimited).conditions
    # a normal distribution cut at 2.5 SD keeps its mean and 95.4 % of its SD
    for name, formula in (
        ("intracranial_volume_ml", brain_population.intracranial_volume),
        ("ventricular_volume_ml", brain_population.ventricular_volume),
        ("cortical_volume_ml", brain_population.cortical_volume),
        ("wmh_volume_ml", brain_population.wmh_volume),
    ):
        predicted = formula(drawn)
        values = np.log10(drawn[name]) if predicted.log10 else drawn[name]
        residual = (values - predicted.mean) / predicted.sd
        assert abs(residual.mean()) < 0.03, name
        assert residual.std() == pytest.approx(0.954, abs=0.02), name
        # rounding to the declared decimals moves the smallest a little beyond the cut
        assert np.abs(residual).max() < 2.6, name


def test_population_draws_stay_within_reach_of_each_row():
    tight = number(
        population=lambda known: Gaussian(mean=np.zeros(known["age"].shape), sd=1.0),
        default="population",
        decimals=1,
        limits=lambda known: (np.full(known["age"].shape, 1.14), known["age"] / 50),
    )
    drawn = draw_cohort(
        recipe_of(samples=2000, conditions="{age: {choice: [60, 90]}}"), with_conditions(BRAINS.conditions[0], tight)
    )
    x = drawn.conditions["x"]
    assert x.min() >= 1.2
    assert np.all(x <= drawn.conditions["age"] / 50)
    assert len(set(x)) == 7


@pytest.mark.parametrize(
    ("conditions", "kind", "said"),
    [
        (
            "{agee: 70}",
            RecipeError,
            "conditions.agee: is not a condition of the backend 'brains', which has age, sex, ",
        ),
        ("{agee: 70}", RecipeError, "did you mean 'age'?"),
        ("{sample: 70}", RecipeError, "did you mean 'samples'?"),
        ("{age: old}", RecipeError, "conditions.age: must be a number (years) or a distribution of numbers, got 'old'"),
        ("{age: {choice: [70, old]}}", RecipeError, "conditions.age.choice: must be a number (years)"),
        ("{sex: 1}", RecipeError, "conditions.sex: must be one of F, M, or a choice of them, got 1.0"),
        (
            "{sex: {range: [0, 1]}}",
            RecipeError,
            "conditions.sex.range: must be one of F, M, or a choice of them, got the",
        ),
        ("{sex: {normal: {mean: 0, sd: 1}}}", RecipeError, "conditions.sex.normal: must be one of F, M"),
        (
            "{sex: population}",
            RecipeError,
            "conditions.sex: must be one of F, M, or a choice of them, got population, for",
        ),
        ("{age: population}", RecipeError, "for which the backend 'brains' has no formula"),
        (
            "{age: {column: age}}",
            RecipeError,
            "conditions.age.column: must be a column of the people file, got 'age', but",
        ),
        ("{sex: X}", UnreachableError, "conditions.sex: must be one of F, M, got 'X'"),
        ("{diagnosis: {choice: [CN, MCl]}}", UnreachableError, "one of CN, MCI, AD, got 'MCl'; did you mean 'MCI'?"),
        (
            "{age: 20}",
            UnreachableError,
            "conditions.age: must be within 30 to 95 years for the backend 'brains', got 20",
        ),
        ("{age: {choice: [70, 99]}}", UnreachableError, "conditions.age.choice: must be within 30 to 95 years"),
        ("{age: {range: [20, 90]}}", UnreachableError, "conditions.age.range: must be within 30 to 95 years"),
        (
            "{age: {normal: {mean: 70, sd: 5, min: 20}}}",
            UnreachableError,
            "conditions.age.normal.min: must be within 30",
        ),
        ("{wmh_volume_ml: -1}", UnreachableError, "conditions.wmh_volume_ml: must be within 0 to ∞ ml"),
    ],
)
def test_what_needs_no_draw_to_be_refused(conditions, kind, said):
    with pytest.raises(kind) as caught:
        draw_cohort(recipe_of(conditions), BRAINS)
    assert type(caught.value) is kind
    assert said in str(caught.value)


def test_problems_are_told_together():
    with pytest.raises(RecipeError) as caught:
        draw_cohort(recipe_of("{agee: 1, sex: 3, age: 20}"), BRAINS)
    assert len(str(caught.value).splitlines()) == 4
    assert type(caught.value) is RecipeError


def test_a_row_beyond_the_hard_limits_is_named():
    with pytest.raises(UnreachableError) as caught:
        draw_cohort(recipe_of("{age: {normal: {mean: 90, sd: 5}}}"), BRAINS)
    said = str(caught.value)
    assert "conditions.age: row " in said
    assert "years, but the backend 'brains' reaches 30.00 years to 95.00 years; " in said
    assert "of the other rows be made" in said


def test_a_row_beyond_what_its_other_conditions_allow_is_named():
    conditions = "{age: 70, sex: F, intracranial_volume_ml: 1200, ventricular_volume_ml: 130}"
    with pytest.raises(UnreachableError) as caught:
        draw_cohort(recipe_of(conditions, samples=1), BRAINS)
    assert str(caught.value) == (
        "conditions.ventricular_volume_ml: row 0 asks for 130.00 ml, "
        "but the backend 'brains' reaches 5.00 ml to 120.00 ml "
        "with age 70.0, sex F, diagnosis CN, intracranial_volume_ml 1200.0"
    )


def test_what_is_just_in_reach_is_made():
    conditions = "{intracranial_volume_ml: 1200, ventricular_volume_ml: 120}"
    assert draw_cohort(recipe_of(conditions, samples=3), BRAINS).rows == 3
    with pytest.raises(UnreachableError):
        draw_cohort(recipe_of(conditions.replace("120}", "120.01}"), samples=3), BRAINS)


def test_a_population_that_is_out_of_reach_is_named():
    far = number(
        population=lambda known: Gaussian(mean=np.full(known["age"].shape, 2.0), sd=0.1, log10=True),
        default="population",
        unit="ml",
        maximum=50.0,
        minimum=0.0,
    )
    with pytest.raises(UnreachableError) as caught:
        draw_cohort(recipe_of("{age: 70}", samples=2), with_conditions(BRAINS.conditions[0], far))
    assert str(caught.value) == (
        "conditions.x: row 0 is 56.23 ml to 177.83 ml by the population formula, "
        "but the backend 'spheres' reaches 0.00 ml to 50.00 ml with age 70.0; nor can 1 of the other rows be made"
    )


@pytest.mark.parametrize("reached", [(2.0, 1.0), (np.nan, np.nan)])
def test_a_row_for_which_nothing_is_in_reach(reached):
    none = number(limits=lambda known: tuple(np.full(3, end) for end in reached))
    with pytest.raises(UnreachableError, match=r"row 0 asks for .* but the backend 'spheres' reaches nothing"):
        draw_cohort(recipe_of(samples=3), with_conditions(none))


def test_a_default_that_is_not_well_formed_is_told():
    with pytest.raises(RecipeError, match=r"conditions\.x\.range: must be"):
        draw_cohort(recipe_of(), with_conditions(number(default={"range": [2, 1]})))


def test_formulas_cannot_change_what_is_known():
    def meddle(known):
        known["age"][0] = 0
        return Gaussian(mean=known["age"], sd=1.0)

    with pytest.raises(ValueError, match="read-only"):
        draw_cohort(recipe_of(), with_conditions(BRAINS.conditions[0], number(population=meddle, default="population")))


PEOPLE = b"years,sex,site\n70.5,F,a\n81,M,b\n64,F,a\n"


@pytest.fixture
def people_folder(tmp_path):
    (tmp_path / "people.csv").write_bytes(PEOPLE)
    return tmp_path


def people_plan(folder, conditions="{age: {column: years}}", rest="", backend=BRAINS):
    (folder / "r.yaml").write_text(f"name: p\npeople: people.csv\nconditions: {conditions}\n{rest}")
    recipe = load_recipe(folder / "r.yaml")
    return draw_cohort(recipe, backend, load_people(recipe, folder))


def test_columns_of_the_people_file_are_conditions(people_folder):
    plan = people_plan(people_folder)
    assert plan.rows == 3
    assert plan.conditions["age"].tolist() == [70.5, 81.0, 64.0]
    assert plan.conditions["sex"].tolist() == ["F", "M", "F"]
    assert plan.ignored_columns == ("site",)


def test_the_recipe_wins_over_a_column(people_folder):
    plan = people_plan(people_folder, "{age: 70, sex: M}", "samples: 2")
    assert plan.rows == 2
    assert plan.conditions["sex"].tolist() == ["M", "M"]
    assert plan.ignored_columns == ("years", "sex", "site")


@pytest.mark.parametrize(
    ("data", "conditions", "rest", "said"),
    [
        (
            PEOPLE,
            "{age: {column: year}}",
            "",
            "conditions.age.column: must be a column of people.csv, got 'year'; it has ",
        ),
        (PEOPLE, "{age: {column: year}}", "", "it has years, sex, site; did you mean 'years'?"),
        (PEOPLE, "{}", "samples: 4", "samples: must be at most 3, the number of rows of people.csv, got 4"),
        (
            b"age\n70\nold\n",
            "{}",
            "",
            "people.csv: the column 'age' must hold a finite number in every row, got line 3: 'old'",
        ),
        (b"age,sex\n70,F\n71,\n", "{}", "", "the column 'sex' must hold a text in every row, got line 3: blank"),
        (
            b"age\n70\n99\n20\n",
            "{}",
            "",
            "conditions.age: row 1 (people.csv line 3) asks for 99.00 years, but the backend",
        ),
        (
            b"sex\nF\n\nf\n",
            "{}",
            "",
            "conditions.sex: row 1 (people.csv line 4) asks for 'f', but the backend 'brains' makes F",
        ),
        (
            b"intracranial_volume_ml,ventricular_volume_ml\n1200,50\n1000,110\n",
            "{age: 70, sex: M}",
            "",
            "row 1 (people.csv line 3) asks for 110.00 ml, but the backend 'brains' reaches 5.00 ml to 100.00 ml with",
        ),
    ],
)
def test_people_that_cannot_be_made(people_folder, data, conditions, rest, said):
    (people_folder / "people.csv").write_bytes(data)
    with pytest.raises(RecipeError) as caught:
        people_plan(people_folder, conditions, rest)
    assert said in str(caught.value)


def test_the_people_given_must_be_those_of_the_recipe(people_folder):
    recipe = recipe_of(rest="people: people.csv", samples=2, folder=people_folder)
    with pytest.raises(RecipeError, match=r"it names people\.csv, got none"):
        draw_cohort(recipe, BRAINS)
    with pytest.raises(RecipeError, match=r"people\.sha256: must be"):
        draw_cohort(recipe, BRAINS, parse_people(b"age\n70\n71\n"))
    with pytest.raises(RecipeError, match="names none, but one was given"):
        draw_cohort(recipe_of(), BRAINS, parse_people(PEOPLE))


FRACTIONS = (0.8, 0.1, 0.1)


@pytest.mark.parametrize("seed", [0, 1, 20220614])
def test_every_run_of_rows_is_split_evenly(seed):
    split = assign_splits(seed, FRACTIONS, 100_000)
    for number_, fraction in enumerate(FRACTIONS):
        ahead = np.cumsum(split == number_) - fraction * np.arange(1, split.size + 1)
        assert np.abs(ahead).max() < 5
        assert np.ptp(ahead) < 6


def test_every_other_row_is_split_evenly_too():
    split = assign_splits(3, FRACTIONS, 100_000)
    for step in (2, 3, 5, 8, 64):
        assert np.mean(split[::step] == 1) == pytest.approx(0.1, abs=10 * step / 100_000)


def test_splits_whose_fractions_do_not_sum_exactly():
    split = assign_splits(0, (1 / 3, 1 / 3, 1 / 3), 9999)
    assert np.bincount(split).tolist() == pytest.approx([3333] * 3, abs=3)
    assert set(assign_splits(0, (1.0,), 50)) == {0}


def test_slots_count_the_rows_of_each_split():
    split = assign_splits(0, FRACTIONS, 1000)
    slots = assign_slots(split, 3)
    for number_ in range(3):
        assert np.array_equal(slots[split == number_], np.arange(np.count_nonzero(split == number_)))


def test_shards_hold_every_row_once_in_the_order_of_the_slots():
    plan = draw_cohort(recipe_of(samples=203, rest="shards: {samples: 16}"), SPHERES)
    shards = plan.shards()
    assert sorted(index for shard in shards for index in shard.indices) == list(range(203))
    assert [(shard.split, shard.number) for shard in shards] == [
        (name, number_) for name in plan.splits for number_ in range(-(-plan.slots[name] // 16))
    ]
    for shard in shards:
        assert {plan.split_of(index) for index in shard.indices} == {shard.split}
        slots = [plan.slot[index] for index in shard.indices]
        assert slots == list(range(shard.number * 16, shard.number * 16 + len(slots)))


def test_a_split_may_stay_empty():
    plan = draw_cohort(recipe_of(samples=1), SPHERES)
    assert sorted(plan.slots.values()) == [0, 0, 1]
    assert len(plan.shards()) == 1


def test_the_table():
    plan = draw_cohort(recipe_of(samples=3), SPHERES)
    table = plan.table()
    assert table.column_names == ["sample_id", "index", "split", "slot", "radius_mm", "tone"]
    assert table["sample_id"].to_pylist() == ["test-0000000", "test-0000001", "test-0000002"]
    assert table["radius_mm"].to_pylist() == plan.conditions["radius_mm"].tolist()
    assert table["split"].to_pylist() == [plan.split_of(index) for index in range(3)]
    assert table["tone"].to_pylist() == plan.conditions["tone"].tolist()


def test_a_million_rows_take_seconds():
    started = time.perf_counter()
    plan = draw_cohort(recipe_of(samples=1_000_000), BRAINS)
    assert plan.rows == 1_000_000
    assert sum(plan.slots.values()) == 1_000_000
    assert time.perf_counter() - started < 20


@pytest.mark.parametrize(
    "recipe", [parse_recipe(example_text()), default_recipe(samples=5000)], ids=["example", "default"]
)
def test_the_recipes_that_come_with_the_package_can_be_made(recipe):
    backend = load_backend(recipe.backend.name, recipe.backend.options, recipe.grid)
    assert draw_cohort(recipe, backend).rows == recipe.samples


def test_spheres_are_what_was_ordered():
    plan = draw_cohort(recipe_of(samples=4), SPHERES)
    orders = [plan.order(index) for index in range(4)]
    together = SPHERES.generate(orders)
    for order, sample in zip(orders, together, strict=True):
        (alone,) = SPHERES.generate([order])
        assert sample.measured["radius_mm"] == pytest.approx(order.conditions["radius_mm"], rel=0.01)
        assert all(np.array_equal(sample.volumes[name], alone.volumes[name]) for name in ("image", "label"))
        assert sample.volumes["image"].dtype == np.float32
        assert sample.volumes["image"][sample.volumes["label"] == 0].max() == 0
        assert 0 < sample.volumes["image"].max() <= 1
        assert sample.faults == ()
    other = SPHERES.generate([plan.order(0, 1)])[0]
    assert not np.array_equal(other.volumes["image"], together[0].volumes["image"])


def test_spheres_fail_as_told():
    backend = SpheresBackend({"fail": {"1": 2}}, GRID)
    plan = draw_cohort(recipe_of(samples=2), backend)
    faults = [backend.generate([plan.order(1, attempt)])[0].faults for attempt in range(3)]
    assert faults == [("TEST_FAULT",), ("TEST_FAULT",), ()]
    assert backend.generate([plan.order(0)])[0].faults == ()
    assert (RADIUS.minimum, TONE.choices) == (2.0, ("dark", "bright"))
