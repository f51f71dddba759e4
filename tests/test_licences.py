"""Licences: what a data set cannot have because of what it was made from."""

from __future__ import annotations

import pytest

from voxpress.cards.hub_lists import hub_list
from voxpress.cards.licences import _KNOWN, Source, conflicts, hub_id, sources_of, terms_of
from voxpress.generation.backends.diffusion.model_card import known_models, load_card


def weights(licence: str) -> list[Source]:
    return [Source(what="the weights", licence=licence)]


@pytest.mark.parametrize(
    ("chosen", "source", "said"),
    [
        ("cc-by-4.0", "CC-BY-NC-4.0", "rules out commercial use"),
        ("apache-2.0", "cc-by-nc-sa-4.0", "asks for the same licence"),
        ("cc-by-nc-4.0", "cc-by-nc-4.0", ""),
        ("cc-by-nc-sa-4.0", "cc-by-nc-4.0", ""),
        ("cc-by-4.0", "cc-by-sa-4.0", "asks for the same licence, not cc-by-4.0; choose cc-by-sa-4.0"),
        ("cc-by-sa-4.0", "cc-by-sa-3.0", ""),
        ("cc-by-sa-3.0", "cc-by-sa-4.0", "asks for the same licence"),
        ("cc-by-nd-4.0", "cc-by-nd-4.0", "may not be passed on"),
        ("other-terms", "cc-by-nc-nd-4.0", "may not be passed on"),
        ("mit", "creativeml-openrail-m", "limits of use that must be passed on"),
        ("openrail", "creativeml-openrail-m", ""),
        ("cc0-1.0", "Apache-2.0", "its notice stays with every copy"),
        ("cc-by-4.0", "Apache-2.0", ""),
        ("cc0-1.0", "icbm-152", "its notice stays with every copy"),
        ("cc-by-4.0", "icbm-152", ""),
        ("cc-by-4.0", "cc0-1.0", ""),
        ("cc-by-4.0", "a-licence-of-its-own", ""),
        ("terms-of-our-own", "cc-by-nc-4.0", ""),
    ],
)
def test_only_what_a_licence_rules_out_is_refused(chosen, source, said) -> None:
    found = conflicts(chosen, weights(source))
    assert bool(found) == bool(said)
    assert said in "".join(found)


def test_every_source_counts() -> None:
    sources = [*weights("mit"), *weights("cc-by-nc-4.0"), *weights("cc-by-sa-4.0")]
    assert len(conflicts("cc-by-4.0", sources)) == 2


def test_sources_are_what_the_lock_and_the_notices_say() -> None:
    lock = {"backend": {"name": "ldm", "weights_licence": "CC-BY-NC-4.0", "training_data_licence": "UKB"}}
    assert [(each.what, each.licence) for each in sources_of(lock)] == [
        ("the weights of the backend ldm", "CC-BY-NC-4.0"),
        ("the training data of the backend ldm", "UKB"),
    ]
    assert [each.licence for each in sources_of({"backend": {"name": "atlas"}})] == ["icbm-152"]
    assert sources_of({}) == []


def test_the_table_knows_only_what_the_hub_knows() -> None:
    assert set(_KNOWN) - {"icbm-152", "nvidia-oneway-noncommercial-license"} <= hub_list("license")
    assert all(hub_id(name) == name for name in _KNOWN)
    assert terms_of("ODbL-1.0") == terms_of("odbl")
    assert terms_of("mine") is None


def test_weights_for_non_commercial_use() -> None:
    """Of the models that voxpress knows, as their cards say; an open licence is refused for what they make."""
    cards = [load_card(name, family) for family in ("ldm", "nv-rflow") for name in known_models(family)]
    restricted = {card.name: card.licence.name for card in cards if not card.licence.commercial}
    assert restricted == {"rflow-mr": "nvidia-oneway-noncommercial-license"}
    for card in cards:
        made = weights(card.licence.name)
        assert bool(conflicts("cc-by-4.0", made)) is not card.licence.commercial
        assert conflicts("cc-by-nc-4.0", made) == []
