"""Refused attempts counted by reason and by group of people. Pure.

What is refused is not a chance sample: if large ventricles fail the checks more often, the data set shows fewer of
them, or shows them after more attempts. So rates stand beside each other by group.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import numpy as np

from ..errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import pyarrow as pa
    from numpy.typing import NDArray

__all__ = ["UNRECORDED", "RejectCell", "RejectTable", "tabulated"]

UNRECORDED: Final = "UNRECORDED"
"""Stands for the reasons of attempts that no record tells of."""

_Label: TypeAlias = "tuple[int, str]"
_UNKNOWN: Final = (2**31, "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectCell:
    """One group of people.

    Attributes:
        group: condition → value, or range of values.
        samples: that the data set has.
        missing: planned samples that no attempt made well enough.
        refused: attempts.
        retried: samples that needed more than one attempt.
        reasons: code → refused attempts that it was a reason for; one attempt may have several.
    """

    group: Mapping[str, str]
    samples: int
    missing: int
    refused: int
    retried: int
    reasons: Mapping[str, int] = field(default_factory=dict)

    @property
    def attempts(self) -> int:
        """All that were made and looked at."""
        return self.samples + self.refused

    @property
    def rate(self) -> float:
        """Share of the attempts that were refused; 0 where there was none."""
        return self.refused / self.attempts if self.attempts else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectTable:
    """Refused attempts of a data set.

    Attributes:
        by: conditions whose combinations are told apart.
        total: everybody.
        cells: each group that has anybody, in the order of its values.
    """

    by: tuple[str, ...]
    total: RejectCell
    cells: tuple[RejectCell, ...]

    @property
    def codes(self) -> tuple[str, ...]:
        """All reasons that were found, the most frequent first."""
        return tuple(sorted(self.total.reasons, key=lambda code: (-self.total.reasons[code], code)))

    def to_json(self) -> dict[str, Any]:
        """As a table of a report: one row a group, and the total last."""
        columns = [*self.by, "samples", "missing", "attempts", "refused", "rate", *self.codes]
        cells = [*self.cells, self.total] if self.by else [self.total]
        return {"columns": columns, "rows": [self._row(cell) for cell in cells]}

    def reasons_to_json(self) -> dict[str, Any]:
        """As a table of a report: one row a reason, with its share of all attempts."""
        attempts = self.total.attempts
        rows = [[code, self.total.reasons[code], self.total.reasons[code] / attempts] for code in self.codes]
        return {"columns": ["reason", "refused", "rate"], "rows": rows}

    def _row(self, cell: RejectCell) -> list[Any]:
        place = [cell.group.get(name, "all") for name in self.by]
        counts = [cell.samples, cell.missing, cell.attempts, cell.refused, cell.rate]
        return [*place, *counts, *(cell.reasons.get(code, 0) for code in self.codes)]


def tabulated(samples: pa.Table, attempts: pa.Table, *, by: Sequence[str] = ()) -> RejectTable:
    """Counts refused attempts.

    Args:
        samples: the rows of a data set: `sample_id`, and the conditions of `by`.
        attempts: as `refused_attempts` gives them.
        by: conditions whose combinations are told apart.

    Raises:
        QueryError: there is no such condition.
    """
    if unknown := [name for name in by if name not in samples.column_names or name not in attempts.column_names]:
        msg = f"there is no condition {unknown[0]!r} to tell groups apart by; give names of conditions of the data set"
        raise QueryError(msg)
    there = samples["sample_id"].to_pylist()
    refused = attempts.select(["sample_id", "reasons", *by]).to_pylist()
    missing = {row["sample_id"]: row for row in refused}
    for sample in there:
        missing.pop(sample, None)
    # holes belong to those who were planned, so they count for the ranges too
    labels = [_labels(name, samples[name].to_pylist(), [row[name] for row in missing.values()]) for name in by]
    groups = dict(zip([*there, *missing], zip(*labels, strict=True), strict=True)) if by else {}
    count = _Counts(groups)
    for sample in there:
        count.add("samples", sample)
    for sample in missing:
        count.add("missing", sample)
    for sample in {row["sample_id"] for row in refused} - missing.keys():
        count.add("retried", sample)
    for row in refused:
        count.add("refused", row["sample_id"])
        for reason in sorted(set(row["reasons"] or [UNRECORDED])):
            count.add(f"reason {reason}", row["sample_id"])
    cells = tuple(count.cell(by, group) for group in sorted(set(groups.values()))) if by else ()
    return RejectTable(by=tuple(by), total=count.cell((), ()), cells=cells)


class _Counts:
    """Of whatever happened to samples, by their group and in all.

    Args:
        groups: sample → its group; empty if groups are not told apart.
    """

    def __init__(self, groups: Mapping[str, tuple[_Label, ...]]) -> None:
        self._groups = groups
        self._counts: dict[tuple[_Label, ...], Counter[str]] = defaultdict(Counter)

    def add(self, what: str, sample: str) -> None:
        """Counts one for a sample."""
        self._counts[()][what] += 1
        if self._groups:
            self._counts[self._groups[sample]][what] += 1

    def cell(self, by: Sequence[str], group: tuple[_Label, ...]) -> RejectCell:
        """What was counted for a group; for () all."""
        counts = self._counts[group]
        reasons = {what.removeprefix("reason "): n for what, n in counts.items() if what.startswith("reason ")}
        return RejectCell(
            group={name: label for name, (_, label) in zip(by, group, strict=True)},
            samples=counts["samples"],
            missing=counts["missing"],
            refused=counts["refused"],
            retried=counts["retried"],
            reasons=dict(sorted(reasons.items())),
        )


def _labels(name: str, there: list[Any], missing: list[Any]) -> list[_Label]:
    """What group each sample is in by one condition: its place among the groups, and what it is called."""
    values = [*there, *missing]
    known = [value for value in values if value is not None]
    if not known or isinstance(known[0], str):
        return [_UNKNOWN if value is None else (0, str(value)) for value in values]
    place = _decade if name == "age" else _third(np.array(known, dtype=np.float64))
    return [_UNKNOWN if value is None else place(float(value)) for value in values]


def _decade(age: float) -> _Label:
    start = int(age // 10) * 10
    return start, f"{start}-{start + 9}"


def _third(values: NDArray[np.float64]) -> Callable[[float], _Label]:
    low, high = np.quantile(values, (1 / 3, 2 / 3)).tolist()
    names = (f"up to {low:.4g}", f"{low:.4g} to {high:.4g}", f"above {high:.4g}")

    def place(value: float) -> _Label:
        number = 0 if value <= low else 1 if value <= high else 2
        return number, names[number]

    return place
