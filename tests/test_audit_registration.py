"""Rigid alignment: a known pose is found, and a copy then correlates as no other head does."""

import dataclasses

import numpy as np
import pytest
from head_scans import scan

from voxpress.quality.audit.planting import planted_copy
from voxpress.quality.audit.registration import aligned_ncc, rigid_alignment

OTHERS = max(aligned_ncc(scan(1), scan(other)) for other in range(2, 6))


@pytest.mark.parametrize("kind", ["rigid", "noise", "warp_1.5mm"])
def test_a_copy_correlates_as_no_other_head_does(kind):
    copy = planted_copy(scan(1), kind, np.random.default_rng(3))
    assert aligned_ncc(copy, scan(1)) > max(0.9, OTHERS + 0.2)


def test_the_pose_of_a_turned_head_is_found():
    turned = planted_copy(scan(1), "rigid", np.random.default_rng(4))
    found = rigid_alignment(turned, scan(1))
    angle = np.degrees(np.arccos((np.trace(found[:, :3]) - 1) / 2))
    assert angle == pytest.approx(2.0, abs=0.2)
    # the canvas is centred on the head, which takes the shift out before
    assert np.linalg.norm(found[:, 3]) < 0.5


def test_the_mirror_image_is_compared_where_that_is_asked():
    turned = planted_copy(scan(1), "mirror", np.random.default_rng(0))
    assert aligned_ncc(turned, scan(1), mirrored=True) > 0.999
    assert aligned_ncc(turned, scan(1)) < 0.7


def test_grids_and_gains_may_differ():
    volume = scan(1)
    affine = volume.affine.copy()
    affine[:3, 3] += (20, -30, 10)
    elsewhere = dataclasses.replace(volume, image=volume.image * np.float32(250), affine=affine)
    assert aligned_ncc(volume, elsewhere) > 0.999


def test_a_head_without_contrast_correlates_with_nothing():
    flat = dataclasses.replace(scan(1), image=(scan(1).image > 0).astype(np.float32))
    assert aligned_ncc(flat, scan(2)) == 0.0
