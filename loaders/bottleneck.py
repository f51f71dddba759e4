"""What limits a loop over batches: a pure function of where its time went."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from ..store.tally import Counts

__all__ = ["Limit", "Usage", "Verdict", "verdict"]

Limit = Literal[
    "network",
    "disk",
    "requests",
    "copying",
    "decoding",
    "converting",
    "transform",
    "batching",
    "consumer",
    "epoch",
    "threads",
]
"""`network` and `disk`: waiting for bytes. `requests` and `copying`: computing to get them, over a network and from
memory that the system keeps of files. `converting`: from stored integers to the numbers of the batch. `batching`: the
Python that plans reads and puts batches together. `consumer`: the thread that takes the batches. `epoch`: it ends
before all are busy. `threads`: nothing is used up; too little is under way at once."""

_BUSY: Final = 0.8
"""A resource that is in use for this share of the time limits the others."""
_WORKING: Final = 0.6
"""The same for threads, which also plan and wait for each other."""
_SHORT: Final = 0.5
"""An epoch is short if so large a part of it is made ahead: threads begin and end it with nothing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Where the time of a measurement went.

    Attributes:
        counts: of what was read.
        wall_s: that the measurement took.
        cpu_s: CPU seconds of all threads and worker processes.
        consumer_cpu_s: those of the thread that takes the batches.
        threads: that read and unpack, in all processes together.
        workers: processes; 0 for none.
        cores: that may be used.
        remote: read over a network.
        cached: with a local cache.
        batches: of an epoch.
        ahead: batches that are made ahead, by all processes together.
    """

    counts: Counts
    wall_s: float
    cpu_s: float
    consumer_cpu_s: float
    threads: int
    workers: int
    cores: int
    remote: bool
    cached: bool
    batches: int
    ahead: int

    @property
    def seconds(self) -> dict[str, tuple[float, float]]:
        """Of each phase the seconds of all threads, and those of them in which they computed."""
        counts = self.counts
        computed = {
            "fetching": (counts.fetch_s, counts.fetch_cpu_s),
            "cache": self._in_cache,
            "decoding": (counts.decode_s, counts.decode_cpu_s),
            "converting": (counts.unpack_s - counts.decode_s, counts.unpack_cpu_s - counts.decode_cpu_s),
            "transform": (counts.transform_s, counts.transform_cpu_s),
        }
        rest = max(0.0, self.cpu_s - sum(cpu for _, cpu in computed.values()))
        return computed | {"batching": (rest, rest)}

    @property
    def _in_cache(self) -> tuple[float, float]:
        """What is left of reads; without a cache that is next to nothing, and part of the rest."""
        counts = self.counts
        if not self.cached:
            return 0.0, 0.0
        spent = counts.run_s - counts.unpack_s - (counts.fetch_s - counts.index_s)
        computed = counts.run_cpu_s - counts.unpack_cpu_s - (counts.fetch_cpu_s - counts.index_cpu_s)
        return max(0.0, spent), max(0.0, computed)

    @property
    def busy(self) -> float:
        """Share of the cores' time in which they computed for us."""
        return self.cpu_s / (self.cores * self.wall_s)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What limits, and why that is said.

    Attributes:
        limit: see `Limit`.
        because: one line.
    """

    limit: Limit
    because: str


def verdict(usage: Usage) -> Verdict:
    """What to change first: the resource that is used up."""
    seconds, wall = usage.seconds, usage.wall_s
    taking = usage.consumer_cpu_s / wall
    if taking >= _BUSY:
        return Verdict("consumer", f"the thread that takes the batches computed {_percent(taking)} of the time")
    # Python code of one process runs one thread at a time
    python = {"transform": seconds["transform"][1], "batching": seconds["batching"][1]}
    if usage.workers:
        python["batching"] = max(0.0, python["batching"] - usage.consumer_cpu_s)
    share = sum(python.values()) / (wall * max(1, usage.workers))
    if share >= _BUSY:
        phase = max(python, key=lambda name: python[name])
        where = "each worker" if usage.workers else "one process"
        why = f"Python of {where}, which runs one thread at a time, was busy {_percent(share)} of the time"
        return Verdict("transform" if phase == "transform" else "batching", why)
    if usage.busy >= _BUSY:
        phase = max(seconds, key=lambda name: seconds[name][1])
        part = seconds[phase][1] / usage.cpu_s
        cores = f"the {usage.cores} cores were" if usage.cores > 1 else "the one core was"
        why = f"{cores} busy {_percent(usage.busy)} of the time, {_percent(part)} of it {_DOING[phase]}"
        return Verdict(_computing(phase, remote=usage.remote), why)
    working = sum(spent for spent, _ in seconds.values()) / (usage.threads * wall)
    if working >= _WORKING:
        phase = max(seconds, key=lambda name: seconds[name][0])
        part = seconds[phase][0] / (usage.threads * wall)
        limit = _waiting(phase, *seconds[phase], remote=usage.remote)
        return Verdict(limit, f"the {usage.threads} threads were {_DOING[phase]} {_percent(part)} of the time")
    why = f"the {usage.threads} threads had work {_percent(working)} of the time, and the cores {_percent(usage.busy)}"
    if usage.ahead >= _SHORT * usage.batches:
        return Verdict(
            "epoch", f"{why}; an epoch has only {usage.batches} batches, and {usage.ahead} may be made ahead"
        )
    return Verdict("threads", why)


_DOING: Final = {
    "fetching": "fetching bytes",
    "cache": "reading and writing the cache",
    "decoding": "decoding",
    "converting": "converting",
    "transform": "in the transform",
    "batching": "planning and batching",
}


def _computing(phase: str, *, remote: bool) -> Limit:
    found: dict[str, Limit] = {
        "fetching": "requests" if remote else "copying",
        "cache": "copying",
        "decoding": "decoding",
        "converting": "converting",
        "transform": "transform",
    }
    return found.get(phase, "batching")


def _waiting(phase: str, spent: float, computed: float, *, remote: bool) -> Limit:
    if phase in {"fetching", "cache"} and spent > 2 * computed:
        return "network" if remote and phase == "fetching" else "disk"
    return _computing(phase, remote=remote)


def _percent(share: float) -> str:
    return f"{min(share, 1.0) * 100:.0f} %"
