"""A volume as a NIfTI file, for viewers that know nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import nibabel as nib
import numpy as np

from .. import __version__

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ..store import ArraySpec

__all__ = ["write_nifti"]

_ALIGNED = 2
"""NIfTI's code for millimetres in a frame that is neither a scanner's nor a standard space."""


def write_nifti(path: Path, stored: NDArray[Any], spec: ArraySpec) -> None:
    """Writes a volume with its affine, in its stored integers with their scale, marked as synthetic.

    Args:
        path: ends in .nii or .nii.gz.
        stored: (x, y, z) integers as in the store.
        spec: of their array.
    """
    image = nib.Nifti1Image(stored, np.asarray(spec.affine))
    header = image.header
    if spec.kind == "image":
        # nibabel then writes the integers as they are
        header.set_slope_inter(spec.scale, spec.offset)
    else:
        header.set_intent("label")
    header.set_xyzt_units("mm")
    header["descrip"] = f"SYNTHETIC, not for clinical use; voxpress {__version__}".encode()[:79]
    image.set_sform(spec.affine, code=_ALIGNED)
    image.set_qform(spec.affine, code=_ALIGNED)
    nib.save(image, path)
