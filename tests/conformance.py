"""The contract of backends, clause by clause, for any backend; see `voxpress.generation.backend`.

Give a backend of your own a test like this one, in a file beside a copy of this one::

    from functools import partial
    from conformance import BackendConformance
    from voxpress.generation.backend import Grid

    class TestMine(BackendConformance):
        load = partial(MyBackend, {}, Grid(shape=(64, 64, 64), spacing_mm=(4.0, 4.0, 4.0)))

`load` must be picklable: one test makes samples in another process. Choose a small grid: some dozen samples are made.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import math
import multiprocessing
import random
import re
import time
from concurrent.futures import ProcessPoolExecutor
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlparse

import numpy as np
import pytest
import torch

from voxpress.errors import UnreachableError
from voxpress.generation.arrays import specs_of
from voxpress.generation.backend import Backend, Condition, Order, Sample
from voxpress.generation.batches import findings_by_design
from voxpress.generation.cohort import CohortPlan, draw_cohort
from voxpress.generation.recipe import recipe_from
from voxpress.quality import check_sample
from voxpress.store import rows_schema

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from voxpress.generation.recipe import Recipe

SNAKE = re.compile(r"[a-z][a-z0-9_]*")
ROWS = 200


def recipe_for(backend: Backend, **fields) -> Recipe:
    """An order of the backend's defaults on its own grid."""
    grid = {"shape": list(backend.grid.shape), "spacing_mm": list(backend.grid.spacing_mm)}
    return recipe_from({"name": "conformance", "samples": ROWS, "backend": backend.name, "image": grid, **fields})


def digest(sample: Sample) -> str:
    """Of all that a sample is."""
    sha256 = hashlib.sha256(repr([sorted((k, float(v)) for k, v in sample.measured.items()), sample.faults]).encode())
    for name, volume in sorted(sample.volumes.items()):
        sha256.update(f"{name}{volume.dtype}{volume.shape}".encode())
        sha256.update(volume.tobytes())
    return sha256.hexdigest()


def elsewhere(load: Callable[[], Backend], orders: Sequence[Order]) -> tuple[list[str], dict[str, str]]:
    """What another process makes."""
    backend = load()
    return [digest(sample) for sample in backend.generate(orders)], dict(backend.fingerprint())


def global_states() -> list[object]:
    name, keys, *rest = np.random.get_state()  # noqa: NPY002
    return [random.getstate(), name, keys.tolist(), rest, torch.get_rng_state().tolist()]


def seed_all(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002
    torch.manual_seed(seed)


class BackendConformance:
    """Inherit from it, name the class ``Test…``, and set `load`."""

    load: ClassVar[Callable[[], Backend]]
    most_seconds_to_construct: ClassVar[float] = 2.0

    @pytest.fixture
    def backend(self) -> Backend:
        return _made(type(self)).backend

    @pytest.fixture
    def plan(self) -> CohortPlan:
        return _made(type(self)).plan

    @pytest.fixture
    def orders(self) -> list[Order]:
        return _made(type(self)).orders

    @pytest.fixture
    def samples(self) -> list[Sample]:
        return _made(type(self)).samples

    @pytest.fixture
    def digests(self) -> list[str]:
        return [digest(sample) for sample in _made(type(self)).samples]

    # --- what it declares

    def test_it_has_all_parts(self, backend) -> None:
        assert isinstance(backend, Backend)
        assert re.fullmatch(r"[a-z][a-z0-9_-]*", backend.name)

    def test_constructing_is_cheap(self, backend) -> None:
        start = time.perf_counter()
        type(self).load()
        assert time.perf_counter() - start < self.most_seconds_to_construct

    def test_its_digital_source_type_is_a_uri(self, backend) -> None:
        parts = urlparse(backend.digital_source_type)
        assert parts.scheme in ("http", "https")
        assert parts.netloc == "cv.iptc.org"
        assert parts.path.startswith("/newscodes/digitalsourcetype/")

    def test_its_fingerprint_is_text_and_stays(self, backend, samples) -> None:
        fingerprint = dict(backend.fingerprint())
        assert fingerprint
        assert all(isinstance(text, str) for pair in fingerprint.items() for text in pair)
        assert json.loads(json.dumps(fingerprint)) == fingerprint
        assert dict(type(self).load().fingerprint()) == dict(backend.fingerprint()) == fingerprint

    def test_its_affine_is_ras_with_the_spacing_of_the_grid(self, backend) -> None:
        affine = backend.affine
        assert affine.shape == (4, 4)
        assert affine.dtype == np.float64
        assert np.isfinite(affine).all()
        assert affine[3].tolist() == [0, 0, 0, 1]
        assert np.linalg.norm(affine[:3, :3], axis=0) == pytest.approx(backend.grid.spacing_mm)
        assert np.abs(affine[:3, :3]).argmax(axis=0).tolist() == [0, 1, 2]
        assert (np.diag(affine)[:3] > 0).all()

    def test_its_outputs_are_well_declared(self, backend) -> None:
        names = [output.name for output in backend.outputs]
        assert names[0] == "image"
        assert len(set(names)) == len(names)
        for output in backend.outputs:
            assert SNAKE.fullmatch(output.name)
            assert output.kind in ("image", "label")
            if output.kind == "image":
                assert output.labels is None
                assert output.minimum <= output.background < output.maximum
                assert all(map(math.isfinite, (output.minimum, output.maximum)))
            else:
                assert output.labels[0] == "background"
                assert all(isinstance(value, int) and 0 <= value <= 255 for value in output.labels)
                assert len(set(output.labels.values())) == len(output.labels)
        assert list(specs_of(recipe_for(backend), backend)) == names

    def test_its_measures_are_well_declared(self, backend) -> None:
        names = [measure.name for measure in backend.measures]
        assert len(set(names)) == len(names)
        assert all(SNAKE.fullmatch(measure.name) and measure.meaning for measure in backend.measures)

    def test_its_conditions_are_well_declared(self, backend) -> None:
        names = [condition.name for condition in backend.conditions]
        assert len(set(names)) == len(names)
        for condition in backend.conditions:
            assert SNAKE.fullmatch(condition.name)
            assert condition.meaning
            (_check_number if condition.kind == "number" else _check_category)(condition)

    def test_its_columns_do_not_clash_with_each_other_or_the_store(self, backend) -> None:
        conditions = {condition.name: condition.kind for condition in backend.conditions}
        measures = [each.name for each in backend.measures]
        assert rows_schema(conditions, measures, {each.name: each.kind for each in backend.outputs})

    def test_its_defaults_can_be_drawn_and_are_within_limits(self, backend, plan) -> None:
        known: dict[str, np.ndarray] = {}
        for condition in backend.conditions:
            values = plan.conditions[condition.name]
            if condition.kind == "category":
                assert set(values) <= set(condition.choices)
            else:
                assert np.isfinite(values).all()
                assert (np.round(values, condition.decimals) == values).all()
                lower, upper = _limits(condition, known)
                slack = 0.5 * 10.0**-condition.decimals
                assert ((values >= lower - slack) & (values <= upper + slack)).all()
            known[condition.name] = values

    def test_its_formulas_give_one_finite_prediction_a_row(self, backend, plan) -> None:
        known: dict[str, np.ndarray] = {}
        for condition in backend.conditions:
            if condition.population is not None:
                predicted = condition.population(MappingProxyType(known))
                mean, sd = (np.broadcast_to(each, ROWS) for each in (predicted.mean, predicted.sd))
                assert np.isfinite(mean).all()
                assert (sd >= 0).all()
            known[condition.name] = plan.conditions[condition.name]

    def test_what_is_out_of_range_is_refused_before_any_voxel(self, backend) -> None:
        for condition in backend.conditions:
            step = 10.0**-condition.decimals
            beyond = [
                end + sign * step for end, sign in ((condition.minimum, -1), (condition.maximum, 1)) if end is not None
            ]
            for value in beyond:
                with pytest.raises(UnreachableError, match=condition.name):
                    draw_cohort(recipe_for(backend, samples=1, conditions={condition.name: round(value, 9)}), backend)

    # --- a sample is a pure function of its order

    def test_alone_as_in_a_batch(self, backend, orders, digests) -> None:
        assert [digest(sample) for order in orders for sample in backend.generate([order])] == digests

    def test_in_any_sequence(self, backend, orders, digests) -> None:
        assert [digest(sample) for sample in backend.generate(orders[::-1])] == digests[::-1]

    def test_another_instance(self, orders, digests) -> None:
        assert digest(type(self).load().generate(orders[1:2])[0]) == digests[1]

    def test_in_another_process(self, backend, orders, digests) -> None:
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            made, fingerprint = pool.submit(elsewhere, type(self).load, orders).result()
        assert made == digests
        assert fingerprint == dict(backend.fingerprint())

    def test_nothing_to_make(self, backend) -> None:
        assert list(backend.generate([])) == []

    def test_orders_are_only_read(self, backend, orders, digests) -> None:
        frozen = dataclasses.replace(orders[0], conditions=MappingProxyType(dict(orders[0].conditions)))
        assert digest(backend.generate([frozen])[0]) == digests[0]

    def test_the_caller_may_write_to_what_it_got(self, backend, orders, digests) -> None:
        [sample] = backend.generate(orders[:1])
        for volume in sample.volumes.values():
            volume[:] = 1
        assert digest(backend.generate(orders[:1])[0]) == digests[0]

    def test_global_random_state_is_neither_read_nor_changed(self, backend, orders, digests) -> None:
        kept = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
        try:
            for seed in (1, 2):
                seed_all(seed)
                before = global_states()
                assert digest(backend.generate(orders[:1])[0]) == digests[0]
                assert global_states() == before
        finally:
            random.setstate(kept[0])
            np.random.set_state(kept[1])  # noqa: NPY002
            torch.set_rng_state(kept[2])

    def test_threads_are_neither_counted_on_nor_changed(self, backend, orders, digests) -> None:
        kept = torch.get_num_threads()
        try:
            for threads in (1, 3):
                torch.set_num_threads(threads)
                assert digest(backend.generate(orders[:1])[0]) == digests[0]
                assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(kept)

    # --- what a sample is

    def test_volumes_are_as_declared(self, backend, samples) -> None:
        for sample in samples:
            assert set(sample.volumes) == {output.name for output in backend.outputs}
            for output in backend.outputs:
                volume = sample.volumes[output.name]
                assert volume.shape == backend.grid.shape
                assert volume.flags.c_contiguous
                assert volume.dtype == (np.float32 if output.kind == "image" else np.uint8)
                if output.kind == "image":
                    assert np.isfinite(volume).all()
                    assert np.float32(output.minimum) <= volume.min()
                    assert volume.max() <= np.float32(output.maximum)
                    assert (volume == np.float32(output.background)).any()
                else:
                    assert set(np.unique(volume).tolist()) <= set(output.labels)

    def test_measures_are_exactly_those_declared(self, backend, samples) -> None:
        for sample in samples:
            assert set(sample.measured) == {measure.name for measure in backend.measures}
            assert all(math.isfinite(value) for value in sample.measured.values())

    def test_faults_are_codes(self, samples) -> None:
        for sample in samples:
            assert isinstance(sample.faults, tuple)
            assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", fault) for fault in sample.faults)

    def test_some_sample_of_the_defaults_passes_the_checks(self, backend, orders, samples) -> None:
        specs = specs_of(recipe_for(backend), backend)
        found = [
            sample.faults or check_sample(sample.volumes, specs, measured=sample.measured, ordered=order.conditions)
            for order, sample in zip(orders, samples, strict=True)
        ]
        sound = [set(reasons) <= findings_by_design(backend) for reasons in found]
        assert any(sound), found


@dataclasses.dataclass(frozen=True)
class _Made:
    """What the tests of one class share."""

    backend: Backend
    plan: CohortPlan
    orders: list[Order]
    samples: list[Sample]


@functools.cache
def _made(tests: type[BackendConformance]) -> _Made:
    backend = tests.load()
    plan = draw_cohort(recipe_for(backend), backend)
    orders = [plan.order(index) for index in range(3)]
    return _Made(backend, plan, orders, list(backend.generate(orders)))


def _check_number(condition: Condition) -> None:
    low, high = condition.minimum, condition.maximum
    assert condition.choices == ()
    assert low is None or high is None or low <= high
    assert isinstance(condition.decimals, int)
    assert 0 <= condition.decimals <= 9
    assert condition.default != "population" or condition.population is not None


def _check_category(condition: Condition) -> None:
    assert condition.kind == "category"
    assert condition.choices
    assert len(set(condition.choices)) == len(condition.choices)
    assert condition.minimum is condition.maximum is condition.limits is None
    assert condition.unit == ""


def _limits(condition: Condition, known: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """The hard limits and those of the row, whichever is narrower."""
    low = np.full(ROWS, -np.inf if condition.minimum is None else condition.minimum)
    high = np.full(ROWS, np.inf if condition.maximum is None else condition.maximum)
    if condition.limits is not None:
        lower, upper = condition.limits(MappingProxyType(known))
        low, high = np.maximum(low, lower), np.minimum(high, upper)
        assert (low <= high).all()
    return low, high
