"""Comparing columns: what counts as a difference, against Python's own idea of it."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.store.diff.values import differing

NAN = float("nan")
STRUCT = pa.struct([("path", pa.string()), ("index", pa.int64())])
VALUES = {
    pa.float64(): st.sampled_from([0.0, -0.0, 1.5, NAN, math.inf, -math.inf, 1e-300]),
    pa.float32(): st.sampled_from([0.0, 0.5, NAN]),
    pa.int64(): st.integers(-3, 3),
    pa.string(): st.sampled_from(["", "a", "b", "nan"]),
    pa.bool_(): st.booleans(),
    pa.list_(pa.int16()): st.lists(st.integers(0, 2), max_size=3),
    pa.list_(pa.float64()): st.lists(st.sampled_from([NAN, 1.0]), max_size=2),
    pa.list_(pa.list_(pa.int64())): st.lists(st.lists(st.integers(0, 1), max_size=2), max_size=2),
    STRUCT: st.fixed_dictionaries({"path": st.sampled_from(["a", "b", None]), "index": st.integers(0, 1)}),
}


def same(old: object, new: object) -> bool:
    if isinstance(old, float) and isinstance(new, float):
        return old == new or (math.isnan(old) and math.isnan(new))
    if isinstance(old, list) and isinstance(new, list):
        return len(old) == len(new) and all(map(same, old, new))
    if isinstance(old, dict) and isinstance(new, dict):
        return all(same(old[key], new[key]) for key in old)
    return old == new and (old is None) == (new is None)


@pytest.mark.parametrize("type_", VALUES, ids=str)
def test_any_columns(type_) -> None:
    value = st.none() | VALUES[type_]

    @given(st.lists(st.tuples(value, value), max_size=12), st.integers(0, 3))
    def check(pairs, skip) -> None:
        # a slice has an offset into its buffers
        old, new = (pa.array([pair[side] for pair in pairs], type_)[skip:] for side in (0, 1))
        assert differing(old, new).tolist() == [not same(*pair) for pair in pairs[skip:]]

    check()


@pytest.mark.parametrize(
    ("old", "new", "differs"),
    [
        (None, None, False),
        (None, NAN, True),
        (NAN, NAN, False),
        (NAN, 0.0, True),
        (0.0, -0.0, False),
        (1.0, np.nextafter(1.0, 2.0), True),
    ],
)
def test_numbers_are_compared_exactly(old, new, differs) -> None:
    assert differing(pa.array([old], pa.float64()), pa.array([new], pa.float64())).tolist() == [differs]


def test_a_null_list_is_no_empty_list() -> None:
    type_ = pa.list_(pa.int32())
    assert differing(pa.array([None, []], type_), pa.array([[], []], type_)).tolist() == [True, False]
