"""Mistakes in an order: one clear message, exit code 2, no traceback, nothing left behind."""

from __future__ import annotations

import re

import pytest
import tiny_brains as tiny
import tiny_store
from command_line import apart

BAD = {
    "unknown field": (["--set", "image.shap=1,2,3"], "image.shap: is not a field.*did you mean 'shape'"),
    "unknown top field": (["--set", "nmae.x=3"], "'nmae' must be a field of a recipe.*did you mean 'name'"),
    "unknown condition": (["--set", "agge=70"], "conditions.agge: is not a condition of the backend 'atlas'.*'age'"),
    "unknown backend": (["--set", "backend=atlus"], "installed backend.*got 'atlus'; did you mean 'atlas'"),
    "wrong type": (["--set", "samples=many"], "samples: must be a whole number from 1 to 10000000, got 'many'"),
    "wrong kind": (["--set", "sex=3"], r"conditions.sex: must be one of F, M, .*got 3"),
    "out of range": (["--set", "age=20"], "conditions.age: must be within 30 to 95 years .*got 20"),
    "negative seed": (["--seed", "-1"], "seed: must be a whole number from 0"),
    "no samples": (["--samples", "0"], "samples: must be a whole number from 1"),
    "impossible volume": (
        ["--set", "ventricular_volume_ml=149", "--set", "intracranial_volume_ml=950"],
        "ventricular_volume_ml.*149",
    ),
    "no room for a brain": (["--set", "image.spacing_mm=1,1,1"], "view must hold a brain.*got 24×30×26 mm"),
    "not finite": (["--set", "age=.nan"], "conditions.age.*finite.*nan"),
    "infinite": (["--set", "image.spacing_mm=.inf,1,1"], "image.spacing_mm.*inf"),
    "no equals sign": (["--set", "age"], "--set must be name=value, .*got 'age'"),
    "splits": (["--set", "splits={train: 0.5}"], "splits: must be fractions that sum to 1"),
}


@pytest.mark.parametrize(("changes", "message"), BAD.values(), ids=BAD)
def test_a_mistake_in_the_order_is_told_in_full(say, recipe, tmp_path, changes, message) -> None:
    for command in (
        ("generate", "-o", tmp_path / "b"),
        ("recipe",),
        ("sample", "--index", 0, "-o", tmp_path / "x.png"),
    ):
        said = say(*command, recipe, *changes)
        assert said.code == 2
        assert re.search(message, said.err)
        assert said.out == ""
    assert list(tmp_path.iterdir()) == []


FILES = {
    "no yaml": ("name: [", "is not well-formed YAML: line 1, column 8"),
    "no mapping": ("just text", "mapping"),
    "unknown field": ("name: x\nsamples: 1\ncolour: red\n", "colour"),
    "missing field": ("name: x\n", "samples"),
    "no people": ("name: x\nsamples: 1\npeople: nobody.csv\n", "nobody.csv cannot be read"),
    "people outside": ("name: x\nsamples: 1\npeople: ../people.csv\n", "inside it"),
    "missing column": (
        "name: x\npeople: people.csv\nconditions: {age: {column: years}}\n",
        "must be a column of people.csv, got 'years'; it has id, age",
    ),
    "not finite": (
        "name: x\npeople: blank.csv\n",
        "'age' must hold a finite number in every row, got line 3: 'nan'",
    ),
}


@pytest.mark.parametrize(("text", "message"), FILES.values(), ids=FILES)
def test_a_mistake_in_the_file_is_told(say, tmp_path, text, message) -> None:
    (tmp_path / "people.csv").write_text("id,age\n1,70\n")
    (tmp_path / "blank.csv").write_text("id,age\n1,70\n2,nan\n")
    (tmp_path / "bad.yaml").write_text(text)
    said = say("generate", tmp_path / "bad.yaml", "-o", tmp_path / "b", *tiny.SETS)
    assert said.code == 2
    assert re.search(message, said.err)
    assert not (tmp_path / "b").exists()


def test_a_recipe_that_is_not_there_is_told(say, tmp_path) -> None:
    said = say("generate", tmp_path / "no.yaml", "-o", tmp_path / "b")
    assert said.code == 2
    assert "cannot be read: No such file" in said.err


@pytest.mark.parametrize("what", ["other files", "a file", "another data set", "another order"])
def test_a_target_that_holds_something_else_is_left_alone(say, recipe, brains, tmp_path, what) -> None:
    target, more = tmp_path / "b", ()
    match what:
        case "other files":
            target.mkdir()
            (target / "thesis.tex").write_text("mine")
        case "a file":
            target.write_text("mine")
        case "another data set":
            tiny_store.build(target)
        case "another order":
            target, more = brains, ("--seed", 12)
    before = {path: path.read_bytes() for path in target.rglob("*") if path.is_file()}
    said = say("generate", recipe, "-o", target, *more)
    assert said.code == 2
    assert f"the target {target}" in said.err
    assert {path: path.read_bytes() for path in target.rglob("*") if path.is_file()} == before


def test_a_mistake_leaves_no_traceback(recipe, tmp_path) -> None:
    said = apart("generate", recipe, "-o", tmp_path / "b", "--set", "age=20")
    assert said.code == 2
    assert said.err.splitlines()[1:] == [
        "voxpress: the recipe has 1 problem:",
        "  conditions.age: must be within 30 to 95 years for the backend 'atlas', got 20",
    ]


def test_a_target_that_cannot_be_made_is_a_failure(say, recipe) -> None:
    said = say("generate", recipe, "-o", recipe / "b")
    assert said.code == 1
    assert re.search(r"voxpress: .*Not a directory.*recipe.yaml/b", said.err)
