"""How fast a stream is, for a given time, and where that time went."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from ..store.tally import Stopwatch
from ..store.threads import available_cpus
from ..store.timed import TimedStore
from .bottleneck import Usage
from .items import KEYS
from .stream import VolumeStream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..store.cohort import Cohort
    from ..store.tally import Counts, Tally

__all__ = ["Measured", "Pass", "measure"]

_THREADS_OF_A_WORKER: Final = 1


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over the cohort, or the part of it that there was time for.

    Attributes:
        items: that were handed out.
        seconds: from asking for its first batch.
        requests, bytes: read by then, of what is ahead too.
    """

    items: int
    seconds: float
    requests: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was found.

    Attributes:
        patch: voxels of a box; None for whole volumes.
        batch_size: items in a batch.
        keys: arrays that were read.
        item_bytes: of the voxels of one item as they are stored, decoded.
        first_batch_s: from asking for it.
        rate: items a second after the first batch.
        passes: at least one.
        usage: where the time went.
    """

    patch: tuple[int, int, int] | None
    batch_size: int
    keys: tuple[str, ...]
    item_bytes: int
    first_batch_s: float
    rate: float
    passes: tuple[Pass, ...]
    usage: Usage

    @property
    def items(self) -> int:
        """Handed out in all passes."""
        return sum(each.items for each in self.passes)

    @property
    def read_items(self) -> float:
        """Items that were asked for, those that are ahead too: what is counted a sample is divided by them."""
        return max(1.0, self.usage.counts.boxes / len(self.keys))

    @property
    def requests_per_item(self) -> float:
        """Ranges read, shard indexes included."""
        return self.usage.counts.requests / self.read_items

    @property
    def bytes_per_item(self) -> float:
        """Bytes read, shard indexes included."""
        return self.usage.counts.bytes / self.read_items

    @property
    def amplification(self) -> float:
        """Bytes that were decoded for each byte that was wanted."""
        counts = self.usage.counts
        return counts.chunk_bytes / counts.wanted_bytes if counts.wanted_bytes else 1.0


def measure(
    cohort: Cohort,
    *,
    seconds: float,
    batch_size: int = 2,
    workers: int = 0,
    transform: Callable[[Any], Any] | None = None,
    passes: int | None = None,
    tell: Callable[[float], None] | None = None,
    **options: Any,
) -> Measured:
    """Iterate over a cohort, pass by pass, until the time is up.

    Args:
        cohort: of `voxpress.store.timed.open_timed`, whole or selected.
        seconds: after which it ends, with the batch that is then handed out.
        batch_size: as in `VolumeStream`.
        workers: processes of a `DataLoader`; 0 for threads only.
        transform: as in `VolumeStream`.
        passes: that are made at most.
        tell: called with the seconds that have passed, after each batch.
        options: others of `VolumeStream`.

    Raises:
        TypeError: the cohort was not opened to be measured.
        ValueError: it is empty, or an option is wrong.
    """
    store = cohort.store
    if not isinstance(store, TimedStore):
        msg = "only a cohort of open_timed can be measured, as others do not count what they do"
        raise TypeError(msg)
    if not len(cohort):
        msg = "there is no sample to read; select others"
        raise ValueError(msg)
    timed = None if transform is None else _TimedTransform(transform, store.tally)
    stream = VolumeStream(cohort, batch_size=batch_size, transform=timed, **options)
    batches: Any = stream
    if workers:
        counted = _InWorker(stream, store.tally)
        batches = DataLoader(counted, batch_size=None, num_workers=workers, persistent_workers=True)
    clock = _Clock(store.tally, seconds, tell)
    for number in itertools.count() if passes is None else range(passes):
        stream.set_epoch(number)
        clock.take(iter(batches))
        if clock.is_over:
            break
    patch, keys = options.get("patch"), tuple(options.get("keys", KEYS))
    ahead = stream.ahead(max(1, workers))
    usage = Usage(
        counts=store.tally.now() - clock.before,
        wall_s=clock.wall_s,
        cpu_s=clock.cpu_s,
        consumer_cpu_s=clock.consumer_cpu_s,
        threads=_threads(ahead.threads, options.get("threads"), workers, remote=store.source.remote),
        workers=workers,
        cores=available_cpus(),
        remote=store.source.remote,
        cached=store.reader.cache is not None,
        batches=len(stream),
        ahead=ahead.batches * max(1, workers),
    )
    return Measured(
        patch=patch,
        batch_size=batch_size,
        keys=keys,
        item_bytes=sum(_bytes(cohort, key, patch) for key in keys),
        first_batch_s=clock.first_batch_s,
        rate=clock.rate,
        passes=tuple(clock.passes),
        usage=usage,
    )


class _Clock:
    """Takes batches and writes down when they came."""

    def __init__(self, tally: Tally, seconds: float, tell: Callable[[float], None] | None) -> None:
        self.before: Counts = tally.now()
        self.first_batch_s = 0.0
        self.passes: list[Pass] = []
        self._tally = tally
        self._tell = tell
        self._first_items = 0
        self._process_cpu, self._thread_cpu = time.process_time(), time.thread_time()
        self._start = time.perf_counter()
        self._deadline = self._start + seconds
        self._end = self._start

    def take(self, batches: Iterator[Any]) -> None:
        """One pass, or what there is time for."""
        begun, items, before = time.perf_counter(), 0, self._tally.now()
        for batch in batches:
            items += len(batch["index"])
            self._end = time.perf_counter()
            if not self.first_batch_s:
                self.first_batch_s, self._first_items = self._end - self._start, items
            if self._tell is not None:
                self._tell(self._end - self._start)
            if self.is_over:
                break
        spent = self._tally.now() - before
        self.passes.append(Pass(items, self._end - begun, int(spent.requests), int(spent.bytes)))
        if hasattr(batches, "close"):
            batches.close()

    @property
    def is_over(self) -> bool:
        """Whether the time was up when the last batch came."""
        return self._end >= self._deadline

    @property
    def wall_s(self) -> float:
        """From the beginning to the last batch."""
        return self._end - self._start

    @property
    def cpu_s(self) -> float:
        """Of this process and the workers."""
        workers = (self._tally.now() - self.before).worker_cpu_s
        return time.process_time() - self._process_cpu + workers

    @property
    def consumer_cpu_s(self) -> float:
        """Of this thread."""
        return time.thread_time() - self._thread_cpu

    @property
    def rate(self) -> float:
        """Items a second after the first batch; with it where there is no other."""
        items = sum(each.items for each in self.passes)
        later, rest = items - self._first_items, self.wall_s - self.first_batch_s
        return later / rest if later and rest > 0 else items / self.wall_s


class _InWorker(IterableDataset[Any]):
    """A stream whose workers add their CPU time to the tally."""

    def __init__(self, stream: VolumeStream, tally: Tally) -> None:
        self._stream = stream
        self._tally = tally

    def __iter__(self) -> Iterator[Any]:
        before = time.process_time()
        for batch in self._stream:
            yield batch
            now = time.process_time()
            if get_worker_info() is not None:
                self._tally.add(worker_cpu_s=now - before)
            before = now


class _TimedTransform:
    """A transform that adds its time to the tally; random ones stay reproducible."""

    def __init__(self, transform: Callable[[Any], Any], tally: Tally) -> None:
        self._transform = transform
        self._tally = tally

    def __deepcopy__(self, memo: dict[int, Any]) -> _TimedTransform:
        import copy

        return _TimedTransform(copy.deepcopy(self._transform, memo), self._tally)

    def __call__(self, item: Any) -> Any:
        watch = Stopwatch()
        made = self._transform(item)
        wall, cpu = watch.read()
        self._tally.add(transform_s=wall, transform_cpu_s=cpu)
        return made

    def set_random_state(self, seed: int) -> None:
        """As MONAI's; nothing for a transform that has none."""
        if hasattr(self._transform, "set_random_state"):
            self._transform.set_random_state(seed=seed)


def _threads(ahead: int, asked: int | None, workers: int, *, remote: bool) -> int:
    """In all processes together."""
    if workers and asked is None and not remote:
        return workers * _THREADS_OF_A_WORKER
    return max(1, workers) * ahead


def _bytes(cohort: Cohort, key: str, patch: tuple[int, int, int] | None) -> int:
    spec = cohort.specs[key]
    return int(np.prod(patch or spec.shape)) * spec.numpy_dtype.itemsize
