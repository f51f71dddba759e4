"""How a model's samples look as a set, beside held-out volumes, by the metrics of `voxpress qa`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..quality.features.morphometry import Morphometry
from ..quality.features.random_conv import RandomConv
from ..quality.features.spectrum import RadialSpectrum
from ..quality.reference import store_reference
from ..quality.sets import set_scores
from .vectors import Vectors

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..quality.features import FeatureExtractor
    from ..store import Cohort
    from .trial import Trial

__all__ = ["image_extractors", "image_scores"]

_MOST_HELD_OUT = 256


def image_extractors() -> tuple[FeatureExtractor, ...]:
    """What samples are compared by."""
    return RandomConv(), RadialSpectrum(), Morphometry()


def image_scores(
    trial: Trial, held_out: Cohort, *, seed: int, tell: Callable[[int, int], None] | None = None
) -> list[dict[str, Any]]:
    """Scores that could be measured: `id`, `value`, and `floor`, the same between two halves of the held-out volumes.

    Args:
        trial: samples with their features by `image_extractors`.
        held_out: volumes that the model has not seen; the first of them, where there are many.
        seed: of halves and directions.
        tell: told of volumes done and of all.
    """
    real = store_reference(held_out.select(slice(_MOST_HELD_OUT)))
    vectors = Vectors(image_extractors())
    for row, volume in real.volumes():
        vectors.add(volume)
        if tell:
            tell(row + 1, len(real))
    reference = vectors.features(real.ids)
    shared = trial.features.keys() & reference.keys()
    scores, _, _ = set_scores(
        {name: trial.features[name] for name in shared}, {name: reference[name] for name in shared}, seed=seed
    )
    return [{"id": score.id, "value": score.value, "floor": score.floor} for score in scores if score.value is not None]
