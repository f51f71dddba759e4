"""The checks that need a brain of some size: a sound one passes, a damaged one is caught for the right reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tiny_anatomy as brain
from scipy import ndimage

from voxpress.quality import MEANINGS, check_sample
from voxpress.quality.checks.background import background_noise
from voxpress.quality.checks.brain import is_brain, tissue_of
from voxpress.quality.checks.lattice import lattice
from voxpress.quality.checks.meanings import OF_A_SET


def reasons(image=None, label=None, *, ordered=None, specs=None) -> tuple[str, ...]:
    volumes = dict(brain.made().volumes)
    if image is not None:
        volumes["image"] = np.ascontiguousarray(image, np.float32)
    if label is not None:
        volumes["label"] = label
    specs = specs or brain.specs()
    return check_sample(volumes, specs, measured={}, ordered=brain.USUAL if ordered is None else ordered)


def image() -> np.ndarray:
    return brain.made().volumes["image"].copy()


def label() -> np.ndarray:
    return brain.made().volumes["label"].copy()


@pytest.mark.parametrize("contrast", ["T1w", "T2w", "FLAIR", "FDG-PET"])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_a_sound_brain_passes_in_every_contrast(contrast, noise):
    changes = {"contrast": contrast, "noise": noise} | ({"resolution_mm": 5.0} if contrast == "FDG-PET" else {})
    sample = brain.made(3, **changes)
    ordered = brain.USUAL | changes
    assert check_sample(sample.volumes, brain.specs(), measured=sample.measured, ordered=ordered) == ()


def test_a_dropped_plane_is_found():
    for axis in range(3):
        damaged = image()
        np.moveaxis(damaged, axis, 0)[40] *= 0.05
        assert reasons(damaged) == ("SLICE_DROPOUT",)


def test_two_dropped_planes_are_found():
    damaged = image()
    damaged[:, :, 40:42] = 0
    assert "SLICE_DROPOUT" in reasons(damaged)


@pytest.mark.parametrize("period", [2, 4, 8])
def test_a_checkerboard_is_found(period):
    damaged = image()
    x, y, z = np.indices(damaged.shape) // (period // 2)
    board = 1 + 0.12 * (-1.0) ** (x + y + z)
    assert reasons(damaged * board * 0.9) == ("CHECKER",)


def test_stripes_along_one_axis_are_found():
    damaged = image()
    damaged *= (1 + 0.08 * (np.arange(112) % 4 == 0))[:, None]
    assert reasons(damaged * 0.9) == ("CHECKER",)


def test_parts_that_do_not_fit_are_found():
    damaged = image()
    damaged[:, 56:] *= 0.6
    assert reasons(damaged) == ("STITCH",)


def test_mirrored_halves_are_found():
    damaged = image()
    damaged[40:] = damaged[:40][::-1]
    assert "LR_MIRROR" in reasons(damaged)


def test_a_second_piece_is_found():
    damaged, map_ = image(), label()
    damaged[2:20, 2:20, 60:78], map_[2:20, 2:20, 60:78] = damaged[30:48, 40:58, 30:48], map_[30:48, 40:58, 30:48]
    damaged[20:24], map_[20:24] = 0, 0
    found = reasons(damaged, map_)
    assert "MASK_FRAGMENTED" in found


def test_tissues_that_are_swapped_are_found():
    whole = image()
    inverted = np.where(whole > 0, np.clip(1.0 - whole, 1 / 255, 1), 0)
    assert reasons(inverted) == ("TISSUE_ORDER",)
    assert reasons(ordered=brain.USUAL | {"contrast": "T2w"}) == ("TISSUE_ORDER",)
    assert reasons(inverted, ordered=brain.USUAL | {"contrast": "unheard of"}) == ()


def test_a_brain_of_another_size_is_found():
    small = {name: ndimage.zoom(values, 0.5, order=0) for name, values in brain.made().volumes.items()}
    padded = {name: np.pad(values, [(20, 20), (28, 28), (20, 20)]) for name, values in small.items()}
    assert "BRAIN_VOL" in reasons(padded["image"], padded["label"])


def test_the_margin_of_a_large_grid_must_be_free():
    damaged, map_ = image(), label()
    damaged[1, 40:60, 30:50], map_[1, 40:60, 30:50] = 0.5, 3
    assert "FOV_CUT" in reasons(damaged, map_)


def test_a_background_that_is_not_quite_zero_is_found():
    rng = np.random.default_rng(0)
    hazy = np.where(image() > 0, image(), (rng.random(brain.GRID.shape) < 0.3) * np.float32(0.01))
    assert "BG_NOISE_ODD" in reasons(hazy)


def test_the_noise_of_a_scan_that_was_not_masked_is_no_fault():
    noise = np.random.default_rng(0).rayleigh(0.02, brain.GRID.shape).astype(np.float32)
    assert tuple(background_noise(np.maximum(image(), noise), brain.specs()["image"])) == ()


def test_what_is_no_brain_is_not_held_to_be_one():
    names = {value: f"structure {value}" for value in range(7)}
    specs = {**brain.specs(), "label": replace(brain.specs()["label"], labels=names)}
    damaged, map_ = image(), label()
    damaged[40:], map_[40:] = damaged[:40][::-1], map_[:40][::-1]
    assert reasons(damaged, map_) == ("LR_MIRROR",)
    assert not is_brain(specs, {"age": 70.0})
    assert reasons(damaged, map_, ordered={"age": 70.0}, specs=specs) == ()
    assert is_brain(specs, {"ventricular_volume_ml": 30.0})


@pytest.mark.parametrize(
    ("name", "tissue"),
    [
        ("lateral ventricles", "fluid"),
        ("other cerebrospinal fluid", "fluid"),
        ("cortical grey matter", "grey"),
        ("Left-Cerebral-Cortex", "grey"),
        ("white matter", "white"),
        ("white matter hyperintensities", "lesion"),
        ("liver", None),
    ],
)
def test_the_names_of_tissues_are_understood(name, tissue):
    assert tissue_of(name) == tissue


def test_a_grid_too_small_for_a_pattern_is_left_alone():
    small = np.random.default_rng(0).random((16, 16, 16)).astype(np.float32)
    assert tuple(lattice(small, small > 0)) == ()


def test_every_code_of_a_set_has_a_meaning():
    assert set(OF_A_SET) <= set(MEANINGS)
