"""The press: recipe to data set with its card, and one sample alone."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tiny_brains as tiny

import voxpress
from voxpress import press
from voxpress.generation.recipe import parse_recipe


@pytest.fixture(scope="module")
def brains(tmp_path_factory):
    return press.generate(tiny.RECIPE, tmp_path_factory.mktemp("press") / "brains", workers=1)


def test_generate_gives_the_open_data_set(brains) -> None:
    assert len(brains) == tiny.RECIPE["samples"]
    assert brains[0]["image"].shape == tiny.SHAPE
    assert voxpress.verify(brains.path).ok


@pytest.mark.parametrize("form", ["path", "text path", "recipe"])
def test_the_form_of_the_recipe_does_not_matter(form, brains, tmp_path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(tiny.TEXT)
    recipe = {"path": file, "text path": str(file), "recipe": parse_recipe(tiny.TEXT)}[form]
    # a finished run of the same recipe is recognised, so this would raise if the recipe differed
    pressed = press.fulfil(recipe, brains.path)
    assert pressed.made == 0
    assert pressed.cohort.manifest.digest == brains.manifest.digest


def test_the_card_is_written_last_and_opens_in_datasets(brains) -> None:
    card = (brains.path / "README.md").read_text()
    assert "icbm-152" in card
    assert "Lateral ventricles" in card
    assert brains.manifest.digest in card


def test_a_card_that_was_edited_stays(tmp_path, brains) -> None:
    card = brains.path / "README.md"
    before = card.read_text()
    card.write_text("mine")
    press.generate(tiny.RECIPE, brains.path)
    assert card.read_text() == "mine"
    card.unlink()
    press.generate(tiny.RECIPE, brains.path)
    assert card.read_text() == before
    assert not list(brains.path.glob(".voxpress-*"))


@pytest.mark.parametrize("row", range(6))
def test_a_sample_made_alone_equals_that_of_the_whole(row, brains) -> None:
    whole = brains[row]
    alone = press.sample(tiny.RECIPE, whole["index"], whole["attempt"])
    assert alone.sample_id == whole["sample_id"]
    assert alone.split == whole["split"]
    assert alone.order.seed == whole["seed"]
    assert not alone.reasons
    for name in ("image", "label"):
        np.testing.assert_array_equal(alone.volumes[name], whole[name])
        assert alone.volumes[name].dtype == whole[name].dtype
        assert alone.specs[name] == brains.specs[name]
    assert {f"measured_{name}": value for name, value in alone.measured.items()}.items() <= whole.items()


def test_a_sample_needs_no_smaller_cohort(brains) -> None:
    many = press.sample(tiny.RECIPE | {"samples": 1000}, 3)
    np.testing.assert_array_equal(many.volumes["image"], brains.where("index == 3")[0]["image"])


def test_another_attempt_is_another_brain_of_the_same_conditions() -> None:
    first, second = (press.sample(tiny.RECIPE, 0, attempt) for attempt in (0, 1))
    assert first.order.conditions == second.order.conditions
    assert (first.volumes["image"] != second.volumes["image"]).any()


def test_a_row_that_is_not_there_is_refused() -> None:
    with pytest.raises(IndexError, match="from 0 to 5, got 6"):
        press.sample(tiny.RECIPE, 6)


def test_people_are_looked_for_beside_the_recipe(tmp_path) -> None:
    (tmp_path / "people.csv").write_text("age,sex,height_m\n61,F,1.7\n79,M,1.8\n")
    (tmp_path / "recipe.yaml").write_text(
        "name: known\npeople: people.csv\nsplits: {all: 1}\nimage: {shape: [24, 30, 26], spacing_mm: [6.5, 6.5, 6.5]}\n"
    )
    with pytest.warns(UserWarning, match="no condition uses these columns of the people file: height_m"):
        cohort = press.generate(tmp_path / "recipe.yaml", tmp_path / "brains", workers=1)
    assert cohort.table["age"].to_pylist() == [61, 79]
    assert cohort.table["sex"].to_pylist() == ["F", "M"]
    assert press.sample(tmp_path / "recipe.yaml", 1).order.conditions["age"] == 79


def test_progress_starts_with_what_is_there_and_ends_with_all(tmp_path) -> None:
    told = []
    press.generate(tiny.RECIPE | {"samples": 2}, tmp_path / "brains", workers=1, progress=told.append)
    assert [(each.done, each.samples) for each in told] == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.skipif(not hasattr(os, "sched_getaffinity"), reason="this system does not tell")
def test_cpus_are_those_that_this_process_may_use() -> None:
    assert press.available_cpus() == len(os.sched_getaffinity(0))
