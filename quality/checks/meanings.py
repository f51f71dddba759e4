"""The reason codes and what they stand for. Codes are never given another meaning; new ones are added."""

from __future__ import annotations

from typing import Final

__all__ = ["CHECKS_ID", "MEANINGS", "OF_A_SET"]

CHECKS_ID: Final = "checks/1"
"""Raise it when the same sample could get other codes: what an earlier voxpress found is then looked for again."""

MEANINGS: Final[dict[str, str]] = {
    "MISSING": "a declared volume or measure is not there",
    "SHAPE_MISMATCH": "a volume does not have the shape of the grid",
    "DTYPE": "an image is not float32, or a label map not of its declared type",
    "NONFINITE": "an image or a measure holds NaN or infinity",
    "RANGE": "an image leaves the range that can be stored, which is the declared one",
    "EMPTY": "less than 0.5 % of the voxels are not background",
    "CONSTANT": "the image hardly varies where it is not background",
    "CLIPPED": "more than 1 % of what is not background is at the top of the range",
    "FOV_CUT": "more than 0.5 % of a face of the grid, or of the plane beside it, is not background: the body is cut",
    "BG_NOISE_ODD": "the corners of the grid are neither exactly background nor noise as of a scan",
    "MASK_FRAGMENTED": "a second piece of the brain has more than 2 % of its voxels",
    "SLICE_DROPOUT": "a plane inside the body is nearly empty between planes that are not",
    "STITCH": "from one plane to the next, the image jumps as it does nowhere near: parts that do not fit together",
    "CHECKER": "a pattern repeats every 2, 4 or 8 voxels, as upsampling in a network leaves it",
    "LR_MIRROR": "the left half of the brain is the mirror image of the right one",
    "BRAIN_VOL": "the brain is smaller than 700 ml or larger than 2,200 ml",
    "TISSUE_ORDER": "tissues are not as bright, relative to each other, as the contrast has them",
    "LABEL_UNKNOWN": "a label map holds a value without a name",
    "LABEL_OUTSIDE": "the label map and the image do not agree on what is background",
    "COND_MISMATCH": "what was measured is far from what was ordered",
    "FOLDED": "the deformation folds: its Jacobian determinant is not positive everywhere",
    "UNREACHED": "this attempt's anatomy has no room for an ordered volume",
    "LOW_CNR": "grey and white tissue are told apart far less than in the other samples or the reference",
    "LOW_SHARPNESS": "the image is far smoother than the other samples or the reference",
    "HIST_OUTLIER": "intensities are spread otherwise than in the other samples or the reference",
    "IQM_OUTLIER": "a figure of image quality is far from the other samples or the reference",
}

OF_A_SET: Final = ("LOW_CNR", "LOW_SHARPNESS", "HIST_OUTLIER", "IQM_OUTLIER")
"""Codes that only a whole data set can give, by comparison."""
