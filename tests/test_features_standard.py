"""The built-in extractors keep their contract, and each sees what it is for."""

from __future__ import annotations

import hashlib
import pickle

import numpy as np
import pytest
import tiny_anatomy as brain
import tiny_store
import torch

from voxpress.quality import Volume
from voxpress.quality.features import FeatureExtractor
from voxpress.quality.features.iqm import IQM, ImageQuality
from voxpress.quality.features.morphometry import MORPHOMETRY, LabelVolumes, Morphometry
from voxpress.quality.features.random_conv import RandomConv, weights
from voxpress.quality.features.spectrum import SPECTRUM_EDGES, RadialSpectrum, power_of
from voxpress.quality.features.standard import standard_extractors
from voxpress.quality.features.tissue_classes import three_classes

EXTRACTORS = standard_extractors(brain.specs())
NAMES = [extractor.name for extractor in EXTRACTORS]


def test_the_extractors_have_names_and_ids_of_their_own():
    assert len(set(NAMES)) == len({extractor.feature_id for extractor in EXTRACTORS}) == len(EXTRACTORS)
    without = standard_extractors({"image": brain.specs()["image"]})
    assert [extractor.name for extractor in without] == [name for name in NAMES if name != "label_volumes"]


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=NAMES)
def test_the_contract_is_kept(extractor):
    assert isinstance(extractor, FeatureExtractor)
    vector = extractor.embed(brain.volume())
    assert vector.dtype == np.float32
    assert vector.shape == (extractor.width,)
    assert np.isfinite(vector).all()
    # whatever was embedded before, in whichever process, on however many threads
    copy = pickle.loads(pickle.dumps(extractor))
    assert copy.feature_id == extractor.feature_id
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        copy.embed(brain.volume(8))
        assert copy.embed(brain.volume()).tobytes() == vector.tobytes()
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("extractor", EXTRACTORS, ids=NAMES)
def test_the_smallest_volumes_are_taken(extractor):
    voxels = tiny_store.voxels(3)
    volume = Volume(image=voxels["image"].astype(np.float32), affine=np.asarray(tiny_store.AFFINE))
    if extractor.name == "label_volumes":
        with pytest.raises(ValueError, match="no label map"):
            extractor.embed(volume)
    else:
        assert np.isfinite(extractor.embed(volume)).all()


@pytest.mark.parametrize("extractor", EXTRACTORS[:4], ids=NAMES[:4])
@pytest.mark.parametrize(
    "image",
    [np.zeros((8, 8, 8)), np.where(np.arange(512).reshape(8, 8, 8) == 9, np.nan, 1.0)],
    ids=["empty", "NaN"],
)
def test_what_cannot_be_embedded_is_a_value_error(extractor, image):
    volume = Volume(image=image.astype(np.float32), affine=np.eye(4), background=0.0)
    with pytest.raises(ValueError, match=r"nothing but background|NaN"):
        extractor.embed(volume)


def test_the_weights_are_the_same_for_ever():
    digest = hashlib.sha256(b"".join(layer.tobytes() for layer in weights(0))).hexdigest()
    assert digest == "cc2706a8a3f7d3e5c3d4348a592438f1397c2c8ea61fb1c4cd8e5ab07c485f9b"
    assert [layer.shape for layer in weights(0)] == [(32, 1, 3, 3, 3), (64, 32, 3, 3, 3), (128, 64, 3, 3, 3)]
    assert RandomConv(1).feature_id != RandomConv(0).feature_id
    assert not np.array_equal(weights(1)[0], weights(0)[0])


def test_blur_and_noise_shift_the_random_features_of_a_set_and_another_set_does_not():
    extractor = RandomConv()
    images = [brain.made(seed).volumes["image"] for seed in range(7, 13)]

    def shift(one, other) -> float:
        """How far the means of two sets are apart, in deviations of a sample: the median over features."""
        here, there = (np.stack([extractor.embed(brain.of(image)) for image in some]) for some in (one, other))
        apart = np.abs(there.mean(axis=0) - here.mean(axis=0))
        # of the first two layers, which see details; the third sees shapes
        return float(np.median((apart / np.maximum(here.std(axis=0, ddof=1), 1e-6))[:192]))

    unchanged = shift(images[:3], images[3:])
    assert shift(images, [brain.blurred(image, 1.0) for image in images]) > 1.5 * unchanged
    assert shift(images, [brain.noisier(image, 0.06) for image in images]) > 1.5 * unchanged


def test_the_spectrum_of_a_wave_is_in_its_shell():
    x = np.arange(128)
    wave = np.broadcast_to(2 + np.cos(2 * np.pi * 0.2 * x)[:, None, None], (128, 128, 128)).astype(np.float32)
    vector = RadialSpectrum().embed(Volume(image=wave, affine=np.eye(4)))
    assert SPECTRUM_EDGES[int(np.argmax(vector))] <= 0.2 < SPECTRUM_EDGES[int(np.argmax(vector)) + 1]
    # the same wave on voxels twice as wide has twice the length
    wide = RadialSpectrum().embed(Volume(image=wave, affine=np.diag([2.0, 2.0, 2.0, 1.0])))
    assert SPECTRUM_EDGES[int(np.argmax(wide))] <= 0.1 < SPECTRUM_EDGES[int(np.argmax(wide)) + 1]


def test_power_is_conserved_by_the_shares():
    rng = np.random.default_rng(0)
    white = Volume(image=rng.normal(10, 1, (64, 64, 64)).astype(np.float32), affine=np.diag([2.0, 2.0, 2.0, 1.0]))
    shells = power_of(white).shells
    # white noise has as much power at every frequency that the grid has (up to 0.25 cycles per mm)
    assert shells[1:12] == pytest.approx(shells[1:12].mean(), rel=0.2)
    assert shells[22:].max() == 0
    assert power_of(white).high_share == pytest.approx(1 - 4 / 3 * np.pi / 64, abs=0.01)


def test_blur_and_noise_are_seen_in_the_spectrum():
    image = brain.made().volumes["image"]
    here = RadialSpectrum().embed(brain.volume())
    other = RadialSpectrum().embed(brain.volume(8))
    blurred = RadialSpectrum().embed(brain.of(brain.blurred(image, 0.5)))
    noisy = RadialSpectrum().embed(brain.of(brain.noisier(image, 0.06)))
    high = slice(10, 20)
    assert np.abs(other - here)[high].max() < 0.2
    assert (blurred - here)[high].max() < -0.5
    assert (noisy - here)[high].min() > 0.3


def test_the_volumes_of_labels_are_exact():
    volume = brain.volume()
    extractor = EXTRACTORS[NAMES.index("label_volumes")]
    found = dict(zip(extractor.names, extractor.embed(volume).tolist(), strict=True))
    assert found["lateral ventricles"] == pytest.approx(brain.made().measured["ventricular_volume_ml"])
    assert sum(found.values()) == pytest.approx(brain.made().measured["intracranial_volume_ml"])


def test_label_maps_of_other_structures_do_not_compare():
    here, there = LabelVolumes({0: "background", 1: "liver"}), LabelVolumes({0: "background", 1: "spleen"})
    assert here.feature_id != there.feature_id
    assert LabelVolumes({0: "air", 5: "liver"}).feature_id == here.feature_id
    with pytest.raises(ValueError, match="must name a structure"):
        LabelVolumes({0: "background"})
    with pytest.raises(ValueError, match="volumes of liver are wanted"):
        here.embed(brain.volume())


def test_a_ball_has_the_measures_of_a_ball():
    x, y, z = np.indices((60, 60, 60)) - 29.5
    radius = np.sqrt(x**2 + y**2 + z**2)
    image = np.select([radius < 5, radius < 15, radius < 25], [0.2, 0.5, 0.9]).astype(np.float32)
    found = dict(zip(MORPHOMETRY, Morphometry().embed(Volume(image=image, affine=np.eye(4))).tolist(), strict=True))
    assert found["foreground_ml"] == pytest.approx(4 / 3 * np.pi * 25**3 / 1000, rel=0.01)
    assert found["extent_x_mm"] == found["extent_y_mm"] == found["extent_z_mm"] == 50
    assert found["surface_ratio"] == pytest.approx(1, abs=0.05)
    assert found["asymmetry"] < 1e-4
    assert found["bright_share"] > found["middle_share"] > found["dark_share"]
    assert found["dark_level"] < found["middle_level"] < 1
    assert 0 < found["deep_dark_ml"] < 2
    assert found["deep_bright_ml"] == 0


def test_larger_ventricles_are_seen_without_a_label_map():
    small = brain.made(5, ventricular_volume_ml=15.0).volumes["image"]
    large = brain.made(5, ventricular_volume_ml=75.0).volumes["image"]
    place = MORPHOMETRY.index("deep_dark_ml")
    before, after = (float(Morphometry().embed(brain.of(image))[place]) for image in (small, large))
    assert after > before + 20


def test_blur_and_noise_are_seen_in_image_quality():
    image = brain.made().volumes["image"]
    here, blurred, noisy = (
        dict(zip(IQM, ImageQuality().embed(brain.of(each))[: len(IQM)].tolist(), strict=True))
        for each in (image, brain.blurred(image, 1.0), brain.noisier(image, 0.08))
    )
    assert blurred["fwhm_mm"] > 1.3 * here["fwhm_mm"]
    assert blurred["high_frequency_share"] < 0.5 * here["high_frequency_share"]
    assert noisy["cnr"] < 0.9 * here["cnr"]
    assert noisy["cjv"] > 1.1 * here["cjv"]
    assert noisy["fwhm_mm"] < here["fwhm_mm"]


def test_the_histogram_is_of_shares():
    vector = ImageQuality().embed(brain.volume())
    assert vector[len(IQM) :].sum() == pytest.approx(1, abs=1e-5)
    assert len(ImageQuality.names) == ImageQuality.width


def test_three_classes_lie_between_three_tones():
    tones = np.repeat([1.0, 5.0, 9.0], [100, 300, 200]).astype(np.float32)
    low, high = three_classes(tones + np.random.default_rng(0).normal(0, 0.2, 600).astype(np.float32))
    assert 1.5 < low < 4.5
    assert 5.5 < high < 8.5
    with pytest.raises(ValueError, match="three different values"):
        three_classes(np.asarray([1, 1, 2], np.float32))
