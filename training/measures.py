"""Fits what measures the conditions in an image, on real images, and tells how well it does on others.

It is fitted to each image twice: as it is, and as the autoencoder gives it back. All that a model makes has come
through that decoder, and what a regression learns of sharp voxels alone is wrong by a lot where there are none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from ..generation.backends.diffusion.fast.quantise import from_lattice, to_lattice
from ..generation.backends.diffusion.measurer import Measurer, pooled, pooled_shape
from ..generation.backends.diffusion.model_card import MeasureCard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..generation.backends.diffusion.model_card import ConditionCard, ImageCard
    from ..store import Cohort
    from .autoencoder import Reconstruction
    from .intensities import Intensities

__all__ = ["Fitted", "fit_measurer", "numbers_of", "pooled_rows"]

_LEAST_R = 0.5
"""Correlation on held-out images below which a figure says too little to be written into a table."""
_RIDGES: Final = np.logspace(-4, 4, 17)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fitted:
    """What came of it.

    Attributes:
        measurer: None where no condition can be measured.
        cards: of its measures.
        left_out: condition → why it is not measured.
    """

    measurer: Measurer | None
    cards: tuple[MeasureCard, ...]
    left_out: dict[str, str]


def pooled_rows(
    cohort: Cohort, intensities: Intensities, card: ImageCard, through: Reconstruction | None = None
) -> NDArray[np.float32]:
    """What the regression sees of each volume, `(n, p)`.

    Args:
        cohort: whose volumes.
        intensities: scaling.
        card: of the image.
        through: an autoencoder; what it gives back, cleaned as samples are, is seen in place of the volume.
    """
    from .volumes import volumes_in_order

    sides = pooled_shape(cohort.specs["image"].shape)
    low, high = card.decoded
    rows = []
    for volume in volumes_in_order(cohort, intensities, 1):
        if through is None:
            image = (volume[0, 0].numpy() * (high - low) + low).astype(np.float32)
        else:
            image = _there_and_back(volume, through, card)
        rows.append(pooled(image, sides, card))
    return np.stack(rows)


@torch.no_grad()
def _there_and_back(volume: torch.Tensor, model: Reconstruction, card: ImageCard) -> NDArray[np.float32]:
    device = next(model.parameters()).device
    decoded = model.decode(model.encode(volume.to(device))[0])
    steps, _ = to_lattice(decoded, card, (False, False, False))
    return from_lattice(steps[0].cpu().numpy(), card)


def numbers_of(cohort: Cohort, card: ConditionCard) -> NDArray[np.float64]:
    """The values of a number in each row, NaN where there is none."""
    values = cohort.columns([card.name])[card.name].to_pylist()
    return np.array([np.nan if value is None else float(value) for value in values])


def fit_measurer(
    train: tuple[NDArray[np.float32], Sequence[NDArray[np.float64]]],
    held_out: tuple[NDArray[np.float32], Sequence[NDArray[np.float64]]],
    conditions: Sequence[ConditionCard],
    shape: Sequence[int],
    image: ImageCard,
) -> Fitted:
    """A ridge regression for each number, its penalty chosen by leave-one-out error. Pure.

    A regression draws towards the mean; the slope that this leaves on the held-out images is taken out, so that what it
    says of an image is not biased by where in the range it lies.

    Args:
        train: `(n, p)` pooled voxels, and for each condition its `(n,)` values, NaN where unknown.
        held_out: the same of images that neither this nor the networks have seen.
        conditions: numbers.
        shape: voxels of an image.
        image: its card.
    """
    from sklearn.linear_model import RidgeCV

    rows, apart = train[0].astype(np.float64), held_out[0].astype(np.float64)
    mean = rows.mean(axis=0)
    weights, biases, cards, left_out = [], [], [], {}
    for condition, own, others in zip(conditions, train[1], held_out[1], strict=True):
        known, seen = np.isfinite(own), np.isfinite(others)
        if seen.sum() < 3 or known.sum() < 3:
            left_out[condition.name] = "too few held-out subjects have a value"
            continue
        model = RidgeCV(alphas=_RIDGES * len(rows)).fit(rows[known] - mean, own[known])
        weight, bias = model.coef_, float(model.intercept_)
        said, truth = (apart[seen] - mean) @ weight + bias, others[seen]
        r = float(np.corrcoef(said, truth)[0, 1]) if said.std() > 0 and truth.std() > 0 else 0.0
        if not r >= _LEAST_R:
            left_out[condition.name] = f"in held-out images, what is measured has r = {r:.2f} with the truth"
            continue
        slope, middle = float(np.polyfit(truth, said, 1)[0]), float(truth.mean())
        weight, bias = weight / slope, middle + (bias - float(said.mean())) / slope
        said = (apart[seen] - mean) @ weight + bias
        weights.append(weight)
        biases.append(bias)
        cards.append(
            MeasureCard(
                name=condition.name,
                unit=condition.unit,
                meaning=f"{condition.name} as a linear regression on the image tells it, fitted to the training images",
                r=round(r, 4),
                mae=float(f"{np.abs(said - truth).mean():.4g}"),
                validated_on=int(seen.sum()),
            )
        )
    if not cards:
        return Fitted(measurer=None, cards=(), left_out=left_out)
    measurer = Measurer(
        names=tuple(card.name for card in cards),
        weights=np.stack(weights).astype(np.float32),
        bias=np.array(biases, np.float32),
        mean=mean.astype(np.float32),
        pooled_shape=pooled_shape(shape),
        card=image,
    )
    return Fitted(measurer=measurer, cards=tuple(cards), left_out=left_out)
