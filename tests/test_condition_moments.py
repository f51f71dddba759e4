"""Agreement of what was ordered and what was measured, held against other implementations of the same formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from voxpress.quality.conditions.continuous import calibration_bins, continuous_scores
from voxpress.quality.conditions.covariates import Covariate
from voxpress.quality.conditions.moments import agreement, agreement_intervals

RNG = np.random.default_rng(7)
ORDERED = RNG.uniform(10, 80, 200)
MEASURED = 4 + 0.9 * ORDERED + RNG.normal(0, 3, 200)


def _covariate(ordered: np.ndarray, measured: np.ndarray | None, name: str = "ventricular_volume_ml") -> Covariate:
    return Covariate(name=name, kind="number", unit="ml", ordered=ordered, measured=measured)


def _lin(x: np.ndarray, y: np.ndarray) -> float:
    """Lin's concordance, written out as in the paper."""
    return 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)


def test_the_statistics_are_those_of_the_books() -> None:
    found = agreement(ORDERED, MEASURED)
    line = stats.linregress(ORDERED, MEASURED)
    expected = {
        "mae": np.abs(MEASURED - ORDERED).mean(),
        "bias": (MEASURED - ORDERED).mean(),
        "rmse": np.sqrt(((MEASURED - ORDERED) ** 2).mean()),
        "r": line.rvalue,
        "ccc": _lin(ORDERED, MEASURED),
        "slope": line.slope,
        "intercept": line.intercept,
    }
    assert found == pytest.approx(expected, rel=1e-9)


def test_the_statistics_lose_nothing_far_from_zero() -> None:
    """Squares of values around 10⁶ would leave nothing of their differences."""
    far, near = agreement(ORDERED + 1e6, MEASURED + 1e6), agreement(ORDERED, MEASURED)
    for name in ("mae", "bias", "rmse", "r", "ccc", "slope"):
        assert far[name] == pytest.approx(near[name], rel=1e-6)


def test_a_scaling_that_a_correlation_hides_lowers_the_concordance() -> None:
    found = agreement(ORDERED, 0.5 * ORDERED)
    assert found["r"] == pytest.approx(1)
    assert found["slope"] == pytest.approx(0.5)
    assert found["ccc"] < 0.7


def test_the_bootstrap_interval_of_the_slope_is_that_of_the_normal_theory() -> None:
    low, high = agreement_intervals(ORDERED, MEASURED, seed=(0,), repeats=2000)["slope"]
    line = stats.linregress(ORDERED, MEASURED)
    margin = stats.t.ppf(0.975, 198) * line.stderr
    assert (low, high) == pytest.approx((line.slope - margin, line.slope + margin), abs=0.3 * margin)
    assert agreement_intervals(ORDERED, MEASURED, seed=(0,)) == agreement_intervals(ORDERED, MEASURED, seed=(0,))


@pytest.mark.parametrize("constant", [0.0, 7.0, 1 / 3, 1e6 / 3], ids=str)
def test_what_is_the_same_for_all_has_no_slope(constant: float) -> None:
    ordered = np.full(50, constant)
    found = agreement(ordered, ordered + RNG.normal(0, 1, 50))
    assert np.isnan([found["r"], found["ccc"], found["slope"], found["intercept"]]).all()
    assert found["mae"] > 0
    assert "slope" not in agreement_intervals(ordered, ordered + RNG.normal(0, 1, 50), seed=(0,))


def test_calibration_bins_are_tenths_of_what_was_ordered() -> None:
    bins = calibration_bins(ORDERED, MEASURED)
    assert [each["n"] for each in bins] == [20] * 10
    assert [each["ordered"] for each in bins] == sorted(each["ordered"] for each in bins)
    lowest = np.argsort(ORDERED)[:20]
    assert bins[0]["measured"] == pytest.approx(MEASURED[lowest].mean())
    interval = stats.t.interval(0.95, 19, MEASURED[lowest].mean(), stats.sem(MEASURED[lowest]))
    assert (bins[0]["low"], bins[0]["high"]) == pytest.approx(interval)
    assert calibration_bins(ORDERED[:9], MEASURED[:9]) == []


def _by_id(scores) -> dict:
    return {score.id.split(".")[1]: score for score in scores}


def test_scores_have_unit_interval_counts_and_the_floor_of_the_reference() -> None:
    measured = MEASURED.copy()
    measured[:3] = np.nan
    real = _covariate(ORDERED, ORDERED + RNG.normal(5, 1, 200))
    scores, figure = continuous_scores(_covariate(ORDERED, measured), reference=real)
    found = _by_id(scores)
    assert found["mae"].n == {"samples": 197, "missing": 3}
    assert (found["mae"].unit, found["r"].unit, found["bias_sd"].unit) == ("ml", "", "SD of the reference")
    assert found["mae"].interval[0] < found["mae"].value < found["mae"].interval[1]
    assert found["bias"].floor == pytest.approx(5, abs=0.3)
    assert found["bias_sd"].value == pytest.approx(found["bias"].value / ORDERED.std(ddof=1))
    assert figure["kind"] == "calibration"
    assert len(figure["ordered"]) == len(figure["low"]) == 10


@pytest.mark.parametrize(
    ("covariate", "said"),
    [
        pytest.param(_covariate(ORDERED, None), "no numbers measured_ventricular_volume_ml", id="never measured"),
        pytest.param(_covariate(ORDERED[:5], MEASURED[:5]), "needs 8 samples with a measurement, got 5", id="too few"),
        pytest.param(_covariate(ORDERED, np.full(200, np.nan)), "got 0", id="all missing"),
    ],
)
def test_what_cannot_be_measured_says_why(covariate: Covariate, said: str) -> None:
    scores, figure = continuous_scores(covariate)
    assert figure is None
    assert [score.id for score in scores] == ["conditions.ccc.ventricular_volume_ml"]
    assert said in scores[0].reason


def test_what_is_ordered_alike_has_an_error_but_no_agreement() -> None:
    scores, _ = continuous_scores(_covariate(np.full(40, 20.0), 20 + RNG.normal(0, 1, 40)))
    found = _by_id(scores)
    assert found["mae"].value > 0
    assert "is the same in all samples" in found["ccc"].reason
    assert "is the same in all samples" in found["bias_sd"].reason
