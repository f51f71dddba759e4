"""The workers of one run on a Ray cluster: who does what, and what happens when one dies.

Each worker is an actor that does one job after the other, in a thread beside the one that answers how far it is. A call
takes some milliseconds, so short jobs are given several a call, and the next call is made before the last has ended.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import ray
from ray.exceptions import RayError, RayTaskError

from ...errors import GenerationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from .engine import Job, JobT, MadeT, Maker, Needs

__all__ = ["Crew"]

_POLL_S = 0.5
_AHEAD = 2
"""Calls that a worker has at most, the one that it does included: what is in flight does not grow with the jobs."""
_CALL_S = 0.5
"""So long a call of more than one job may take: a hundred times what it costs."""
_MOST_LIVES = 3
"""A job that so many workers died of is not given to another."""
_PATIENCE_S = 120.0
"""So long no worker may be there before the run ends; clusters that grow on demand need a minute or two."""


class StoppedError(Exception):
    """The run was stopped between two samples."""


class Worker:
    """What an actor is. `make` and the others are called in different threads."""

    def __init__(self, maker: Maker[Any, Any], ready: Callable[[Any], None] | None) -> None:
        self._maker, self._ready = maker, ready
        self._stop = threading.Event()
        self._at: tuple[int, int] = (-1, 0)

    def begin(self) -> None:
        """Raises if it would not do what the driver would."""
        if self._ready:
            self._ready(self._maker)

    def make(self, numbers: Sequence[int], jobs: Sequence[Job]) -> tuple[list[Any], float]:
        """Does some jobs; gives what came of each, and how many seconds it took."""
        began, made = time.monotonic(), []
        for number, job in zip(numbers, jobs, strict=True):
            if self._stop.is_set():
                raise StoppedError
            self._at = (number, 0)
            made.append(self._maker.make(job, on_sample=self._count))
        return made, time.monotonic() - began

    def at(self) -> tuple[int, int]:
        """Number of the job that it does, and its samples that are finished."""
        return self._at

    def stop(self) -> None:
        """Stops after the sample that is being made."""
        self._stop.set()

    def _count(self) -> None:
        number, done = self._at
        self._at = (number, done + 1)
        if self._stop.is_set():
            raise StoppedError


@dataclass(slots=True, eq=False)
class _Hand:
    """One worker as the driver knows it."""

    actor: Any
    began: bool = False
    calls: list[list[int]] = field(default_factory=list)
    """Numbers of jobs, in the sequence in which it does them."""
    asked: bool = False


class Crew:
    """Does jobs by actors.

    Args:
        maker: does one job.
        jobs: to do.
        workers: at most so many.
        needs: of each.
        ready: called once in each.
        on_sample: called with the number of samples that were finished since the last call.
    """

    def __init__(
        self,
        maker: Maker[JobT, MadeT],
        jobs: Sequence[JobT],
        *,
        workers: int,
        needs: Needs,
        ready: Callable[[Any], None] | None,
        on_sample: Callable[[int], None],
    ) -> None:
        # the largest first, so that no worker is left with a long one at the end
        self._jobs = sorted(jobs, key=lambda job: -len(job.rows))
        self._left = deque(range(len(self._jobs)))
        self._told, self._deaths = Counter[int](), Counter[int]()
        self._on_sample = on_sample
        actor = ray.remote(concurrency_groups={"beside": 1})(Worker)
        self._actor = actor.options(num_cpus=needs.cpus, num_gpus=needs.gpus, max_restarts=0)
        self._maker, self._ready = ray.put(maker), ready
        self._pending: dict[Any, tuple[str, _Hand, list[int]]] = {}
        self._hands: list[_Hand] = []
        self._size = min(workers, len(self._jobs))
        self._false_starts = 0
        self._sample_s = math.inf
        self._alone_since = time.monotonic()

    def work(self, heed_ctrl_c: Callable[[], None]) -> Iterator[Any]:
        """Gives what comes of each job as soon as it is done.

        Args:
            heed_ctrl_c: called often; may raise.
        """
        for _ in range(self._size):
            self._hire()
        done, asked_at = 0, time.monotonic()
        while done < len(self._jobs):
            finished, _ = ray.wait(list(self._pending), num_returns=1, timeout=_POLL_S)
            heed_ctrl_c()
            for ref in finished:
                for made in self._answered(ref):
                    done += 1
                    yield made
            self._hand_out()
            if time.monotonic() - asked_at > _POLL_S:
                self._ask()
                self._check_alive()
                asked_at = time.monotonic()

    def dismiss(self) -> None:
        """Lets every worker finish its sample, and ends it; whoever presses Ctrl-C meanwhile ends it at once."""
        try:
            for hand in self._hands:
                hand.actor.stop.options(concurrency_group="beside").remote()
            working = [ref for ref, (kind, _, _) in self._pending.items() if kind == "make"]
            while working:
                _, working = ray.wait(working, num_returns=len(working), timeout=_POLL_S)
        finally:
            for hand in self._hands:
                ray.kill(hand.actor)

    def _hire(self) -> None:
        hand = _Hand(self._actor.remote(self._maker, self._ready))
        self._hands.append(hand)
        self._pending[hand.actor.begin.remote()] = ("begin", hand, [])

    def _answered(self, ref: Any) -> list[Any]:
        """Takes an answer; gives what was made, if anything was."""
        if ref not in self._pending:
            return []  # of a worker that was given up meanwhile
        kind, hand, numbers = self._pending.pop(ref)
        try:
            answer = ray.get(ref)
        except RayTaskError as error:
            if isinstance(error.cause, Exception):
                raise error.cause from error
            raise GenerationError(str(error)) from error
        except RayError as error:
            self._lost(hand, error)
            return []
        if kind == "begin":
            hand.began, self._false_starts = True, 0
        elif kind == "at":
            hand.asked = False
            at, samples = answer
            self._tell(at, samples)
        else:
            made: list[Any]
            made, took_s = answer
            hand.calls.remove(numbers)
            self._sample_s = took_s / sum(map(self._samples, numbers))
            for number in numbers:
                self._tell(number, self._samples(number))
            return made
        return []

    def _hand_out(self) -> None:
        """Gives jobs to who has few, the second call only while there are enough for all.

        None goes before or behind one that a worker may have died of: the answer to a job may be lost with the worker
        that dies of the next.
        """
        for have in range(_AHEAD):
            for hand in self._hands:
                if hand.began and len(hand.calls) == have and len(self._left) > have * self._size:
                    if have and any(self._deaths[number] for number in [self._left[0], *hand.calls[0]]):
                        continue
                    numbers = self._next()
                    hand.calls.append(numbers)
                    jobs = [self._jobs[number] for number in numbers]
                    self._pending[hand.actor.make.remote(numbers, jobs)] = ("make", hand, numbers)

    def _next(self) -> list[int]:
        """Jobs for one call: as many as the last tells to be short, while all have their share of what is left.

        One that a worker may have died of is given alone, so that no other is blamed for it.
        """
        numbers = [self._left.popleft()]
        samples = self._samples(numbers[0])
        for _ in range(len(self._left) // (_AHEAD * self._size)):
            samples += self._samples(self._left[0])
            if samples * self._sample_s > _CALL_S or self._deaths[numbers[0]] or self._deaths[self._left[0]]:
                break
            numbers.append(self._left.popleft())
        return numbers

    def _samples(self, number: int) -> int:
        return len(self._jobs[number].rows)

    def _ask(self) -> None:
        for hand in self._hands:
            if hand.calls and not hand.asked:
                hand.asked = True
                self._pending[hand.actor.at.options(concurrency_group="beside").remote()] = ("at", hand, [])

    def _tell(self, number: int, samples: int) -> None:
        """A job that is done again is not told of again."""
        if samples > self._told[number] and number >= 0:
            self._on_sample(samples - self._told[number])
            self._told[number] = samples

    def _lost(self, hand: _Hand, error: RayError) -> None:
        """A worker or its node died: its jobs go back to the front, and another worker is asked for."""
        ray.kill(hand.actor)
        self._hands.remove(hand)
        self._pending = {ref: what for ref, what in self._pending.items() if what[1] is not hand}
        self._left.extendleft(reversed([number for numbers in hand.calls for number in numbers]))
        if not hand.began:
            self._false_starts += 1
            if self._false_starts >= _MOST_LIVES * self._size:
                msg = f"workers cannot start on the Ray cluster: {_told(error)}; is voxpress installed on every node?"
                raise GenerationError(msg) from error
        for number in hand.calls[0] if hand.calls else ():
            self._deaths[number] += 1
            if self._deaths[number] >= _MOST_LIVES:
                job = self._jobs[number]
                msg = (
                    f"{_MOST_LIVES} workers died one after the other at {_name(job)}, most likely for want of memory "
                    f"({_told(error)}); what is committed stays: give each more memory, by fewer workers a node, and "
                    "run the same command again"
                )
                raise GenerationError(msg) from error
        if not any(each.began for each in self._hands):
            self._alone_since = time.monotonic()
        self._hire()

    def _check_alive(self) -> None:
        if any(hand.began for hand in self._hands):
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > _PATIENCE_S:
            msg = (
                f"no worker has been there for {_PATIENCE_S:g} s: the nodes of the Ray cluster are busy or gone; what "
                "is committed stays: run the same command again when there is room"
            )
            raise GenerationError(msg)


def _name(job: Any) -> str:
    return f"the shard {job.split} {job.number}" if hasattr(job, "number") else "the same job"


def _told(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join([*lines[:1], *lines[-1:]])[:300] if lines else type(error).__name__
