"""Signal equations against published and computed figures."""

import numpy as np
import pytest

from voxpress.generation.backends.atlas.contrast import (
    CONTRASTS,
    FLUID,
    GREY,
    LESION,
    WHITE,
    inversion_recovery,
    mprage,
    signals,
    spin_echo,
)


def _random(seed=1):
    return np.random.Generator(np.random.Philox(key=seed))


def test_mprage_gives_the_known_ratio_of_grey_to_white():
    grey, white = (mprage(tissue, repetition=2300, inversion=900, flip=9) for tissue in (GREY, WHITE))
    assert grey / white == pytest.approx(0.587, abs=0.005)


def test_mprage_darkens_what_recovers_slowly():
    order = [mprage(tissue, repetition=2300, inversion=900, flip=9) for tissue in (FLUID, GREY, LESION, WHITE)]
    assert order == sorted(order)


def test_a_long_repetition_and_a_short_echo_leave_the_proton_density():
    assert spin_echo(WHITE, repetition=1e6, echo=0) == pytest.approx(WHITE.density)


def test_inversion_recovery_nulls_at_the_known_time():
    inversion = FLUID.t1 * np.log(2)
    assert inversion_recovery(FLUID, repetition=1e7, inversion=inversion, echo=0) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
    ("contrast", "darkest_first"),
    [
        ("T1w", ["fluid", "grey", "lesion", "white"]),
        ("T2w", ["white", "grey", "lesion", "fluid"]),
        ("FLAIR", ["fluid", "white", "grey", "lesion"]),
        ("FDG-PET", ["fluid", "lesion", "white", "grey"]),
    ],
)
@pytest.mark.parametrize("seed", range(5))
def test_tissues_have_the_order_of_their_contrast(contrast, darkest_first, seed):
    scan = signals(contrast, _random(seed))
    values = [getattr(scan, tissue) for tissue in darkest_first]
    assert values == sorted(values)
    assert 0 < values[0] < 0.3
    assert values[-1] == pytest.approx(0.8)


def test_fdg_uptake_is_four_to_one():
    ratios = [signals("FDG-PET", _random(seed)).grey / signals("FDG-PET", _random(seed)).white for seed in range(50)]
    assert np.median(ratios) == pytest.approx(4, rel=0.03)


@pytest.mark.parametrize("contrast", CONTRASTS)
def test_settings_vary_between_scans_a_little(contrast):
    greys = [signals(contrast, _random(seed)).grey / signals(contrast, _random(seed)).white for seed in range(40)]
    assert 0.002 < np.std(greys) / np.mean(greys) < 0.1
