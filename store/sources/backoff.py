"""How long to wait, and when to give up: pure, so that tests need no server and no clock."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

__all__ = ["Attempts", "Failure", "Limits", "delay_s", "retry_after_s"]

_FIRST_CONTACT_ATTEMPTS = 4
"""Attempts at a host that cannot be connected to and has not answered before: its name is probably mistyped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Time-outs and limits of remote reads.

    The defaults are for a training job that runs for days: it should outlast a server that restarts or limits the
    rate, and still end with an error while somebody looks.

    Attributes:
        connect_s: to connect. TCP repeats a lost packet after 1 and 3 s, so that 10 s outlast two of them.
        timeout_s: a request fails when this time passes without `least_bytes` more, or its end.
        least_bytes: what is progress: with the default time-out 35 kB/s, less than any line on which training is of
            use. A server that sends a byte a second is not working.
        deadline_s: a read fails when it still fails this long after its last progress, waits included.
        patience_s: the same when the server says how long to wait (429 or 503 with Retry-After): the Hub's windows
            are five minutes.
        first_delay_s: mean wait before the second attempt is half of this.
        longest_delay_s: where doubling stops.
        requests: at a time to one host, for each process.
    """

    connect_s: float = 10.0
    timeout_s: float = 30.0
    least_bytes: int = 2**20
    deadline_s: float = 120.0
    patience_s: float = 600.0
    first_delay_s: float = 0.2
    longest_delay_s: float = 10.0
    requests: int = 32

    def __post_init__(self) -> None:
        for name in ("connect_s", "timeout_s", "deadline_s", "patience_s", "first_delay_s", "longest_delay_s"):
            if not getattr(self, name) > 0:
                msg = f"{name} must be above 0 s, got {getattr(self, name)}"
                raise ValueError(msg)
        for name in ("least_bytes", "requests"):
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1, got {getattr(self, name)}"
                raise ValueError(msg)


def delay_s(attempt: int, retry_after: float | None, rng: random.Random, limits: Limits) -> float:
    """Wait before the next attempt, in s.

    Exponential with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015): uniform between 0 and
    ``first_delay_s * 2 ** attempt``, capped. What the server asks for is a lower bound; up to a tenth more spreads
    those that were asked at the same time.

    Args:
        attempt: that failed, from 0.
        retry_after: what the server asks for, in s.
        rng: where jitter comes from.
        limits: of the source.
    """
    # 2 ** 1000 is no float
    highest = min(limits.longest_delay_s, limits.first_delay_s * 2 ** min(attempt, 60))
    if retry_after is None:
        return rng.uniform(0.0, highest)
    return retry_after + rng.uniform(0.0, max(retry_after / 10, limits.first_delay_s))


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a server asks to wait; None if it does not say.

    `Retry-After` in seconds or as a date (RFC 9110, 10.2.3); else ``t=`` of `RateLimit`, as the Hub sends it
    (draft-ietf-httpapi-ratelimit-headers), if nothing remains of the quota.

    Args:
        headers: of the answer; names in any case.
        now: with time zone.
    """
    fields = {name.lower(): value for name, value in headers.items()}
    told = fields.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", told, flags=re.ASCII):
        return float(told)
    if told:
        try:
            date = parsedate_to_datetime(told)
        except ValueError:
            return None
        return max(0.0, ((date if date.tzinfo else date.replace(tzinfo=UTC)) - now).total_seconds())
    quota = fields.get("ratelimit", "")
    if re.search(r"\br=0\b", quota) and (wait := re.search(r"\bt=(\d{1,9})\b", quota)):
        return float(wait[1])
    return None


class Failure(Exception):  # noqa: N818 - not an error yet: the next attempt may succeed
    """One attempt failed in a way that another may not.

    Attributes:
        reason: completes "the last attempt …".
        host: address of the host that failed; it may hold secrets.
        retry_after: seconds that the server asks to wait.
        busy: the server is overloaded or limits the rate: all threads should wait.
        stalled: too little came in time.
        unreachable: no connection was made.
    """

    def __init__(
        self,
        reason: str,
        *,
        host: str = "",
        retry_after: float | None = None,
        busy: bool = False,
        stalled: bool = False,
        unreachable: bool = False,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.host = host
        self.retry_after = retry_after
        self.busy = busy
        self.stalled = stalled
        self.unreachable = unreachable


@dataclass(slots=True)
class Attempts:
    """The attempts of one read.

    Attributes:
        limits: of the source.
        since: time of the start or of the last progress, in s of any clock.
        failed: attempts since then.
        total: attempts that failed, in all.
    """

    limits: Limits
    since: float
    failed: int = 0
    total: int = 0

    def progressed(self, now: float) -> None:
        """Bytes came that need not be fetched again: patience starts anew."""
        self.since, self.failed = now, 0

    def delay(self, failure: Failure, now: float, rng: random.Random, *, known: bool) -> float | None:
        """Wait before the next attempt in s; None to give up.

        Args:
            failure: how the attempt failed.
            now: time at which it did.
            rng: where jitter comes from.
            known: the host has answered before.
        """
        wait = delay_s(self.failed, failure.retry_after, rng, self.limits)
        self.failed += 1
        self.total += 1
        if failure.unreachable and not known and self.failed >= _FIRST_CONTACT_ATTEMPTS:
            return None
        return wait if self.may_wait(wait, now, asked=failure.retry_after is not None) else None

    def may_wait(self, wait: float, now: float, *, asked: bool) -> bool:
        """Whether a wait ends within the limit.

        Args:
            wait: in s.
            now: time at which it starts.
            asked: the server asked for it.
        """
        limit = self.limits.patience_s if asked else self.limits.deadline_s
        return now + wait - self.since <= limit
