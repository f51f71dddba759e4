"""What can be ordered of the atlas, and how far it reaches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .... import errors
from ... import brain_population as population
from ...backend import Condition, Gaussian, Measure
from .contrast import CONTRASTS
from .space import BRAIN_ML, BRAIN_SIZE_MM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ...backend import Grid, Known

__all__ = ["MEASURES", "conditions"]

# Shares of the intracranial volume that the deformed template reaches in every subject tried; `docs/atlas.md`.
_VENTRICLES = (0.0045, 0.072)
_CORTEX = (0.14, 0.40)
_LESIONS = (0.0, 0.04)
_INTRACRANIAL_ML = (900.0, 2200.0)
_MARGIN_MM = 3.0
"""Room on either side of the template's brain, because subjects differ in shape as well as in size."""

MEASURES = (
    Measure(name="intracranial_volume_ml", meaning="All that is labelled, background left out", unit="ml"),
    Measure(name="ventricular_volume_ml", meaning="Lateral ventricles", unit="ml"),
    Measure(name="cortical_volume_ml", meaning="Grey matter of the cerebral cortex, hippocampus included", unit="ml"),
    Measure(name="wmh_volume_ml", meaning="White matter hyperintensities", unit="ml"),
    Measure(name="white_matter_volume_ml", meaning="White matter, without hyperintensities", unit="ml"),
    Measure(name="other_csf_volume_ml", meaning="Cerebrospinal fluid outside the lateral ventricles", unit="ml"),
    Measure(name="minimum_jacobian", meaning="Smallest Jacobian determinant of the deformation; above 0: no folding"),
)


def conditions(grid: Grid) -> tuple[Condition, ...]:
    """The declared conditions for a grid.

    Raises:
        RecipeError: no brain fits into the grid.
    """
    return (
        Condition(
            name="age", kind="number", unit="years", minimum=30, maximum=95, default={"range": [30, 95]},
            meaning="Age of the subject; it decides the volumes that are not ordered",
        ),
        Condition(
            name="sex", kind="category", choices=("F", "M"), default={"choice": ["F", "M"]},
            meaning="Sex of the subject; it decides the head size, and through it the volumes",
        ),
        Condition(
            name="diagnosis", kind="category", choices=("CN", "MCI", "AD"), default="CN",
            meaning="Cognitively normal, mild cognitive impairment or Alzheimer's disease; decides the atrophy",
        ),
        Condition(
            name="intracranial_volume_ml", kind="number", unit="ml", minimum=_INTRACRANIAL_ML[0],
            maximum=_largest_brain_ml(grid), population=population.intracranial_volume,
            meaning="Volume inside the skull: brain, ventricles and fluid around it",
        ),
        Condition(
            name="ventricular_volume_ml", kind="number", unit="ml", minimum=4, maximum=150,
            population=population.ventricular_volume, limits=_share_of_head(*_VENTRICLES),
            meaning="Lateral ventricles",
        ),
        Condition(
            name="cortical_volume_ml", kind="number", unit="ml", minimum=120, maximum=900,
            population=population.cortical_volume, limits=_share_of_head(*_CORTEX),
            meaning="Grey matter of the cerebral cortex; atrophy widens the sulci",
        ),
        Condition(
            name="wmh_volume_ml", kind="number", unit="ml", minimum=0, maximum=80,
            population=population.wmh_volume, limits=_share_of_head(*_LESIONS),
            meaning="White matter hyperintensities of presumed vascular origin",
        ),
        Condition(
            name="contrast", kind="category", choices=CONTRASTS, default="T1w",
            meaning="What the image shows",
        ),
        Condition(
            name="noise", kind="number", minimum=0, maximum=0.2, decimals=4, default={"range": [0.01, 0.03]},
            meaning="Standard deviation of Rician noise, relative to the brightest tissue",
        ),
        Condition(
            name="bias_field", kind="number", minimum=0, maximum=1, decimals=3, default={"range": [0, 0.3]},
            meaning="Largest less smallest factor of the smooth intensity non-uniformity",
        ),
        Condition(
            name="resolution_mm", kind="number", unit="mm", minimum=0.5, maximum=10, population=_usual_resolution,
            meaning="Full width at half maximum of the point spread; below the spacing it has no effect",
        ),
    )  # fmt: skip


def _share_of_head(low: float, high: float) -> Any:
    def limits(known: Known) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        head = known["intracranial_volume_ml"]
        return low * head, high * head

    return limits


def _largest_brain_ml(grid: Grid) -> float:
    sides_mm = [n * mm for n, mm in zip(grid.shape, grid.spacing_mm, strict=True)]
    # one voxel a side stays background
    room = [side - 2 * mm for side, mm in zip(sides_mm, grid.spacing_mm, strict=True)]
    scale = min(side / (size + 2 * _MARGIN_MM) for side, size in zip(room, BRAIN_SIZE_MM, strict=True))
    largest = min(BRAIN_ML * scale**3, _INTRACRANIAL_ML[1])
    if largest < _INTRACRANIAL_ML[0]:
        needed = [round(size * (_INTRACRANIAL_ML[0] / BRAIN_ML) ** (1 / 3) + 6) for size in BRAIN_SIZE_MM]
        msg = (
            f"image: the field of view must hold a brain, about {needed[0]}×{needed[1]}×{needed[2]} mm, got "
            f"{sides_mm[0]:g}×{sides_mm[1]:g}×{sides_mm[2]:g} mm (shape × spacing_mm); raise one of them"
        )
        raise errors.RecipeError(msg)
    return largest


def _usual_resolution(known: Known) -> Gaussian:
    """Typical of a 1 mm MRI, and of a modern brain PET; an assumption."""
    pet = known["contrast"] == "FDG-PET"
    return Gaussian(mean=np.where(pet, 5.0, 1.2), sd=np.where(pet, 0.3, 0.1))
