"""The linter of cards: what it refuses, and that it passes a card that is fit to be published."""

from __future__ import annotations

import dataclasses

import pytest
import tiny_report
from tiny_people import HUMAN

from voxpress import store
from voxpress.cards import lint_card, refuse_unfit, write_card
from voxpress.cards.dataset_card import QUESTIONS
from voxpress.errors import PublishError


@pytest.fixture
def root(tiny_store):
    write_card(store.open(tiny_store), human=HUMAN, pictures=False)
    return tiny_store


def edit(root, old: str, new: str) -> None:
    path = root / "README.md"
    card = path.read_text()
    assert old in card
    path.write_text(card.replace(old, new))


def errors(root) -> list[str]:
    return [f"{each.part}: {each.where}: {each.message}" for each in lint_card(root) if each.level == "error"]


def test_a_card_that_is_fit_passes(root) -> None:
    assert lint_card(root) == []
    tiny_report.report(root)
    write_card(store.open(root))
    assert lint_card(root, store.open(root).manifest) == []


def test_a_new_card_lacks_all_that_people_know(tiny_store) -> None:
    assert errors(tiny_store)[0].startswith("facts: card: there is no README.md")
    write_card(store.open(tiny_store), pictures=False)
    found = [each for each in lint_card(tiny_store) if each.level == "error"]
    assert {each.part for each in found} == {"human"}
    assert {each.where for each in found} == {"license", *(question.heading for question in QUESTIONS)}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "nothing is written there"),
        ("<!-- only a comment, with words enough -->", "nothing is written there"),
        ("[More Information Needed]", "text of a template"),
        ("TODO: write about what it is for", "text of a template"),
        ("It is to be written by somebody soon.", "text of a template"),
        ("tbd", "text of a template"),
        ("N/A.", "says too little"),
        ("Good stuff!", "says too little"),
    ],
)
def test_template_text_and_nothing_are_refused(root, text, said) -> None:
    edit(root, HUMAN.answers["intended_use"], text)
    (found,) = errors(root)
    assert found.startswith("human: Intended use: ")
    assert said in found


@pytest.mark.parametrize("text", ["Ask the authors of it", "me at home dot org, as ever"])
def test_maintainers_need_an_address(root, text) -> None:
    edit(root, HUMAN.answers["maintainers"], text)
    assert "no address" in errors(root)[0]


@pytest.mark.parametrize("text", ["a@b.org", "https://lab.example/contact", "@voxpress on GitHub"])
def test_an_address_is_enough(root, text) -> None:
    edit(root, HUMAN.answers["maintainers"], text)
    assert errors(root) == []


def test_a_section_that_was_deleted_is_missed(root) -> None:
    edit(root, "## Known biases and limits", "## Something else")
    assert errors(root) == [
        "human: Known biases and limits: the card has no section `## Known biases and limits`. " + QUESTIONS[3].prompt
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("license: cc-by-4.0", "license: CC BY 4.0", "facts: license: 'CC BY 4.0' is no licence of the Hub"),
        ("license: cc-by-4.0", "license: CC-BY-4.0", "write cc-by-4.0"),
        ("license: cc-by-4.0", "license: 4", "facts: license: 4 is no licence"),
        ("- n<1K", "- n<1M", "facts: size_categories: 'n<1M' is none of the Hub's"),
        ("- n<1K", "- 1K<n<10K", "facts: size_categories: ['1K<n<10K'] does not fit the manifest: n<1K"),
        ("- image-segmentation", "- brain-painting", "facts: task_categories: 'brain-painting' is none"),
        ("- machine-generated", "- robots", "facts: annotations_creators: 'robots' is none"),
        ("- synthetic\n", "- real\n", "facts: tags: must hold `synthetic`"),
        ("- synthetic\n", "- [a, b]\n", "facts: tags: must be a list of words"),
        ("metadata/train-*.parquet", "metadata/*.parquet", "facts: configs: "),
        ("configs:", "configurations:", "facts: configs: "),
        ("pretty_name: tiny-brains", "pretty_name: [", "facts: header: the header cannot be read"),
        ("12 samples", "13 samples", "facts: summary: it is not what the data say now"),
        ("| train | 9 |", "| train | 19 |", "facts: What is in it: the counts or arrays are not those of the manifest"),
        ("Quality: **not judged**", "Quality: **PASS**", "facts: Quality: the quality table is not that of"),
        ("voxpress:begin facts", "voxpress:begin nothing", "facts: card: the block 'facts'"),
    ],
)  # fmt: skip
def test_wrong_facts_are_refused(root, old, new, said) -> None:
    edit(root, old, new)
    assert any(said in each for each in errors(root)), errors(root)


def test_a_quality_table_that_is_stale_is_refused(root) -> None:
    tiny_report.report(root)
    found = errors(root)
    assert any(
        each.startswith("facts: Quality: the quality table is not that of quality/report.json") for each in found
    )
    write_card(store.open(root), pictures=False)
    assert errors(root) == []


def test_the_licence_of_the_weights_travels(root) -> None:
    manifest = store.open(root).manifest
    locked = dataclasses.replace(manifest, lock={"backend": {"name": "net", "weights_licence": "cc-by-nc-4.0"}})
    found = [each for each in lint_card(root, locked) if each.where == "license"]
    assert [each.level for each in found] == ["error"]
    assert "rules out commercial use" in found[0].message
    unknown = dataclasses.replace(manifest, lock={"backend": {"name": "net", "weights_licence": "Terms of UKB"}})
    (told,) = [each for each in lint_card(root, unknown) if each.where == "license"]
    assert told.level == "warning"
    assert "Terms of UKB" in told.message


def test_errors_about_facts_come_first(root) -> None:
    edit(root, HUMAN.answers["intended_use"], "TODO")
    edit(root, "- n<1K", "- 1K<n<10K")
    assert [each.part for each in lint_card(root)] == ["facts", "human"]


def test_publishing_is_refused_with_what_is_wrong(root) -> None:
    refuse_unfit(root)
    edit(root, HUMAN.answers["intended_use"], "TODO")
    with pytest.raises(PublishError, match="not fit to be published"):
        refuse_unfit(root)
    refuse_unfit(root, overridden=True)
    edit(root, "- n<1K", "- 1K<n<10K")
    with pytest.raises(PublishError, match="size_categories") as refused:
        refuse_unfit(root, overridden=True)
    assert "Intended use" not in str(refused.value)
