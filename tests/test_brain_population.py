"""The published formulas, against figures worked out by hand and the table they come from."""

from __future__ import annotations

import numpy as np
import pytest

from voxpress.generation.brain_population import cortical_volume, intracranial_volume, ventricular_volume, wmh_volume


def known(*, age=75.0, sex="F", diagnosis="CN", icv=1409.0):
    """One person, with everything that the formulas may ask for."""
    return {
        "age": np.array([age], dtype=np.float64),
        "sex": np.array([sex]),
        "diagnosis": np.array([diagnosis]),
        "intracranial_volume_ml": np.array([icv], dtype=np.float64),
        "ventricular_volume_ml": np.array([30.0]),
    }


@pytest.mark.parametrize(("sex", "mean", "sd"), [("F", 1409, 127), ("M", 1596, 126)])
def test_intracranial_volume(sex, mean, sd):
    predicted = intracranial_volume(known(sex=sex))
    assert (predicted.mean[0], predicted.sd[0], predicted.log10) == (mean, sd, False)
    assert intracranial_volume(known(sex=sex, age=40)).mean[0] == mean


def test_ventricles_at_the_centre_of_the_model_are_its_constant():
    predicted = ventricular_volume(known(age=55, icv=1523))
    assert predicted.mean[0] == pytest.approx(4.26165 - 3)
    assert predicted.sd == 0.17
    assert predicted.log10
    assert ventricular_volume(known(age=55, icv=1523, sex="M")).mean[0] == pytest.approx(4.26165 + 0.0019 - 3)


def test_ventricles_worked_out_by_hand():
    # x = 2, z = 1
    by_hand = 4.26165 + 0.10137 * 2 + 0.00931 * 4 - 0.00117 * 8 + 0.05644 + 0.00274 + 0.00567 * 2
    assert ventricular_volume(known(age=75, icv=1623)).mean[0] == pytest.approx(by_hand - 3)


@pytest.mark.parametrize(
    ("sex", "icv", "age", "ml"),
    # all ventricles of the reference, of which the lateral ones are some 85 to 95 %
    [("F", 1450, 40, 15.1), ("F", 1450, 60, 21.7), ("F", 1450, 80, 35.8), ("M", 1600, 60, 26.2), ("M", 1600, 80, 44.2)],
)
def test_lateral_ventricles_are_most_of_all_ventricles(sex, icv, age, ml):
    lateral = 10 ** ventricular_volume(known(sex=sex, icv=icv, age=age)).mean[0]
    assert 0.8 * ml < lateral < ml


@pytest.mark.parametrize(("diagnosis", "offset"), [("CN", 0.0), ("MCI", 0.07), ("AD", 0.18)])
def test_ventricles_by_diagnosis(diagnosis, offset):
    healthy = ventricular_volume(known()).mean[0]
    assert ventricular_volume(known(diagnosis=diagnosis)).mean[0] - healthy == pytest.approx(offset)


def test_cortex_of_healthy_people_is_that_of_the_model():
    assert cortical_volume(known(age=55, icv=1523)).mean[0] == pytest.approx(463.89)
    assert cortical_volume(known(age=55, icv=1523, sex="M")).mean[0] == pytest.approx(466.13)
    by_hand = 463.89 - 11.01 * 2 - 0.491 * 4 - 0.209 * 8 + 21.23 - 1.117 * 2
    predicted = cortical_volume(known(age=75, icv=1623))
    assert predicted.mean[0] == pytest.approx(by_hand)
    assert (predicted.sd, predicted.log10) == (22.0, False)


@pytest.mark.parametrize(("diagnosis", "share"), [("MCI", 0.0225), ("AD", 0.0419)])
def test_loss_of_cortex_and_growth_of_ventricles_are_the_loss_of_the_brain(diagnosis, share):
    lost = cortical_volume(known()).mean[0] - cortical_volume(known(diagnosis=diagnosis)).mean[0]
    spread = np.exp((np.log(10) * 0.17) ** 2 / 2)
    healthy, ill = (10 ** ventricular_volume(known(diagnosis=each)).mean[0] * spread for each in ("CN", diagnosis))
    assert lost > 0
    assert lost + (ill - healthy) == pytest.approx(share * 1409)


def test_hyperintensities_are_the_placeholder():
    predicted = wmh_volume(known(age=60, sex="M"))
    assert predicted.mean[0] == pytest.approx(0.35)
    assert (predicted.sd, predicted.log10) == (0.40, True)
    assert wmh_volume(known(age=70, sex="F")).mean[0] == pytest.approx(0.35 + 0.24 + 0.05)


@pytest.mark.parametrize("formula", [intracranial_volume, ventricular_volume, cortical_volume, wmh_volume])
def test_rows_do_not_depend_on_one_another(formula):
    rng = np.random.default_rng(0)
    many = {
        "age": rng.uniform(30, 95, 50),
        "sex": rng.choice(["F", "M"], 50),
        "diagnosis": rng.choice(["CN", "MCI", "AD"], 50),
        "intracranial_volume_ml": rng.uniform(1100, 1900, 50),
        "ventricular_volume_ml": rng.uniform(8, 90, 50),
    }
    predicted = formula(many)
    assert predicted.mean.shape == (50,)
    assert predicted.mean.dtype == np.float64
    assert np.isfinite(predicted.mean).all()
    alone = formula({name: values[7:8] for name, values in many.items()})
    assert alone.mean[0] == pytest.approx(predicted.mean[7], rel=1e-14)


def test_nothing_is_clamped_above_ninety():
    at = [ventricular_volume(known(age=age)).mean[0] for age in (85, 90, 95)]
    assert at[0] < at[1] < at[2]


def test_what_has_no_figure_is_not_a_number():
    assert np.isnan(intracranial_volume(known(sex="X")).mean[0])
