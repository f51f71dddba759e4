"""Batches made ahead by threads, handed out in order."""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from ..errors import StallError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..store.reader import Read, Reader, Wanted

__all__ = ["Ahead", "Order", "run"]


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
    waiting: deque[_Pending] = deque()
    more, size = True, 1
    try:
        while True:
            # In windows rather than one by one, so that neighbours in a file are read together; the first ones are
            # small, so that the first batches do not wait for what comes after them.
            while more and len(waiting) <= max(ahead.batches // 2, ahead.batches - size):
                room = min(size, ahead.batches - len(waiting))
                window = [_Pending(make) for _, make in zip(range(room), orders, strict=False)]
                more, size = len(window) == room, min(2 * size, max(1, ahead.batches // 2))
                waiting.extend(window)
                line.start(window)
            if not waiting:
                return
            yield line.result(waiting.popleft())
    finally:
        line.stop()


@dataclass(slots=True, eq=False)
class _Pending:
    """A batch on its way, and how many tasks it still waits for."""

    make: Callable[[], Order]
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
        self._busy: dict[int, tuple[float, str]] = {}

    def start(self, window: Sequence[_Pending]) -> None:
        self._submit(window, "plan", self._plan, window)

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
        busy = sorted(self._busy.values())
        doing = "; ".join(f"{what} for {now - since:.0f} s" for since, what in busy[:4])
        return (
            f"its threads are busy with: {doing}"
            if doing
            else "its threads wait for work, which is a fault of voxpress"
        )

    def _submit(self, waiting: Sequence[_Pending], what: str, task: Callable[..., None], *arguments: Any) -> None:
        """Run a task in a thread; an error goes to those who wait for it."""

        def guarded() -> None:
            me = threading.get_ident()
            self._busy[me] = time.monotonic(), what
            try:
                task(*arguments)
            except BaseException as error:  # noqa: BLE001 - raised again where the batch is asked for
                for pending in waiting:
                    pending.fail(error)
            finally:
                self._busy.pop(me, None)

        try:
            self._pool.submit(guarded)
        except RuntimeError:
            # the iterator was closed meanwhile, so nobody waits
            return

    def _plan(self, window: Sequence[_Pending]) -> None:
        """Make the orders and look where their boxes are."""
        groups: dict[tuple[object, ...], list[Wanted]] = {}
        together = self._reader.source.remote
        for pending in window:
            pending.order = pending.make()
            for number, wanted in enumerate(pending.order.wanted):
                shard = self._reader.shard_of(wanted.path, wanted.slot)
                wanted.ticket = pending
                groups.setdefault((shard,) if together else (shard, pending, number), []).append(wanted)
        opens = [(str(key[0]), group) for key, group in groups.items()]
        for _, group in opens:
            for pending in {wanted.ticket for wanted in group}:
                pending.add(1)
        for shard, group in opens:
            self._submit([*{wanted.ticket for wanted in group}], f"looking up {shard}", self._open, shard, group)

    def _open(self, shard: str, group: Sequence[Wanted]) -> None:
        reads = self._reader.open(shard, group)
        for read in reads:
            for pending in read.tickets:
                pending.add(1)
        for pending in {wanted.ticket for wanted in group}:
            self._one_less(pending)
        # requests wait for each other's answers in threads of their own; from a disk one thread reads on
        own = 1 if self._reader.source.remote else len(reads)
        for read in reads[own:]:
            self._submit([*read.tickets], _told(read), self._run, read)
        for read in reads[:own]:
            self._busy[threading.get_ident()] = time.monotonic(), _told(read)
            try:
                self._run(read)
            except BaseException as error:  # noqa: BLE001 - raised again where a batch of this read is asked for
                for pending in read.tickets:
                    pending.fail(error)

    def _run(self, read: Read) -> None:
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


def _told(read: Read) -> str:
    return f"reading {read.shard}, bytes {read.start} to {read.stop}"
