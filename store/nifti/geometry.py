"""Where the voxels of a NIfTI file are: its affine, and how its axes become RAS+ without touching a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["AFFINES", "axis_codes", "file_affine", "to_ras"]

AFFINES: Final = ("agreed", "sform", "qform")
"""Which of the two affines of a file counts: one of them, or both, where they must agree."""

_AGREEMENT: Final = 0.5
"""Voxels that the two may be apart at a corner. A quaternion of float32 near half a turn is off by some 3e-4 rad, which
is 0.15 mm at the far corner of a head; half a voxel is what moves a value to its neighbour."""

_MM: Final = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}


def file_affine(header: Any, shape: tuple[int, int, int], which: str, where: str) -> NDArray[np.float64]:
    """The affine of a file in mm, as its axes lie in it.

    Args:
        header: NIfTI header of nibabel.
        shape: voxels along its axes.
        which: one of `AFFINES`.
        where: name of the file, for messages.

    Raises:
        FormatError: there is none, it is not finite or cannot be inverted, or sform and qform contradict each other.
    """
    forms = {"sform": header.get_sform(coded=True), "qform": _qform(header, where)}
    set_forms = {name: affine for name, (affine, code) in forms.items() if code and affine is not None}
    if which != "agreed" and which not in set_forms:
        msg = f"{where} has no {which}, which was asked for; leave the choice out, or set it"
        raise FormatError(msg)
    if not set_forms:
        msg = (
            f"{where} does not say where its axes point (sform_code and qform_code are 0), so left and right cannot be "
            "told; set the sform or the qform with the tool that made it"
        )
        raise FormatError(msg)
    for name, affine in set_forms.items():
        _check(affine, name, where)
    if which == "agreed" and len(set_forms) == 2:
        _check_agreement(set_forms, {name: int(code) for name, (_, code) in forms.items()}, shape, where)
    # as nibabel and other readers: the sform, which can say more, comes first
    told: NDArray[np.float64] = set_forms[which] if which in set_forms else next(iter(set_forms.values()))
    unit = header.get_xyzt_units()[0]
    if unit not in _MM:
        msg = f"{where} has the unit {unit!r} of length, which is none of {', '.join(_MM)}; mend its header"
        raise FormatError(msg)
    return told if _MM[unit] == 1 else np.diag([_MM[unit]] * 3 + [1.0]) @ told


def to_ras(shape: tuple[int, int, int], affine: NDArray[np.float64], where: str) -> tuple[Any, NDArray[np.float64]]:
    """How the axes of a file become those nearest to right, front and up.

    Args:
        shape: voxels along the axes of the file.
        affine: 4×4, of the file.
        where: name of the file, for messages.

    Returns:
        an orientation for `nibabel.orientations.apply_orientation`, which permutes and flips axes and nothing else; and
        the affine after it. An oblique affine stays oblique; one that is RAS+ already stays as it is, to the last bit.

    Raises:
        FormatError: the axes do not span space the same way as right, front and up, whichever are taken for which.
    """
    from nibabel.orientations import inv_ornt_aff, io_orientation

    turn = io_orientation(affine)
    if np.isnan(turn).any():
        msg = f"{where} has an axis that points nowhere: {affine[:3, :3].tolist()}; mend its affine"
        raise FormatError(msg)
    turned = affine if _stays(turn) else affine @ inv_ornt_aff(turn, shape)
    if not np.linalg.det(turned[:3, :3]) > 0:
        msg = (
            f"{where} has the affine {affine[:3].tolist()}, which is so sheared that its axes cannot be brought to "
            "right, front and up; mend its affine"
        )
        raise FormatError(msg)
    return turn, turned


def axis_codes(affine: NDArray[np.float64]) -> str:
    """Where the axes point: ``RAS``, ``LPI``, …; the nearest where they are oblique."""
    from nibabel.orientations import aff2axcodes

    return "".join(str(code) for code in aff2axcodes(affine))


def _stays(turn: NDArray[np.float64]) -> bool:
    return bool((turn == [[0, 1], [1, 1], [2, 1]]).all())


def _qform(header: Any, where: str) -> tuple[Any, int]:
    try:
        affine, code = header.get_qform(coded=True)
    # nibabel's own error for a quaternion that is none is a plain one
    except Exception as error:
        if int(header["sform_code"]) > 0:
            return None, 0
        msg = f"{where} has a qform that is none ({error}); mend its header"
        raise FormatError(msg) from error
    return affine, int(code)


def _check(affine: NDArray[np.float64], name: str, where: str) -> None:
    if not np.isfinite(affine).all():
        msg = f"{where} has a {name} that is not finite: {affine[:3].tolist()}; mend its header"
        raise FormatError(msg)
    sides = np.linalg.norm(affine[:3, :3], axis=0)
    if not (sides > 0).all() or abs(np.linalg.det(affine[:3, :3] / sides)) < 1e-6:
        msg = f"{where} has a {name} that cannot be inverted: {affine[:3].tolist()}; mend its header"
        raise FormatError(msg)


def _check_agreement(
    forms: Mapping[str, NDArray[np.float64]], codes: Mapping[str, int], shape: tuple[int, int, int], where: str
) -> None:
    corners = np.array(np.meshgrid(*[(0, side - 1) for side in shape])).reshape(3, -1)
    first, second = (affine[:3, :3] @ corners + affine[:3, 3:] for affine in forms.values())
    apart = float(np.linalg.norm(first - second, axis=0).max())
    side = float(np.linalg.norm(forms["sform"][:3, :3], axis=0).min())
    if not apart <= _AGREEMENT * side:
        msg = (
            f"{where} says two different things of where its voxels are: sform (code {codes['sform']}) and qform (code "
            f"{codes['qform']}) are {apart:.4g} apart at a corner; say which counts (sform or qform), or mend its "
            "header"
        )
        raise FormatError(msg)
