"""What NV-Generate does to a generated label map before anything is made of it.

The same steps as its `general_mask_generation_post_process` (scripts/utils.py, the same in generation/maisi of MONAI's
tutorials), on values of MAISI's label dictionary: a body in one piece; tumors that were not ordered become organ; the
one that was is closed; organs are in one piece each and closed; vessels of the liver become liver. Kidney masses,
which have no size, are not treated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from .morphology import closed, dilated, largest_piece, opened_to_one_piece

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Labels = NDArray[np.uint8]
    Mask = NDArray[np.bool_]

__all__ = ["LOBES", "PUT_IN", "tidied"]

_BODY: Final = 200
_LIVER: Final = 1
_SPLEEN: Final = 3
_COLON: Final = 62
_SMALL_BOWEL: Final = 19
_VESSELS_OF_LIVER: Final = 25
_AIRWAY: Final = 132
_LUNG_TUMOR, _PANCREATIC_TUMOR, _HEPATIC_TUMOR, _COLON_CANCER, _BONE_LESION = 23, 24, 26, 27, 128
_BECOMES: Final = {
    _LUNG_TUMOR: 28,
    _PANCREATIC_TUMOR: 4,
    _HEPATIC_TUMOR: _LIVER,
    _COLON_CANCER: _COLON,
    _BONE_LESION: _BODY,
}
"""A tumor that was not ordered → what takes its place."""
PUT_IN: Final = frozenset({*_BECOMES.values(), _BODY})
"""Values that a label map may have afterwards even where it had none of them before."""
_MANY_PIECES: Final = (_HEPATIC_TUMOR, _BONE_LESION)
"""Tumors that may be in several pieces."""
LOBES: Final = (28, 29, 30, 31, 32)
"""Of the lungs."""
_ORGANS: Final = (1, 4, 10, 12, 3, *LOBES, 5, 14, 13, 6, 7, 8, 9, 10)
_BONES: Final = tuple(range(33, 60))
"""Vertebrae, and the trachea and iliac arteries that follow them; may be in pieces where a lesion is ordered."""
_INTESTINES: Final = (12, 13, _SMALL_BOWEL, _COLON)


def tidied(labels: Labels, tumor: int | None) -> Labels:
    """A label map as NV-Generate would hand it on.

    Args:
        labels: `(x, y, z)`, as decoded.
        tumor: value of the tumor that was ordered; None for none.

    Returns:
        A copy.
    """
    vessels, airway = labels == _VESSELS_OF_LIVER, labels == _AIRWAY
    made = np.where(opened_to_one_piece(labels > 0), labels, np.uint8(0))
    for each, organ in _BECOMES.items():
        if each != tumor:
            made[made == each] = organ
        else:
            _close(made, [each], times=2)
    if tumor is not None and tumor not in _MANY_PIECES:
        _keep_largest(made, [tumor])
    wanted = made == tumor if tumor is not None else np.zeros(made.shape, dtype=bool)
    organs = _ORGANS if tumor == _BONE_LESION else (*_ORGANS, *_BONES)
    removed = _keep_largest(made, organs)
    strayed = _keep_intestines_together(made)
    _close(made, organs)
    if wanted.any():
        if tumor == _LUNG_TUMOR:
            _mend_lung(made, removed)
        elif tumor == _HEPATIC_TUMOR:
            _mend_liver(made, removed, strayed)
            # the source compares a sum of masks that exclude each other with > 1, so nothing is put back at the end
            wanted[:] = False
        elif tumor == _COLON_CANCER:
            _give_back(made, tumor, dilated(made == tumor, 2) & removed)
    made[vessels] = _LIVER
    made[airway] = _AIRWAY
    if tumor is not None:
        made[wanted] = tumor
    return made


def _close(labels: Labels, values: Sequence[int], times: int = 1) -> None:
    for value in values:
        for _ in range(times):
            labels[closed(labels == value)] = value


def _keep_largest(labels: Labels, values: Sequence[int]) -> Mask:
    """All but the largest piece of each value becomes body; gives where that was."""
    removed = np.zeros(labels.shape, dtype=bool)
    for value in set(values):
        mask = labels == value
        removed |= mask & ~largest_piece(mask)
    labels[removed] = _BODY
    return removed


def _keep_intestines_together(labels: Labels) -> Mask:
    """Bowel and colon that hang on nothing of the largest piece of all intestines become body; gives where that was."""
    intestines = np.isin(labels, _INTESTINES)
    strayed = np.isin(labels, (_SMALL_BOWEL, _COLON)) & ~largest_piece(intestines)
    labels[strayed] = _BODY
    return strayed


def _give_back(labels: Labels, value: int, where: Mask, times: int = 1) -> None:
    """A value takes what is within three voxels of it and was removed (`organ_fill_by_removed_mask`)."""
    for _ in range(times):
        labels[dilated(labels == value, 3) & where] = value


def _mend_lung(labels: Labels, removed: Mask) -> None:
    tumor = labels == _LUNG_TUMOR
    near = dilated(tumor)
    counts = np.bincount(labels[near & ~tumor], minlength=256)
    counts[0] = 0
    around = int(counts.argmax())
    if around in LOBES:
        near = dilated(near)
        _give_back(labels, around, near & ~tumor)
    near = dilated(near)
    _give_back(labels, _LUNG_TUMOR, near & removed)
    _close(labels, LOBES, times=3)


def _mend_liver(labels: Labels, removed: Mask, strayed: Mask) -> None:
    _give_back(labels, _LIVER, strayed, times=2)
    _give_back(labels, _SPLEEN, removed, times=2)
    _give_back(labels, _HEPATIC_TUMOR, dilated(labels == _HEPATIC_TUMOR, 2) & removed)
    _close(labels, [_LIVER], times=3)
