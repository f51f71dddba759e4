"""A card that is made again: the machine's part is new, and what people wrote stays."""

from __future__ import annotations

import pytest
import tiny_report
import yaml
from tiny_people import HUMAN, HUMAN_TEXT

from voxpress import store
from voxpress.cards import CardFacts, Human, dataset_card, read_human, write_card
from voxpress.cards.dataset_card import QUESTIONS, remade_card
from voxpress.cards.dataset_card.blocks import block, read_blocks, replaced, section_of, split_header, with_section
from voxpress.errors import FormatError


def header_of(card: str) -> dict:
    return yaml.safe_load(card.split("---\n")[1])


@pytest.fixture
def cohort(tiny_store):
    return store.open(tiny_store)


def test_a_new_card_has_a_prompt_for_each_thing_that_only_people_know(cohort) -> None:
    card = dataset_card(cohort.manifest)
    for question in QUESTIONS:
        said = section_of(card, question.heading)
        assert said == f"<!-- {question.prompt} -->\n[More Information Needed]"


def test_answers_stand_under_their_headings(cohort) -> None:
    write_card(cohort, human=HUMAN, pictures=False)
    card = (cohort.path / "README.md").read_text()
    for question in QUESTIONS:
        assert section_of(card, question.heading) == HUMAN.answers[question.key]
    assert "More Information Needed" not in card
    assert header_of(card)["license"] == "cc-by-4.0"
    assert "`cc-by-4.0`" in read_blocks(card)["facts"]


def test_what_people_wrote_stays_and_what_the_data_say_is_new(cohort) -> None:
    write_card(cohort, human=HUMAN, pictures=False)
    path = cohort.path / "README.md"
    card = path.read_text()
    mine = card.replace("pretty_name: tiny-brains", "pretty_name: My brains\nlanguage: [en]")
    mine = mine.replace("- zarr\n", "- zarr\n- mine\n").replace("# tiny-brains", "# My brains\n\nA line of mine.")
    mine = mine.replace("## Intended use", "## A section of mine\n\nWith text.\n\n## Intended use")
    path.write_text(
        mine.replace("12 samples", "13 samples").replace("size_categories:\n- n<1K", "size_categories:\n- 1M<n<10M")
    )
    write_card(cohort, pictures=False)
    again = path.read_text()
    for part in ("A line of mine.", "# My brains", "## A section of mine\n\nWith text.", *HUMAN.answers.values()):
        assert part in again, part
    header = header_of(again)
    assert header["pretty_name"] == "My brains"
    assert header["language"] == ["en"]
    assert "mine" in header["tags"]
    assert header["license"] == "cc-by-4.0"
    assert header["size_categories"] == ["n<1K"]
    assert "13 samples" not in again


def test_made_again_it_does_not_change(cohort) -> None:
    paths = [cohort.path / name for name in ("README.md", "croissant.json")]
    write_card(cohort, human=HUMAN, repository="org/tiny", pictures=False)
    first = [path.read_bytes() for path in paths]
    for _ in range(2):
        write_card(cohort, pictures=False)
        assert [path.read_bytes() for path in paths] == first
    assert b"voxpress.load_dataset('org/tiny', split='train')" in first[0]


def test_it_has_the_report_once_there_is_one(cohort) -> None:
    write_card(cohort, pictures=False)
    assert "Quality: **not judged**" in (cohort.path / "README.md").read_text()
    standing = tiny_report.report(cohort.path)
    write_card(cohort, pictures=False)
    card = (cohort.path / "README.md").read_text()
    assert f"Quality: **{standing.verdict}**. {standing.verdict} by the profile 'demo'" in card
    assert "| WARN |" in card or "| FAIL |" in card
    assert "set.kid.random\\_conv" in card
    assert "0.004 (0.001 to 0.007)" in card
    assert "NOT RUN: set.ms\\_ssim\\_difference: " in card


def test_the_pictures_are_small_and_linked(cohort) -> None:
    written = write_card(cohort)
    assert written == ("quality/preview.png", "quality/conditions.png", "README.md", "croissant.json")
    card = (cohort.path / "README.md").read_text()
    for path in written[:2]:
        assert f"]({path})" in card
        data = (cohort.path / path).read_bytes()
        assert len(data) < 300_000
        assert b"Synthetic data made by voxpress, not for clinical use" in data
    before = [(cohort.path / path).read_bytes() for path in written]
    write_card(cohort)
    assert [(cohort.path / path).read_bytes() for path in written] == before


def test_somebodys_own_card_is_left_alone(cohort) -> None:
    (cohort.path / "README.md").write_text("# mine\n")
    with pytest.raises(FormatError, match="no marks of voxpress"):
        write_card(cohort)
    assert (cohort.path / "README.md").read_text() == "# mine\n"
    assert not (cohort.path / "quality").exists()


def test_a_block_that_was_deleted_comes_back_and_line_ends_do_not_matter(cohort) -> None:
    card = dataset_card(cohort.manifest)
    without = card.partition("<!-- voxpress:begin facts")[0].replace("\n", "\r\n")
    again = remade_card(without, cohort.manifest, CardFacts())
    assert read_blocks(again) == read_blocks(card)


def test_an_override_of_the_gate_stays(cohort) -> None:
    from voxpress.cards.override_section import with_overrides
    from voxpress.quality.gate import Override

    write_card(cohort, pictures=False)
    path = cohort.path / "README.md"
    override = Override(manifest_sha256="0" * 64, reason="it is for a test", state="s", verdict="FAIL", sentence="bad")
    path.write_text(with_overrides(path.read_text(), {"": override}))
    write_card(cohort, pictures=False)
    assert "it is for a test" in path.read_text()


def test_blocks_and_sections_of_a_text() -> None:
    body = "\n\n".join((block("a", "one"), "## Mine", "text", block("b", "## Mine\n\nnot this"))) + "\n"
    assert read_blocks(body) == {"a": "one", "b": "## Mine\n\nnot this"}
    assert section_of(body, "Mine") == "text"
    assert section_of(body, "Other") is None
    changed = with_section(replaced(body, {"a": "two"}), "Mine", r"new \1 text")
    assert read_blocks(changed)["a"] == "two"
    assert section_of(changed, "Mine") == r"new \1 text"
    assert read_blocks(changed)["b"] == "## Mine\n\nnot this"
    assert section_of(with_section(body, "Other", "more"), "Other") == "more"


def test_a_header_that_cannot_be_read_is_told() -> None:
    with pytest.raises(FormatError, match="cannot be read"):
        split_header("---\na: [\n---\n", "README.md")
    assert split_header("no header", "README.md") == ({}, "no header")


def test_answers_come_from_yaml(tmp_path) -> None:
    path = tmp_path / "human.yaml"
    path.write_text(HUMAN_TEXT)
    human = read_human(path)
    assert human.answers == HUMAN.answers
    assert human.header == HUMAN.header


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("intended_usage: x", "unknown key 'intended_usage'; the keys are intended_use, "),
        ("- a list", "mapping"),
        ("intended_use: [a]", "intended_use must be a text"),
        ("tags: one", "tags must be a list"),
        ("intended_use: '<!-- voxpress:begin facts -->'", "without marks"),
        ("intended_use: a\nintended_use: b", "given twice"),
    ],
)
def test_mistakes_in_the_answers_are_told(tmp_path, text, message) -> None:
    path = tmp_path / "human.yaml"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        read_human(path)


def test_an_empty_answer_leaves_the_prompt(cohort) -> None:
    card = dataset_card(cohort.manifest, None, Human(answers={"intended_use": ""}))
    assert "[More Information Needed]" in section_of(card, "Intended use")
