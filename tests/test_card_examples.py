"""The worked example: what `make example` makes, without the voxels; it keeps what the linter asks of every card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

import voxpress
from voxpress import demo, store
from voxpress.cards import lint_card, read_human
from voxpress.cards.dataset_card import gather, remade_card
from voxpress.quality.gate import check_report

EXAMPLE = Path(voxpress.__file__).parent / "cards/examples/demo-brains"

pytestmark = pytest.mark.skipif(not EXAMPLE.is_dir(), reason="voxpress is not installed from a checkout")


def test_it_is_the_cohort_of_the_demo() -> None:
    recipe = demo.recipe_text(16, (80, 112, 80), (2, 2, 2))
    assert (EXAMPLE / "recipe.yaml").read_text() == recipe
    manifest = store.open(EXAMPLE).manifest
    assert (manifest.name, manifest.specs["image"].shape) == ("demo-brains", (80, 112, 80))
    assert yaml.safe_load(recipe)["seed"] == 4


def test_its_card_is_fit_to_be_published() -> None:
    assert lint_card(EXAMPLE) == []


def test_its_card_is_what_the_code_makes_now() -> None:
    cohort = store.open(EXAMPLE)
    card = (EXAMPLE / "README.md").read_text()
    human = read_human(EXAMPLE / "human.yaml")
    assert remade_card(card, cohort.manifest, gather(cohort), human) == card


def test_the_demo_cohort_passes_the_gate_for_demos() -> None:
    standing = check_report(EXAMPLE, store.open(EXAMPLE).manifest)
    assert standing.profile == "demo"
    assert standing.may_be_published, standing.sentence


def test_its_figures_are_small_and_its_croissant_is_of_it() -> None:
    for name in ("preview.png", "conditions.png"):
        assert (EXAMPLE / "quality" / name).stat().st_size < 200_000
    document = json.loads((EXAMPLE / "croissant.json").read_text())
    assert document["identifier"] == f"sha256:{store.open(EXAMPLE).manifest.digest}"
    assert document["rai:dataUseCases"].startswith("Trying voxpress")
