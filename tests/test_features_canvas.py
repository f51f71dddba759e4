"""Volumes of any grid on one canvas."""

from __future__ import annotations

import numpy as np
import pytest

from voxpress.quality import Volume
from voxpress.quality.features.canvas import canvas_shape, on_canvas
from voxpress.quality.features.foreground import foreground, otsu_threshold

SIZE = (48.0, 60.0, 48.0)


def blob(shape=(40, 48, 40), spacing=1.0, origin=(0.0, 0.0, 0.0), turn=0.0, background=0.0):
    """A smooth body, brighter to the right, drawn in mm so that any grid shows the same."""
    affine = np.diag([spacing] * 3 + [1.0])
    cosine, sine = np.cos(turn), np.sin(turn)
    affine[:3, :3] = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) * spacing
    affine[:3, 3] = np.asarray(origin) - affine[:3, :3] @ ((np.asarray(shape) - 1) / 2)
    index = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), axis=-1)
    x, y, z = np.moveaxis(index @ affine[:3, :3].T + affine[:3, 3], -1, 0)
    inside = (x / 14) ** 2 + (y / 18) ** 2 + (z / 12) ** 2 < 1
    image = np.where(inside, 100 + 3 * x + 2 * y, background).astype(np.float32)
    return Volume(image=image, affine=affine, background=background)


def test_the_canvas_has_its_shape_and_relative_intensities():
    canvas = on_canvas(blob(), SIZE, 3.0)
    assert canvas.shape == canvas_shape(SIZE, 3.0) == (16, 20, 16)
    assert canvas.dtype == np.float32
    assert canvas[0].max() == canvas[-1].max() == 0
    assert 0.9 < canvas.max() < 1.2


@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_the_unit_of_the_intensities_does_not_matter(unit):
    volume = blob()
    other = Volume(image=volume.image * np.float32(unit), affine=volume.affine)
    np.testing.assert_allclose(on_canvas(other, SIZE, 3.0), on_canvas(volume, SIZE, 3.0), atol=1e-5)


@pytest.mark.parametrize(
    "other",
    [
        blob(shape=(80, 96, 80), spacing=0.5),
        blob(shape=(60, 60, 60), origin=(4.0, -3.0, 2.0)),
        blob(shape=(56, 56, 40), turn=0.3),
    ],
    ids=["finer", "shifted", "oblique"],
)
def test_the_same_body_on_another_grid_gives_nearly_the_same_canvas(other):
    here, there = on_canvas(blob(), SIZE, 3.0), on_canvas(other, SIZE, 3.0)
    assert np.corrcoef(here.ravel(), there.ravel())[0, 1] > 0.99
    assert np.abs(here - there).mean() < 0.02


def test_turning_the_canvas_around_mirrors_the_volume():
    volume = blob()
    mirrored = Volume(image=np.ascontiguousarray(volume.image[::-1]), affine=volume.affine)
    np.testing.assert_allclose(on_canvas(mirrored, SIZE, 3.0), on_canvas(volume, SIZE, 3.0)[::-1], atol=1e-5)


def test_a_checkerboard_does_not_alias():
    x, y, z = np.indices((48, 48, 48))
    board = Volume(image=(0.5 + ((x + y + z) % 2)).astype(np.float32), affine=np.eye(4))
    canvas = on_canvas(board, (30.0, 30.0, 30.0), 3.0, "grid")
    assert canvas.std() < 0.01
    assert canvas.mean() == pytest.approx(1 / 1.5, abs=0.01)


def test_a_body_moved_in_its_grid_stays_in_the_middle_only_of_the_mask():
    image = np.zeros((40, 40, 40), np.float32)
    image[5:15, 10:20, 20:30] = 1
    centred = on_canvas(Volume(image=image, affine=np.eye(4)), (30.0, 30.0, 30.0), 2.0)
    np.testing.assert_allclose(centred, centred[::-1, ::-1, ::-1], atol=1e-5)
    fixed = on_canvas(Volume(image=image, affine=np.eye(4)), (30.0, 30.0, 30.0), 2.0, "grid")
    assert fixed[:8].sum() > 5 * fixed[8:].sum()


def test_a_scan_without_declared_background_is_masked_by_its_threshold():
    volume = blob()
    noise = np.random.default_rng(0).rayleigh(4, volume.image.shape).astype(np.float32)
    scan = Volume(image=volume.image + noise, affine=volume.affine, background=None)
    mask = foreground(scan)
    assert np.mean(mask == (volume.image > 0)) > 0.995
    assert np.corrcoef(on_canvas(scan, SIZE, 3.0).ravel(), on_canvas(volume, SIZE, 3.0).ravel())[0, 1] > 0.99


def test_otsu_parts_two_far_classes_between_them():
    values = np.concatenate([np.full(900, 1.0), np.full(100, 9.0)]).astype(np.float32)
    assert 4 < otsu_threshold(values) < 6


def test_what_has_no_canvas_is_refused():
    affine = np.eye(4)
    with pytest.raises(ValueError, match="16 of 64 voxels are NaN"):
        on_canvas(Volume(image=np.full((4, 4, 4), [1, 2, np.nan, 3], np.float32), affine=affine), SIZE, 3.0)
    with pytest.raises(ValueError, match="nothing but background"):
        on_canvas(Volume(image=np.zeros((4, 4, 4), np.float32), affine=affine), SIZE, 3.0)
    with pytest.raises(ValueError, match="no scale"):
        on_canvas(Volume(image=np.full((4, 4, 4), -1, np.float32), affine=affine), SIZE, 3.0)
