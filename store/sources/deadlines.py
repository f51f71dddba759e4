"""HTTP answers that are read against a deadline, however little a server sends at a time.

The time-out of a socket starts anew with each byte, so a server that sends one a second holds a reader for ever, in
the head of an answer as in its body. Here each read of the socket waits only until the deadline of the request.
"""

from __future__ import annotations

import http.client
import io
import socket
import struct
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from .parts import Parts

__all__ = ["Deadline", "Received", "deadline_pools", "fills_parts", "send"]

_LINUX: Final = sys.platform == "linux" and struct.calcsize("l") == 8
"""Where `socket(7)` says how the time-out of a call is set, as two long integers."""


def fills_parts(url: str) -> bool:
    """Whether an answer can be put into memory in parts for no more than it costs to put it into one."""
    return _LINUX and url.startswith("http://")


@dataclass(frozen=True, slots=True)
class Received:
    """An answer whose head is there.

    Attributes:
        head: status and headers; whoever has read what is wanted closes it.
        body: the rest of it, which urllib3 would copy twice, piece by piece, with the GIL held.
    """

    head: urllib3.BaseHTTPResponse
    body: _TimedResponse

    def read_into(self, parts: Parts) -> int:
        """Put what has arrived of the body, at least a byte, into memory; 0 at its end."""
        size = self.body.receive(parts)
        if self.body.isclosed():
            # read to its end: the connection can be used again
            self.head.release_conn()
        return size


@dataclass(slots=True)
class Deadline:
    """When the next progress of a request is due.

    Attributes:
        ends: in s of `time.monotonic`.
    """

    ends: float

    @classmethod
    def in_s(cls, seconds: float) -> Deadline:
        """A deadline that many seconds from now."""
        return cls(time.monotonic() + seconds)

    def extend(self, seconds: float) -> None:
        """Make it that many seconds from now."""
        self.ends = time.monotonic() + seconds

    def left_s(self) -> float:
        """Seconds that are left.

        Raises:
            TimeoutError: none.
        """
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


_REQUEST = threading.local()


class _TimedReader(io.RawIOBase):
    """What a socket receives, until the deadline."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: Deadline) -> None:
        self._raw = raw
        self._sock = sock
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    @property
    def is_plain(self) -> bool:
        """Whether `receive` can be used: not where TLS lies between."""
        return _LINUX and type(self._sock) is socket.socket

    def readinto(self, buffer: WriteableBuffer, /) -> int | None:
        if self.is_plain:
            return self.receive([memoryview(buffer)])
        self._sock.settimeout(self._deadline.left_s())
        return self._raw.readinto(buffer)

    def receive(self, parts: list[memoryview]) -> int:
        """Fill memory, as far as something comes; 0 at the end."""
        return _wait_in_system(self._sock, parts, self._deadline.left_s())

    def close(self) -> None:
        self._raw.close()
        super().close()


def _wait_in_system(sock: socket.socket, parts: list[memoryview], seconds: float) -> int:
    """Receive within some time, by one call of the system.

    Python's own time-outs make three of it (set, wait, receive), and more where a body comes in parts. After each a
    thread waits for the GIL: with 16 threads patches come 1.2 times as fast so.

    Raises:
        TimeoutError: nothing came.
    """
    if sock.gettimeout() is not None:
        sock.settimeout(None)
    micros = max(1, int(seconds * 1e6))  # 0 would be for ever
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", *divmod(micros, 10**6)))
    flags = 0
    # what is larger than the buffer of a reader is part of a body, and no more than is left of it
    if sum(map(len, parts)) > io.DEFAULT_BUFFER_SIZE:
        flags = socket.MSG_WAITALL
        # or Linux may wait 40 ms before it tells the server that there is room for more, once for each connection
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
    try:
        return sock.recvmsg_into(parts, 0, flags)[0]
    except BlockingIOError:
        raise TimeoutError from None


class _TimedResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._timed = _TimedReader(self.fp.detach(), sock, _REQUEST.deadline)
        self.fp = io.BufferedReader(self._timed)
        self._is_buffered = True
        _REQUEST.response = self

    def receive(self, parts: Parts) -> int:
        """Put what has arrived of the body into memory; 0 at its end."""
        if self.chunked or self.length is None or self.fp is None:
            size = self.readinto1(parts.next(parts.left)[0])
            parts.filled(size)
            return size
        size = self._receive(parts, self.length)
        self.length -= size
        if not self.length:
            self.close()
        return size

    def _receive(self, parts: Parts, most: int) -> int:
        if not self._timed.is_plain:
            size = self.fp.readinto1(parts.next(most)[0])
        elif self._is_buffered:
            # what came with the head, or after it
            arrived = self.fp.peek()
            data = self.fp.read(min(len(arrived), most, parts.left))
            self._is_buffered = len(data) < len(arrived)
            parts.put(data)
            return len(data)
        else:
            size = self._timed.receive(parts.next(most))
        parts.filled(size)
        return size


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedConnectionTls(HTTPSConnection):
    response_class = _TimedResponse


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _PoolTls(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedConnectionTls


def deadline_pools(pools: urllib3.PoolManager) -> urllib3.PoolManager:
    """Make the connections of a pool manager heed the deadline that `send` is given."""
    pools.pool_classes_by_scheme = {"http": _Pool, "https": _PoolTls}
    return pools


def send(
    pools: urllib3.PoolManager, url: str, headers: dict[str, str], deadline: Deadline, connect_s: float
) -> Received:
    """Send a GET, and return once the head of the answer is there; its body is read against the same deadline.

    Redirects are not followed, nothing is tried again.

    Raises:
        urllib3.exceptions.HTTPError, OSError: no answer.
    """
    left = deadline.left_s()
    _REQUEST.deadline = deadline
    head = pools.request(
        "GET",
        url,
        headers=headers,
        redirect=False,
        retries=False,
        preload_content=False,
        decode_content=False,
        timeout=urllib3.Timeout(connect=min(connect_s, left), read=left),
    )
    return Received(head, _REQUEST.response)
