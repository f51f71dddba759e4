"""The pure parts of training: conditions of a table, rows of a step, curves, measures, sweeps, ranks."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from voxpress.errors import RecipeError
from voxpress.generation.backends.diffusion.model_card import ConditionCard, ImageCard
from voxpress.generation.backends.diffusion.networks import new_network
from voxpress.training.architecture import autoencoder_card
from voxpress.training.autoencoder import Reconstruction
from voxpress.training.calibration import calibration_curve
from voxpress.training.generator import rows_of_step
from voxpress.training.latents import Scale, standardise
from voxpress.training.measures import fit_measurer
from voxpress.training.objectives import Diffusion, RectifiedFlow
from voxpress.training.plan import parse_plan
from voxpress.training.presets import PRESETS, preset_for
from voxpress.training.ranking import figures_of, ranked
from voxpress.training.schema import condition_cards, condition_vectors
from voxpress.training.search import experiments_of, parse_sweep
from voxpress.training.stage import LearningRate, step_generator

TABLE = pa.table(
    {
        "age": [60.0, 70.0, 80.0, None, 65.0, 75.0, 62.0, 68.0, 71.0],
        "sex": ["F", "M", "F", "M", "n/a", "F", "M", "M", None],
        "site": ["one"] * 9,
        "visits": [1, 2, 3, 1, 2, 3, 1, 2, 3],
    }
)


def test_conditions_follow_from_what_varies():
    cards = condition_cards(TABLE, None)
    assert [card.name for card in cards] == ["age", "sex", "visits"]
    age, sex, _ = cards
    assert (age.low, age.high, age.unit) == (60.0, 80.0, "years")
    assert sex.choices == {"F": 0.0, "M": 1.0}
    assert sex.default == {"choice": {"F": round(3 / 7, 4), "M": round(4 / 7, 4)}}


def test_the_vector_tells_what_is_missing():
    cards = condition_cards(TABLE, ["age", "sex"])
    vectors = condition_vectors(TABLE, cards)
    assert vectors[0].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert vectors[2].tolist() == [1.0, 1.0, 1.0, 0.0]
    assert vectors[3].tolist() == [0.0, 0.0, 0.0, 1.0]
    assert vectors[4].tolist() == [0.25, 1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["ages"], "no column 'ages'.*did you mean 'age'"),
        (["site"], "'site' has the same value in all rows"),
    ],
)
def test_a_condition_that_cannot_be_is_told(names, message):
    with pytest.raises(RecipeError, match=message):
        condition_cards(TABLE, names)


def test_names_of_subjects_are_no_category():
    table = pa.table({"code": [f"s{number}" for number in range(40)]})
    with pytest.raises(RecipeError, match="40 different words, more than 32"):
        condition_cards(table, ["code"])
    with pytest.raises(RecipeError, match="no column that varies"):
        condition_cards(table, None)


@given(rows=st.integers(1, 40), batch=st.integers(1, 50), seed=st.integers(0, 2**32))
def test_each_row_is_trained_on_once_an_epoch(rows, batch, seed):
    steps = 2 * rows
    order = np.concatenate([rows_of_step(seed, step, rows, batch) for step in range(steps)])
    for epoch in range(len(order) // rows):
        assert sorted(order[epoch * rows : (epoch + 1) * rows]) == list(range(rows))


def test_the_learning_rate_rises_and_falls():
    rate = LearningRate(highest=1.0, steps=100)
    rates = [rate.at(step) for step in range(100)]
    assert rates[4] == 1.0
    assert rates[:5] == sorted(rates[:5])
    assert rates[5:] == sorted(rates[5:], reverse=True)
    assert 0 < rates[-1] < 0.03


def test_the_random_numbers_of_a_step_are_its_own():
    drawn = [torch.randn(3, generator=step_generator(1, "a", *place)).tolist() for place in ((0,), (1,), (0, 1), (0,))]
    assert drawn[0] == drawn[3]
    assert drawn[0] != drawn[1] != drawn[2]


@pytest.mark.parametrize("times", ["uniform", "logit-normal"])
def test_rectified_flow_mixes_along_a_line(times):
    generator = torch.Generator().manual_seed(1)
    latents, noise = torch.randn(64, 2, 2, 2, 2, generator=generator), torch.randn(64, 2, 2, 2, 2, generator=generator)
    mixed = RectifiedFlow(times).mix(latents, noise, generator)
    assert mixed.times.min() >= 0
    assert mixed.times.max() <= 1000
    # a step back along the target arrives at the data
    share = (mixed.times / 1000)[:, None, None, None, None]
    assert torch.allclose(mixed.noised + share * mixed.target, latents, atol=1e-5)


def test_diffusion_keeps_the_variance():
    generator = torch.Generator().manual_seed(1)
    latents, noise = (
        torch.randn(512, 1, 4, 4, 4, generator=generator),
        torch.randn(512, 1, 4, 4, 4, generator=generator),
    )
    mixed = Diffusion().mix(latents, noise, generator)
    assert mixed.target is noise
    assert float(mixed.noised.var()) == pytest.approx(1.0, abs=0.02)
    assert set(mixed.times.tolist()) <= set(range(1000))


def test_standardising_keeps_the_function_of_the_autoencoder():
    plan = parse_plan(
        (16, 16, 16), sets=["autoencoder.channels=[8]", "autoencoder.packing=2", "autoencoder.latent_channels=3"]
    )
    model = Reconstruction(new_network(autoencoder_card(plan.autoencoder), 3), 2).double().eval()
    volumes = torch.rand(2, 1, 16, 16, 16, generator=torch.Generator().manual_seed(2)).double()
    with torch.no_grad():
        mean, deviation = model.encode(volumes)
        before = model.decode(mean)
        scale = Scale(mean=np.array([0.5, -2.0, 0.1]), deviation=np.array([3.0, 0.2, 1.5]))
        standardise(model.network, scale)
        moved, narrowed = model.encode(volumes)
        after = model.decode(moved)
    shift = torch.tensor(scale.mean)[:, None, None, None]
    factor = torch.tensor(scale.deviation)[:, None, None, None]
    assert torch.allclose(moved, (mean - shift) / factor, atol=1e-9)
    assert torch.allclose(narrowed, deviation / factor, atol=1e-9)
    assert torch.allclose(after, before, atol=1e-9)


def test_the_curve_is_the_average_and_increases():
    generator = np.random.default_rng(1)
    asked = generator.uniform(0, 100, 400)
    came = 20 + 0.5 * asked + generator.normal(0, 3, 400)
    curve = calibration_curve(asked, came)
    assert len(curve) == 5
    for x, y in curve:
        assert y == pytest.approx(20 + 0.5 * x, abs=1.5)


def test_a_model_that_does_not_obey_has_a_curve_that_still_increases():
    generator = np.random.default_rng(1)
    curve = calibration_curve(generator.uniform(0, 1, 100), generator.normal(0, 1, 100))
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(curve))


def test_too_few_samples_make_no_curve():
    assert calibration_curve(np.arange(7.0), np.arange(7.0)) == ()
    assert calibration_curve(np.ones(40), np.arange(40.0)) == ()


IMAGE = ImageCard(minimum=0, maximum=1, background=0, floor=0.02)
SIZE = ConditionCard(name="size", kind="number", meaning="", low=0, high=1, default=0.5)


def images_of(sizes, seed):
    """Pooled voxels in which the size is one direction among noise."""
    generator = np.random.default_rng(seed)
    direction = np.random.default_rng(0).normal(0, 1, 64)
    return (sizes[:, None] * direction + generator.normal(0, 0.3, (len(sizes), 64))).astype(np.float32)


def test_a_measure_is_found_and_not_drawn_to_the_mean():
    generator = np.random.default_rng(5)
    train, apart = generator.uniform(0, 1, 30), generator.uniform(0, 1, 200)
    fitted = fit_measurer((images_of(train, 1), [train]), (images_of(apart, 2), [apart]), [SIZE], (4, 4, 4), IMAGE)
    assert fitted.cards[0].r > 0.95
    assert fitted.measurer is not None
    said = (images_of(apart, 2) - fitted.measurer.mean) @ fitted.measurer.weights[0] + fitted.measurer.bias[0]
    assert np.polyfit(apart, said, 1)[0] == pytest.approx(1.0, abs=1e-4)


def test_what_the_image_does_not_show_is_not_measured():
    generator = np.random.default_rng(5)
    values = [generator.uniform(0, 1, count) for count in (40, 40)]
    images = [images_of(generator.uniform(0, 1, 40), seed) for seed in (1, 2)]
    fitted = fit_measurer((images[0], [values[0]]), (images[1], [values[1]]), [SIZE], (4, 4, 4), IMAGE)
    assert fitted.measurer is None
    assert "r = " in fitted.left_out["size"]


@pytest.mark.parametrize(
    ("shape", "name"), [((32,) * 3, "small"), ((96, 112, 96), "medium"), ((160, 224, 160), "large")]
)
def test_every_preset_is_a_plan(shape, name):
    assert preset_for(shape) == name
    plan = parse_plan(shape)
    assert list(plan.autoencoder.channels) == PRESETS[name]["autoencoder"]["channels"]


def test_a_plan_file_changes_some_fields(tmp_path):
    (tmp_path / "plan.yaml").write_text("seed: 4\ngenerator: {steps: 10}\n")
    plan = parse_plan((32, 32, 32), file=tmp_path / "plan.yaml", sets=["generator.ema=0.9"], given={"seed": 5})
    assert (plan.seed, plan.generator.steps, plan.generator.ema) == (5, 10, 0.9)
    assert plan.generator.batch_size == PRESETS["small"]["generator"]["batch_size"]


def sweep_of(**search):
    return parse_sweep({"search": search, "draws": 3, "seed": 1}, "sweep.yaml")


def test_a_sweep_is_the_same_list_every_time():
    sweep = sweep_of(**{"seed": {"grid": [1, 2]}, "generator.learning_rate": {"loguniform": [1e-4, 1e-2]}})
    first = experiments_of(sweep)
    assert first == experiments_of(sweep)
    assert [each.changes["seed"] for each in first] == [1, 1, 1, 2, 2, 2]
    rates = [each.changes["generator.learning_rate"] for each in first]
    assert len(set(rates)) == 6
    assert all(1e-4 <= rate <= 1e-2 for rate in rates)
    assert len({each.name for each in first}) == 6


def test_grids_alone_are_tried_once():
    assert len(experiments_of(sweep_of(seed={"grid": [1, 2]}, judged={"grid": [8, 16, 32]}))) == 6


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "search must name at least one field"),
        ({"search": {"seed": 3}}, r"search\.seed must be one of"),
        ({"search": {"seed": {"uniform": [2, 1]}}}, "two numbers, the lower one first"),
        ({"search": {"x": {"loguniform": [0, 1]}}}, "two numbers above 0"),
        ({"search": {"seed": {"grid": [1]}}, "drawz": 2}, "did you mean 'draws'"),
        ({"search": {"seed": {"grid": [1]}}, "draws": 0}, "draws must be a whole number from 1, got 0"),
    ],
)
def test_a_sweep_that_cannot_be_is_told(fields, message):
    with pytest.raises(RecipeError, match=message):
        parse_sweep(fields, "sweep.yaml")


def test_a_sweep_without_end_is_refused():
    with pytest.raises(RecipeError, match="more than 10,000"):
        experiments_of(sweep_of(seed={"grid": list(range(200))}, judged={"grid": list(range(200))}))


def test_the_best_in_most_is_first():
    figures = {
        "a": {"r": 0.9, "set.kid.random_conv": 0.3},
        "b": {"r": 0.99, "set.kid.random_conv": 0.1},
        "c": {"r": 0.5, "set.kid.random_conv": 0.2},
    }
    assert [name for name, _ in ranked(figures)] == ["b", "a", "c"]
    assert ranked(figures)[0][1] == 1.0


def test_a_metric_that_not_all_have_does_not_count():
    figures = {"a": {"r": 0.9, "set.kid.random_conv": 0.1}, "b": {"r": 0.95}}
    assert [name for name, _ in ranked(figures)] == ["b", "a"]


def test_figures_are_read_from_a_report():
    report = {
        "measures": [{"name": "size", "range": 50.0}],
        "fidelity": {"size": {"r": 0.9, "slope": 0.8, "mae": 5.0, "samples": 8}},
        "scores": [{"id": "set.kid.random_conv", "value": 0.2, "floor": 0.1}, {"id": "set.other", "value": 1.0}],
    }
    found = figures_of(report)
    assert found == {"r": 0.9, "slope_error": pytest.approx(0.2), "relative_error": 0.1, "set.kid.random_conv": 0.2}
