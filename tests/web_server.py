"""A web server for tests: it writes down what it is asked, and fails as it is told; what it answers is for others.

Faults depend on the seed and the number of the request only, so that a run can be repeated.
"""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass, field, fields
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

__all__ = ["Answer", "Call", "Faults", "Request", "WebServer", "part_of"]

_BLOCK = 256 * 2**10


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """What goes wrong, as fractions of the requests; together at most 1.

    Attributes:
        error_500, error_503, error_429: answers with these codes; 429 with Retry-After.
        reset: the connection is reset, half of the time in the middle of the body.
        truncate: the connection is closed in the middle of the body.
        stall: half of the body, then nothing.
        trickle: the body a byte at a time, `trickle_s` apart.
        trickle_head: the same with the head of the answer.
        corrupt: one byte of the body is wrong.
        retry_after: what Retry-After says, seconds or ``"date"`` for a date in one second; None to leave it out.
        stall_s: how long a stalled connection is held; ends with the server in any case.
        first: only the first requests of each file can fail, this many; None for no limit.
        only: part of the paths that can fail; "" for all.
        seed: of the choice.
    """

    error_500: float = 0.0
    error_503: float = 0.0
    error_429: float = 0.0
    reset: float = 0.0
    truncate: float = 0.0
    stall: float = 0.0
    trickle: float = 0.0
    trickle_head: float = 0.0
    corrupt: float = 0.0
    retry_after: str | float | None = 0
    stall_s: float = 60.0
    trickle_s: float = 0.01
    first: int | None = None
    only: str = ""
    seed: int = 0

    KINDS: ClassVar[tuple[str, ...]] = (
        "error_500",
        "error_503",
        "error_429",
        "reset",
        "truncate",
        "stall",
        "trickle",
        "trickle_head",
        "corrupt",
    )

    def __post_init__(self) -> None:
        total = sum(getattr(self, kind) for kind in self.KINDS)
        if total > 1 + 1e-9:
            msg = f"the fractions must add up to at most 1, got {total}"
            raise ValueError(msg)

    @classmethod
    def mixed(cls, fraction: float, **others: Any) -> Faults:
        """A fraction of requests that fails in each way that a client can notice by itself, equally often.

        Left out are corrupt bytes (checksums notice them) and trickling.
        """
        kinds = ("error_500", "error_503", "error_429", "reset", "truncate", "stall")
        return cls(**dict.fromkeys(kinds, fraction / len(kinds)), **others)

    def kind(self, number: int, path: str, before: int) -> str | None:
        """How a request fails; None for not at all.

        Args:
            number: of the request, over all paths.
            path: that is asked for.
            before: requests of this path so far.
        """
        if self.only not in path or (self.first is not None and before >= self.first):
            return None
        drawn = random.Random(self.seed * 1_000_003 + number).random()
        for kind in self.KINDS:
            drawn -= getattr(self, kind)
            if drawn < 0:
                return kind
        return None


@dataclass(frozen=True, slots=True)
class Request:
    """One request as the server saw it.

    Attributes:
        at: when it arrived, in s of `time.monotonic`.
        path: decoded, without the leading slash and the query.
        span: `Range` header, or "".
        status: of the answer; 0 where none was sent.
        fault: how it was made to fail.
        headers: names in lower case.
        connection: port of the client, so that connections can be told apart.
        method: such as GET.
        query: what followed the path.
        sent: bytes of the body of the answer, as it was meant to be.
        received: bytes of the body of the request.
    """

    at: float
    path: str
    span: str
    status: int
    fault: str | None
    headers: Mapping[str, str]
    connection: int
    method: str = "GET"
    query: str = ""
    sent: int = 0
    received: int = 0

    @property
    def token(self) -> str:
        """What came as `Authorization: Bearer`, or ""."""
        return self.headers.get("authorization", "").removeprefix("Bearer ")


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be answered.

    Attributes:
        method: such as GET.
        target: path as it was sent, still quoted.
        query: what followed it.
        headers: names in lower case.
        body: of the request.
    """

    method: str
    target: str
    query: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """Decoded, without the leading slash."""
        return unquote(self.target).lstrip("/")

    @property
    def span(self) -> str:
        """The `Range` header, or ""."""
        return self.headers.get("range", "")


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent.

    Attributes:
        status: 0 to close the connection without a word.
        headers: besides the length and the type of the content.
        data: the body, which is left out for HEAD.
    """

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes = b""


def part_of(data: bytes, span: str, **headers: str) -> Answer:
    """The bytes that a `Range` header asks for: 200, 206 or 416.

    Args:
        data: the whole.
        span: the header, or "" for the whole.
        headers: that go with it.
    """
    size = len(data)
    first, _, last = span.removeprefix("bytes=").partition("-")
    if not (span.startswith("bytes=") and (first + last).isdecimal()):
        return Answer(200, headers, data)
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start > end:
        return Answer(416, headers | {"Content-Range": f"bytes */{size}"})
    return Answer(206, headers | {"Content-Range": f"bytes {start}-{end}/{size}"}, data[start : end + 1])


class WebServer(ABC):
    """Answers on a port of this machine, over HTTP/1.1 with connections that stay open.

    Args:
        faults: what goes wrong.
        delay_s: before each answer.
        tls: with a certificate, for https.

    Attributes:
        log: every request, in order of arrival.
        bytes_sent: of bodies; counted before they are sent, so that what a client has is in it.
        busiest: most requests that waited for the head of their answer at a time.
    """

    def __init__(
        self, *, faults: Faults | None = None, delay_s: float = 0.0, tls: ssl.SSLContext | None = None
    ) -> None:
        self.faults = faults or Faults()
        self.delay_s = delay_s
        self.tls = tls
        self.log: list[Request] = []
        self.bytes_sent = 0
        self.busiest = 0
        self.connections = 0
        self._busy = 0
        self._number = 0
        self._asked: dict[str, int] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server: _Server | None = None

    @abstractmethod
    def respond(self, call: Call) -> Answer:
        """What to answer."""

    def __enter__(self) -> Self:
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.owner = self
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._closing.set()
        self._server.shutdown()
        self._server.hang_up()
        self._server.server_close()

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.server_address[1]

    @property
    def url(self) -> str:
        """Address of the root, with a slash at the end."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}/"

    @property
    def requests(self) -> int:
        """Requests so far."""
        return len(self.log)

    def reset(self) -> None:
        """Forget what was counted."""
        with self._lock:
            self.log, self.bytes_sent, self.busiest, self._asked = [], 0, 0, {}

    # what the handler calls

    def _begin(self, path: str) -> str | None:
        with self._lock:
            self._busy += 1
            self.busiest = max(self.busiest, self._busy)
            number, before = self._number, self._asked.get(path, 0)
            self._number += 1
            self._asked[path] = before + 1
        return self.faults.kind(number, path, before)

    def _note(self, request: Request) -> None:
        with self._lock:
            self.log.append(request)

    def _answered(self) -> None:
        with self._lock:
            self._busy -= 1

    def _sends(self, count: int) -> None:
        with self._lock:
            self.bytes_sent += count


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    owner: WebServer

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()
        # a thread that waits for the next request of a connection must not hold up the end of the server
        self.block_on_close = False

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.owner.tls is not None:
            # the handshake comes with the first read, in the thread of the connection
            connection = self.owner.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self.owner.connections += 1
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        at, owner = time.monotonic(), self.server.owner
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            call = Call(self.command, parts.path, parts.query, headers, self._body())
            fault = owner._begin(call.path)
            if owner.delay_s:
                owner._closing.wait(owner.delay_s)
            answer = self._failure(fault) or owner.respond(call)
            owner._answered()
            sent = 0 if self.command == "HEAD" else len(answer.data)
            owner._note(
                Request(
                    at, call.path, call.span, answer.status, fault, headers, self.client_address[1], self.command,
                    parts.query, sent, len(call.body),
                )
            )  # fmt: skip
            self._send(answer, fault)
        except OSError:
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET  # noqa: N815 - names of the standard library

    def _body(self) -> bytes:
        """Whole, or an `OSError`: what a client that was killed has sent counts as nothing."""
        size = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(size)
        if len(body) != size:
            msg = "the client went away"
            raise ConnectionError(msg)
        return body

    def _failure(self, fault: str | None) -> Answer | None:
        if not fault or not fault.startswith("error_"):
            return None
        status = int(fault.removeprefix("error_"))
        told = self.server.owner.faults.retry_after if status == 429 else None
        when = formatdate(time.time() + 1, usegmt=True) if told == "date" else told
        return Answer(status, {} if when is None else {"Retry-After": str(when)}, b"the server is busy")

    def _send(self, answer: Answer, fault: str | None) -> None:
        status, data = answer.status, answer.data
        if not status or (fault == "reset" and len(self.server.owner.log) % 2):
            self._reset()
            return
        if fault == "corrupt" and data:
            place = len(data) // 2
            data = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        lines = {"Content-Length": str(len(data)), "Content-Type": "application/octet-stream", **answer.headers}
        head = f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        if fault == "trickle_head":
            self._trickle(head.encode())
        else:
            self.wfile.write(head.encode())
        if self.command == "HEAD":
            return
        if fault in {"reset", "truncate", "stall"}:
            self._write(data[: len(data) // 2])
            if fault == "stall":
                self.server.owner._closing.wait(self.server.owner.faults.stall_s)
            if fault == "reset":
                self._reset()
            self.close_connection = True
        elif fault == "trickle":
            self.server.owner._sends(len(data))
            self._trickle(data)
        else:
            self._write(data)

    def _write(self, data: bytes) -> None:
        for start in range(0, len(data), _BLOCK):
            block = data[start : start + _BLOCK]
            self.server.owner._sends(len(block))
            self.wfile.write(block)

    def _trickle(self, data: bytes) -> None:
        for number in range(len(data)):
            if self.server.owner._closing.wait(self.server.owner.faults.trickle_s):
                return
            self.wfile.write(data[number : number + 1])

    def _reset(self) -> None:
        # a linger of 0 s sends RST instead of FIN
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True


assert {field.name for field in fields(Faults)} >= set(Faults.KINDS)
