"""The atlas backend: what is ordered is what is there, in the label map and in the image."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from voxpress.errors import RecipeError, UnreachableError
from voxpress.generation.arrays import specs_of
from voxpress.generation.backend import Grid, Order
from voxpress.generation.backends.atlas import AtlasBackend
from voxpress.generation.backends.atlas.anatomy import anatomy
from voxpress.generation.backends.atlas.space import BRAIN_CENTRE_MM, BRAIN_ML, BRAIN_SIZE_MM, LOW_MM
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.recipe import default_recipe
from voxpress.quality import check_sample

ORDERED = ("ventricular_volume_ml", "cortical_volume_ml", "wmh_volume_ml", "intracranial_volume_ml")
GRID = Grid(shape=(54, 76, 54), spacing_mm=(3.0, 3.0, 3.0))
SETS = ("image.shape=54,76,54", "image.spacing_mm=3,3,3")
USUAL = {
    "age": 60.0,
    "sex": "F",
    "diagnosis": "CN",
    "intracranial_volume_ml": 1450.0,
    "ventricular_volume_ml": 25.0,
    "cortical_volume_ml": 450.0,
    "wmh_volume_ml": 4.0,
    "contrast": "T1w",
    "noise": 0.01,
    "bias_field": 0.1,
    "resolution_mm": 1.2,
}
VENTRICLES, FLUID, CORTEX, OTHER_GREY, WHITE, LESIONS = range(1, 7)


@pytest.fixture(scope="module")
def backend():
    return AtlasBackend({}, GRID)


def _make(backend, *, seed=7, **changes):
    order = Order(index=0, attempt=0, seed=seed, conditions={**USUAL, **changes})
    return backend.generate([order])[0]


def _plan(backend, samples, *sets):
    recipe = default_recipe(sets=[*SETS, *sets], samples=samples, seed=4)
    return recipe, draw_cohort(recipe, backend)


def test_the_constants_are_those_of_the_template():
    inside = np.argwhere(anatomy().depth[0].numpy() > 0) + np.array(LOW_MM)
    low, high = inside.min(0), inside.max(0)
    assert len(inside) / 1000 == pytest.approx(BRAIN_ML)
    assert tuple(high - low + 1) == BRAIN_SIZE_MM
    assert tuple((low + high) / 2) == BRAIN_CENTRE_MM


def test_the_ventricles_of_the_template_are_at_amplitude_zero():
    assert (anatomy().reach <= 0).sum() / 1000 == pytest.approx(17.6, abs=0.5)


@pytest.mark.slow
def test_orders_are_met_and_nothing_folds(backend):
    recipe, plan = _plan(backend, 40, "ventricular_volume_ml=8:80")
    specs = specs_of(recipe, backend)
    errors = []
    for index in range(plan.rows):
        order = plan.order(index)
        (sample,) = backend.generate([order])
        assert sample.faults == ()
        assert check_sample(sample.volumes, specs, measured=sample.measured, ordered=order.conditions) == ()
        assert sample.measured["minimum_jacobian"] > 0
        errors += [abs(sample.measured[name] - order.conditions[name]) for name in ORDERED]
    assert max(errors) <= GRID.voxel_ml  # half a voxel by rounding


def test_the_ventricles_are_seen_in_the_image(backend):
    """Dark voxels in and around the label, counted without its border, follow the order."""
    ordered, seen = [12.0, 25.0, 45.0, 70.0], []
    for volume in ordered:
        sample = _make(backend, ventricular_volume_ml=volume)
        image, label = sample.volumes["image"], sample.volumes["label"]
        near = ndimage.binary_dilation(label == VENTRICLES, iterations=2) & (label != FLUID)
        threshold = (np.median(image[label == VENTRICLES]) + np.median(image[label == WHITE])) / 2
        seen.append(np.count_nonzero(near & (image < threshold)) * GRID.voxel_ml)
    np.testing.assert_allclose(seen, ordered, rtol=0.2)
    assert np.corrcoef(ordered, seen)[0, 1] > 0.995


def test_only_the_ventricles_and_what_they_push_change(backend):
    small, large = (_make(backend, ventricular_volume_ml=v).volumes["label"] for v in (10.0, 70.0))
    assert np.array_equal(small > 0, large > 0)
    assert not np.array_equal(small, large)
    assert ((large == VENTRICLES) >= (small == VENTRICLES)).all()


def test_atrophy_takes_cortex_and_leaves_fluid(backend):
    full, thin = (_make(backend, cortical_volume_ml=v) for v in (560.0, 400.0))
    lost = 560 - 400
    assert thin.measured["other_csf_volume_ml"] - full.measured["other_csf_volume_ml"] == pytest.approx(lost, abs=0.1)
    assert ((thin.volumes["label"] == CORTEX) <= (full.volumes["label"] == CORTEX)).all()


def test_lesions_are_white_matter_near_the_ventricles(backend):
    without, sample = _make(backend, wmh_volume_ml=0.0), _make(backend, wmh_volume_ml=12.0)
    lesions = sample.volumes["label"] == LESIONS
    assert (without.volumes["label"][lesions] == WHITE).all()
    distance = ndimage.distance_transform_edt(sample.volumes["label"] != VENTRICLES) * GRID.spacing_mm[0]
    assert np.median(distance[lesions]) < np.median(distance[without.volumes["label"] == WHITE]) / 2


@pytest.mark.parametrize(
    ("contrast", "darkest_first"),
    [
        ("T1w", [VENTRICLES, CORTEX, WHITE]),
        ("T2w", [WHITE, CORTEX, LESIONS, VENTRICLES]),
        ("FLAIR", [VENTRICLES, WHITE, LESIONS]),
        ("FDG-PET", [VENTRICLES, WHITE, OTHER_GREY]),
    ],
)
def test_contrasts_show_what_they_show(backend, contrast, darkest_first):
    sample = _make(backend, contrast=contrast, wmh_volume_ml=30.0, ventricular_volume_ml=50.0)
    image, label = sample.volumes["image"], sample.volumes["label"]
    medians = [np.median(image[label == value]) for value in darkest_first]
    assert all(darker < brighter for darker, brighter in pairwise(medians))


def test_the_background_is_exactly_zero_and_the_brain_is_not(backend):
    sample = _make(backend, noise=0.2)
    assert np.array_equal(sample.volumes["image"] > 0, sample.volumes["label"] > 0)


def test_noise_has_the_ordered_size(backend):
    quiet, noisy = (_make(backend, noise=noise).volumes for noise in (0.0, 0.05))
    white = ndimage.binary_erosion(quiet["label"] == WHITE)
    assert (noisy["image"] - quiet["image"])[white].std() == pytest.approx(0.05 * 0.8, rel=0.1)


def test_the_bias_field_has_the_ordered_size(backend):
    even, uneven = (_make(backend, noise=0.0, bias_field=bias).volumes["image"] for bias in (0.0, 0.4))
    factors = uneven[even > 0.05] / even[even > 0.05]
    assert factors.max() - factors.min() == pytest.approx(0.4, abs=0.02)


def test_a_coarser_resolution_blurs(backend):
    edges = []
    for resolution in (1.0, 5.0, 8.0):
        image = _make(backend, noise=0.0, resolution_mm=resolution).volumes["image"]
        edges.append(np.abs(np.diff(image, axis=0)).mean())
    assert edges == sorted(edges, reverse=True)
    assert edges[2] < 0.75 * edges[0]


def test_subjects_differ_in_shape_and_are_not_symmetric(backend):
    masks = [_make(backend, seed=seed).volumes["label"] > 0 for seed in (1, 2)]
    overlap = 2 * np.count_nonzero(masks[0] & masks[1]) / (masks[0].sum() + masks[1].sum())
    assert 0.85 < overlap < 0.99
    left_right = np.count_nonzero(masks[0] ^ masks[0][::-1]) / masks[0].sum()
    assert 0.01 < left_right < 0.3


def test_the_affine_puts_the_brain_where_it_is(backend):
    label = _make(backend).volumes["label"]
    centre = backend.affine[:3, :3] @ ndimage.center_of_mass(label > 0) + backend.affine[:3, 3]
    np.testing.assert_allclose(centre, BRAIN_CENTRE_MM, atol=8)
    ventricles = backend.affine[:3, :3] @ ndimage.center_of_mass(label == VENTRICLES) + backend.affine[:3, 3]
    np.testing.assert_allclose(ventricles, (0, -15, 14), atol=8)


@pytest.mark.slow
def test_women_old_people_and_patients_differ_as_the_formulas_say(backend):
    """Measured means of groups against the formulas' own, for the same heads."""
    means = {}
    for name, sets in {
        "young": ("age=40", "sex=M", "diagnosis=CN"),
        "old": ("age=80", "sex=M", "diagnosis=CN"),
        "women": ("age=80", "sex=F", "diagnosis=CN"),
        "patients": ("age=80", "sex=M", "diagnosis=AD"),
    }.items():
        _, plan = _plan(backend, 12, *sets)
        made = [backend.generate([plan.order(index)])[0].measured for index in range(plan.rows)]
        means[name] = {key: np.mean([m[key] for m in made]) for key in made[0]}
        known = {key: plan.conditions[key] for key in ("age", "sex", "diagnosis", "intracranial_volume_ml")}
        cortex = next(c for c in backend.conditions if c.name == "cortical_volume_ml").population(known).mean.mean()
        assert means[name]["cortical_volume_ml"] == pytest.approx(cortex, rel=0.06)
    heads = {name: mean["intracranial_volume_ml"] for name, mean in means.items()}
    assert heads["women"] < 0.95 * heads["old"]
    assert means["old"]["ventricular_volume_ml"] > 1.5 * means["young"]["ventricular_volume_ml"]
    assert means["patients"]["ventricular_volume_ml"] > 1.3 * means["old"]["ventricular_volume_ml"]
    assert means["patients"]["cortical_volume_ml"] < 0.95 * means["old"]["cortical_volume_ml"]


@pytest.mark.parametrize(
    ("sets", "named"),
    [
        (("ventricular_volume_ml=140", "sex=F"), "ventricular_volume_ml"),
        (("cortical_volume_ml=890",), "cortical_volume_ml"),
        (("wmh_volume_ml=79", "intracranial_volume_ml=1000"), "wmh_volume_ml"),
        (("intracranial_volume_ml=2190",), "intracranial_volume_ml"),
        (("age=20",), "age"),
    ],
)
def test_what_cannot_be_reached_is_refused_by_name(backend, sets, named):
    with pytest.raises(UnreachableError, match=f"conditions.{named}"):
        _plan(backend, 5, *sets)


def test_a_grid_too_small_for_a_brain_is_refused():
    with pytest.raises(RecipeError, match="field of view must hold a brain"):
        AtlasBackend({}, Grid(shape=(64, 64, 64), spacing_mm=(1.0, 1.0, 1.0)))


def test_options_are_refused():
    with pytest.raises(RecipeError, match="contrast is a condition"):
        AtlasBackend({"contrast": "T1w"}, GRID)


def test_an_anatomy_without_room_is_a_fault_not_a_wrong_sample(backend):
    sample = _make(backend, cortical_volume_ml=890.0)
    assert sample.faults == ("UNREACHED",)


def test_a_head_that_does_not_fit_is_a_fault(backend):
    assert _make(backend, intracranial_volume_ml=2600.0).faults == ("FOV_CUT",)
