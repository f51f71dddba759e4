"""Which attempts the next version of a data set refuses: those of the version before, and what was found since."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RecipeError
from ..quality.quarantine import read_quarantine
from .names import listed
from .refusals import Refusals

if TYPE_CHECKING:
    import os

    from ..quality.quarantine import Quarantine
    from ..store import Cohort
    from .recipe import Recipe

__all__ = ["refused_by"]

_MOST_NAMED = 5


def refused_by(
    source: Cohort, old: Recipe, new: Recipe, there: Refusals | None, refuse: str | os.PathLike[str] | None
) -> tuple[Refusals | None, tuple[str, ...]]:
    """The refusal list of the next version, and the ids of the samples that it refuses anew.

    What was refused once stays refused in all later versions, also where a condition or the grid changes, as the same
    seed may make the same anatomy. Another seed or backend makes other attempts, of which nothing is known.

    Args:
        source: the version before.
        old: its recipe.
        new: the recipe of the next one, without a refusal list.
        there: the refusal list of the version before.
        refuse: `quarantine.json` of the version before.

    Raises:
        RecipeError: the file judges another data set or names samples that this one does not have, or the change makes
            other attempts.
        FormatError: the file is something else.
    """
    others = [name for name in ("seed", "backend") if getattr(old, name) != getattr(new, name)]
    if refuse is None:
        return (None if others else there), ()
    if others:
        msg = (
            f"another {listed(others)} makes other attempts than those that {refuse} refuses; make the data set with "
            "that change first, and judge it anew"
        )
        raise RecipeError(msg)
    quarantine = read_quarantine(Path(refuse))
    _check(source, quarantine, str(refuse))
    if not quarantine.samples:
        return there, ()
    more = Refusals(
        attempts={each.index: {each.attempt: tuple(sorted(set(each.reasons)))} for each in quarantine.samples}
    )
    ids = tuple(each.sample_id for each in sorted(quarantine.samples, key=lambda each: each.index))
    return (more if there is None else there.joined(more)), ids


def _check(source: Cohort, quarantine: Quarantine, name: str) -> None:
    """Holds the samples to refuse against the table."""
    digest = source.manifest.digest
    if quarantine.manifest_sha256 != digest:
        msg = (
            f"{name} judges the data set with the digest {quarantine.manifest_sha256[:100]}, that of {source.path} is "
            f"{digest}; run voxpress audit or voxpress qa on this very version, and give what that writes"
        )
        raise RecipeError(msg)
    rows = source.columns(["sample_id", "index", "attempt"])
    names, indices, attempts = (rows[column].to_pylist() for column in rows.column_names)
    there = dict(zip(names, zip(indices, attempts, strict=True), strict=True))
    wrong = [each for each in quarantine.samples if there.get(each.sample_id) != (each.index, each.attempt)]
    if wrong:
        told = [
            f"{each.sample_id[:100]} (index {each.index}, attempt {each.attempt}; {_found(there.get(each.sample_id))})"
            for each in wrong[:_MOST_NAMED]
        ]
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        msg = f"{name} must name samples as the table of {source.path} has them, got {listed(told)}{more}"
        raise RecipeError(msg)


def _found(row: tuple[int, int] | None) -> str:
    return "there is none" if row is None else f"its row says index {row[0]}, attempt {row[1]}"
