"""Every backend that is here keeps the contract, and backends that break it are found out."""

from __future__ import annotations

import dataclasses
import inspect
from functools import partial

import numpy as np
import pytest
import torch

pytest.register_assert_rewrite("conformance")

from conformance import BackendConformance, _made  # noqa: E402
from spheres_backend import SpheresBackend  # noqa: E402

from voxpress.generation.backend import Grid  # noqa: E402
from voxpress.generation.registry import load_backend  # noqa: E402

GRID = Grid(shape=(14, 16, 15), spacing_mm=(1.0, 1.0, 1.0))


@pytest.mark.timeout(120)
class TestSpheres(BackendConformance):
    load = partial(SpheresBackend, {}, GRID)


@pytest.mark.timeout(240)
class TestAtlas(BackendConformance):
    load = partial(load_backend, "atlas", {}, Grid(shape=(24, 30, 26), spacing_mm=(6.5, 6.5, 6.5)))


def moves_on(sample, number):
    return dataclasses.replace(
        sample, volumes={**sample.volumes, "image": sample.volumes["image"] * (1 - number / 100)}
    )


def reads_global_state(sample, _):
    return moves_on(sample, np.random.random())  # noqa: NPY002


def sets_threads(sample, _):
    torch.set_num_threads(2)
    return sample


def is_float64(sample, _):
    return dataclasses.replace(sample, volumes={**sample.volumes, "image": sample.volumes["image"].astype(float)})


def measures_more(sample, _):
    return dataclasses.replace(sample, measured={**sample.measured, "volume_ml": 1.0})


def has_an_unnamed_label(sample, _):
    return dataclasses.replace(sample, volumes={**sample.volumes, "label": sample.volumes["label"] * np.uint8(9)})


class Broken(SpheresBackend):
    """`spoil(sample, place in the batch)` changes what is made."""

    def generate(self, orders):
        return [self.spoil(sample, number) for number, sample in enumerate(super().generate(orders))]


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        (moves_on, "test_alone_as_in_a_batch"),
        (moves_on, "test_in_any_sequence"),
        (reads_global_state, "test_global_random_state_is_neither_read_nor_changed"),
        (sets_threads, "test_threads_are_neither_counted_on_nor_changed"),
        (is_float64, "test_volumes_are_as_declared"),
        (has_an_unnamed_label, "test_volumes_are_as_declared"),
        (measures_more, "test_measures_are_exactly_those_declared"),
    ],
)
def test_a_backend_that_breaks_the_contract_is_found_out(spoil, check) -> None:
    broken = type("SpoiltBackend", (Broken,), {"spoil": staticmethod(spoil)})
    tests = type("Suite", (BackendConformance,), {"load": partial(broken, {}, GRID)})()
    threads = torch.get_num_threads()
    fixtures = {"digests": _digests, "backend": lambda made: made.backend, "orders": lambda made: made.orders}
    fixtures["samples"] = lambda made: made.samples
    needed = list(inspect.signature(getattr(tests, check)).parameters)
    with pytest.raises(AssertionError):
        getattr(tests, check)(**{name: fixtures[name](_made(type(tests))) for name in needed})
    torch.set_num_threads(threads)


def _digests(made) -> list[str]:
    from conformance import digest

    return [digest(sample) for sample in made.samples]
