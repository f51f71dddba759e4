"""Orders in batches and ahead: the same samples as one by one."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from spheres_backend import SpheresBackend
from tiny_factory import contents, order

from voxpress import store
from voxpress.errors import GenerationError
from voxpress.generation.batches import findings_by_design, made_ahead, makes_ahead, preferred_batch
from voxpress.generation.factory import generate
from voxpress.quality.inspecting import inspect_store

RECIPE = order("shards.samples=5")


class Batched(SpheresBackend):
    """Likes three orders at once."""

    preferred_batch = 3
    makes_ahead = False
    sizes: tuple[int, ...] = ()

    def generate(self, orders):
        self.sizes = (*self.sizes, len(orders))
        return super().generate(orders)


def test_what_a_backend_does_not_say() -> None:
    backend = SpheresBackend({}, RECIPE.grid)
    assert (preferred_batch(backend), makes_ahead(backend), findings_by_design(backend)) == (1, False, frozenset())


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize("options", [{}, {"fail": {"3": 2, "4": 1, "9": 6}}])
def test_batches_do_not_change_a_byte(tmp_path, options, ahead) -> None:
    made = []
    many = Batched(options, RECIPE.grid)
    many.makes_ahead = ahead
    for name, backend in (("one", SpheresBackend(options, RECIPE.grid)), ("many", many)):
        generate(RECIPE, tmp_path / name, load=lambda backend=backend: backend)
        made.append(contents(tmp_path / name))
    assert made[0] == made[1]
    # first attempts in threes as far as a shard goes, later attempts alone
    assert max(many.sizes) == 3
    assert sum(many.sizes) == 14 + (0 if not options else 2 + 1 + 5)


def test_the_next_two_batches_are_made_while_one_is_taken() -> None:
    started = [threading.Event() for _ in range(4)]

    def make(orders):
        started[orders[0] // 2].set()
        return orders

    samples = made_ahead(make, range(8), 2, ahead=True)
    assert next(samples) == 0
    assert started[1].wait(10)
    assert started[2].wait(10)
    assert not started[3].is_set()
    assert list(samples) == [1, 2, 3, 4, 5, 6, 7]


def test_not_ahead_a_batch_is_made_when_it_is_asked_for() -> None:
    asked = []

    def make(orders):
        asked.append((orders, threading.current_thread()))
        return orders

    samples = made_ahead(make, [1, 2, 3], 2, ahead=False)
    assert next(samples) == 1
    assert asked == [([1, 2], threading.current_thread())]


@pytest.mark.parametrize("ahead", [True, False])
def test_nothing_to_make(ahead) -> None:
    assert list(made_ahead(lambda _: pytest.fail("asked"), [], 4, ahead=ahead)) == []


def test_what_goes_wrong_ahead_is_told_where_it_is_taken() -> None:
    def make(orders):
        if orders[0] == 2:
            raise ZeroDivisionError
        return orders

    samples = made_ahead(make, range(4), 2, ahead=True)
    assert [next(samples), next(samples)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(samples)


def test_a_taker_that_stops_leaves_no_thread() -> None:
    samples = made_ahead(lambda orders: orders, range(6), 2, ahead=True)
    next(samples)
    samples.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("voxpress-ahead")]


def test_a_batch_of_another_length(tmp_path) -> None:
    class Short(Batched):
        def generate(self, orders):
            return super().generate(orders)[1:]

    with pytest.raises(GenerationError, match=r"and the 2 after it: ValueError: it made 2 samples of 3 orders"):
        generate(RECIPE, tmp_path / "short", load=lambda: Short({}, RECIPE.grid))


class Cut(SpheresBackend):
    """A face of its grid is not background, as it should be."""

    findings_by_design: tuple[str, ...] = ("FOV_CUT",)

    def generate(self, orders):
        made = super().generate(orders)
        for sample in made:
            sample.volumes["image"][0] = np.float32(0.5)
            sample.volumes["label"][0] = 1
        return made

    def fingerprint(self):
        return {**super().fingerprint(), "findings_by_design": " ".join(self.findings_by_design)}


class NotByDesign(Cut):
    findings_by_design = ()


class SaysNothing(Cut):
    def fingerprint(self):
        return SpheresBackend.fingerprint(self)


def test_findings_by_design_refuse_no_sample(tmp_path) -> None:
    recipe = order("samples=3")
    run = generate(recipe, tmp_path / "cut", load=lambda: Cut({}, recipe.grid))
    assert run.manifest.rejected == ()
    # whoever looks again has no backend at hand; the lock says it
    assert not any(inspect_store(store.open(tmp_path / "cut"), (), again=True).reasons.values())
    generate(recipe, tmp_path / "silent", load=lambda: SaysNothing({}, recipe.grid))
    found = inspect_store(store.open(tmp_path / "silent"), (), again=True).reasons
    assert set(found.values()) == {("FOV_CUT",)}
    run = generate(recipe, tmp_path / "uncut", load=lambda: NotByDesign({}, recipe.grid))
    assert {reason for each in run.manifest.rejected for attempt in each.attempts for reason in attempt.reasons} == {
        "FOV_CUT"
    }
