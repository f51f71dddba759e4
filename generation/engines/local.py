"""Shards over the processes of this machine."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...errors import GenerationError
from ...store.processes import ctrl_c_put_off, end_with_parent, no_ctrl_c_in_children
from ...store.threads import available_cpus
from .engine import ONE_CORE, JobT, MadeT, Needs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from .engine import Job, Maker

__all__ = ["LocalEngine", "run_local"]

_POLL_S = 0.5


class _StoppedError(Exception):
    """The run was stopped between two samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalEngine:
    """The processes of this machine.

    Attributes:
        workers: processes; None for one a CPU, or one a GPU where the backend needs GPUs. With 1, jobs are done in this
            process.
    """

    workers: int | None = None

    def run(
        self,
        maker: Maker[JobT, MadeT],
        jobs: Sequence[JobT],
        *,
        on_sample: Callable[[int], None],
        needs: Needs = ONE_CORE,
        ready: Callable[[Any], None] | None = None,  # noqa: ARG002 - its workers are of this installation
    ) -> Generator[MadeT]:
        """As `Engine.run`."""
        gpus = _gpus() if needs.gpus else ()
        fit = max(1, len(gpus)) if needs.gpus else max(1, int(available_cpus() // needs.cpus))
        return run_local(maker, jobs, workers=self.workers or fit, on_sample=on_sample, gpus=gpus)


def run_local(
    maker: Maker[JobT, MadeT],
    jobs: Sequence[JobT],
    *,
    workers: int,
    on_sample: Callable[[int], None],
    gpus: Sequence[str] = (),
) -> Generator[MadeT]:
    """Does jobs, such as the shards of a data set, and gives what comes of each as soon as it is done, in any order.

    Args:
        maker: does one job.
        jobs: to do.
        workers: processes; with 1, they are done in this one.
        on_sample: called with the number of samples that were finished since the last call.
        gpus: names of devices for CUDA_VISIBLE_DEVICES, dealt to the workers in turn, one each.

    Raises:
        GenerationError: a worker died, or what `make` raises. Committed shards stay.
    """
    if workers == 1 or len(jobs) <= 1:
        for job in jobs:
            yield maker.make(job, on_sample=lambda: on_sample(1))
        return
    with ctrl_c_put_off() as heed_ctrl_c:
        yield from _run_pool(maker, jobs, min(workers, len(jobs)), on_sample, heed_ctrl_c, gpus=gpus)


def _run_pool(
    maker: Maker[JobT, MadeT],
    jobs: Sequence[JobT],
    workers: int,
    on_sample: Callable[[int], None],
    heed_ctrl_c: Callable[[], None],
    *,
    gpus: Sequence[str],
) -> Generator[MadeT]:
    context = multiprocessing.get_context("spawn")
    # this process reads and sets them without a lock, which a worker that is killed could hold for ever
    done, stop = context.Value("q", 0), context.RawValue("b", 0)
    # a worker that comes first takes the first one; it never waits for another
    cards: Any = context.SimpleQueue() if gpus else None
    for name in itertools.islice(itertools.cycle(gpus), workers):
        cards.put(name)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start, initargs=(maker, done, stop, cards))
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
    waiting: set[Future[MadeT]], done: Any, on_sample: Callable[[int], None], heed_ctrl_c: Callable[[], None]
) -> Generator[MadeT]:
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


def _start(maker: Maker[Any, Any], done: Any, stop: Any, cards: Any) -> None:
    end_with_parent()
    if cards is not None:
        # CUDA reads it when it is first used, which is later
        os.environ["CUDA_VISIBLE_DEVICES"] = cards.get()
    _worker.update(maker=maker, done=done, stop=stop)


def _make(job: Job) -> Any:
    return _worker["maker"].make(job, on_sample=_count)


def _count() -> None:
    with _worker["done"].get_lock():
        _worker["done"].value += 1
    if _worker["stop"].value:
        raise _StoppedError


def _gpus() -> Sequence[str]:
    """The devices of this machine, as CUDA_VISIBLE_DEVICES names them."""
    import torch

    count, named = torch.cuda.device_count(), os.environ.get("CUDA_VISIBLE_DEVICES")
    names = map(str, range(count)) if named is None else (name.strip() for name in named.split(","))
    return tuple(itertools.islice(names, count))
