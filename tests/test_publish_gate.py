"""Publishing asks the quality gate, and an override is told to everybody."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import tiny_store as tiny
from loopback_hub.users import WRITER
from published_stores import collection
from quality_reports import reported

import voxpress
from voxpress import PublishError, QualityError, builder, store
from voxpress.cards.override_section import with_overrides
from voxpress.quality import Score, Verdict
from voxpress.quality.gate import (
    OVERRIDE_NAME,
    REPORT_NAME,
    Override,
    State,
    check_report,
    judge_store,
    read_override,
)
from voxpress.quality.parts import Part, write_part

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

REASON = "The training set of this model is not public, so that nobody can audit it."


def _failing(root: Path) -> None:
    score = Score(id="audit.copy_excess", value=0.05, interval=(0.03, 0.07), n={"samples": 12})
    write_part(root, Part(name="audit", manifest_sha256=store.open(root).manifest.digest, scores=(score,)))
    assert judge_store(store.open(root), "demo").verdict == Verdict.FAIL


def _invalid(root: Path) -> None:
    score = Score(id="audit.positive_control", value=0.2)
    write_part(root, Part(name="audit", manifest_sha256=store.open(root).manifest.digest, scores=(score,)))
    assert judge_store(store.open(root), "demo").verdict == Verdict.INVALID


def _edited(root: Path) -> None:
    path = root / REPORT_NAME
    path.write_text(path.read_text(encoding="utf-8").replace("PASS", "WARN", 1), encoding="utf-8")


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda root: (root / REPORT_NAME).unlink(), "there is no quality report"),
    "stale": (lambda root: tiny.rewrite(root, lock={"packages": {"numpy": "3"}}), "is about other data"),
    "edited": (_edited, "was edited or damaged"),
    "failing": (_failing, "1 failed (audit.copy_excess)"),
    "invalid": (_invalid, "1 invalid (audit.positive_control)"),
}


@pytest.fixture(params=SPOILT, ids=str)
def spoilt(request, carded_store: Path, tmp_path: Path) -> tuple[Path, str]:
    """A data set that the gate does not let pass, and what it says."""
    spoil, said = SPOILT[request.param]
    root = shutil.copytree(carded_store, tmp_path / "tiny-brains")
    spoil(root)
    return root, said


@pytest.fixture
def unjudged(carded_store: Path, tmp_path: Path) -> Path:
    """A data set with its card, and without a report."""
    root = shutil.copytree(carded_store, tmp_path / "tiny-brains")
    (root / REPORT_NAME).unlink()
    return root


def test_without_a_report_that_holds_nothing_is_published(spoilt, tmp_path: Path) -> None:
    root, said = spoilt
    for dry_run in (True, False):
        with pytest.raises(PublishError, match="does not pass the quality gate") as refused:
            voxpress.publish(root, tmp_path / "shelf", dry_run=dry_run)
        assert said in str(refused.value)
        assert "--override" in str(refused.value)
    assert not (tmp_path / "shelf").exists()


def test_an_override_is_published_with_the_data_and_on_the_card(spoilt, tmp_path: Path) -> None:
    root, said = spoilt
    published = voxpress.publish(root, tmp_path / "shelf", override=REASON)
    there = tmp_path / "shelf/v1.0.0"
    told = json.loads((there / OVERRIDE_NAME).read_text(encoding="utf-8"))
    assert told["reason"] == REASON
    assert told["manifest_sha256"] == store.open(there).manifest.digest
    assert said in told["sentence"]
    card = (there / "README.md").read_text(encoding="utf-8")
    assert card.count(REASON) == 1
    assert card.index("# tiny-brains") < card.index("Published although") < card.index("## Load it")
    assert any(REASON in note for note in published.notes)
    again = voxpress.publish(root, tmp_path / "shelf", override=REASON)
    assert again.finished_before


def test_a_dry_run_with_an_override_writes_nothing(spoilt, tmp_path: Path) -> None:
    root, said = spoilt
    before = (root / "README.md").read_bytes()
    published = voxpress.publish(root, tmp_path / "shelf", override=REASON, dry_run=True)
    assert any(said in note for note in published.notes)
    assert (root / "README.md").read_bytes() == before
    assert not (root / OVERRIDE_NAME).exists()


@pytest.mark.parametrize("reason", ["", "  ", "because", "x y z w", "so be it\x07 all of you", "long " * 1000])
def test_a_reason_that_is_none_is_refused(carded_store: Path, tmp_path: Path, reason: str) -> None:
    with pytest.raises(QualityError, match="must be a sentence"):
        voxpress.publish(carded_store, tmp_path / "shelf", override=reason)
    assert not (tmp_path / "shelf").exists()


def test_an_override_that_is_not_recorded_is_not_accepted(unjudged: Path, tmp_path: Path) -> None:
    with pytest.raises(PublishError, match="is not recorded with the data and on the card"):
        builder.publish(unjudged, tmp_path / "shelf", override=REASON)


def test_an_override_of_before_does_not_let_another_pass(unjudged: Path, tmp_path: Path) -> None:
    voxpress.publish(unjudged, tmp_path / "shelf", override=REASON)
    with pytest.raises(PublishError, match="does not pass the quality gate"):
        voxpress.publish(unjudged, tmp_path / "other")


def test_an_override_that_is_no_longer_needed_goes(unjudged: Path, tmp_path: Path) -> None:
    card = (unjudged / "README.md").read_bytes()
    voxpress.publish(unjudged, tmp_path / "shelf", override=REASON)
    reported(unjudged)
    published = voxpress.publish(unjudged, tmp_path / "other", override=REASON)
    assert not (tmp_path / "other/v1.0.0" / OVERRIDE_NAME).exists()
    assert (tmp_path / "other/v1.0.0/README.md").read_bytes() == card
    assert any(note.startswith("quality: PASS by the profile 'demo'") for note in published.notes)


def test_what_passes_is_published_with_its_report(carded_store: Path, tmp_path: Path) -> None:
    published = voxpress.publish(carded_store, tmp_path / "shelf")
    assert any("PASS by the profile 'demo'" in note for note in published.notes)
    there = store.open(tmp_path / "shelf/v1.0.0")
    assert check_report(there.path, there.manifest).state == State.SOUND


def test_every_data_set_of_a_collection_must_pass(sealed_store: Path, tmp_path: Path) -> None:
    both = collection(sealed_store, tmp_path / "both")
    (both / "fine" / REPORT_NAME).unlink()
    with pytest.raises(PublishError, match=r"fine does not pass the quality gate"):
        voxpress.publish(both, tmp_path / "shelf")
    voxpress.publish(both, tmp_path / "shelf", override=REASON)
    there = tmp_path / "shelf/v1.0.0"
    assert read_override(there / "fine") is not None
    assert read_override(there / "coarse") is None
    card = (there / "README.md").read_text(encoding="utf-8")
    assert "`fine`: Why it was published" in card
    assert "`coarse`: Why" not in card


def test_the_hub_is_asked_no_more_than_a_folder(loopback_hub, unjudged: Path) -> None:
    root, said = unjudged, "there is no quality report"
    with pytest.raises(PublishError, match="does not pass the quality gate"):
        voxpress.publish(root, "org/brains", token=WRITER)
    assert not loopback_hub.repository("org/brains").exists
    published = voxpress.publish(root, "org/brains", token=WRITER, override=REASON)
    assert any(said in note for note in published.notes)
    assert loopback_hub.repository("org/brains").exists


def test_a_whole_copy_has_the_report_and_a_part_of_it_has_none(carded_store: Path, tmp_path: Path) -> None:
    voxpress.publish(carded_store, tmp_path / "shelf")
    builder.fetch(f"{tmp_path / 'shelf'}@v1.0.0", tmp_path / "whole")
    whole = store.open(tmp_path / "whole")
    assert check_report(whole.path, whole.manifest).verdict == Verdict.PASS
    builder.fetch(f"{tmp_path / 'shelf'}@v1.0.0", tmp_path / "part", splits=["validation"])
    part = store.open(tmp_path / "part")
    assert check_report(part.path, part.manifest).state == State.MISSING


OVERRIDE = Override(
    manifest_sha256="0" * 64,
    reason="<b>No</b> audit [here](http://x) --> was possible",
    state="missing",
    verdict="NOT_RUN",
    sentence="there is no quality report",
)


@pytest.mark.parametrize(
    "card",
    [
        "---\nlicense: other\n---\n\n# Brains\n\nText.\n",
        "# Brains\n\nText.\n",
        "Text without a title.\n",
        "---\nlicense: other # not a title\n---\nText.\n",
        "",
    ],
    ids=["header and title", "title", "text", "header", "empty"],
)
def test_the_section_of_an_override_comes_and_goes(card: str) -> None:
    with_it = with_overrides(card, {"": OVERRIDE})
    assert with_it.count("Why it was published all the same") == 1
    assert "<b>" not in with_it
    assert "[here](" not in with_it
    assert with_overrides(with_it, {"": OVERRIDE}) == with_it
    assert with_overrides(with_it, {}).split() == card.split()
    if card.startswith("---"):
        assert with_it.startswith(card[: card.index("---", 3) + 3])


def test_a_card_without_an_override_stays_as_it_is() -> None:
    card = "# Brains  \n\n\n\nText.\r\n"
    assert with_overrides(card, {}) is card


def test_a_copy_of_a_copied_override_is_not_taken_for_another_data_set(unjudged: Path, tmp_path: Path) -> None:
    voxpress.publish(unjudged, tmp_path / "shelf", override=REASON)
    other = shutil.copytree(unjudged, tmp_path / "other")
    tiny.rewrite(other, version="2.0.0")
    with pytest.raises(PublishError, match="is not recorded"):
        builder.publish(other, tmp_path / "shelf", override=REASON)
