"""NIfTI files for tests, as tools of all kinds write them; the content is known in RAS+."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np
from nibabel.orientations import apply_orientation, axcodes2ornt, inv_ornt_aff, ornt_transform

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (16, 18, 20)
SPACING_MM = (2.0, 1.5, 1.0)
AFFINE = np.array([[2.0, 0, 0, -15.0], [0, 1.5, 0, -12.75], [0, 0, 1.0, -9.5], [0, 0, 0, 1]])
OBLIQUE = np.array([[1.9, 0.15, 0.1, -15.0], [-0.2, 1.48, 0.05, -12.0], [0.1, -0.1, 0.98, -9.0], [0, 0, 0, 1]])


def head(seed: int = 0, dtype: str = "int16", most: int = 1000) -> np.ndarray:
    """An ellipsoid of noise in a background of 0, (x, y, z) in RAS+, larger in front than behind."""
    axes = [np.linspace(-1, 1, size) for size in SHAPE]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    inside = (x - 0.1) ** 2 + (1.2 * y - 0.1) ** 2 + z**2 < 0.7
    random = np.random.default_rng(seed)
    if np.dtype(dtype).kind == "f":
        return np.where(inside, random.uniform(0.1, 1, SHAPE), 0).astype(dtype)
    return np.where(inside, random.integers(1, most + 1, SHAPE), 0).astype(dtype)


def regions(seed: int = 0) -> np.ndarray:
    """A label map for `head`: 1 right of the middle, 2 left of it, 0 outside."""
    values = (head(seed) > 0).astype(np.uint8)
    values[: SHAPE[0] // 2] *= 2
    return values


def write(
    path: Path,
    voxels: np.ndarray,
    affine: np.ndarray = AFFINE,
    *,
    axes: str = "RAS",
    slope: float | None = None,
    inter: float = 0.0,
    codes: tuple[int, int] = (1, 1),
    **fields: Any,
) -> Path:
    """Writes RAS+ voxels with their axes in any order and direction.

    Args:
        path: ends in .nii or .nii.gz.
        voxels: (x, y, z) in RAS+, raw values.
        affine: of them.
        axes: of the file, such as ``LPS``.
        slope, inter: of the header; None for no scaling.
        codes: of sform and qform; 0 leaves one out.
        fields: of the header, set last.
    """
    turn = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(axes))
    data = apply_orientation(voxels, turn)
    placed = np.asarray(affine) @ inv_ornt_aff(turn, voxels.shape)
    image = nib.Nifti1Image(data, placed, dtype=voxels.dtype)
    image.header.set_xyzt_units("mm")
    if slope is not None:
        image.header.set_slope_inter(slope, inter)
    image.set_sform(placed, code=codes[0])
    image.set_qform(placed if codes[1] else None, code=codes[1])
    for name, value in fields.items():
        image.header[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(image, path)
    return path
