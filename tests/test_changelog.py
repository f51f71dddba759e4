"""The changelog of a data set, and the section of the card."""

from __future__ import annotations

import pytest
import tiny_store as tiny
from tiny_factory import order, press

from voxpress.cards import CardFacts, change_points, changelog, changelog_entry, dataset_card
from voxpress.store.diff import diff


@pytest.fixture(scope="module")
def found(pressed_balls, tmp_path_factory):
    target = tmp_path_factory.mktemp("later") / "balls"
    sets = ("version=1.1.0", "samples=18", "tone=dark", "backend.fail={3: 9}", "splits={train: 0.6, test: 0.4}")
    press(order(*sets), target)
    return diff(pressed_balls, target)


def test_an_entry_tells_what_differs(found) -> None:
    entry = changelog_entry(found)
    assert entry.startswith(f"## 1.1.0\n\nSince 1.0.0 (digest `{found.old.digest}`):\n\n- ")
    points = change_points(found).splitlines()
    samples = found.samples
    assert all(point.startswith("- ") for point in points)
    assert points[0].startswith(f"- {len(samples.added):,} samples added (")
    assert points[1] == "- 1 sample removed (from train 1)"
    assert any(f"{len(samples.moved)} samples moved to another split or slot (now in " in point for point in points)
    assert f"- {samples.same:,} sample{'s' * (samples.same != 1)} unchanged" in points
    assert "- recipe: samples: 14 → 18" in points
    assert "- rejected samples: 1 more that no attempt made well enough" in points
    assert not any("version: 1.0.0" in point for point in points)


def test_the_first_changelog_begins_with_the_version_before(found) -> None:
    text = changelog(found, None)
    assert text.startswith("# Changelog\n")
    assert text.endswith("## 1.0.0\n\n- 14 samples\n")
    assert text.index("## 1.1.0") < text.index("## 1.0.0")


def test_older_entries_stay_as_they_are(found) -> None:
    older = "# Changelog\n\nSome words.\n\n## 1.0.0\n\nWritten *by hand*.\n\n## 0.9.0\n\n- ten\n"
    text = changelog(found, older)
    assert text.endswith("\n## 1.0.0\n\nWritten *by hand*.\n\n## 0.9.0\n\n- ten\n")
    assert text.count("# Changelog") == 1
    assert "Some words" not in text


@pytest.mark.parametrize("older", ["", "nothing here", "## 1.0.0\n\n- kept\n"])
def test_a_changelog_of_another_form_is_no_fault(found, older) -> None:
    text = changelog(found, older)
    assert "## 1.1.0" in text
    assert text.endswith("- kept\n" if "kept" in older else "- 14 samples\n")


def test_text_from_data_is_escaped(tiny_store, sealed_store) -> None:
    (tiny_store / "recipe.yaml").write_text("name: '<script>[x](http://example.org)'\n")
    tiny.rewrite(tiny_store)
    entry = changelog_entry(diff(sealed_store, tiny_store))
    assert "<script>" not in entry
    assert "[x](" not in entry


def test_the_card_links_to_it(found, pressed_balls) -> None:
    from voxpress import store

    manifest = store.open(pressed_balls).manifest
    assert "CHANGELOG" not in dataset_card(manifest)
    card = dataset_card(manifest, CardFacts(changes=change_points(found)))
    _, _, section = card.partition("\n## Changes\n")
    assert (
        section.index("[CHANGELOG.md](CHANGELOG.md)") < section.index("samples: 14 → 18") < section.index("## Licence")
    )
