"""The embedding that sees copies: shift, gain, mirror and grid do what they should; unusable volumes are refused."""

import dataclasses

import numpy as np
import pytest
from head_scans import scan
from scipy.fft import dctn

from voxpress.quality.features import FeatureExtractor
from voxpress.quality.features.canvas import on_canvas
from voxpress.quality.features.copy_dct import CopyDct

DCT = CopyDct()


def test_it_keeps_the_contract():
    vector = DCT.embed(scan(0))
    assert isinstance(DCT, FeatureExtractor)
    assert vector.shape == (DCT.width,)
    assert vector.dtype == np.float32
    assert (vector == DCT.embed(scan(0))).all()


def test_it_is_the_low_corner_of_the_transform():
    canvas = on_canvas(scan(0), (192.0, 224.0, 192.0), 2.0)
    whole = dctn(canvas.astype(np.float64), type=2, norm="ortho")[:12, :12, :12].ravel()[1:]
    np.testing.assert_allclose(DCT.embed(scan(0)), whole, rtol=1e-5, atol=1e-4)


def test_mirrored_vectors_are_those_of_mirrored_volumes():
    volume = scan(1)
    turned = dataclasses.replace(volume, image=np.ascontiguousarray(volume.image[::-1]))
    vector = DCT.embed(volume)
    # the grid is not centred on the head, so the mirrored head lies elsewhere in it
    assert np.abs(DCT.embed(turned) - DCT.mirrored(vector)).max() < 1e-4 * np.abs(vector).max()
    assert (DCT.mirrored(DCT.mirrored(vector)) == vector).all()
    assert np.abs(DCT.mirrored(vector) - vector).max() > 0.05 * np.abs(vector).max()


def test_shift_and_gain_do_not_matter():
    volume = scan(2)
    affine = volume.affine.copy()
    affine[:3, 3] += (3.0, -7.0, 11.0)
    elsewhere = dataclasses.replace(volume, image=volume.image * np.float32(37.5), affine=affine)
    np.testing.assert_allclose(DCT.embed(elsewhere), DCT.embed(volume), rtol=1e-3, atol=1e-3)


def test_another_scan_of_a_subject_is_nearer_than_another_subject():
    vectors = np.stack([DCT.embed(scan(subject)) for subject in range(8)])
    again = np.stack([DCT.embed(scan(subject, again=1)) for subject in range(8)])
    distances = np.linalg.norm(again[:, None] - vectors[None], axis=2)
    own = np.diag(distances).copy()
    np.fill_diagonal(distances, np.inf)
    assert (own < distances.min(axis=1) / 2).all()


@pytest.mark.parametrize("fault", ["nan", "empty", "constant"])
def test_unusable_volumes_are_refused(fault):
    volume = scan(3)
    image = volume.image.copy()
    if fault == "nan":
        image[4, 5, 6] = np.nan
    else:
        image[:] = 0 if fault == "empty" else 7
    with pytest.raises(ValueError, match=r"NaN|background|scale"):
        DCT.embed(dataclasses.replace(volume, image=image, background=None if fault == "constant" else 0.0))
