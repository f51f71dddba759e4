"""Shards over the processes of this machine."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait as wait_for
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ...errors import GenerationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["Maker", "run_local"]

_POLL_S = 0.5


class _Job(Protocol):
    """One piece of work: the larger, the more rows."""

    @property
    def rows(self) -> Sequence[Any]: ...


Job = TypeVar("Job", bound=_Job)
Job_contra = TypeVar("Job_contra", bound=_Job, contravariant=True)
Record = TypeVar("Record")
Record_co = TypeVar("Record_co", covariant=True)


class Maker(Protocol[Job_contra, Record_co]):
    """What does the work; picklable, as it goes to worker processes."""

    def make(self, job: Job_contra, *, on_sample: Callable[[], None]) -> Record_co:
        """Does one job, and calls `on_sample` after each of its rows, which may raise to stop."""
        ...


class _StoppedError(Exception):
    """The run was stopped between two samples."""


def run_local(
    maker: Maker[Job, Record], jobs: Sequence[Job], *, workers: int, on_sample: Callable[[int], None]
) -> Iterator[Record]:
    """Makes shards, and gives each as soon as it is committed, in no order of its own.

    Args:
        maker: makes one shard.
        jobs: the shards to make.
        workers: processes; with 1, the shards are made in this one.
        on_sample: called with the number of samples that were finished since the last call.

    Raises:
        GenerationError: a worker died, or what `maker.make` raises. Committed shards stay.
    """
    if workers == 1 or len(jobs) <= 1:
        for job in jobs:
            yield maker.make(job, on_sample=lambda: on_sample(1))
        return
    with _ctrl_c_put_off() as heed_ctrl_c:
        yield from _run_pool(maker, jobs, min(workers, len(jobs)), on_sample, heed_ctrl_c)


def _run_pool(
    maker: Maker[Job, Record],
    jobs: Sequence[Job],
    workers: int,
    on_sample: Callable[[int], None],
    heed_ctrl_c: Callable[[], None],
) -> Iterator[Record]:
    context = multiprocessing.get_context("spawn")
    # this process reads and sets them without a lock, which a worker that is killed could hold for ever
    done, stop = context.Value("q", 0), context.RawValue("b", 0)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(maker, done, stop))
    try:
        # the largest first, so that no worker is left with a long one at the end
        with _blocked_in_children():
            waiting = {pool.submit(_make, job) for job in sorted(jobs, key=lambda job: -len(job.rows))}
        yield from _as_committed(waiting, done, on_sample, heed_ctrl_c)
    except BrokenProcessPool as error:
        msg = (
            "a worker process died, most likely for want of memory; what is committed stays: run the same command "
            "again, with fewer workers if it happens again (a script of your own must call it under "
            '`if __name__ == "__main__":`)'
        )
        raise GenerationError(msg) from error
    finally:
        stop.value = 1
        pool.shutdown(wait=True, cancel_futures=True)


def _as_committed(
    waiting: set[Future[Record]], done: Any, on_sample: Callable[[int], None], heed_ctrl_c: Callable[[], None]
) -> Iterator[Record]:
    told = 0
    while waiting:
        finished, waiting = wait(waiting, timeout=_POLL_S, return_when=FIRST_COMPLETED)
        heed_ctrl_c()
        now = done.get_obj().value
        if now > told:
            on_sample(now - told)
            told = now
        for future in finished:
            yield future.result()


@contextmanager
def _ctrl_c_put_off() -> Iterator[Callable[[], None]]:
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
def _blocked_in_children() -> Iterator[None]:
    """Processes that are started meanwhile never get Ctrl-C, which reaches every process of a terminal.

    The parent alone decides, and tells by `stop`.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# What a worker process works with, set once by `_start`.
_worker: dict[str, Any] = {}


def _start(maker: Maker[Any, Any], done: Any, stop: Any) -> None:
    # once more, for where a signal cannot be held back
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _worker.update(maker=maker, done=done, stop=stop)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    wait_for([parent.sentinel])
    os._exit(1)


def _make(job: Any) -> Any:
    return _worker["maker"].make(job, on_sample=_count)


def _count() -> None:
    with _worker["done"].get_lock():
        _worker["done"].value += 1
    if _worker["stop"].value:
        raise _StoppedError
