"""Holds samples that were made again against those that are there: digests first, voxels only where these differ."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..errors import CorruptError, RemoteError, StallError
from .levels import Level, SampleDifference, compare_volumes, level_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..store import Cohort

__all__ = ["compare_cohorts"]

_MOST_CONDITIONS = 3


def compare_cohorts(there: Cohort, made: Cohort, *, whole: bool) -> tuple[SampleDifference, ...]:
    """The samples that are not exact, in the order of their rows.

    Args:
        there: samples of the data set; the voxels of those that differ are read.
        made: the same, made again.
        whole: these are all samples of the data set, so that another one is a difference too.

    Raises:
        CorruptError, FormatError: one of the tables cannot be read.
    """
    comparison = _Comparison(there, made)
    before, now = (cohort.columns(comparison.columns).to_pylist() for cohort in (there, made))
    places = {row["sample_id"]: place for place, row in enumerate(now)}
    found = []
    for number, row in enumerate(before):
        place = places.get(row["sample_id"])
        if place is None:
            found.append(_not_made(row, made))
        elif row != now[place] or comparison.lost:
            found.append(comparison.of((number, row), (place, now[place])))
    if whole:
        known = {row["sample_id"] for row in before}
        found += [_refused_then(row) for row in now if row["sample_id"] not in known]
    return tuple(found)


class _Comparison:
    """Of two cohorts, sample by sample.

    Attributes:
        columns: that tell whether a sample is the same.
        lost: what no sample has any more.
    """

    def __init__(self, there: Cohort, made: Cohort) -> None:
        self._there, self._made = there, made
        self._arrays = [name for name in there.specs if name in made.specs]
        self._conditions = [name for name in there.conditions if name in made.conditions]
        digests = [f"{name}_sha256" for name in self._arrays]
        self.columns = ["sample_id", "split", "attempt", *self._conditions, *digests]
        self.lost = _lost_arrays(there, made)

    def of(self, there: tuple[int, Mapping[str, Any]], made: tuple[int, Mapping[str, Any]]) -> SampleDifference:
        """How one sample differs, given the row of each cohort: its place and its columns."""
        (number, row), (place, now) = there, made
        reasons = [*self.lost, *_reasons(row, now, self._conditions)]
        arrays = {}
        for name in self._arrays:
            spec, other = self._there.specs[name], self._made.specs[name]
            same = row[f"{name}_sha256"] == now[f"{name}_sha256"]
            if same or (spec.shape, spec.dtype) != (other.shape, other.dtype):
                continue
            try:
                arrays[name] = compare_volumes(self._there.read(number, name), self._made.read(place, name), spec)
            except (CorruptError, RemoteError, StallError) as error:
                reasons.append(f"its {name} cannot be read to compare it: {error}")
        # other conditions, or another attempt, make another sample, however near it comes
        level = Level.DIFFERENT if reasons else level_of(arrays.values())
        if level is Level.EXACT:
            level, reasons = Level.DIFFERENT, ["its voxels do not have the digests of its row"]
        return SampleDifference(
            sample_id=row["sample_id"],
            split=row["split"],
            level=level,
            arrays={name: array for name, array in arrays.items() if array.differing},
            reasons=tuple(reasons),
        )


def _lost_arrays(there: Cohort, made: Cohort) -> list[str]:
    reasons = [f"the array {name!r} is not made any more" for name in there.specs if name not in made.specs]
    return reasons + [
        f"the array {name!r} is {other.dtype} of {other.shape} now"
        for name, spec in there.specs.items()
        if (other := made.specs.get(name)) and (other.shape, other.dtype) != (spec.shape, spec.dtype)
    ]


def _reasons(row: Mapping[str, Any], now: Mapping[str, Any], conditions: Sequence[str]) -> list[str]:
    reasons = []
    changed = [f"{name} {row[name]} there, {now[name]} now" for name in conditions if row[name] != now[name]]
    if changed:
        more = f" and {len(changed) - _MOST_CONDITIONS} more" if len(changed) > _MOST_CONDITIONS else ""
        reasons.append(f"other conditions are ordered: {', '.join(changed[:_MOST_CONDITIONS])}{more}")
    if row["split"] != now["split"]:
        reasons.append(f"it is in the split {now['split']} now")
    if row["attempt"] != now["attempt"]:
        turn = "fails" if row["attempt"] < now["attempt"] else "passes"
        which = min(row["attempt"], now["attempt"])
        reasons.append(f"attempt {which} {turn} its checks now, so that attempt {now['attempt']} is kept")
    return reasons


def _not_made(row: Mapping[str, Any], made: Cohort) -> SampleDifference:
    refused = [rejection for rejection in made.manifest.rejected if rejection.sample_id == row["sample_id"]]
    codes = sorted({code for rejection in refused for attempt in rejection.attempts for code in attempt.reasons})
    reason = f"no attempt passes its checks now ({', '.join(codes)})" if refused else "it is not ordered any more"
    return SampleDifference(
        sample_id=row["sample_id"], split=row["split"], level=Level.DIFFERENT, arrays={}, reasons=(reason,)
    )


def _refused_then(row: Mapping[str, Any]) -> SampleDifference:
    return SampleDifference(
        sample_id=row["sample_id"],
        split=row["split"],
        level=Level.DIFFERENT,
        arrays={},
        reasons=(f"the data set does not have it, and attempt {row['attempt']} passes its checks now",),
    )
