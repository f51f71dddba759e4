"""Whether a training set and a holdout can be used for an audit, said before anything is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ...errors import QualityError

if TYPE_CHECKING:
    from ..reference import Reference

__all__ = ["check_sets"]

_LEAST_TRAIN: Final = 10
_LEAST_HOLDOUT: Final = 20
"""The closest of 20 held-out subjects still stands for a chance of 1 in 21; with fewer, nothing is left of a rule."""
_MOST_NAMED: Final = 3


def check_sets(train: Reference, holdout: Reference | None) -> None:
    """Sees that there are enough subjects, and that nobody is in both sets.

    Raises:
        QualityError: there are too few, or some are in both.
    """
    _check_enough(train, "training", _LEAST_TRAIN if holdout else _LEAST_HOLDOUT + 1)
    if holdout is None:
        return
    _check_enough(holdout, "held-out", _LEAST_HOLDOUT)
    if both := sorted(set(train.subjects) & set(holdout.subjects)):
        named = ", ".join(map(repr, both[:_MOST_NAMED]))
        more = f" and {len(both) - _MOST_NAMED} more" if len(both) > _MOST_NAMED else ""
        msg = (
            f"{len(both)} subjects are in the training set {train.source} and in the holdout {holdout.source}: "
            f"{named}{more}. A holdout says what new people look like: leave out whoever the generator was trained on"
        )
        raise QualityError(msg)


def _check_enough(reference: Reference, name: str, least: int) -> None:
    subjects = len(set(reference.subjects))
    if subjects < least:
        msg = f"{reference.source} has {subjects} {name} subjects, and an audit needs at least {least}; give more"
        raise QualityError(msg)
