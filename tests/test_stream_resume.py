"""Global batches do not depend on who reads them, and a stream goes on exactly where it stood."""

from itertools import chain

import pytest
import tiny_store as tiny
from torch.utils.data import DataLoader
from torchdata.stateful_dataloader import StatefulDataLoader

from voxpress import store
from voxpress.loaders import VolumeStream, order

# three workers on two cores are what is tested
pytestmark = [
    pytest.mark.filterwarnings("ignore:This DataLoader will create 3 worker processes:UserWarning"),
    # torchdata calls what torch has deprecated
    pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning"),
]

PATCH = (4, 5, 6)
GLOBAL = 24
"""Items in a global batch: divisible by 1, 2, 3, 4 and 8 ranks."""
WORLDS = (1, 2, 3, 4, 8)


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store)


def stream_of(cohort, *, world_size=1, rank=0, global_batch=GLOBAL, remainder="pad", **options):
    return VolumeStream(
        cohort,
        keys=("label",),
        patch=PATCH,
        patches_per_volume=5,
        batch_size=global_batch // world_size,
        shuffle="order" not in options,
        seed=9,
        rank=rank,
        world_size=world_size,
        remainder=remainder,
        **options,
    )


def seen(batch):
    """Which patches a batch holds."""
    padding = batch["is_padding"].tolist() if "is_padding" in batch else [False] * len(batch["index"])
    corners = [tuple(affine[:3, 3].tolist()) for affine in batch["label"].affine]
    return [(*one, is_padding) for *one, is_padding in zip(batch["index"].tolist(), corners, padding, strict=True)]


def iterated(stream, workers):
    if workers is None:
        return iter(stream)
    return iter(DataLoader(stream, batch_size=None, num_workers=workers))


def global_batches(cohort, world_size, workers=None, state=None, **options):
    """What all ranks together read, step by step."""
    ranks = []
    for rank in range(world_size):
        stream = stream_of(cohort, world_size=world_size, rank=rank, **options)
        if state is not None:
            stream.load_state_dict(state)
        ranks.append([seen(batch) for batch in iterated(stream, workers)])
    return [list(chain(*parts)) for parts in zip(*ranks, strict=True)]


@pytest.fixture(scope="module")
def alone(cohort):
    batches = global_batches(cohort, 1)
    assert len(batches) == 3
    return batches


@pytest.mark.parametrize("world_size", WORLDS)
def test_global_batches_do_not_depend_on_the_ranks(cohort, alone, world_size):
    assert global_batches(cohort, world_size) == alone


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("world_size", WORLDS)
def test_global_batches_do_not_depend_on_the_workers(cohort, alone, world_size, workers):
    assert global_batches(cohort, world_size, workers) == alone


def test_every_patch_comes_once(cohort, alone):
    real = [one[:2] for batch in alone for one in batch if not one[2]]
    assert len(real) == len(set(real)) == 5 * tiny.SAMPLES


@pytest.mark.parametrize("stop", range(8))
@pytest.mark.parametrize("world_size", [1, 2, 4])
def test_going_on_after_any_step_on_any_number_of_ranks(cohort, stop, world_size):
    options = {"global_batch": 8, "remainder": "drop"}
    everything = global_batches(cohort, 1, **options)
    assert len(everything) == 7
    if stop == len(everything):
        return
    stream = stream_of(cohort, **options)
    iterator = iter(stream)
    before = [seen(next(iterator)) for _ in range(stop)]
    state = stream.state_dict()
    iterator.close()
    after = global_batches(cohort, world_size, state=state, **options)
    assert before + after == everything


@pytest.mark.parametrize("global_batch", [1, 3, 16])
def test_going_on_with_another_batch_size_loses_nothing(cohort, global_batch):
    stream = stream_of(cohort, global_batch=8, remainder="keep")
    iterator = iter(stream)
    before = [one for _ in range(2) for one in seen(next(iterator))]
    state = stream.state_dict()
    iterator.close()
    after = chain(*global_batches(cohort, 1, state=state, global_batch=global_batch, remainder="keep"))
    everything = chain(*global_batches(cohort, 1, global_batch=8, remainder="keep"))
    assert [*before, *after] == [*everything]


def test_the_state_is_a_few_integers_and_a_fingerprint(cohort):
    stream = stream_of(cohort)
    state = stream.state_dict()
    assert {name: type(value) for name, value in state.items()} == {
        "version": int, "seed": int, "epoch": int, "items": int, "fingerprint": str,
    }  # fmt: skip


def test_after_the_end_comes_the_next_epoch(cohort):
    stream = stream_of(cohort)
    list(stream)
    state = stream.state_dict()
    assert (state["epoch"], state["items"]) == (1, 0)
    other = stream_of(cohort)
    other.load_state_dict(state)
    stream.set_epoch(1)
    assert [seen(batch) for batch in other] == [seen(batch) for batch in stream]


def test_epochs_after_the_one_that_went_on_are_whole(cohort):
    stream = stream_of(cohort)
    iterator = iter(stream)
    next(iterator)
    state = stream.state_dict()
    iterator.close()
    stream.load_state_dict(state)
    stream.set_epoch(0)
    assert len(list(stream)) == 2, "setting the epoch that it stands in changes nothing"
    assert len(list(stream)) == 3
    stream.load_state_dict(state)
    stream.set_epoch(1)
    assert len(list(stream)) == 3


@pytest.mark.timeout(120)
def test_workers_go_on_too_and_then_begin_anew(cohort):
    everything = global_batches(cohort, 1, global_batch=8)
    stream = stream_of(cohort, global_batch=8)
    loader = DataLoader(stream, batch_size=None, num_workers=3, persistent_workers=True)
    iterator = iter(loader)
    before = [seen(next(iterator)) for _ in range(3)]
    # two workers a step ahead at least: only the loop knows what it was given
    state = stream.state_dict(steps=3)
    del iterator, loader
    other = stream_of(cohort, global_batch=8)
    other.load_state_dict(state)
    again = DataLoader(other, batch_size=None, num_workers=2, persistent_workers=True)
    assert before + [seen(batch) for batch in again] == everything
    assert [seen(batch) for batch in again] == everything


@pytest.mark.timeout(300)
@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_dataloader_goes_on_after_any_step(cohort, workers):
    options = {"global_batch": 16, "remainder": "keep"}
    everything = global_batches(cohort, 1, **options)
    loader = StatefulDataLoader(stream_of(cohort, **options), batch_size=None, num_workers=workers)
    states = [(seen(batch), loader.state_dict()) for batch in loader]
    assert [batch for batch, _ in states] == everything
    for stop in range(1, len(everything)):
        again = StatefulDataLoader(stream_of(cohort, **options), batch_size=None, num_workers=workers)
        again.load_state_dict(states[stop - 1][1])
        assert [seen(batch) for batch in again] == everything[stop:]
        assert [seen(batch) for batch in again] == everything, "the epoch after it is whole"


ORDERS = {
    "shards": lambda cohort: order.shuffled_shards(cohort, window_shards=1),
    "balanced": lambda cohort: order.balanced(cohort, "diagnosis"),
    "stratified": lambda cohort: order.stratified(cohort, "sex"),
    "curriculum": lambda cohort: order.curriculum(cohort, "age"),
}


@pytest.mark.parametrize("name", ORDERS)
def test_every_order_is_exact(cohort, name):
    options = {"order": ORDERS[name](cohort), "global_batch": 8}
    everything = global_batches(cohort, 1, **options)
    assert global_batches(cohort, 2, **options) == everything
    stream = stream_of(cohort, **options)
    iterator = iter(stream)
    before = [seen(next(iterator)) for _ in range(4)]
    state = stream.state_dict()
    iterator.close()
    assert before + global_batches(cohort, 4, state=state, **options) == everything


def test_a_state_of_something_else_is_refused(cohort):
    stream = stream_of(cohort)
    state = stream.state_dict()
    with pytest.raises(ValueError, match="has fingerprint"):
        stream_of(cohort.select(range(11))).load_state_dict(state)
    with pytest.raises(ValueError, match="has fingerprint"):
        stream_of(cohort, order=order.sequential(cohort)).load_state_dict(state)
    with pytest.raises(ValueError, match="has seed 8, this stream 9"):
        stream.load_state_dict(state | {"seed": 8})
    with pytest.raises(ValueError, match="has version 2"):
        stream.load_state_dict(state | {"version": 2})
    with pytest.raises(ValueError, match="at item 61 of epoch 0, of 60 items"):
        stream.load_state_dict(state | {"items": 61})
    with pytest.raises(ValueError, match="must have the fields"):
        stream.load_state_dict({"epoch": 0})
    with pytest.raises(ValueError, match="that of worker 0 of 2"):
        stream.load_state_dict(state | {"worker": 0, "workers": 2, "steps": 1})
    with pytest.raises(ValueError, match="steps must be from 0 to 3"):
        stream.state_dict(steps=4)
