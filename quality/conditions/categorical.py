"""Whether words that were ordered (a sex, a diagnosis) are what somebody reads in the volumes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..scores import Score, not_run
from .continuous import FEWEST
from .moments import REPEATS
from .proportions import proportion_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .covariates import Covariate

__all__ = ["categorical_scores", "confusion"]


def categorical_scores(
    covariate: Covariate, *, reference: Covariate | None = None, seed: int = 0
) -> tuple[list[Score], dict[str, Any] | None]:
    """Accuracy and balanced accuracy of one condition of words, and the table of who was taken for what.

    Args:
        covariate: ordered, and measured where it was.
        reference: the same of real people, read by the same classifier; its accuracy is the floor.
        seed: of the bootstrap.
    """
    ids = {name: f"conditions.{name}.{covariate.name}" for name in ("accuracy", "balanced_accuracy")}
    which = covariate.paired
    counts = {"samples": int(which.sum()), "missing": len(which) - int(which.sum())}
    if covariate.measured is None:
        reason = (
            f"{covariate.name} was ordered, but the data set has no words measured_{covariate.name}: nothing says "
            "whether the volumes show it"
        )
        return [not_run(ids["accuracy"], reason, n=counts)], None
    if counts["samples"] < FEWEST:
        reason = f"{covariate.name} needs {FEWEST} samples with a measurement, got {counts['samples']}"
        return [not_run(ids["accuracy"], reason, n=counts)], None
    names, table = _confusion_of(covariate)
    floors = _accuracies(_confusion_of(reference)[1]) if _is_usable(reference) else None
    hits, total = int(np.trace(table)), int(table.sum())
    accuracy, balanced = _accuracies(table)
    scores = [
        Score(
            id=ids["accuracy"],
            value=accuracy,
            interval=proportion_interval(hits, total),
            floor=None if floors is None else floors[0],
            n=counts,
        ),
        Score(
            id=ids["balanced_accuracy"],
            value=balanced,
            interval=_balanced_interval(table, (seed, *covariate.name.encode())),
            floor=None if floors is None else floors[1],
            n=counts,
        ),
    ]
    rows = [[name, *(int(count) for count in row)] for name, row in zip(names, table, strict=True)]
    return scores, {"columns": [f"ordered {covariate.name}", *(f"measured {name}" for name in names)], "rows": rows}


def confusion(ordered: NDArray[Any], measured: NDArray[Any]) -> tuple[list[str], NDArray[np.int64]]:
    """How often each word that was ordered was read as each.

    Returns:
        the words, sorted; `(words, words)` counts, rows ordered, columns measured.
    """
    names, codes = np.unique(np.concatenate([ordered, measured]), return_inverse=True)
    pairs = codes[: len(ordered)] * len(names) + codes[len(ordered) :]
    counts = np.bincount(pairs, minlength=len(names) ** 2).reshape(len(names), len(names))
    return [str(name) for name in names], counts.astype(np.int64)


def _confusion_of(covariate: Covariate | None) -> tuple[list[str], NDArray[np.int64]]:
    assert covariate is not None
    assert covariate.measured is not None
    which = covariate.paired
    return confusion(covariate.ordered[which], covariate.measured[which])


def _is_usable(reference: Covariate | None) -> bool:
    return reference is not None and reference.measured is not None and int(reference.paired.sum()) >= FEWEST


def _accuracies(table: NDArray[Any]) -> tuple[float, float]:
    """Share that is right, and its mean over the words that were ordered."""
    totals = table.sum(axis=1)
    there = totals > 0
    return float(np.trace(table) / totals.sum()), float((np.diag(table)[there] / totals[there]).mean())


def _balanced_interval(table: NDArray[np.int64], seed: tuple[int, ...]) -> tuple[float, float]:
    """Bootstrap of the samples, which is a multinomial draw of the table's cells."""
    total = int(table.sum())
    drawn = np.random.default_rng(seed).multinomial(total, table.ravel() / total, size=REPEATS)
    values = [_accuracies(each.reshape(table.shape))[1] for each in drawn]
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
