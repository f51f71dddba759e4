"""Licences of data sets that were made with weights for non-commercial use."""

from __future__ import annotations

import pytest

from voxpress.generation.backends.diffusion.model_card import known_models, load_card
from voxpress.generation.weights_licence import licence_conflict


def lock(commercial: str, licence: str = "some-noncommercial-license"):
    return {"backend": {"name": "nv-rflow", "weights_commercial_use": commercial, "weights_licence": licence}}


@pytest.mark.parametrize("licence", ["cc0-1.0", "cc-by-4.0", "CC-BY-SA-4.0", "mit", "apache-2.0", "odc-by"])
def test_an_open_licence_is_refused(licence) -> None:
    assert "forbids commercial use" in licence_conflict(lock("no"), licence)
    assert licence_conflict(lock("yes"), licence) is None
    assert licence_conflict({}, licence) is None
    assert licence_conflict({"backend": {"name": "atlas"}}, licence) is None


@pytest.mark.parametrize(
    "licence", ["cc-by-nc-4.0", "cc-by-nc-sa-4.0", "other", "unknown", "some-noncommercial-license", "to-be-chosen"]
)
def test_what_forbids_it_too_or_is_not_chosen_yet(licence) -> None:
    assert licence_conflict(lock("no"), licence) is None


def test_the_weights_name_of_a_licence_is_enough() -> None:
    assert licence_conflict(lock("no", "lab-terms"), "lab-terms") is None
    assert "lab-terms" in licence_conflict(lock("no", "lab-terms"), "other-terms")


def test_models_whose_weights_are_not_for_commercial_use() -> None:
    cards = [load_card(name, "nv-rflow") for name in known_models("nv-rflow")]
    assert [card.name for card in cards if not card.licence.commercial] == ["rflow-mr"]
