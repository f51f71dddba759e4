"""The people file: what is read, and what is refused with its line."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest

from voxpress.errors import RecipeError
from voxpress.generation.people import parse_people, read_people


def test_columns_rows_and_lines():
    data = b'\xef\xbb\xbfage, sex ,note\r\n70,F,"two\r\nlines"\r\n\r\n 71.5 ,M,\r\n'
    people = parse_people(data, source="p.csv")
    assert people.rows == 2
    assert people.columns == {"age": ("70", "71.5"), "sex": ("F", "M"), "note": ("two\r\nlines", "")}
    assert people.lines == (3, 5)
    assert people.sha256 == hashlib.sha256(data).hexdigest()
    assert people.numbers("age", 2).tolist() == [70.0, 71.5]
    assert people.numbers("age", 1).tolist() == [70.0]
    assert people.texts("sex", 2).tolist() == ["F", "M"]


def test_only_the_rows_asked_for_are_judged():
    people = parse_people(b"age\n70\nold\n")
    assert people.numbers("age", 1).tolist() == [70.0]


@pytest.mark.parametrize("text", ["old", "", "nan", "inf", "-inf", "1e999", "1_000", "70,5"])
def test_what_is_no_finite_number_is_named_with_its_line(text):
    people = parse_people(f'id,age\n1,70\n2,"{text}"\n'.encode(), source="p.csv")
    got = repr(text) if text else "blank"
    with pytest.raises(RecipeError) as caught:
        people.numbers("age", 2)
    assert str(caught.value) == f"p.csv: the column 'age' must hold a finite number in every row, got line 3: {got}"


def test_many_wrong_cells_are_counted():
    people = parse_people(b"id,age\n" + b"1,\n" * 8)
    with pytest.raises(RecipeError, match=r"line 2: blank; .*line 6: blank and 3 more$"):
        people.numbers("age", 8)


def test_a_blank_category_is_named_with_its_line():
    people = parse_people(b"id,sex\n1,F\n2, \n")
    with pytest.raises(RecipeError, match="the column 'sex' must hold a text in every row, got line 3: blank"):
        people.texts("sex", 2)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "must start with a header of 1 to 1000 column names, got 0"),
        (b"age\n", "must have at least one row below its header"),
        (b"age,,sex\n1,2,3\n", "every column must have a name, but column 2 of line 1 has none"),
        (b"age,sex,age\n1,2,3\n", "every column must have a name of its own, got age more than once"),
        (b"age,sex\n1,2\n3\n", "line 3 must have 2 cells, as the header has, got 1"),
        (b"age,sex\n1,2,3\n", "line 2 must have 2 cells, as the header has, got 3"),
        (b"age\n70\n\xff\n", "must be UTF-8 text, got byte 0xff in line 3"),
        (b'age\n"70\n', "must be a CSV file: line 2"),
        (b'age\n"70"x\n', "must be a CSV file: line 2"),
        (b"age\n" + b"1" * 200_000, "must be a CSV file: line 2: field larger than field limit"),
        (",".join(f"c{n}" for n in range(1001)).encode(), "a header of 1 to 1000 column names, got 1001"),
    ],
)
def test_files_that_are_refused(data, said):
    with pytest.raises(RecipeError) as caught:
        parse_people(data, source="p.csv")
    assert str(caught.value).startswith("p.csv")
    assert said in str(caught.value)


def test_size_limits(monkeypatch):
    monkeypatch.setattr("voxpress.generation.people.MAX_BYTES", 8)
    with pytest.raises(RecipeError, match="must be at most 8 bytes"):
        parse_people(b"age\n70\n71\n")
    monkeypatch.setattr("voxpress.generation.people.MAX_ROWS", 1)
    with pytest.raises(RecipeError, match="must have at most 1 rows"):
        parse_people(b"a\n1\n2\n")


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(RecipeError, match=r"absent\.csv cannot be read: No such file"):
        read_people(tmp_path / "absent.csv")


def test_a_million_cells_are_read_in_seconds():
    people = parse_people(b"age,sex\n" + b"70.25,F\n" * 200_000)
    assert np.all(people.numbers("age", 200_000) == 70.25)
