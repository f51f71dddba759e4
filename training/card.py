"""The model card of a trained model. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RecipeError
from ..generation.backends.diffusion.model_card import (
    AffineCard,
    DecodingCard,
    GridCard,
    LatentCard,
    LicenceCard,
    ModelCard,
    NetworksCard,
    vector_length,
)
from .architecture import autoencoder_card, latent_factor, unet_card
from .objectives import objective_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ..generation.backends.diffusion.model_card import MeasureCard
    from .intensities import Intensities
    from .plan import TrainingPlan
    from .subjects import Subjects

__all__ = ["model_card", "with_calibration", "with_digests"]

_STRAIGHT_MM = 1e-3
_UNKNOWN_LICENCE = "no licence was named"


def model_card(
    plan: TrainingPlan,
    subjects: Subjects,
    intensities: Intensities,
    *,
    measures: Sequence[MeasureCard] = (),
    facts: Mapping[str, Any] | None = None,
) -> ModelCard:
    """What is known of a model before it is trained; its files have no digests yet.

    Raises:
        RecipeError: the volumes do not lie along the axes of the scanner.
    """
    spec = subjects.image
    own = plan.autoencoder
    return ModelCard(
        format=1,
        name=plan.name,
        family="trained",
        title=f"{plan.name}, trained with voxpress",
        source=f"{subjects.train.manifest.name} {subjects.train.manifest.version}",
        licence=LicenceCard(
            name=plan.licence.name,
            link=plan.licence.link or _UNKNOWN_LICENCE,
            commercial=plan.licence.commercial,
        ),
        networks=NetworksCard(
            autoencoder=autoencoder_card(own),
            unet=unet_card(plan.generator, own.latent_channels, vector_length(subjects.cards)),
        ),
        latent=LatentCard(
            channels=own.latent_channels, factor=latent_factor(own), scale_factor=1.0, packing=own.packing
        ),
        schedule=objective_of(plan.generator).schedule,
        preset=plan.generator.solver,
        conditioning="flagged",
        condition_dropout=plan.generator.condition_dropout,
        guidance=plan.generator.guidance,
        conditions=subjects.cards,
        image=intensities.card(),
        decoding=DecodingCard(),
        grid=GridCard(rule="fixed", shapes=(spec.shape,), spacing_mm=spec.spacing_mm),
        affine=AffineCard(
            flip=(False, False, False),
            origin_mm=_origin(np.asarray(spec.affine, np.float64)),
            note="that of the training data",
        ),
        measures=tuple(measures),
        training=dict(facts or {}),
    )


def with_calibration(card: ModelCard, curves: Mapping[str, tuple[tuple[float, float], ...]]) -> ModelCard:
    """The card with a curve for each of some conditions."""
    conditions = tuple(each.model_copy(update={"calibration": curves.get(each.name, ())}) for each in card.conditions)
    return card.model_copy(update={"conditions": conditions})


def with_digests(card: ModelCard, digests: Mapping[str, str]) -> ModelCard:
    """The card with the SHA-256 of the files of its networks."""
    networks = {
        name: getattr(card.networks, name).model_copy(update={"digests": {"sha256": digest}})
        for name, digest in digests.items()
    }
    return card.model_copy(update={"networks": card.networks.model_copy(update=networks)})


def _origin(affine: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    straight = affine[:3, :3] - np.diag(np.diag(affine[:3, :3]))
    if np.abs(straight).max() > _STRAIGHT_MM or (np.diag(affine[:3, :3]) <= 0).any():
        msg = (
            "the volumes lie obliquely to the axes of their coordinates, and a model makes straight ones: import them "
            "on a grid of their own (voxpress import --grid 160,224,160@1,1,1)"
        )
        raise RecipeError(msg)
    x, y, z = affine[:3, 3].tolist()
    return x, y, z
