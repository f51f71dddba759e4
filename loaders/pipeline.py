"""Batches made ahead by threads, handed out in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from ..errors import StallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..store.frame_reads import FrameRead
    from ..store.reader import Reader
    from ..store.reads import Read, Wanted

__all__ = ["Ahead", "Order", "run"]

_PORTION_BYTES: Final = 16 * 2**20
"""Of a batch, decoded, that one thread makes of local files: some ms of work, much more than handing it over costs."""

_HEAD_START_S: Final = 0.1
"""Of the first batch over a network, which would else share the line and the cores with all that follow it: from a
server 20 ms away it comes after 0.12 s instead of 0.2. It is what each epoch loses at most where the server is far."""

_PORTIONS: Final = 4
"""For each thread, of a batch that all of them make."""


class Order(Protocol):
    """A batch that is to be made."""

    @property
    def wanted(self) -> Sequence[Wanted]:
        """Boxes to read; what waits for them is this object."""

    @property
    def parts(self) -> int:
        """In how many parts the rest of the work falls, which different threads may do."""

    def part(self, number: int) -> None:
        """Do a part of the work, once all boxes are read."""

    def finished(self) -> Any:
        """The batch, once all parts are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ahead:
    """How much is done before it is asked for.

    Attributes:
        threads: that read, unpack and transform.
        batches: that are in work or wait to be handed out.
        timeout_s: to wait for one batch.
    """

    threads: int
    batches: int
    timeout_s: float


def run(reader: Reader, orders: Iterator[Callable[[], Order]], ahead: Ahead) -> Iterator[Any]:
    """Make batches.

    Threads are started by the first `next` and stopped when the iterator ends or is closed.

    Args:
        reader: of the store.
        orders: each makes an order, in a thread.
        ahead: how much to prepare.

    Raises:
        StallError: a batch was not ready in time.
    """
    line = _Line(reader, ahead)
    # over a network requests that wait for their answers need no GIL
    enough = ahead.batches if reader.source.remote else 2 * ahead.threads
    waiting: deque[_Pending] = deque()
    more, first, size = True, True, 1
    try:
        while True:
            # In windows rather than one by one, so that neighbours in a file are read together; the first ones are
            # small, so that the first batches do not wait for what comes after them.
            while more and len(waiting) <= max(ahead.batches // 2, ahead.batches - size):
                room = min(size, ahead.batches - len(waiting))
                window = [_Pending(make) for _, make in zip(range(room), orders, strict=False)]
                more, size = len(window) == room, min(2 * size, max(1, ahead.batches // 2))
                for pending in (window[:1] if first else []) + (window[-1:] if not more else []):
                    pending.is_shared = True
                waiting.extend(window)
                line.start(window)
                if first and window and reader.source.remote:
                    window[0].done.wait(_HEAD_START_S)
                first = False
                # The rest once the first is handed out: until then this thread would keep the others from the GIL.
                if len(waiting) > enough:
                    break
            if not waiting:
                return
            yield line.result(waiting.popleft())
    finally:
        line.stop()


@dataclass(slots=True, eq=False)
class _Pending:
    """A batch on its way, and how many tasks it still waits for.

    Attributes:
        is_shared: all threads make it, as they do with the first batch and the last, when they have nothing else to do.
    """

    make: Callable[[], Order]
    is_shared: bool = False
    order: Order | None = None
    outstanding: int = 0
    batch: Any = None
    error: BaseException | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    done: threading.Event = field(default_factory=threading.Event)

    def add(self, tasks: int) -> None:
        with self.lock:
            self.outstanding += tasks

    def remove(self) -> bool:
        """One task is done; whether it was the last."""
        with self.lock:
            self.outstanding -= 1
            return self.outstanding == 0

    def finish(self) -> None:
        assert self.order is not None
        self.batch = self.order.finished()
        self.done.set()

    def fail(self, error: BaseException) -> None:
        self.error = self.error or error
        self.done.set()


class _Line:
    """The threads and what they are doing."""

    def __init__(self, reader: Reader, ahead: Ahead) -> None:
        self._reader = reader
        self._ahead = ahead
        self._pool = ThreadPoolExecutor(ahead.threads, thread_name_prefix="voxpress")
        self._busy: dict[int, tuple[float, str | Read | FrameRead]] = {}

    def start(self, window: Sequence[_Pending]) -> None:
        if self._reader.source.remote:
            self._submit(window, "plan", self._plan, window)
            return
        # sharing a read between batches gains nothing on a disk; one task a batch keeps the threads from each other
        for pending in window:
            if pending.is_shared:
                self._spread(pending)
            else:
                self._submit([pending], "plan", self._here, pending)

    def result(self, pending: _Pending) -> Any:
        if not pending.done.wait(self._ahead.timeout_s):
            msg = f"no batch came within {self._ahead.timeout_s:g} s; {self._where()}"
            raise StallError(msg)
        if pending.error is not None:
            raise pending.error
        return pending.batch

    def stop(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _where(self) -> str:
        now = time.monotonic()
        busy = sorted(self._busy.values(), key=lambda each: each[0])
        doing = "; ".join(f"{_told(what)} for {now - since:.0f} s" for since, what in busy[:4])
        return (
            f"its threads are busy with: {doing}"
            if doing
            else "its threads wait for work, which is a fault of voxpress"
        )

    def _submit(
        self, waiting: Sequence[_Pending], what: str | Read | FrameRead, task: Callable[..., None], *arguments: Any
    ) -> None:
        """Run a task in a thread; an error goes to those who wait for it."""
        try:
            self._pool.submit(self._guarded, waiting, what, task, *arguments)
        except RuntimeError:
            # the iterator was closed meanwhile, so nobody waits
            return

    def _guarded(
        self, waiting: Sequence[_Pending], what: str | Read | FrameRead, task: Callable[..., None], *arguments: Any
    ) -> None:
        me = threading.get_ident()
        self._busy[me] = time.monotonic(), what
        try:
            task(*arguments)
        except BaseException as error:  # noqa: BLE001 - raised again where the batch is asked for
            for pending in waiting:
                pending.fail(error)
        finally:
            self._busy.pop(me, None)

    def _here(self, pending: _Pending) -> None:
        """Make a batch from files of this machine, in this thread unless it is large."""
        first, *others = self._portions(pending)
        for portion in others:
            self._submit([pending], "plan", self._portion, pending, portion)
        self._portion(pending, first)

    def _spread(self, pending: _Pending) -> None:
        """Have a batch made by all threads, in several portions each, so that they end at about the same time."""
        try:
            portions = self._portions(pending, at_least=_PORTIONS * self._ahead.threads)
        except Exception as error:  # noqa: BLE001 - raised again where the batch is asked for
            pending.fail(error)
            return
        for portion in portions:
            self._submit([pending], "plan", self._portion, pending, portion)

    def _portions(self, pending: _Pending, *, at_least: int = 1) -> list[list[Wanted]]:
        pending.order = pending.make()
        wanted = pending.order.wanted
        most = min(_PORTION_BYTES, sum(one.target.nbytes for one in wanted) // at_least)
        portions = _split(wanted, most)
        pending.add(len(portions))
        return portions

    def _portion(self, pending: _Pending, portion: Sequence[Wanted]) -> None:
        me = threading.get_ident()
        for wanted in portion:
            for read in self._reader.open(self._reader.shard_of(wanted.path, wanted.slot), [wanted]):
                self._busy[me] = time.monotonic(), read
                read.run()
        self._one_less(pending)

    def _plan(self, window: Sequence[_Pending]) -> None:
        """Make the orders of some batches and look where their boxes are, those of a shard together."""
        groups: dict[str, list[Wanted]] = {}
        for pending in window:
            pending.order = pending.make()
            for wanted in pending.order.wanted:
                wanted.ticket = pending
                groups.setdefault(self._reader.shard_of(wanted.path, wanted.slot), []).append(wanted)
        for group in groups.values():
            for pending in {wanted.ticket for wanted in group}:
                pending.add(1)
        for shard, group in groups.items():
            self._submit([*{wanted.ticket for wanted in group}], f"looking up {shard}", self._open, shard, group)

    def _open(self, shard: str, group: Sequence[Wanted]) -> None:
        reads = self._reader.open(shard, group)
        for read in reads:
            for pending in read.tickets:
                pending.add(1)
        for pending in {wanted.ticket for wanted in group}:
            self._one_less(pending)
        # requests wait for their answers in threads of their own
        for read in reads[1:]:
            self._submit([*read.tickets], read, self._run, read)
        for read in reads[:1]:
            self._busy[threading.get_ident()] = time.monotonic(), read
            try:
                self._run(read)
            except BaseException as error:  # noqa: BLE001 - raised again where a batch of this read is asked for
                for pending in read.tickets:
                    pending.fail(error)

    def _run(self, read: Read | FrameRead) -> None:
        read.run()
        for pending in read.tickets:
            self._one_less(pending)

    def _one_less(self, pending: _Pending) -> None:
        if not pending.remove():
            return
        assert pending.order is not None
        if pending.order.parts <= 1:
            pending.order.part(0)
            pending.finish()
            return
        pending.add(pending.order.parts)
        for number in range(pending.order.parts):
            self._submit([pending], "a transform", self._part, pending, number)

    def _part(self, pending: _Pending, number: int) -> None:
        assert pending.order is not None
        pending.order.part(number)
        if pending.remove():
            pending.finish()


def _split(wanted: Sequence[Wanted], most_bytes: int) -> list[list[Wanted]]:
    """The boxes of a batch in portions that different threads may read, of one box at least."""
    portions: list[list[Wanted]] = [[]]
    size = 0
    for one in wanted:
        if portions[-1] and size + one.target.nbytes > most_bytes:
            portions.append([])
            size = 0
        portions[-1].append(one)
        size += one.target.nbytes
    return portions


def _told(what: str | Read | FrameRead) -> str:
    return what if isinstance(what, str) else f"reading {what.shard}, bytes {what.start} to {what.stop}"
