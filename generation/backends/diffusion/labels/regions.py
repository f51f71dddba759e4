"""Which body regions a label map shows; models with body regions are told so of their images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ..model_card import ConditionCard

__all__ = ["REGION_INPUTS", "region_conditions", "region_span"]

REGION_INPUTS = ("top-region", "bottom-region")


def region_span(labels: NDArray[np.uint8], regions: Sequence[Sequence[int]]) -> tuple[int, int] | None:
    """Uppermost and lowest region of which a label map holds any value.

    As `get_body_region_index_from_mask` of NV-Generate (scripts/utils.py).

    Args:
        labels: `(x, y, z)`.
        regions: values that tell of each, from the head down.

    Returns:
        Their numbers; None where it holds none of them, where NV-Generate fails.
    """
    held = np.bincount(labels.ravel(), minlength=256) > 0
    found = [number for number, values in enumerate(regions) if held[list(values)].any()]
    return (found[0], found[-1]) if found else None


def region_conditions(cards: Sequence[ConditionCard], span: tuple[int, int]) -> Mapping[str, str]:
    """The values of those conditions of a model that are body regions; empty if it has none.

    Args:
        cards: of the model's conditions.
        span: from `region_span`.
    """
    numbers = dict(zip(REGION_INPUTS, span, strict=True))
    return {
        card.name: next(name for name, code in card.choices.items() if int(code) == numbers[card.input])
        for card in cards
        if card.input in numbers
    }
