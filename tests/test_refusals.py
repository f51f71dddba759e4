"""The refusal list: one spelling, known codes, and a part of the recipe as the people file is."""

from __future__ import annotations

import hashlib

import pytest

from voxpress.errors import RecipeError
from voxpress.generation.recipe import load_recipe, load_refusals, parse_recipe
from voxpress.generation.refusals import Refusals, parse_refusals

TEXT = "index,attempt,reason\n3,0,COPY_CONFIRMED\n3,0,DUP_NEAR\n3,1,COPY_SUSPECT\n17,2,REVIEW\n"
RECIPE = "name: a\nsamples: 4\n"


def test_it_is_read_and_written_back_to_the_byte() -> None:
    refusals = parse_refusals(TEXT.encode())
    assert refusals.attempts == {
        3: {0: ("COPY_CONFIRMED", "DUP_NEAR"), 1: ("COPY_SUSPECT",)},
        17: {2: ("REVIEW",)},
    }
    assert (len(refusals), refusals.of(17), refusals.of(4)) == (3, {2: ("REVIEW",)}, {})
    assert refusals.to_csv() == TEXT.encode()
    assert refusals.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


def test_two_lists_together() -> None:
    more = Refusals(attempts={3: {0: ("REVIEW",), 2: ("DUP_EXACT",)}, 1: {0: ("DUP_EXACT",)}})
    joined = parse_refusals(TEXT.encode()).joined(more)
    assert joined == more.joined(parse_refusals(TEXT.encode()))
    assert joined.of(3)[0] == ("COPY_CONFIRMED", "DUP_NEAR", "REVIEW")
    assert parse_refusals(joined.to_csv()) == joined
    assert len(joined) == 5


WRONG = {
    "empty": ("", "must be the line 'index,attempt,reason', then one line a reason"),
    "only a header": ("index,attempt,reason\n", "then one line a reason"),
    "another header": ("index;attempt;reason\n1;0;REVIEW\n", "got 'index;attempt;reason'"),
    "a byte order mark": ("\ufeff" + TEXT, "must be the line"),
    "no last line feed": (TEXT[:-1], "each ended by a line feed"),
    "carriage returns": (TEXT.replace("\n", "\r\n"), "must be the line"),
    "an empty line": (TEXT + "\n", r"line 6 must be like 17,0,COPY_CONFIRMED, got ''"),
    "a blank": (TEXT.replace("3,1", "3, 1"), "line 4 must be like"),
    "a quote": (TEXT.replace("17", '"17"'), "line 5 must be like"),
    "a zero before": (TEXT.replace("17", "017"), "line 5 must be like"),
    "a sign": (TEXT.replace("17", "-17"), "line 5 must be like"),
    "too large": (TEXT.replace("17", "10000000"), "line 5 must be like"),
    "text for people": (TEXT.replace("REVIEW", "copy of sub-0042"), "line 5 must be like"),
    "not sorted": (TEXT.replace("17", "2"), "each once; line 5 is not"),
    "twice": (TEXT + "17,2,REVIEW\n", "each once; line 6 is not"),
    "an unknown code": (TEXT.replace("REVIEW", "SUB_0042"), "row 17, attempt 2: a reason must be one of .*SUB_0042"),
    "an attempt too many": (TEXT.replace("17,2", "17,6"), "row 17, attempt 6: an attempt must be from 0 to 5"),
}


@pytest.mark.parametrize(("text", "said"), WRONG.values(), ids=WRONG.keys())
def test_another_spelling_is_refused(text, said) -> None:
    with pytest.raises(RecipeError, match=said):
        parse_refusals(text.encode())


def test_it_is_part_of_the_recipe(tmp_path) -> None:
    (tmp_path / "refused.csv").write_text(TEXT)
    (tmp_path / "a.yaml").write_text(f"{RECIPE}refused: refused.csv\n")
    recipe = load_recipe(tmp_path / "a.yaml")
    assert recipe.refused.sha256 == hashlib.sha256(TEXT.encode()).hexdigest()
    assert load_refusals(recipe, tmp_path) == parse_refusals(TEXT.encode())
    assert parse_recipe(recipe.to_yaml(), folder=tmp_path) == parse_recipe(recipe.to_yaml()) == recipe

    without = parse_recipe(RECIPE)
    assert load_refusals(without, tmp_path) is None
    assert "refused" not in without.to_yaml()
    assert recipe.digest != without.digest
    assert recipe.digest == recipe.replaced(refused={"path": "b/x.csv", "sha256": recipe.refused.sha256}).digest

    (tmp_path / "refused.csv").write_text(TEXT.replace("REVIEW", "DUP_NEAR"))
    assert load_recipe(tmp_path / "a.yaml").digest != recipe.digest
    with pytest.raises(RecipeError, match=r"refused\.sha256: must be the SHA-256 of refused\.csv"):
        load_refusals(recipe, tmp_path)
    with pytest.raises(RecipeError, match=r"has 1 problem:\n  refused\.sha256: must be"):
        parse_recipe(recipe.to_yaml(), folder=tmp_path)


def test_its_problems_stand_beside_the_others(tmp_path) -> None:
    with pytest.raises(RecipeError) as caught:
        parse_recipe("name: A\nrefused: absent.csv\n", folder=tmp_path)
    assert len(str(caught.value).splitlines()) == 4
    assert "refused: the refusal list" in str(caught.value)
    with pytest.raises(RecipeError, match="refused: must be looked for in a folder"):
        parse_recipe(f"{RECIPE}refused: refused.csv\n")
    with pytest.raises(RecipeError, match="inside it"):
        parse_recipe(f"{RECIPE}refused: ../refused.csv\n", folder=tmp_path)
