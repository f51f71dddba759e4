from __future__ import annotations

import pyarrow as pa
import pytest

from voxpress.errors import QueryError
from voxpress.store.where import matching_rows, parse

TABLE = pa.table(
    {
        "age": [60.0, 70.0, 75.0, None, 90.0],
        "index": [0, 1, 2, 3, 4],
        "sex": ["F", "M", "F", "M", None],
        "diagnosis": ["CN", "AD", "MCI", "AD", "CN"],
        "is_synthetic": [True, True, False, True, True],
        "image": [{"path": "p", "index": i} for i in range(5)],
    }
)

CASES = [
    ("age >= 70", [1, 2, 4]),
    ("age >= 70 and sex == 'F'", [2]),
    ("age >= 70 or sex == 'F'", [0, 1, 2, 4]),
    ("not sex == 'F'", [1, 3]),
    ("sex != 'F'", [1, 3]),
    ("70 <= age < 90", [1, 2]),
    ("60 < age <= 75 != index", [1, 2]),
    ("diagnosis in ['AD', 'MCI']", [1, 2, 3]),
    ("diagnosis in ('AD',)", [1, 3]),
    ("diagnosis not in {'AD'}", [0, 2, 4]),
    ("sex not in ['F']", [1, 3]),
    ("age in [60, 90]", [0, 4]),
    ("index in [-1, 4]", [4]),
    ("age is None", [3]),
    ("age is not None and sex is None", [4]),
    ("is_synthetic", [0, 1, 3, 4]),
    ("not is_synthetic", [2]),
    ("is_synthetic == False", [2]),
    ("index / 2 == 0.5", [1]),
    ("index * 2 + 1 == 5", [2]),
    ("index - 10 < -8", [0, 1]),
    ("-index <= -3", [3, 4]),
    ("-(index) == -4", [4]),
    ("'AD' == diagnosis", [1, 3]),
    ("age > 1000", []),
    ("True", [0, 1, 2, 3, 4]),
    ("  age\t>= 90  ", [4]),
    ("(age >= 70\n and sex == 'M')", [1]),
]


@pytest.mark.parametrize(("text", "expected"), CASES, ids=[text for text, _ in CASES])
def test_rows_are_picked(text: str, expected: list[int]) -> None:
    assert matching_rows(TABLE, text).tolist() == expected


REFUSED = [
    "",
    "age >=",
    "age >= 70; sex",
    "age = 70",
    "import os",
    "__import__('os').system('true')",
    "age.__class__",
    "age[0]",
    "(lambda: 1)()",
    "[x for x in [1]]",
    "f'{age}'",
    "sex == b'F'",
    "age == 1j",
    "age ** 2 > 3",
    "age // 2 > 3",
    "index % 2 == 0",
    "~is_synthetic",
    "age if sex else 1",
    "(a := 1)",
    "age is 70",
    "age is sex",
    "age == None",
    "sex in 'FM'",
    "sex in [age]",
    "sex in []",
    "sex in ['F', 1]",
    "sex == 5",
    "age == '70'",
    "age",
    "sex",
    "age and sex",
    "age + 1",
    "index == 99999999999999999999",
    "age == 1e999",
    "age == ...",
    "image == 1",
    "age < \0",
    "not " * 200 + "is_synthetic",
    "-" * 5000 + "age > 1",
    "(" * 5000 + "age" + ")" * 5000,
    "a" * 200_000,
]


@pytest.mark.parametrize("text", REFUSED, ids=lambda text: text[:30] or "empty")
def test_all_else_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        parse(text, TABLE.schema)


def test_an_unknown_column_names_the_nearest_and_all() -> None:
    with pytest.raises(QueryError, match=r"'diagnose'.*did you mean 'diagnosis'.*age, index, sex"):
        parse("diagnose == 'AD'", TABLE.schema)


def test_many_terms_are_not_deep() -> None:
    text = " or ".join(f"index == {i}" for i in range(3000))
    assert len(matching_rows(TABLE, text)) == 5


def test_no_rows() -> None:
    assert matching_rows(TABLE.slice(0, 0), "age > 1").tolist() == []
