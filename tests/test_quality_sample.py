"""The checks of one sample: each reason code has a sample that earns it, and a sound one earns none."""

from __future__ import annotations

import numpy as np
import pytest

from voxpress import store
from voxpress.quality import MEANINGS, check_sample
from voxpress.quality.checks.meanings import OF_A_SET

SHAPE = (20, 22, 24)
AFFINE = ((2.0, 0.0, 0.0, 0.0), (0.0, 2.0, 0.0, 0.0), (0.0, 0.0, 2.0, 0.0), (0.0, 0.0, 0.0, 1.0))
COMMON = {"shape": SHAPE, "shard_samples": 4, "affine": AFFINE}
SPECS = {
    "image": store.ArraySpec(name="image", kind="image", dtype="uint8", scale=1 / 255, **COMMON),
    "label": store.ArraySpec(name="label", kind="label", dtype="uint8", labels={0: "background", 2: "b"}, **COMMON),
}
BODY = np.zeros(SHAPE, dtype=bool)
BODY[4:16, 4:18, 4:20] = True


def sound():
    """Volumes, measures and conditions with which nothing is wrong."""
    noise = np.random.Generator(np.random.Philox(key=1)).uniform(0.3, 0.9, SHAPE)
    volumes = {"image": np.where(BODY, noise, 0).astype(np.float32), "label": np.where(BODY, 2, 0).astype(np.uint8)}
    return volumes, {"brain_ml": 20.0, "minimum_jacobian": 0.3}, {"brain_ml": 20.0, "age": 70.0, "sex": "F"}


def reasons(change=None, specs=SPECS) -> tuple[str, ...]:
    volumes, measured, ordered = sound()
    if change is not None:
        change(volumes, measured, ordered)
    return check_sample(volumes, specs, measured=measured, ordered=ordered)


def with_image(change):
    """Changes the image alone."""
    return lambda volumes, *_: change(volumes["image"])


def with_label(change):
    """Changes the label map alone."""
    return lambda volumes, *_: change(volumes["label"])


def clear_but(voxels: int, *names: str):
    def change(volumes, *_):
        far = np.flatnonzero(BODY.ravel())[voxels:]
        for name in names:
            volumes[name].ravel()[far] = 0

    return change


def brighten_outside(volumes, *_):
    volumes["image"][2, 4:18, 4:20] = 0.5


CASES = {
    "no label": (lambda volumes, *_: volumes.pop("label"), ("MISSING",)),
    "a wrong shape": (lambda volumes, *_: volumes.update(image=volumes["image"][1:]), ("SHAPE_MISMATCH",)),
    "a channel too many": (lambda volumes, *_: volumes.update(label=volumes["label"][None]), ("SHAPE_MISMATCH",)),
    "float64": (lambda volumes, *_: volumes.update(image=volumes["image"].astype(np.float64)), ("DTYPE",)),
    "labels int32": (lambda volumes, *_: volumes.update(label=volumes["label"].astype(np.int32)), ("DTYPE",)),
    "one NaN": (with_image(lambda image: image.__setitem__((9, 9, 9), np.nan)), ("NONFINITE",)),
    "one infinity": (with_image(lambda image: image.__setitem__((9, 9, 9), -np.inf)), ("NONFINITE",)),
    "a measure of NaN": (lambda _, measured, __: measured.update(minimum_jacobian=np.nan), ("NONFINITE",)),
    "above the range": (with_image(lambda image: image.__setitem__((9, 9, 9), 1.01)), ("RANGE",)),
    "below the range": (with_image(lambda image: image.__setitem__((9, 9, 9), -0.01)), ("RANGE",)),
    "nothing": (clear_but(0, "image", "label"), ("EMPTY",)),
    "next to nothing": (clear_but(50, "image", "label"), ("EMPTY",)),
    "an empty label map": (clear_but(0, "label"), ("EMPTY", "LABEL_OUTSIDE")),
    "one tone": (with_image(lambda image: image.__setitem__(BODY, 0.5)), ("CONSTANT",)),
    "a bright slab": (with_image(lambda image: image.__setitem__((5, slice(4, 18), slice(4, 20)), 1)), ("CLIPPED",)),
    "cut image": (with_image(lambda image: image.__setitem__((0, slice(9, 12), 9), 0.5)), ("FOV_CUT",)),
    "cut label": (with_label(lambda label: label.__setitem__((slice(9, 12), 9, -1), 2)), ("FOV_CUT",)),
    "an unnamed label": (with_label(lambda label: label.__setitem__((9, 9, 9), 1)), ("LABEL_UNKNOWN",)),
    "bright outside": (brighten_outside, ("LABEL_OUTSIDE",)),
    "a small volume": (lambda _, measured, __: measured.update(brain_ml=14.9), ("COND_MISMATCH",)),
    "a large volume": (lambda _, measured, __: measured.update(brain_ml=25.1), ("COND_MISMATCH",)),
    "a volume of NaN": (lambda _, measured, __: measured.update(brain_ml=np.nan), ("NONFINITE", "COND_MISMATCH")),
}
BACKENDS_OWN = {"FOLDED", "UNREACHED"}
"""Codes that only a backend can find."""
OF_LARGE_VOLUMES = {
    "BG_NOISE_ODD",
    "BRAIN_VOL",
    "CHECKER",
    "LR_MIRROR",
    "MASK_FRAGMENTED",
    "SLICE_DROPOUT",
    "STITCH",
    "TISSUE_ORDER",
}
"""Codes that need more voxels than there are here, or a brain; `test_quality_checks` has a case of each."""


def test_a_sound_sample_has_nothing_wrong() -> None:
    assert reasons() == ()


@pytest.mark.parametrize(("change", "found"), CASES.values(), ids=CASES.keys())
def test_what_is_wrong_is_found_and_nothing_else(change, found) -> None:
    assert reasons(change) == found


def test_every_code_has_a_meaning_and_a_case() -> None:
    earned = {code for _, codes in CASES.values() for code in codes}
    assert earned | BACKENDS_OWN | OF_LARGE_VOLUMES | set(OF_A_SET) == set(MEANINGS)
    assert not earned & BACKENDS_OWN


def test_a_dark_voxel_of_the_body_is_no_fault() -> None:
    assert reasons(with_image(lambda image: image.__setitem__((9, slice(4, 18), slice(4, 20)), 0))) == ()


def test_a_few_voxels_may_be_at_the_top() -> None:
    assert reasons(with_image(lambda image: image.__setitem__((slice(4, 16), 9, 9), 1))) == ()


def test_a_small_volume_may_miss_by_some_voxels() -> None:
    def change(_, measured, ordered):
        ordered["brain_ml"], measured["brain_ml"] = 0.01, 0.08

    assert reasons(change) == ()


def test_a_signed_image_may_go_below_its_background() -> None:
    signed = store.ArraySpec(name="image", kind="image", dtype="int16", scale=2 / 32767, unit="HU", **COMMON)
    change = with_image(lambda image: image.__setitem__((9, 9, 9), -1.9))
    assert reasons(change, SPECS | {"image": signed}) == ()
    change = with_image(lambda image: image.__setitem__((9, 9, 9), -2.1))
    assert reasons(change, SPECS | {"image": signed}) == ("RANGE",)


def test_an_image_alone_is_checked_too() -> None:
    volumes, measured, ordered = sound()
    del volumes["label"]
    assert check_sample(volumes, {"image": SPECS["image"]}, measured=measured, ordered=ordered) == ()
