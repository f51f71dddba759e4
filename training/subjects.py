"""Whom a model is trained on: the rows of a data set, those that are kept out, and what the conditions of each are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from ..errors import RecipeError
from ..generation.streams import stream_key
from ..store import open as open_store
from .schema import condition_cards, condition_vectors

if TYPE_CHECKING:
    import os

    from numpy.typing import NDArray

    from ..generation.backends.diffusion.model_card import ConditionCard
    from ..store import ArraySpec, Cohort
    from .plan import TrainingPlan

__all__ = ["Subjects", "choose_subjects", "open_training"]

_SUBJECT: Final = "subject"
_TRAIN: Final = "train"
_LEAST = 8
_LEAST_HELD_OUT = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Subjects:
    """Training subjects, held-out subjects, and the conditions of the model.

    Attributes:
        train, held_out: cohorts of one data set.
        cards: the conditions.
        train_vectors, held_out_vectors: what the network is given for each row.
    """

    train: Cohort
    held_out: Cohort
    cards: tuple[ConditionCard, ...]
    train_vectors: NDArray[np.float32]
    held_out_vectors: NDArray[np.float32]

    @property
    def image(self) -> ArraySpec:
        """The array that the model learns to make."""
        return self.train.specs["image"]


def open_training(path: str | os.PathLike[str]) -> Cohort:
    """The data set that a model is trained on.

    Raises:
        RecipeError: it has no image.
        StoreNotFoundError: there is no finished data set.
    """
    cohort = open_store(Path(path) if Path(path).exists() else path)
    if "image" not in cohort.specs:
        msg = f"{cohort.url} has no array 'image'; its arrays are {', '.join(cohort.specs)}"
        raise RecipeError(msg)
    return cohort


def choose_subjects(cohort: Cohort, plan: TrainingPlan) -> Subjects:
    """Splits a data set into who is trained on and who is not, and reads the conditions.

    The split `train` is trained on and all others are held out; a data set of one split is divided by chance, so that
    no subject (column `subject`, where there is one) is on both sides.

    Raises:
        RecipeError: too few subjects, or conditions that cannot be.
    """
    train, held_out = _split(cohort, plan)
    if len(train) < _LEAST or len(held_out) < _LEAST_HELD_OUT:
        msg = (
            f"{cohort.url} has {len(train)} volumes to train on and {len(held_out)} that are held out; at least "
            f"{_LEAST} and {_LEAST_HELD_OUT} are needed: give more volumes, or another share with --set held_out=0.3"
        )
        raise RecipeError(msg)
    names = [name for name in cohort.conditions if name != _SUBJECT]
    names += [name for name in plan.conditions or () if name not in names and name in cohort.store.schema.names]
    table = train.columns(names)
    cards = condition_cards(table, plan.conditions)
    return Subjects(
        train=train,
        held_out=held_out,
        cards=cards,
        train_vectors=condition_vectors(table, cards),
        held_out_vectors=condition_vectors(held_out.columns(names), cards),
    )


def _split(cohort: Cohort, plan: TrainingPlan) -> tuple[Cohort, Cohort]:
    if _TRAIN in cohort.splits and len(cohort.splits) > 1:
        of_train = cohort.locations.split == cohort.locations.splits.index(_TRAIN)
        return cohort.select(of_train), cohort.select(~of_train)
    whom = _whom(cohort)
    subjects = list(dict.fromkeys(whom))
    drawn = sorted(subjects, key=lambda subject: stream_key(plan.seed, f"held out/{subject}"))
    apart = set(drawn[: max(1, round(plan.held_out * len(drawn)))])
    held_out = np.array([subject in apart for subject in whom])
    return cohort.select(~held_out), cohort.select(held_out)


def _whom(cohort: Cohort) -> list[str]:
    ids = cohort.columns(["sample_id"])["sample_id"].to_pylist()
    if _SUBJECT not in cohort.conditions:
        return [str(one) for one in ids]
    told = cohort.columns([_SUBJECT])[_SUBJECT].to_pylist()
    return [str(one) if subject is None else str(subject) for one, subject in zip(ids, told, strict=True)]
