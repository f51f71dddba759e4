"""The division of the shards into shares: every shard in one of them, evenly, whatever is there."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.generation.shard_maker import ShardJob
from voxpress.generation.shares import Share, counts_left, short_list


@given(planned=st.integers(0, 200), of=st.integers(1, 70))
def test_every_shard_belongs_to_one_share(planned, of) -> None:
    picked = [Share(part=part, of=of).pick(range(planned)) for part in range(1, of + 1)]
    assert sorted(shard for each in picked for shard in each) == list(range(planned))
    sizes = [len(each) for each in picked]
    assert max(sizes) - min(sizes) <= 1
    for part, each in enumerate(picked, start=1):
        assert all(shard % of + 1 == part for shard in each)


@given(there=st.sets(st.integers(0, 40)), of=st.integers(1, 50))
def test_what_is_left_is_counted_by_share(there, of) -> None:
    planned = [ShardJob(split="train", number=number, rows=()) for number in range(41)]
    left = counts_left(planned, {("train", number) for number in there}, of)
    for part in range(1, of + 1):
        share = Share(part=part, of=of)
        missing = [job for job in share.pick(planned) if job.number not in there]
        assert left.get(share, 0) == len(missing)
    assert 0 not in left.values()
    assert list(left) == sorted(left)


def test_a_share_is_read_back_as_it_is_written() -> None:
    assert Share.read("3/64") == Share(part=3, of=64)
    assert str(Share.read(" 64/64")) == "64/64"


@pytest.mark.parametrize("text", ["", "3", "0/4", "5/4", "-1/4", "1/0", "a/b", "1/2/3", "1.0/2", "1/99999999999"])
def test_other_texts_are_refused(text) -> None:
    with pytest.raises(ValueError, match="a share must be K/N with K from 1 to N, such as 3/64, got"):
        Share.read(text)


@given(numbers=st.sets(st.integers(1, 60)))
def test_a_short_list_names_all(numbers) -> None:
    named: list[int] = []
    for part in filter(None, short_list(sorted(numbers)).split(",")):
        first, _, last = part.partition("-")
        named += range(int(first), int(last or first) + 1)
    assert named == sorted(numbers)
