"""Work spread over processes of this machine, so that Ctrl-C stops it between two pieces and nothing is left behind."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from typing import TYPE_CHECKING, Any, TypeVar

from ..errors import GenerationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["ctrl_c_put_off", "end_with_parent", "in_processes", "no_ctrl_c_in_children"]

Item = TypeVar("Item")
Result = TypeVar("Result")

_POLL_S = 0.5
_AHEAD = 2
"""Pieces for each process that wait or are at work: what is in memory does not grow with their number."""


def in_processes(work: Callable[[Item], Result], items: Sequence[Item], *, workers: int) -> Iterator[Result]:
    """Does each piece, and gives its result as soon as it is there, in no order of its own.

    Args:
        work: what is done with a piece; picklable, sent once to each process.
        items: the pieces; picklable.
        workers: processes; with 1, everything is done in this one.

    Raises:
        GenerationError: a process died.
    """
    if workers == 1 or len(items) <= 1:
        yield from map(work, items)
        return
    context = multiprocessing.get_context("spawn")
    with ctrl_c_put_off() as heed_ctrl_c:
        pool = ProcessPoolExecutor(min(workers, len(items)), mp_context=context, initializer=_start, initargs=(work,))
        try:
            yield from _as_done(pool, items, _AHEAD * workers, heed_ctrl_c)
        except BrokenProcessPool as error:
            msg = (
                "a worker process died, most likely for want of memory; what is done stays: run the same command "
                "again, with fewer workers if it happens again"
            )
            raise GenerationError(msg) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _as_done(
    pool: ProcessPoolExecutor, items: Sequence[Item], ahead: int, heed_ctrl_c: Callable[[], None]
) -> Iterator[Any]:
    waiting: set[Future[Any]] = set()
    left = iter(items)
    more = True
    while waiting or more:
        with no_ctrl_c_in_children():
            while more and len(waiting) < ahead:
                try:
                    waiting.add(pool.submit(_do, next(left)))
                except StopIteration:
                    more = False
        finished, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        heed_ctrl_c()
        for future in finished:
            yield future.result()


@contextmanager
def ctrl_c_put_off() -> Iterator[Callable[[], None]]:
    """Gives a function that does what Ctrl-C does, if it came.

    An exception out of the blue could leave a lock of `concurrent.futures` closed, and the pool could never shut down.
    Whoever presses it twice gets it at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: None
        return
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT)

    def heed() -> None:
        if came and callable(handler):
            handler(signal.SIGINT, None)

    def put_off(number: int, _: object) -> None:
        came.append(number)
        if len(came) > 1:
            heed()

    signal.signal(signal.SIGINT, put_off)
    try:
        yield heed
        heed()
    finally:
        signal.signal(signal.SIGINT, handler)


@contextmanager
def no_ctrl_c_in_children() -> Iterator[None]:
    """Processes that are started meanwhile never get Ctrl-C, which reaches every process of a terminal.

    The parent alone decides.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def end_with_parent() -> None:
    """Called in a worker process: it ends when the one that started it does, however that ends."""
    # once more, for where a signal cannot be held back
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(1)


# What a worker process does, set once by `_start`.
_worker: dict[str, Any] = {}


def _start(work: Callable[[Any], Any]) -> None:
    end_with_parent()
    _worker["work"] = work


def _do(item: Any) -> Any:
    return _worker["work"](item)
