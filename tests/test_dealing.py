"""Global batches do not depend on who shares them, and a run goes on anywhere, on any number of ranks and workers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.loaders.dealing import Dealing, places_of
from voxpress.loaders.order import Shuffled

WORLDS = (1, 2, 3, 4, 8)
WORKERS = (0, 1, 3)
GLOBAL = 24
REMAINDERS = ("drop", "pad", "repeat")


def read(dealing: Dealing, workers: int = 0, steps: int | None = None) -> list[list[int]]:
    """The global batches that all ranks and their workers read together, padding left out.

    Every worker runs through steps of its own; the rank asks its workers in turn, as a `DataLoader` does.
    """
    ranks = []
    for rank in range(dealing.world_size):
        queues = [
            [dealing.step(step, rank) for step in dealing.of_worker(worker, workers)]
            for worker in range(max(workers, 1))
        ]
        ranks.append([queues[step % len(queues)][step // len(queues)] for step in range(dealing.steps)])
    assert len({len(batches) for batches in ranks}) == 1
    together = zip(*ranks, strict=True)
    batches = [[int(i) for items, padding in parts for i in items[~padding]] for parts in together]
    return batches[:steps]


@pytest.mark.parametrize("remainder", REMAINDERS)
@pytest.mark.parametrize("items", [24, 25, 47, 240, 251])
def test_global_batches_are_the_same_for_all_worlds_and_workers(items, remainder):
    found = {
        tuple(
            map(tuple, read(Dealing(items=items, batch_size=GLOBAL // w, world_size=w, remainder=remainder), workers))
        )
        for w in WORLDS
        for workers in WORKERS
    }
    assert len(found) == 1
    [batches] = found
    dealt = [item for batch in batches for item in batch]
    expected = {
        "drop": range(items - items % GLOBAL),
        "pad": range(items),
        "repeat": [*range(items), *range(-items % GLOBAL)],
    }
    assert dealt == list(expected[remainder])


@pytest.mark.parametrize("remainder", ["pad", "drop"])
@pytest.mark.parametrize(
    "before", [(1, 24), (2, 12), (3, 8), (8, 3)], ids=lambda topology: f"{topology[0]} ranks of {topology[1]}"
)
def test_stopping_at_every_step_and_going_on_elsewhere_loses_and_repeats_nothing(before, remainder):
    items = 5 * GLOBAL + 7
    world, batch = before
    first = Dealing(items=items, batch_size=batch, world_size=world, remainder=remainder)
    whole = read(first)
    for stop in range(first.steps + 1):
        done = [item for dealt in read(first, workers=3, steps=stop) for item in dealt]
        for after in WORLDS:
            start = first.after(stop)
            then = Dealing(items=items, batch_size=GLOBAL // after, world_size=after, remainder=remainder, start=start)
            for workers in WORKERS:
                assert read(then, workers) == whole[stop:]
            # another size of the global batch: other batches, the same items in the same sequence
            other = Dealing(items=items, batch_size=5, world_size=after, remainder=remainder, start=start)
            rest = [item for dealt in read(other) for item in dealt]
            left_out = (items - start) % other.global_batch if remainder == "drop" else 0
            assert done + rest == list(range(items - left_out))


@given(
    items=st.integers(1, 200),
    batch=st.integers(1, 9),
    world=st.integers(1, 5),
    remainder=st.sampled_from(["pad", "repeat"]),
    data=st.data(),
)
def test_all_steps_are_full_and_only_the_end_is_filled(items, batch, world, remainder, data):
    start = data.draw(st.integers(0, items))
    dealing = Dealing(items=items, batch_size=batch, world_size=world, remainder=remainder, start=start)
    parts = [dealing.step(step, rank) for step in range(dealing.steps) for rank in range(world)]
    assert all(len(numbers) == len(padding) == batch for numbers, padding in parts)
    dealt = [int(item) for numbers, _ in parts for item in numbers]
    real = items - start
    assert dealt[:real] == list(range(start, items))
    assert dealt[real:] == [k % items for k in range(len(dealt) - real)]
    marked = [bool(mark) for _, padding in parts for mark in padding]
    assert marked == [k >= real and remainder == "pad" for k in range(len(dealt))]
    assert dealing.after(dealing.steps) == items


@given(items=st.integers(1, 60), batch=st.integers(1, 70), start=st.integers(0, 60))
def test_one_rank_may_keep_a_shorter_last_batch(items, batch, start):
    dealing = Dealing(items=items, batch_size=batch, remainder="keep", start=min(start, items))
    batches = read(dealing)
    assert [item for dealt in batches for item in dealt] == list(range(dealing.start, items))
    assert all(len(dealt) == batch for dealt in batches[:-1])
    assert all(batches)


def test_fewer_items_than_a_batch_are_repeated_as_often_as_needed():
    numbers, padding = Dealing(items=3, batch_size=8, remainder="pad").step(0)
    assert numbers.tolist() == [0, 1, 2, 0, 1, 2, 0, 1]
    assert padding.tolist() == [False] * 3 + [True] * 5


def test_what_is_left_of_an_epoch_may_be_too_little_for_a_batch():
    dealing = Dealing(items=30, batch_size=4, start=28)
    assert dealing.steps == 0
    assert dealing.after(0) == 28
    assert Dealing(items=30, batch_size=4, start=30, remainder="pad").steps == 0


def test_patches_of_a_volume_follow_each_other():
    places, numbers = places_of([0, 1, 2, 3, 7], 3)
    assert (places.tolist(), numbers.tolist()) == ([0, 0, 0, 1, 2], [0, 1, 2, 0, 1])


def test_shuffled_volumes_are_read_once_by_eight_ranks():
    order = Shuffled(100)
    dealing = Dealing(items=len(order) * 2, batch_size=3, world_size=8, remainder="pad")
    seen = []
    for step in range(dealing.steps):
        for rank in range(8):
            numbers, padding = dealing.step(step, rank)
            places, patches = places_of(numbers[~padding], 2)
            seen += zip(order.rows(places, seed=1, epoch=1).tolist(), patches.tolist(), strict=True)
    assert sorted(seen) == [(row, patch) for row in range(100) for patch in range(2)]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        pytest.param({"items": 0}, "nothing to read: the epoch has 0 items", id="empty cohort"),
        pytest.param({"items": 7, "batch_size": 4, "world_size": 2}, "7 items do not fill .* 4 × 2", id="too few"),
        pytest.param({"items": 9, "batch_size": 0}, "batch_size must be at least 1, got 0", id="batch size"),
        pytest.param({"items": 9, "world_size": 0}, "world_size must be at least 1, got 0", id="world size"),
        pytest.param({"items": 9, "start": 10}, "start must be 0 to 9, .* got 10", id="start beyond"),
        pytest.param({"items": 9, "start": -1}, "start must be 0 to 9, .* got -1", id="start before"),
        pytest.param({"items": 9, "world_size": 2, "remainder": "keep"}, "'keep' is for one rank", id="keep"),
        pytest.param({"items": 9, "remainder": "truncate"}, "drop, pad, repeat, keep, got 'truncate'", id="unknown"),
    ],
)
def test_what_cannot_be_dealt_is_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        Dealing(**fields)


@pytest.mark.parametrize("rank", [-1, 2])
def test_ranks_that_do_not_exist_are_refused(rank):
    with pytest.raises(ValueError, match=f"rank must be 0 to 1 for a world_size of 2, got {rank}"):
        Dealing(items=8, world_size=2).step(0, rank)


@pytest.mark.parametrize(
    "ask",
    [
        lambda d: d.step(-1),
        lambda d: d.step(2),
        lambda d: d.after(3),
        lambda d: d.after(-1),
        lambda d: d.of_worker(3, 3),
    ],
    ids=["step before", "step beyond", "after beyond", "after before", "worker"],
)
def test_steps_and_workers_that_do_not_exist_are_refused(ask):
    with pytest.raises(IndexError):
        ask(Dealing(items=8, batch_size=4))
