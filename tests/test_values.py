"""Columns of a table as what goes into batches."""

import numpy as np
import pyarrow as pa
import pytest

from voxpress.loaders.values import Values

TEXTS = ["", "a", None, "äö", "x" * 300, None]


@pytest.mark.parametrize(
    "column",
    [
        pa.chunked_array([TEXTS]),
        pa.chunked_array([TEXTS[:2], TEXTS[2:]]),
        pa.chunked_array([pa.array(["left out", *TEXTS]).slice(1)]),
        pa.chunked_array([pa.array([text or "" for text in TEXTS])]),
    ],
    ids=["one chunk", "two chunks", "a slice", "none missing"],
)
def test_strings(column):
    values = Values(pa.table({"name": column, "age": [float(row) for row in range(len(TEXTS))]}))
    expected = [text or "" for text in TEXTS]
    assert [values.row(row) for row in range(6)] == [
        {"name": text, "age": float(row)} for row, text in enumerate(expected)
    ]
    found = values.rows(np.array([5, 3, 3, 4]))
    assert found["name"] == [expected[row] for row in (5, 3, 3, 4)]
    assert found["age"].tolist() == [5.0, 3.0, 3.0, 4.0]


def test_strings_that_arrow_keeps_in_chunks():
    # as tables with more than 2 GiB of strings do
    values = Values(pa.table({"name": pa.chunked_array([["a", "b"], ["c"]])}))
    values._table = pa.table({"name": pa.chunked_array([["a", "b"], ["c"]])})
    assert values.rows(np.array([2, 0]))["name"] == ["c", "a"]


def test_a_table_without_rows():
    values = Values(pa.table({"name": pa.array([], pa.string())}))
    assert values.rows(np.array([], np.int64)) == {"name": []}
