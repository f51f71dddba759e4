"""Which grids a model was trained for; what it makes of others looks like nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ....errors import RecipeError
from ...names import listed

if TYPE_CHECKING:
    from ...backend import Grid
    from .model_card import GridCard, ModelCard

__all__ = ["check_grid"]

_NEAR_MM = 0.011
"""Spacings are published with two decimals."""
_FAR = 0.25
"""A field of view that is off by more than this share on some axis, from all published ones, is told of."""
_CT_SIDES: Final = ((256, 384, 512), (128, 256, 384, 512, 640, 768))
_CT_SPACING: Final = ((0.5, 3.0), (0.5, 5.0))
_MR_SIDES: Final = (128, 256, 384, 512)
_MR_SPACING: Final = (0.4, 5.0)
_MR_DEEP: Final = ((128, 256, 256), (256, 128, 256), (256, 256, 256))


def check_grid(card: ModelCard, grid: Grid, *, any_field_of_view: bool = False) -> None:
    """Holds a grid against the model's rules.

    Args:
        card: of the model.
        grid: of the recipe.
        any_field_of_view: a field of view far from all published ones is taken without a word.

    Raises:
        RecipeError: the model was not trained for it.
    """
    if any(side % card.latent.factor for side in grid.shape):
        msg = f"image.shape: must be multiples of {card.latent.factor} for {card.name!r}, got {_shown(grid.shape)}"
        raise RecipeError(msg)
    match card.grid.rule:
        case "fixed":
            _check_fixed(card.grid, grid, card.name)
        case "maisi-ct":
            _check_ct(grid, card.name)
        case "maisi-mr":
            _check_mr(grid, card.name)
    if card.grid.fields_of_view_mm and not any_field_of_view:
        _check_field_of_view(card.grid, grid, card.name)


def _check_fixed(rule: GridCard, grid: Grid, name: str) -> None:
    if rule.shapes and grid.shape not in rule.shapes:
        shapes = listed([_shown(shape) for shape in rule.shapes])
        msg = f"image.shape: must be {shapes} for {name!r}, which makes nothing else, got {_shown(grid.shape)}"
        raise RecipeError(msg)
    if rule.spacing_mm and any(abs(a - b) > _NEAR_MM for a, b in zip(rule.spacing_mm, grid.spacing_mm, strict=True)):
        msg = (
            f"image.spacing_mm: must be {list(rule.spacing_mm)} for {name!r}, which was trained at it, got "
            f"{list(grid.spacing_mm)}"
        )
        raise RecipeError(msg)


def _check_ct(grid: Grid, name: str) -> None:
    """The rules of NV-Generate's `check_input_ct`."""
    x, y, z = grid.shape
    if x != y or x not in _CT_SIDES[0] or z not in _CT_SIDES[1]:
        msg = (
            f"image.shape: must be n×n×m for {name!r}, with n from {list(_CT_SIDES[0])} and m from "
            f"{list(_CT_SIDES[1])}, got {_shown(grid.shape)}"
        )
        raise RecipeError(msg)
    sx, sy, sz = grid.spacing_mm
    (low, high), (low_z, high_z) = _CT_SPACING
    if sx != sy or not low <= sx <= high or not low_z <= sz <= high_z:
        msg = (
            f"image.spacing_mm: must be [a, a, b] for {name!r}, with a from {low:g} to {high:g} and b from {low_z:g} "
            f"to {high_z:g}, got {list(grid.spacing_mm)}"
        )
        raise RecipeError(msg)


def _check_mr(grid: Grid, name: str) -> None:
    """The rules of NV-Generate's `check_input_mr`."""
    x, y, z = grid.shape
    sound = (z == 128 and x == y and x in _MR_SIDES) or (z == 256 and grid.shape in _MR_DEEP)
    if not sound:
        msg = (
            f"image.shape: must be n×n×128 with n from {list(_MR_SIDES)}, or "
            f"{listed([_shown(shape) for shape in _MR_DEEP])}, for {name!r}, got {_shown(grid.shape)}"
        )
        raise RecipeError(msg)
    low, high = _MR_SPACING
    if not all(low <= side <= high for side in grid.spacing_mm):
        msg = f"image.spacing_mm: must be from {low:g} to {high:g} for {name!r}, got {list(grid.spacing_mm)}"
        raise RecipeError(msg)


def _check_field_of_view(rule: GridCard, grid: Grid, name: str) -> None:
    """The field of view decides what the model makes of an order; it has seen those that are published."""
    got = [side * mm for side, mm in zip(grid.shape, grid.spacing_mm, strict=True)]
    distances = {
        known: max(abs(a / b - 1) for a, b in zip(got, field, strict=True) if b is not None)
        for known, field in rule.fields_of_view_mm.items()
    }
    nearest = min(distances, key=lambda known: distances[known])
    if rule.rule == "maisi-ct":
        # these are the least that is advised; more is as good
        far = all(
            any(b is not None and a < b for a, b in zip(got, field, strict=True))
            for field in rule.fields_of_view_mm.values()
        )
    else:
        far = distances[nearest] > _FAR
    if far:
        fields = ", ".join(f"{known} {_millimetres(field)}" for known, field in rule.fields_of_view_mm.items())
        msg = (
            f"image: the field of view {_millimetres(got)} (shape × spacing_mm) is far from all that {name!r} was "
            f"trained on ({fields}); what comes out is likely to be unusable: change shape or spacing_mm, or say "
            "backend.any_field_of_view: true"
        )
        raise RecipeError(msg)


def _shown(shape: tuple[int, ...]) -> str:
    return "×".join(map(str, shape))


def _millimetres(sides: object) -> str:
    assert isinstance(sides, tuple | list)
    return "×".join("any" if side is None else f"{side:g}" for side in sides) + " mm"
