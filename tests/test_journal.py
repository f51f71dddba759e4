"""The journal of a run: what is committed is read back as it was, and only while its files are there."""

from __future__ import annotations

import pytest

from voxpress import store
from voxpress.errors import StoreExistsError
from voxpress.generation.journal import Journal, ShardRecord
from voxpress.store.differences import differences

ORDER = {"files": {"recipe.yaml": "name: a\nseed: 1\n"}, "lock": {"numpy": {"version": "2"}}}
PATH = "volumes/train.zarr/image/c.0.0.0.0"
REJECTED = store.Rejection(
    sample_id="a-1",
    index=1,
    split="train",
    slot=1,
    attempts=(store.Attempt(attempt=0, seed=2**62 + 1, reasons=("EMPTY", "FOV_CUT")),),
)


@pytest.fixture
def journal(tmp_path):
    with Journal(tmp_path / "brains") as journal:
        assert journal.begin(ORDER) == {}
        yield journal


def commit(journal) -> ShardRecord:
    file = store.write_atomic(journal.target / PATH, b"voxels", scratch=journal.scratch)
    rows = ({"sample_id": "a-0", "age": 0.1 + 0.2, "seed": 2**63 - 1, "image": {"path": "p", "index": 0}},)
    record = ShardRecord(split="train", number=0, files={PATH: file}, rows=rows, rejected=(REJECTED,))
    journal.commit(record)
    return record


def test_a_record_is_read_back_as_it_was(journal) -> None:
    record = commit(journal)
    assert journal.begin(ORDER) == {("train", 0): record}


@pytest.mark.parametrize("damage", ["missing", "cut", "a folder"])
def test_a_record_without_its_file_does_not_count(journal, damage) -> None:
    commit(journal)
    file = journal.target / PATH
    file.unlink()
    if damage == "cut":
        file.write_bytes(b"vox")
    elif damage == "a folder":
        file.mkdir()
    assert journal.begin(ORDER) == {}


def test_what_was_being_written_is_thrown_away(journal) -> None:
    (journal.scratch / "c.0.0.0.0.0123456789abcdef").write_bytes(b"half")
    journal.begin(ORDER)
    assert list(journal.scratch.iterdir()) == []


def test_another_order_is_refused(journal) -> None:
    commit(journal)
    with pytest.raises(StoreExistsError, match=r"lock\.numpy\.version has 2 there, 3 ordered\); give another target"):
        journal.begin({**ORDER, "lock": {"numpy": {"version": "3"}}})
    assert len(journal.begin(ORDER)) == 1


def test_two_at_once_are_refused(journal) -> None:
    with pytest.raises(StoreExistsError, match="another run is at work"), Journal(journal.target):
        pass


def test_the_lock_is_let_go(tmp_path) -> None:
    for _ in range(2):
        with Journal(tmp_path) as journal:
            journal.begin(ORDER)


def test_it_is_not_cleared_before_the_manifest_is_there(journal) -> None:
    with pytest.raises(AssertionError):
        journal.clear()
    (journal.target / store.MANIFEST_NAME).touch()
    journal.clear()
    assert not journal.folder.exists()


@pytest.mark.parametrize(
    ("there", "ordered", "said"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1, "b": {"c": 2, "d": 3}}, {"a": 1, "b": {"c": 4, "d": 5}}, ["b.c has 2 there, 4 ordered"]),
        ({}, {"a": "x"}, ["a has nothing there, x ordered"]),
        ({"f": "x: 1\ny: 2\n"}, {"f": "x: 1\ny: 3\n"}, ["f has y: 2 there, y: 3 ordered"]),
        ({"f": "x: 1\n"}, {"f": "x: 1\ny: 3\n"}, ["f has no other line there, y: 3 ordered"]),
        ({"f": "a\nb\nc\nd\ne"}, {"f": "z"}, ["f has a | b | c and 2 more lines there, z ordered"]),
        ({"f": "a" * 99}, {"f": "b"}, [f"f has {'a' * 80} there, b ordered"]),
    ],
)
def test_what_differs_is_named(there, ordered, said) -> None:
    assert differences(there, ordered)[:1] == said
