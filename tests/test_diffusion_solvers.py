"""Solvers against a Gaussian, for which the best denoiser is known, and against MONAI where MONAI is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from voxpress.errors import RecipeError
from voxpress.generation.backends.diffusion.model_card import load_card
from voxpress.generation.backends.diffusion.schedules import END, variance_preserving
from voxpress.generation.backends.diffusion.solvers import Ddpm, Euler, solver_of

BRAIN = load_card("brain-ldm", "ldm").schedule
FLOW = load_card("rflow-mr-brain", "nv-rflow").schedule
CT = load_card("ddpm-ct", "nv-rflow").schedule
VOXELS = 64 * 64 * 32


def no_noise(step):
    raise AssertionError(step)


def deviation(preset: str, s: float) -> float:
    """Standard deviation of what is made, over s, that of the data: the steps are linear in the initial noise."""
    schedule = variance_preserving(BRAIN)

    def predict(x, time):
        alpha, sigma = schedule.alpha_sigma(time)
        return sigma * x / (alpha**2 * s**2 + sigma**2)

    made = solver_of(preset, BRAIN, 1).run(predict, torch.ones(1, dtype=torch.float64), no_noise)
    return abs(float(made)) / s


@pytest.mark.parametrize(
    ("preset", "wanted"),
    [
        ("ddim50-leading", (0.958, 0.870, 0.698)),
        ("dpmpp2m-15", (1.010, 0.998, 0.923)),
        ("dpmpp2m-20", (1.004, 0.995, 0.927)),
    ],
)
def test_a_gaussian(preset, wanted) -> None:
    assert [deviation(preset, s) for s in (1.0, 0.3, 0.1)] == pytest.approx(wanted, abs=0.012)


def test_more_steps_come_nearer() -> None:
    """To what the best denoiser at time 0 lets through, since both end with what it sees there."""
    _, sigma = variance_preserving(BRAIN).alpha_sigma(0)
    limit = 0.3 / (0.3**2 + sigma**2) ** 0.5
    for family, most in (("ddim{}-leading", 0.01), ("dpmpp2m-{}", 0.001)):
        errors = [abs(deviation(family.format(steps), 0.3) - limit) for steps in (10, 50, 1000)]
        assert errors == sorted(errors, reverse=True)
        assert errors[-1] < most


def test_the_published_times() -> None:
    pairs = solver_of("ddim50-leading", BRAIN, 1).pairs
    assert pairs[:2] == ((980, 960), (960, 940))
    assert pairs[-1] == (0, END)
    assert len(pairs) == 50


def test_ddim_is_monai_s_where_its_step_fits_its_times() -> None:
    from monai.networks.schedulers import DDIMScheduler

    theirs = DDIMScheduler(1000, "scaled_linear_beta", beta_start=0.0015, beta_end=0.0205, clip_sample=False)
    # with all 1000 times, its linspace and its step agree
    ours = solver_of("ddim1000-leading", BRAIN, 1)
    x = start = torch.randn(8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for t in theirs.timesteps.tolist():
        x, _ = theirs.step(torch.tanh(x + t / 1000), t, x)
    made = ours.run(lambda x, t: torch.tanh(x + t / 1000), start, no_noise)
    # it keeps its products in float32
    assert made.tolist() == pytest.approx(x.tolist(), rel=1e-4, abs=1e-4)


def test_monai_s_own_fifty_steps_leave_noise() -> None:
    """Why we have our own: its times are 999, 979, 958 …, but each step goes back by 20."""
    from monai.networks.schedulers import DDIMScheduler

    theirs = DDIMScheduler(1000, "scaled_linear_beta", beta_start=0.0015, beta_end=0.0205, clip_sample=False)
    theirs.set_timesteps(50)
    assert theirs.timesteps[:3].tolist() == [999, 979, 958]


def test_ddpm_is_monai_s() -> None:
    from monai.networks.schedulers import DDPMScheduler

    theirs = DDPMScheduler(1000, "scaled_linear_beta", beta_start=0.0015, beta_end=0.0195, clip_sample=False)
    ours = Ddpm.leading(variance_preserving(CT), 1000)
    x = start = torch.randn(4, 1, 2, 2, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    drawn = torch.randn(1000, *x.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    for t in theirs.timesteps.tolist():
        x, _ = theirs.step(torch.tanh(x), t, x, generator=generator)
    made = ours.run(lambda x, _: torch.tanh(x), start, lambda step: drawn[step])
    assert made.flatten().tolist() == pytest.approx(x.flatten().tolist(), rel=1e-3, abs=1e-3)


def test_ddpm_makes_a_gaussian() -> None:
    schedule = variance_preserving(CT)
    s = 0.3

    def predict(x, time):
        alpha, sigma = schedule.alpha_sigma(time)
        return sigma * x / (alpha**2 * s**2 + sigma**2)

    generator = torch.Generator().manual_seed(0)
    start = torch.randn(20_000, dtype=torch.float64, generator=generator)
    noise = lambda _: torch.randn(start.shape, dtype=torch.float64, generator=generator)  # noqa: E731
    made = solver_of("ddpm1000", CT, 1).run(predict, start, noise)
    # the smaller variance is right for a single point, and a little too small for anything wider
    assert 0.95 < float(made.std()) / s < 1.0


@pytest.mark.parametrize("count", [5, 30, 50])
def test_steps_of_rectified_flow_add_up_to_one(count) -> None:
    ours = solver_of(f"euler{count}", FLOW, VOXELS)
    assert sum(a - b for a, b in ours.pairs) / 1000 == pytest.approx(1, abs=1e-12)
    made = ours.run(lambda x, _: torch.ones_like(x), torch.zeros(1, dtype=torch.float64), no_noise)
    assert float(made) == pytest.approx(1, abs=1e-12)


def test_a_straight_flow_is_followed_exactly() -> None:
    """Where all data are one point, the velocity leads straight to it, and any number of steps arrives."""
    point = torch.tensor([1.5, -2.0], dtype=torch.float64)
    noise = torch.tensor([0.3, 0.7], dtype=torch.float64)
    made = solver_of("euler4", FLOW, VOXELS).run(lambda x, t: (point - x) / (t / 1000), noise, no_noise)
    assert made.tolist() == pytest.approx(point.tolist())


@pytest.mark.parametrize("count", [30, 50])
def test_monai_s_flow_in_its_own_rounding(count) -> None:
    from monai.networks.schedulers import RFlowScheduler

    theirs = RFlowScheduler(
        num_train_timesteps=1000, use_discrete_timesteps=False, use_timestep_transform=True, sample_method="uniform"
    )
    theirs.set_timesteps(count, input_img_size_numel=VOXELS)
    x = start = torch.tensor([0.5, -1.0], dtype=torch.float64)
    times = theirs.timesteps
    for t, following in zip(times, [*times[1:], torch.tensor(0.0)], strict=True):
        x, _ = theirs.step(torch.sin(x + float(t)), t, x, following)
    ours = solver_of(f"euler{count}-monai", FLOW, VOXELS)
    assert [t for t, _ in ours.pairs] == times.double().tolist()
    made = ours.run(lambda x, t: torch.sin(x + t), start, no_noise)
    assert made.tolist() == pytest.approx(x.tolist(), abs=1e-12)
    assert sum(a - b for a, b in ours.pairs) / 1000 > 1.005  # and this is what its rounding costs


@pytest.mark.parametrize(
    ("preset", "schedule", "said"),
    [
        ("euler30", BRAIN, "ddimN-leading"),
        ("ddim50-leading", FLOW, "eulerN"),
        ("ddim50", BRAIN, "ddimN-leading"),
        ("ddim30-leading", BRAIN, "must divide the 1000"),
        ("ddim1-leading", BRAIN, "from 2 to 1000"),
        ("dpmpp2m-2000", BRAIN, "from 2 to 1000"),
        ("euler0", FLOW, "from 2 to 1000"),
    ],
)
def test_unknown_presets(preset, schedule, said) -> None:
    with pytest.raises(RecipeError, match=said):
        solver_of(preset, schedule, VOXELS)


def test_times_are_noisier_for_larger_latents() -> None:
    small, large = (
        Euler.shifted(10, steps=1000, voxels=voxels, base_voxels=32768).pairs for voxels in (32768, 8 * 32768)
    )
    assert np.allclose([t for t, _ in small], np.linspace(1000, 100, 10))
    assert all(a[0] >= b[0] for a, b in zip(large, small, strict=True))
