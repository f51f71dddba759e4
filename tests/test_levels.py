"""How near samples come, in numbers and in one word."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import tiny_store as tiny

from voxpress.generation.levels import ArrayDifference, Level, SampleDifference, compare_volumes, level_of, summed

IMAGE = tiny.SPECS["image"]
LABEL = tiny.SPECS["label"]
WIDE = dataclasses.replace(IMAGE, dtype="int16", scale=0.5)
VOXELS = int(np.prod(tiny.SHAPE))


def volume(spec, *changes: tuple[int, int]) -> np.ndarray:
    """Hundreds, but for so many voxels of so much more."""
    values = np.full(VOXELS, 100, spec.dtype)
    start = 0
    for count, more in changes:
        values[start : start + count] += np.array(more).astype(spec.dtype)
        start += count
    return values.reshape(tiny.SHAPE)


def difference(spec, *changes: tuple[int, int]) -> ArrayDifference:
    return compare_volumes(volume(spec), volume(spec, *changes), spec)


def test_the_numbers() -> None:
    found = difference(IMAGE, (3, 5), (2, 100))
    assert (found.voxels, found.differing, found.noticeable) == (VOXELS, 5, 2)
    assert (found.greatest, found.total, found.mean) == (100, 215, 215 / VOXELS)
    told = found.to_json()
    assert told["greatest"] == pytest.approx(100 / 255)
    assert told["mean"] == pytest.approx(215 / VOXELS / 255)
    assert told["unit"] == "arbitrary"


def test_a_difference_has_no_sign_and_does_not_wrap() -> None:
    one, other = volume(IMAGE, (1, 155)), volume(IMAGE, (1, -100))
    assert (one.max(), other.min()) == (255, 0)
    for pair in ((one, other), (other, one)):
        assert compare_volumes(*pair, IMAGE).greatest == 255
    wide = np.full(tiny.SHAPE, -32768, np.int16), np.full(tiny.SHAPE, 32767, np.int16)
    assert compare_volumes(*wide, WIDE).greatest == 65535
    assert compare_volumes(*wide, WIDE).to_json()["greatest"] == 65535 / 2


@pytest.mark.parametrize(
    ("spec", "changes", "level"),
    [
        (IMAGE, [], "exact"),
        (IMAGE, [(VOXELS, 5)], "close"),
        (IMAGE, [(5, 6)], "close"),
        (IMAGE, [(6, 6)], "different"),
        (IMAGE, [(5, 155), (1000, 5)], "close"),
        (WIDE, [(VOXELS, 655)], "close"),
        (WIDE, [(VOXELS, 656)], "different"),
        (LABEL, [(5, 1)], "close"),
        (LABEL, [(6, 1)], "different"),
    ],
)
def test_levels(spec, changes, level) -> None:
    """Of 5760 voxels 5 are below a thousandth, and 5 of 255 below 2 %."""
    assert VOXELS == 5760
    assert level_of([difference(spec, *changes)]) == level


def test_the_worst_counts() -> None:
    exact, close, different = (difference(IMAGE, (count, 6)) for count in (0, 1, 100))
    assert level_of([]) is Level.EXACT
    assert level_of([exact, close]) is Level.CLOSE
    assert level_of([different, close]) is Level.DIFFERENT
    assert Level.worst([Level.CLOSE, Level.EXACT]) is Level.CLOSE


def test_a_label_has_no_size() -> None:
    assert "greatest" not in difference(LABEL, (3, 1)).to_json()


def test_sums_over_samples() -> None:
    first, second = difference(IMAGE, (1, 3)), difference(IMAGE, (2, 7))
    samples = [
        SampleDifference(sample_id=name, split="train", level=Level.CLOSE, arrays=arrays)
        for name, arrays in (("a", {"image": first}), ("b", {"image": second, "label": difference(LABEL, (1, 1))}))
    ]
    total = summed(samples)
    assert (total["image"].voxels, total["image"].differing) == (2 * VOXELS, 3)
    assert (total["image"].greatest, total["image"].total, total["image"].noticeable) == (7, 17, 2)
    assert total["label"].voxels == VOXELS
