"""Shards over the processes of this machine."""

from __future__ import annotations

import multiprocessing
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ...errors import GenerationError
from ...store.processes import ctrl_c_put_off, end_with_parent, no_ctrl_c_in_children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Sized

__all__ = ["Job", "Maker", "run_local"]

_POLL_S = 0.5


class Job(Protocol):
    """What one call of a maker does."""

    @property
    def rows(self) -> Sized:
        """Samples to make; their number says how long it takes."""
        ...


_JobT = TypeVar("_JobT", bound=Job)
_GivenT_contra = TypeVar("_GivenT_contra", bound=Job, contravariant=True)
_MadeT_co = TypeVar("_MadeT_co", covariant=True)


class Maker(Protocol[_GivenT_contra, _MadeT_co]):
    """What does jobs; goes to worker processes as it is."""

    def make(self, job: _GivenT_contra, *, on_sample: Callable[[], None]) -> _MadeT_co:
        """Does one job; tells of each sample, which may raise to stop."""
        ...


class _StoppedError(Exception):
    """The run was stopped between two samples."""


def run_local(
    maker: Maker[_JobT, _MadeT_co], jobs: Sequence[_JobT], *, workers: int, on_sample: Callable[[int], None]
) -> Iterator[_MadeT_co]:
    """Does jobs, such as the shards of a data set, and gives what comes of each as soon as it is done, in any order.

    Args:
        maker: does one job.
        jobs: to do.
        workers: processes; with 1, they are done in this one.
        on_sample: called with the number of samples that were finished since the last call.

    Raises:
        GenerationError: a worker died, or what `make` raises. Committed shards stay.
    """
    if workers == 1 or len(jobs) <= 1:
        for job in jobs:
            yield maker.make(job, on_sample=lambda: on_sample(1))
        return
    with ctrl_c_put_off() as heed_ctrl_c:
        yield from _run_pool(maker, jobs, min(workers, len(jobs)), on_sample, heed_ctrl_c)


def _run_pool(
    maker: Maker[_JobT, _MadeT_co],
    jobs: Sequence[_JobT],
    workers: int,
    on_sample: Callable[[int], None],
    heed_ctrl_c: Callable[[], None],
) -> Iterator[_MadeT_co]:
    context = multiprocessing.get_context("spawn")
    # this process reads and sets them without a lock, which a worker that is killed could hold for ever
    done, stop = context.Value("q", 0), context.RawValue("b", 0)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(maker, done, stop))
    try:
        # the largest first, so that no worker is left with a long one at the end
        with no_ctrl_c_in_children():
            waiting = {pool.submit(_make, job) for job in sorted(jobs, key=lambda job: -len(job.rows))}
        yield from _as_committed(waiting, done, on_sample, heed_ctrl_c)
    except BrokenProcessPool as error:
        msg = (
            "a worker process died, most likely for want of memory; what is committed stays: run the same command "
            "again, with fewer workers if it happens again (a script of your own must call generate under "
            '`if __name__ == "__main__":`)'
        )
        raise GenerationError(msg) from error
    finally:
        stop.value = 1
        pool.shutdown(wait=True, cancel_futures=True)


def _as_committed(
    waiting: set[Future[_MadeT_co]], done: Any, on_sample: Callable[[int], None], heed_ctrl_c: Callable[[], None]
) -> Iterator[_MadeT_co]:
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


# What a worker process works with, set once by `_start`.
_worker: dict[str, Any] = {}


def _start(maker: Maker[Any, Any], done: Any, stop: Any) -> None:
    end_with_parent()
    _worker.update(maker=maker, done=done, stop=stop)


def _make(job: Job) -> Any:
    return _worker["maker"].make(job, on_sample=_count)


def _count() -> None:
    with _worker["done"].get_lock():
        _worker["done"].value += 1
    if _worker["stop"].value:
        raise _StoppedError
