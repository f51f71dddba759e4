"""One host's requests in one process: how many at a time, and none while it asks for quiet."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from .backoff import Failure

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from .backoff import Attempts

__all__ = ["HostGate"]


class HostGate:
    """Lets requests to a host through.

    Attributes:
        answered: the host has answered a request of this process.

    Args:
        requests: at a time.
    """

    def __init__(self, requests: int) -> None:
        self._slots = threading.Semaphore(requests)
        self._lock = threading.Lock()
        self._quiet_until = 0.0
        self.answered = False

    def hold(self, seconds: float) -> None:
        """Let nobody through for some time: the host told one of the threads to wait."""
        with self._lock:
            self._quiet_until = max(self._quiet_until, time.monotonic() + seconds)

    @contextmanager
    def admitted(self, attempts: Attempts, rng: random.Random) -> Iterator[None]:
        """Wait until a request may be sent, and count it until the context ends.

        Args:
            attempts: of the read; waiting for other requests of this process does not use up its patience.
            rng: spreads those who wait for the same moment.

        Raises:
            Failure: the host asks for more quiet than the read has patience.
        """
        while True:
            self._sit_out(attempts, rng)
            before = time.monotonic()
            # not a `with`: it is given back below where the host asked for quiet in the meantime
            self._slots.acquire()
            attempts.since += time.monotonic() - before
            if not self._quiet_s():
                break
            self._slots.release()
        try:
            yield
        finally:
            self._slots.release()

    def _sit_out(self, attempts: Attempts, rng: random.Random) -> None:
        while quiet := self._quiet_s():
            if not attempts.may_wait(quiet, time.monotonic(), asked=True):
                raise Failure(f"was told to wait {quiet:.0f} s more", retry_after=quiet, busy=True)
            time.sleep(quiet + rng.uniform(0.0, min(1.0, quiet / 10)))

    def _quiet_s(self) -> float:
        return max(0.0, self._quiet_until - time.monotonic())
