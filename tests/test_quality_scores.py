"""A score has a value or a reason; vectors that are not finite never become features."""

import numpy as np
import pytest

from voxpress.quality import Score, Verdict, not_run
from voxpress.quality.features import FeatureSet


def test_a_score_that_was_not_measured_says_why():
    score = not_run("set.kid.random_conv", "there is no reference; give one with --reference", n={"reference": 0})
    assert score.value is None
    assert score.reason
    assert Verdict("NOT_RUN") is Verdict.NOT_RUN


@pytest.mark.parametrize("fields", [{}, {"value": 1.0, "reason": "none"}])
def test_a_score_has_either_a_value_or_a_reason(fields):
    with pytest.raises(ValueError, match=r"'set\.kid'"):
        Score(id="set.kid", **fields)


def _features(values, ids=("a", "b", "c")):
    return FeatureSet(name="plain", feature_id="plain/1", ids=ids, values=np.asarray(values, np.float32))


def test_rows_of_features_are_taken_in_order():
    some = _features([[1, 2], [3, 4], [5, 6]]).take([2, 0])
    assert some.ids == ("c", "a")
    np.testing.assert_array_equal(some.values, [[5, 6], [1, 2]])


def test_a_vector_that_is_not_finite_is_refused_by_the_name_of_its_sample():
    with pytest.raises(ValueError, match=r"plain/1: the vector of b is not finite"):
        _features([[1, 2], [np.nan, 4], [5, 6]])


def test_as_many_vectors_as_samples_are_needed():
    with pytest.raises(ValueError, match="3 samples need as many vectors"):
        _features([[1, 2], [3, 4]])
