from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from voxpress.loaders.steps import Steps

plans = st.builds(
    Steps,
    positions=st.permutations(range(11)).map(lambda p: np.array(p, dtype=np.int64)),
    patches_per_volume=st.integers(1, 4),
    batch_size=st.integers(1, 9),
    drop_last=st.booleans(),
)


@given(plans)
def test_steps_together_are_the_patches_in_sequence(plan):
    whole = [(int(p), k) for p in plan.positions for k in range(plan.patches_per_volume)]
    pairs = [pair for step in range(len(plan)) for pair in plan[step]]
    assert pairs == whole[: len(pairs)]
    assert len(whole) - len(pairs) == (len(whole) % plan.batch_size if plan.drop_last else 0)


@given(plans)
def test_all_steps_but_the_last_are_full(plan):
    sizes = [len(plan[step]) for step in range(len(plan))]
    assert all(size == plan.batch_size for size in sizes[: None if plan.drop_last else -1])
    assert all(sizes)


@given(plans, st.integers(1, 5))
def test_asking_the_workers_in_turn_restores_the_sequence(plan, workers):
    streams = [list(plan.of_worker(worker, workers)) for worker in range(workers)]
    in_turn = [streams[step % workers][step // workers] for step in range(len(plan))]
    assert in_turn == [plan[step] for step in range(len(plan))]
    assert sum(map(len, streams)) == len(plan)


def test_nothing_gives_no_steps():
    assert len(Steps(positions=np.empty(0, dtype=np.int64), batch_size=4)) == 0
