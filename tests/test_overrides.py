"""Changes from the command line."""

from __future__ import annotations

import pytest

from voxpress.errors import RecipeError
from voxpress.generation.overrides import FIELDS, with_overrides
from voxpress.generation.recipe import Recipe, parse_recipe

BASE = {"name": "a", "samples": 4, "backend": "atlas", "conditions": {"age": 70}, "image": {"dtype": "int16"}}


@pytest.mark.parametrize(
    ("change", "path", "value"),
    [
        ("age=70:85", "conditions.age", {"range": [70, 85]}),
        ("age = 70.5 : 85", "conditions.age", {"range": [70.5, 85]}),
        ("age=-5:5", "conditions.age", {"range": [-5, 5]}),
        ("age=72", "conditions.age", 72),
        ("age=population", "conditions.age", "population"),
        ("sex=F", "conditions.sex", "F"),
        ("contrast=FDG-PET", "conditions.contrast", "FDG-PET"),
        ("diagnosis=CN,AD", "conditions.diagnosis", {"choice": {"CN": 1, "AD": 1}}),
        ("diagnosis=CN*0.7, AD*0.3", "conditions.diagnosis", {"choice": {"CN": 0.7, "AD": 0.3}}),
        ("diagnosis=CN*3,AD", "conditions.diagnosis", {"choice": {"CN": 3, "AD": 1}}),
        ("noise=0.01,0.05", "conditions.noise", {"choice": {0.01: 1, 0.05: 1}}),
        ("age={normal: {mean: 75, sd: 6}}", "conditions.age", {"normal": {"mean": 75, "sd": 6}}),
        ("age={column: years}", "conditions.age", {"column": "years"}),
        ("conditions.age=70:85", "conditions.age", {"range": [70, 85]}),
        ("conditions.age={range: [1, 2]}", "conditions.age", {"range": [1, 2]}),
        ("conditions.height.normal.mean=75", "conditions.height.normal.mean", 75),
        ("conditions.height.range=1,2", "conditions.height.range", [1, 2]),
        ("seed=7", "seed", 7),
        ("samples=9", "samples", 9),
        ("name=b", "name", "b"),
        ("version=2.0.0", "version", "2.0.0"),
        ("people=people.csv", "people", "people.csv"),
        ("people=", "people", None),
        ("backend=ldm", "backend", "ldm"),
        ("backend.contrast=T2w", "backend", {"name": "atlas", "contrast": "T2w"}),
        ("image.shape=80,112,80", "image.shape", [80, 112, 80]),
        ("image.shape=[80, 112, 80]", "image.shape", [80, 112, 80]),
        ("image.dtype=uint8", "image.dtype", "uint8"),
        ("shards.samples=8", "shards.samples", 8),
        ("splits={train: 1.0}", "splits", {"train": 1.0}),
    ],
)
def test_a_change(change, path, value):
    result = with_overrides(BASE, sets=[change])
    for part in path.split("."):
        result = result[part]
    assert result == value


def test_the_mapping_given_is_not_changed():
    changed = with_overrides(BASE, sets=["age=3", "image.dtype=uint8"], samples=1, seed=2)
    assert BASE["conditions"] == {"age": 70}
    assert BASE["image"] == {"dtype": "int16"}
    assert (changed["samples"], changed["seed"]) == (1, 2)


def test_later_changes_win_and_samples_and_seed_win_over_all():
    changed = with_overrides(BASE, sets=["age=1", "age=2", "seed=3"], seed=4)
    assert changed["conditions"]["age"] == 2
    assert changed["seed"] == 4


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("age", "--set must be name=value, for example age=70:85 or image.shape=80,112,80, got 'age'"),
        ("=3", "--set must be name=value"),
        ("image.=3", "--set must be name=value"),
        ("imge.shape=1,2,3", "'imge' must be a field of a recipe, which are name, version"),
        ("age.range=1", "(a part of a condition is conditions.age.range)"),
        ("age=70:old", "a range must be low:high, two numbers, got '70:old'"),
        ("sex=F,F", "a choice must name each value once, got 'F' twice"),
        ("sex=F,,M", "a choice must be value,value or value*weight"),
        ("sex=F*,M", "a choice must be value,value or value*weight"),
        ("conditions.age.range=1,2", "conditions.age is 70, which has no part 'range'; set conditions.age as a whole"),
        ("name.x=3", "name is 'a', which has no part 'x'"),
        ("age={range: [", "--set age={range: [ is not well-formed YAML"),
    ],
)
def test_a_change_that_is_refused(change, said):
    with pytest.raises(RecipeError) as caught:
        with_overrides(BASE, sets=[change])
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("sex=no", "conditions.sex: must be a finite number or a text, got false (YAML reads an unquoted yes, no,"),
        ("age=", "conditions.age: must be a value, population, {choice: …}"),
        ("age=85:70", "conditions.age.range: must be [low, high]: two finite numbers with low not above high, got [85"),
        ("age=.nan", "conditions.age: must be a finite number or a text, got nan"),
        ("sex=F*-1,M*2", "conditions.sex.choice: must be values with weights of 0 or more"),
        ("image.shape=80,112", "image.shape: must be a list of three whole numbers"),
        ("image.shp=80", "image.shp: is not a field here"),
        ("samples=many", "samples: must be a whole number"),
    ],
)
def test_values_are_judged_with_the_recipe(change, said):
    with pytest.raises(RecipeError) as caught:
        parse_recipe("name: a\nsamples: 3", sets=[change])
    assert said in str(caught.value)


def test_fields_are_those_of_the_recipe():
    assert set(FIELDS) == set(Recipe.model_fields)
