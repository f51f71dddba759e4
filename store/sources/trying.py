"""Tries a remote read again until it succeeds or its limits are reached."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final, TypeVar

from ...errors import RemoteError, StallError
from .backoff import Attempts, Failure

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from .backoff import Limits
    from .gate import HostGate

__all__ = ["REMOTE_ADVICE", "keep_trying"]

REMOTE_ADVICE: Final = "check the address, and tell whoever published the data set"
"""What to do about files that are not as they should be on a server."""

Result = TypeVar("Result")


def keep_trying(
    attempt: Callable[[Attempts], Result],
    *,
    what: str,
    limits: Limits,
    rng: random.Random,
    gate_of: Callable[[Failure], HostGate],
    done: str = "read",
) -> Result:
    """Attempt until it succeeds.

    Args:
        attempt: raises `Failure` where another attempt may succeed, and tells the attempts of its progress.
        what: is read, for messages.
        limits: that end it.
        rng: where jitter comes from.
        gate_of: the gate of the host that failed.
        done: what could not be done with it, for messages.

    Raises:
        StallError: the last attempt got nothing in time.
        RemoteError: it failed otherwise.
    """
    began = time.monotonic()
    attempts = Attempts(limits, began)
    while True:
        try:
            return attempt(attempts)
        except Failure as failure:
            gate, now = gate_of(failure), time.monotonic()
            delay = attempts.delay(failure, now, rng, known=gate.answered)
            if delay is None:
                # texts of libraries may hold signed addresses, so they are not chained
                raise _gave_up(f"{what} could not be {done}", failure, attempts.total, now - began) from None
            busy = failure.busy
        if busy:
            # the next attempt waits at the gate, together with all other threads
            gate.hold(delay)
        else:
            time.sleep(delay)


def _gave_up(what: str, failure: Failure, attempts: int, seconds: float) -> Exception:
    if failure.busy:
        advice = "use fewer jobs or a cache, or try again later"
    elif failure.unreachable:
        advice = "check the address and the network"
    else:
        advice = "check the network, or try again later"
    msg = f"{what}: the last of {attempts} attempts in {seconds:.1f} s {failure.reason}; {advice}"
    return StallError(msg) if failure.stalled else RemoteError(msg)
