"""A web server for tests that serves a folder by ranges, counts what it does, and fails as it is told.

    with RangeServer(folder, faults=Faults(error_500=0.1, truncate=0.1), delay_s=0.02) as server:
        cohort = vp.open(server.url)
        ...
        server.requests, server.bytes_sent, server.log

Faults depend on the seed and the number of the request only, so that a run can be repeated.
"""

from __future__ import annotations

import random
import re
import socket
import struct
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, fields
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Faults", "RangeServer", "Request"]

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
    """

    at: float
    path: str
    span: str
    status: int
    fault: str | None
    headers: Mapping[str, str]
    connection: int


class RangeServer:
    """Serves a folder on a port of this machine, over HTTP/1.1 with connections that stay open.

    Args:
        folder: what is served; None where everything is redirected or answered by `answer`.
        faults: what goes wrong.
        delay_s: before each answer.
        token: an `Authorization: Bearer` that is asked for; 401 without it, 403 with another.
        refuse_token: 400 for a request that carries any Authorization, as object storage answers signed addresses.
        redirect_to: address of another server; each request is sent there, with its path.
        redirect_query: signature that the address has then; a callable makes a new one for each redirect.
        query: whether a signature is good: a callable that is given the query.
        refusal: status where it is not.
        ranges: False for a server that knows no ranges.
        answer: (method, path, headers) → (status, headers, body), or None for the folder; for what tests need once.

    Attributes:
        log: every request, in order of arrival.
        bytes_sent: of bodies; counted before they are sent, so that what a client has is in it.
        busiest: most requests that waited for the head of their answer at a time.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        faults: Faults | None = None,
        delay_s: float = 0.0,
        token: str | None = None,
        refuse_token: bool = False,
        redirect_to: str | None = None,
        redirect_query: str | Callable[[], str] = "",
        query: Callable[[str], bool] | None = None,
        refusal: int = 403,
        ranges: bool = True,
        answer: Callable[[str, str, Mapping[str, str]], tuple[int, dict[str, str], bytes] | None] | None = None,
    ) -> None:
        self.folder = None if folder is None else Path(folder)
        self.faults = faults or Faults()
        self.delay_s = delay_s
        self.token = token
        self.refuse_token = refuse_token
        self.redirect_to = redirect_to
        self.redirect_query = redirect_query
        self.query = query
        self.refusal = refusal
        self.ranges = ranges
        self.answer = answer
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
        """Address of the folder, with a slash at the end."""
        return f"http://127.0.0.1:{self.port}/"

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
    owner: RangeServer

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._open: set[socket.socket] = set()
        # a thread that waits for the next request of a connection must not hold up the end of the server
        self.block_on_close = False

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
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

    def do_HEAD(self) -> None:
        self._serve(body=False)

    def do_GET(self) -> None:
        self._serve(body=True)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._serve(body=True)

    def _serve(self, *, body: bool) -> None:
        at, owner = time.monotonic(), self.server.owner
        parts = urlsplit(self.path)
        path = unquote(parts.path).lstrip("/")
        fault = owner._begin(path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            if owner.delay_s:
                owner._closing.wait(owner.delay_s)
            status, told, data = self._answer_to(path, parts.query, headers, fault)
            owner._answered()
            owner._note(Request(at, path, headers.get("range", ""), status, fault, headers, self.client_address[1]))
            self._send(status, told, data, fault, body=body)
        except OSError:
            self.close_connection = True

    def _answer_to(
        self, path: str, query: str, headers: Mapping[str, str], fault: str | None
    ) -> tuple[int, dict[str, str], bytes]:
        owner = self.server.owner
        if fault and fault.startswith("error_"):
            status = int(fault.removeprefix("error_"))
            told = owner.faults.retry_after if status == 429 else None
            when = formatdate(time.time() + 1, usegmt=True) if told == "date" else told
            return status, {} if when is None else {"Retry-After": str(when)}, b"the server is busy"
        if owner.answer and (made := owner.answer(self.command, path, headers)) is not None:
            return made
        given = headers.get("authorization")
        if owner.refuse_token and given:
            return 400, {}, b"only one way of authentication"
        if owner.token is not None and given != f"Bearer {owner.token}":
            return (403 if given else 401), {}, b"who are you"
        if owner.query is not None and not owner.query(query):
            return owner.refusal, {}, b"expired"
        if owner.redirect_to is not None:
            signature = owner.redirect_query() if callable(owner.redirect_query) else owner.redirect_query
            target = owner.redirect_to.rstrip("/") + urlsplit(self.path).path
            return 302, {"Location": f"{target}?{signature}" if signature else target}, b"over there"
        return self._file(path, headers.get("range", ""))

    def _file(self, path: str, span: str) -> tuple[int, dict[str, str], bytes]:
        owner = self.server.owner
        file = owner.folder / path if owner.folder and ".." not in path.split("/") else None
        if file is None or not file.is_file():
            return 404, {}, b"not found"
        size = file.stat().st_size
        ends = re.fullmatch(r"bytes=(\d*)-(\d*)", span) if owner.ranges else None
        if ends is None or not (ends[1] or ends[2]):
            return 200, {"Accept-Ranges": "bytes"} if owner.ranges else {}, file.read_bytes()
        first = int(ends[1]) if ends[1] else max(0, size - int(ends[2]))
        last = min(int(ends[2]), size - 1) if ends[1] and ends[2] else size - 1
        if first > last:
            return 416, {"Content-Range": f"bytes */{size}"}, b""
        with file.open("rb") as stream:
            stream.seek(first)
            return 206, {"Content-Range": f"bytes {first}-{last}/{size}"}, stream.read(last - first + 1)

    def _send(self, status: int, told: dict[str, str], data: bytes, fault: str | None, *, body: bool) -> None:
        if fault == "reset" and len(self.server.owner.log) % 2:
            self._reset()
            return
        if fault == "corrupt" and data:
            place = len(data) // 2
            data = data[:place] + bytes([data[place] ^ 0xFF]) + data[place + 1 :]
        lines = {"Content-Length": str(len(data)), "Content-Type": "application/octet-stream", **told}
        head = f"HTTP/1.1 {status} {self.responses.get(status, ('',))[0]}\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        if fault == "trickle_head":
            self._trickle(head.encode())
        else:
            self.wfile.write(head.encode())
        if not body:
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
