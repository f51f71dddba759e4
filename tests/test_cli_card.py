"""`voxpress card`, and `voxpress preview` into a page."""

from __future__ import annotations

import pytest
import tiny_report
from tiny_people import HUMAN_TEXT


@pytest.fixture
def human(tmp_path):
    path = tmp_path / "human.yaml"
    path.write_text(HUMAN_TEXT)
    return path


def test_a_card_from_nothing_to_fit(say, tiny_store, human) -> None:
    said = say("card", tiny_store)
    assert (said.code, said.out.split()) == (
        0,
        ["quality/preview.png", "quality/conditions.png", "README.md", "croissant.json"],
    )
    assert "7 things are missing or wrong" in said.err
    said = say("card", tiny_store, "--check")
    assert said.code == 1
    assert said.out.startswith("error: license: no licence has been chosen")
    assert "7 errors, 0 warnings" in said.err
    said = say("card", tiny_store, "--human", human, "--repository", "org/tiny", "--no-pictures")
    assert (said.code, said.err) == (0, "")
    assert said.out.split() == ["README.md", "croissant.json"]
    said = say("card", tiny_store, "--check")
    assert (said.code, said.out) == (0, "")
    assert "nothing is wrong with the card" in said.err
    assert "'org/tiny'" in (tiny_store / "README.md").read_text()


def test_the_report_gets_its_page_and_the_samples_theirs(say, tiny_store, tmp_path) -> None:
    tiny_report.report(tiny_store)
    viewer = tmp_path / "look.html"
    said = say("card", tiny_store, "--no-pictures", "--viewer", viewer, "-n", 3)
    assert said.code == 0
    assert said.out.split() == ["README.md", "croissant.json", "quality/report.html", str(viewer)]
    assert viewer.read_text().count('<li class="sample">') == 3
    assert (tiny_store / "quality/report.html").exists()


def test_preview_makes_a_page_of_the_rows_asked_for(say, tiny_store, tmp_path) -> None:
    said = say("preview", tiny_store, "-o", tmp_path / "look.html", "--where", "sex == 'F'", "--rows", "0,2")
    assert (said.code, said.out) == (0, f"{tmp_path / 'look.html'}: 2 of 7 samples\n")
    assert (tmp_path / "look.html").read_text().count('<li class="sample">') == 2


def test_mistakes_are_told(say, tiny_store, tmp_path) -> None:
    (tmp_path / "bad.yaml").write_text("intention: x")
    for arguments, code, message in (
        (("card", tiny_store, "--human", tmp_path / "none.yaml"), 1, "none.yaml"),
        (("card", tiny_store, "--human", tmp_path / "bad.yaml"), 1, "unknown key 'intention'"),
        (("card", tmp_path / "nothing"), 2, "nothing"),
        (
            ("card", tiny_store, "--no-pictures", "--viewer", tmp_path / "no/look.html"),
            2,
            "is not there; make it first",
        ),
        (("preview", tiny_store, "-o", tmp_path / "no/look.html"), 2, "is not there; make it first"),
    ):
        said = say(*arguments)
        assert said.code == code, arguments
        assert message in said.err, said.err
