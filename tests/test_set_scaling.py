"""Features on the reference's scale, and what has no scale."""

import numpy as np
import pytest

from voxpress.quality.features import FeatureSet
from voxpress.quality.sets.scaling import fit_scaling

RANDOM = np.random.default_rng(12)


def _set(values, name="net", feature_id="net/1"):
    values = np.asarray(values, np.float32)
    return FeatureSet(name=name, feature_id=feature_id, ids=tuple(map(str, range(len(values)))), values=values)


REFERENCE = RANDOM.normal([5, -300, 0.01], [1, 50, 0.001], (400, 3))


def test_the_reference_has_mean_zero_and_deviation_one():
    scaling = fit_scaling(_set(REFERENCE), _set(REFERENCE[:50]))
    scaled = scaling(REFERENCE.astype(np.float32))
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0, ddof=1), 1, rtol=1e-5)
    assert scaling.feature_id == "net/1+z"
    assert scaled.dtype == np.float64


def test_principal_axes_are_those_of_the_reference_and_told_in_the_id():
    values = RANDOM.normal(size=(200, 2)) @ RANDOM.normal(size=(2, 10))
    scaling = fit_scaling(_set(values), _set(values[:20] + 1), most=2)
    assert scaling.feature_id == "net/1+z+pca2"
    reduced, whole = scaling(values.astype(np.float32)), fit_scaling(_set(values), _set(values))(values)
    np.testing.assert_allclose((reduced**2).sum(axis=1), (whole**2).sum(axis=1), rtol=1e-3)
    assert reduced[:, 0].var() > reduced[:, 1].var()
    assert np.cov(reduced.T)[0, 1] == pytest.approx(0, abs=1e-3)


def test_what_is_the_same_number_everywhere_is_left_out():
    with_constant = np.insert(REFERENCE, 1, 7.0, axis=1)
    scaling = fit_scaling(_set(with_constant), _set(with_constant[:30]))
    assert scaling.columns.tolist() == [0, 2, 3]
    assert scaling.feature_id == "net/1+z3of4"
    assert scaling(with_constant.astype(np.float32)).shape == (400, 3)


def test_what_is_constant_in_the_reference_alone_has_no_scale():
    constant, varying = np.insert(REFERENCE, 1, 7.0, axis=1), np.insert(REFERENCE, 1, 7.5, axis=1)
    with pytest.raises(ValueError, match=r"feature 1 is 7 in all samples of the reference and 7.5 to 7.5"):
        fit_scaling(_set(constant), _set(varying))


def test_a_reference_of_one_sample_repeated_is_refused():
    with pytest.raises(ValueError, match="every feature is constant"):
        fit_scaling(_set(np.ones((50, 3))), _set(REFERENCE))


def test_features_of_another_extractor_are_refused():
    with pytest.raises(ValueError, match=r"net/2 and the reference net/1, which do not compare"):
        fit_scaling(_set(REFERENCE), _set(REFERENCE, feature_id="net/2"))


def test_features_of_another_width_are_refused():
    with pytest.raises(ValueError, match="2 numbers a sample and 3 in the reference"):
        fit_scaling(_set(REFERENCE), _set(REFERENCE[:, :2]))
