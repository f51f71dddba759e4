"""Pieces of work in processes of their own."""

from __future__ import annotations

import os

import pytest
from spawned import end_at, pid_and_square, refuse_at

from voxpress.errors import CorruptError, GenerationError
from voxpress.store.processes import in_processes


def test_every_piece_is_done_once_in_other_processes():
    found = list(in_processes(pid_and_square, list(range(40)), workers=2))
    assert sorted(square for _, square in found) == [number**2 for number in range(40)]
    assert os.getpid() not in {pid for pid, _ in found}


def test_one_worker_is_this_process():
    assert list(in_processes(pid_and_square, [3, 4], workers=1)) == [(os.getpid(), 9), (os.getpid(), 16)]


def test_an_error_comes_back_as_it_is():
    with pytest.raises(CorruptError, match="piece 5") as caught:
        list(in_processes(refuse_at, list(range(9)), workers=2))
    assert caught.value.samples == ("s5",)


def test_a_process_that_dies_is_told():
    with pytest.raises(GenerationError, match="fewer workers"):
        list(in_processes(end_at, list(range(9)), workers=2))
