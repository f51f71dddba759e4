"""A volume as a NIfTI file, for everything that reads no Zarr, marked as what it is."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ..files import write_atomic
from .marks import COMMENT, spelled

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ..arrays import ArraySpec
    from ..files import FileRecord

__all__ = ["NiftiMarks", "nifti_bytes", "write_nifti"]

_ALIGNED: Final = 2
"""NIfTI's code for millimetres in a frame that is neither a scanner's nor a standard space."""

_SHEAR: Final = 1e-6
"""Cosine between two axes, from which on a quaternion cannot say where they point."""

_COMPRESSION: Final = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class NiftiMarks:
    """What a file says of itself.

    Attributes:
        synthetic: whether it shows no real person.
        writer: what wrote it, such as ``voxpress 0.1.0``.
        sample_id, dataset: whose volume it is, and of which data set (name and version); empty where there is none.
        digital_source_type: IPTC's term for where it comes from; empty where that is not known.
    """

    synthetic: bool
    writer: str
    sample_id: str = ""
    dataset: str = ""
    digital_source_type: str = ""


def nifti_bytes(stored: NDArray[Any], spec: ArraySpec, marks: NiftiMarks, *, compressed: bool) -> bytes:
    """A file with the integers as they are stored, their scale, their affine, and the marks. Pure.

    Args:
        stored: (x, y, z) integers as in the store.
        spec: of their array.
        marks: what the file says of itself.
        compressed: with gzip, as ``.nii.gz``; the bytes hold no time and no name.
    """
    import nibabel as nib

    image = nib.Nifti1Image(stored, np.asarray(spec.affine))
    header = image.header
    if spec.kind == "image":
        # nibabel then writes the integers as they are
        header.set_slope_inter(spec.scale, spec.offset)
    else:
        header.set_intent("label")
    header.set_xyzt_units("mm")
    kind = "SYNTHETIC, not" if marks.synthetic else "not"
    header["descrip"] = f"{kind} for clinical use; {marks.writer}".encode("ascii", "replace")[:79]
    image.set_sform(spec.affine, code=_ALIGNED)
    image.set_qform(spec.affine, code=0 if _is_sheared(spec) else _ALIGNED)
    header.extensions.append(nib.nifti1.Nifti1Extension(COMMENT, spelled(_fields(spec, marks))))
    data: bytes = image.to_bytes()
    return gzip.compress(data, _COMPRESSION, mtime=0) if compressed else data


def write_nifti(path: Path, stored: NDArray[Any], spec: ArraySpec, marks: NiftiMarks, *, scratch: Path) -> FileRecord:
    """Writes such a file, whole or not at all.

    Args:
        path: ends in .nii or .nii.gz.
        stored: as for `nifti_bytes`.
        spec: as for `nifti_bytes`.
        marks: as for `nifti_bytes`.
        scratch: as in `write_atomic`.

    Raises:
        DiskFullError: no room.
    """
    data = nifti_bytes(stored, spec, marks, compressed=path.name.endswith(".gz"))
    return write_atomic(path, data, scratch=scratch)


def _fields(spec: ArraySpec, marks: NiftiMarks) -> dict[str, Any]:
    return {
        "synthetic": marks.synthetic,
        "not_for_clinical_use": True,
        "digital_source_type": marks.digital_source_type,
        "generator": marks.writer,
        "dataset": marks.dataset,
        "sample_id": marks.sample_id,
        "array": spec.name,
        "unit": spec.unit,
        "affine": [[float(x) for x in row] for row in spec.affine],
        "scale": float(spec.scale),
        "offset": float(spec.offset),
        **({} if spec.labels is None else {"labels": {str(value): name for value, name in spec.labels.items()}}),
    }


def _is_sheared(spec: ArraySpec) -> bool:
    axes = np.asarray(spec.affine, np.float64)[:3, :3]
    axes /= np.linalg.norm(axes, axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > _SHEAR)
