"""Whether numbers that were ordered are what the volumes show: error, agreement and calibration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..scores import Score, not_run
from .moments import agreement, agreement_intervals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from ..scores import Interval
    from .covariates import Covariate

__all__ = ["FEWEST", "calibration_bins", "continuous_scores"]

FEWEST: Final = 8
"""Samples that a line and a bootstrap need to say anything at all."""

_STATISTICS: Final = ("mae", "bias", "rmse", "r", "ccc", "slope", "intercept")
_SCALED: Final = ("nmae", "bias_sd", "worst_bin_sd")
_IN_UNIT: Final = frozenset({"mae", "bias", "rmse", "intercept"})
_MOST_BINS: Final = 10
_FEWEST_IN_BIN: Final = 5


def continuous_scores(
    covariate: Covariate, *, reference: Covariate | None = None, seed: int = 0
) -> tuple[list[Score], dict[str, Any] | None]:
    """Scores of one condition of numbers, and its calibration curve to draw.

    The floor of a score is the same statistic in the reference, where a predictor measured real people as well: what it
    errs there is not the generator's fault.

    Args:
        covariate: ordered, and measured where it was.
        reference: the same condition of real people, with what the same method measured of them.
        seed: of the bootstrap.
    """
    which = covariate.paired
    missing = len(which) - int(which.sum())
    counts = {"samples": int(which.sum()), "missing": missing}
    if reason := _reason_not_to(covariate, counts["samples"]):
        # one word for all of them: ten times the same reason would hide the others
        return [not_run(f"conditions.ccc.{covariate.name}", reason, n=counts)], None
    assert covariate.measured is not None
    ordered, measured = covariate.ordered[which], covariate.measured[which]
    stream = (seed, *covariate.name.encode())
    values, intervals = agreement(ordered, measured), agreement_intervals(ordered, measured, seed=stream)
    scale, source = _scale(ordered, reference)
    floors = _floors(reference)
    bins = calibration_bins(ordered, measured)
    values |= {
        "nmae": values["mae"] / scale if scale else np.nan,
        "bias_sd": values["bias"] / scale if scale else np.nan,
        "worst_bin_sd": max((abs(each["bias"]) for each in bins), default=np.nan) / scale if scale else np.nan,
    }
    if scale:
        intervals |= {"nmae": _over(intervals["mae"], scale), "bias_sd": _over(intervals["bias"], scale)}
    found = {name: (values[name], intervals.get(name), floors.get(name, np.nan)) for name in _all_names()}
    scores = list(_scored(covariate, found, counts, source))
    return scores, _figure(covariate, bins)


def calibration_bins(ordered: NDArray[np.float64], measured: NDArray[np.float64]) -> list[dict[str, float]]:
    """Mean of what was measured, with a 95 % interval (Student's t), in equal parts of the samples by what was ordered.

    Args:
        ordered: finite, one value a sample.
        measured: likewise.

    Returns:
        up to ten bins, ascending: `ordered`, `measured`, `low`, `high`, `bias`, `n`; none where each would hold fewer
        than five samples.
    """
    from scipy.special import stdtrit

    count = min(_MOST_BINS, len(ordered) // _FEWEST_IN_BIN)
    bins = []
    for rows in np.array_split(np.argsort(ordered, kind="stable"), count) if count > 1 else []:
        x, y = ordered[rows], measured[rows]
        mean = float(y.mean())
        margin = float(stdtrit(len(y) - 1, 0.975) * y.std(ddof=1) / np.sqrt(len(y)))
        bins.append(
            {
                "ordered": float(x.mean()),
                "measured": mean,
                "low": mean - margin,
                "high": mean + margin,
                "bias": float((y - x).mean()),
                "n": len(rows),
            }
        )
    return bins


def _all_names() -> tuple[str, ...]:
    return (*_STATISTICS, *_SCALED)


def _reason_not_to(covariate: Covariate, count: int) -> str:
    if covariate.measured is None:
        return (
            f"{covariate.name} was ordered, but the data set has no numbers measured_{covariate.name}: nothing says "
            "whether the volumes show it"
        )
    if count < FEWEST:
        return f"{covariate.name} needs {FEWEST} samples with a measurement, got {count}; make or measure more"
    return ""


def _scale(ordered: NDArray[np.float64], reference: Covariate | None) -> tuple[float, str]:
    """Standard deviation that errors are told in, and of whom."""
    if reference is not None:
        known = reference.ordered[np.isfinite(reference.ordered)]
        if len(known) >= FEWEST and known.std(ddof=1) > 0:
            return float(known.std(ddof=1)), "SD of the reference"
    spread = float(ordered.std(ddof=1))
    return (spread if spread > 1e-12 * abs(float(ordered.mean())) else 0.0), "SD of what was ordered"


def _floors(reference: Covariate | None) -> Mapping[str, float]:
    if reference is None or reference.measured is None or reference.paired.sum() < FEWEST:
        return {}
    which = reference.paired
    return agreement(reference.ordered[which], reference.measured[which])


def _scored(
    covariate: Covariate,
    found: Mapping[str, tuple[float, Interval | None, float]],
    counts: Mapping[str, int],
    scale: str,
) -> Iterator[Score]:
    for name, (value, interval, floor) in found.items():
        score_id = f"conditions.{name}.{covariate.name}"
        if not np.isfinite(value):
            reason = (
                f"{covariate.name} is the same in all samples, ordered or measured, or there are too few for bins, "
                f"so that there is no {name}"
            )
            yield not_run(score_id, reason, n=counts)
            continue
        yield Score(
            id=score_id,
            value=float(value),
            interval=interval,
            floor=float(floor) if np.isfinite(floor) else None,
            n=counts,
            unit=covariate.unit if name in _IN_UNIT else scale if name in _SCALED else "",
        )


def _over(interval: tuple[float, float], scale: float) -> tuple[float, float]:
    return interval[0] / scale, interval[1] / scale


def _figure(covariate: Covariate, bins: list[dict[str, float]]) -> dict[str, Any] | None:
    if not bins:
        return None
    columns = {name: [each[name] for each in bins] for name in ("ordered", "measured", "low", "high", "n")}
    return {"kind": "calibration", "condition": covariate.name, "unit": covariate.unit, **columns}
