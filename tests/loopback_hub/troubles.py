"""What goes wrong at the Hub, on request."""

from __future__ import annotations

import re
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from web_server import Answer, Call

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["RateLimit", "Trouble", "with_troubles"]


@dataclass(kw_only=True)
class Trouble:
    """Some requests that match fail.

    Attributes:
        method: that matches; "" for all.
        path: regular expression that is searched in ``/path?query``.
        status: of the answer; 0 for a connection that is reset.
        headers: of the answer.
        after: requests that match and go well before.
        times: how many fail then; None for all.
        done: the request is carried out all the same, and only its answer is lost.
        call: called at that moment, for example to kill the client.
    """

    method: str = ""
    path: str = ""
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    after: int = 0
    times: int | None = 1
    done: bool = False
    call: Callable[[Call], object] | None = None
    seen: int = 0

    def strikes(self, call: Call) -> bool:
        """Whether this request fails; counts it."""
        if self.method not in {"", call.method} or not re.search(self.path, f"/{call.path}?{call.query}"):
            return False
        self.seen += 1
        return self.seen > self.after and (self.times is None or self.seen <= self.after + self.times)

    def answer(self) -> Answer:
        return Answer(self.status, {"X-Error-Message": "trouble", **self.headers}, b"trouble")


_COUNTING = threading.Lock()


def with_troubles(troubles: list[Trouble], call: Call, answer: Callable[[Call], Answer]) -> Answer:
    """Answer a request, or let it fail by the first trouble that strikes."""
    with _COUNTING:
        trouble = next((trouble for trouble in troubles if trouble.strikes(call)), None)
    if trouble is None:
        return answer(call)
    if trouble.done:
        answer(call)
    if trouble.call:
        trouble.call(call)
    return trouble.answer()


@dataclass(kw_only=True)
class RateLimit:
    """Requests in a fixed window; the others are answered with 429 and the headers of the Hub.

    Attributes:
        requests: that a window lets pass.
        window_s: its length.
    """

    requests: int
    window_s: float
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _began: float = 0.0
    _seen: int = 0

    def refusal(self) -> Answer | None:
        with self._lock:
            now = time.monotonic()
            if now >= self._began + self.window_s:
                self._began, self._seen = now, 0
            self._seen += 1
            if self._seen <= self.requests:
                return None
            wait_s = self._began + self.window_s - now
        headers = {
            "Retry-After": f"{wait_s:.2f}",
            "ratelimit": f'"resolvers";r=0;t={int(wait_s) + 1}',
            "ratelimit-policy": f'"fixed window";"resolvers";q={self.requests};w={max(1, int(self.window_s))}',
        }
        return Answer(429, headers, b"too many requests")
