"""HTTP of one process: connections, redirects, and which answers another attempt may better."""

from __future__ import annotations

import random
import ssl
import time
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from http.client import HTTPException
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from ...errors import RemoteError, VoxpressError
from .backoff import Failure, retry_after_s
from .deadlines import Deadline, deadline_pools, send
from .gate import HostGate
from .parts import Parts
from .process import PerProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .backoff import Attempts, Limits
    from .deadlines import Received

__all__ = ["Answer", "Client", "Query", "client_of", "status_text", "without_secrets"]

_REDIRECTS: Final = {301, 302, 303, 307, 308}
_MOST_REDIRECTS: Final = 5
_REMEMBER_S: Final = 300.0
"""Signed addresses are good for at least 15 minutes at the hosts that give them; when one is refused, it is asked
for again in any case."""
_MOST_REMEMBERED: Final = 10_000
_BUSY: Final = {408, 425, 429}
_SMALL_BODY_BYTES: Final = 64 * 2**10
"""Read to its end to keep the connection; one more connection costs less than reading a larger body."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What is asked of a server.

    Attributes:
        url: without user and password.
        headers: to send.
        authorization: sent to the host of `url` only, never to one that it redirects to.
    """

    url: str
    headers: dict[str, str]
    authorization: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer; its body is still to be read.

    Attributes:
        received: of the connection.
        deadline: of the request; whoever reads the body extends it when there is progress.
    """

    received: Received
    deadline: Deadline

    @property
    def status(self) -> int:
        """Status code."""
        return self.received.head.status

    @property
    def body_bytes(self) -> int | None:
        """Size of the body, as far as it is known."""
        told = self.header("Content-Length")
        return int(told) if told.isascii() and told.isdigit() else None

    def header(self, name: str) -> str:
        """A header, or an empty text."""
        return self.received.head.headers.get(name, "")

    def read_into(self, parts: Parts) -> int:
        """Put what has arrived of the body, at least a byte, into memory; 0 at its end."""
        return self.received.read_into(parts)

    def finish(self) -> None:
        """Read the rest of a small body, so that the connection can be used again."""
        if self.body_bytes is not None and self.body_bytes <= _SMALL_BODY_BYTES:
            rest = Parts([memoryview(bytearray(self.body_bytes))])
            while rest.left and self.read_into(rest):
                pass


class Client:
    """Sends requests with the limits of a source. One for each process; any thread may use it."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        # jitter only: it must differ between processes
        self.rng = random.Random()  # noqa: S311
        self._gates: dict[str, HostGate] = {}
        self._managers: dict[str | None, urllib3.PoolManager] = {}
        self._proxies: dict[str, str | None] = {}
        self._led_to: dict[str, tuple[str, float]] = {}

    def gate(self, url: str) -> HostGate:
        """The gate of the host of an address."""
        host = urlsplit(url).netloc
        return self._gates.get(host) or self._gates.setdefault(host, HostGate(self.limits.requests))

    @contextmanager
    def answer(self, query: Query, attempts: Attempts) -> Iterator[Answer]:
        """Send a GET and follow redirects, once; the body has to be read inside the context.

        Where an address led is remembered for some minutes, so that the next range takes one request.

        Raises:
            Failure: another attempt may succeed.
            RemoteError: it may not.
        """
        url = self._remembered(query.url)
        for _ in range(_MOST_REDIRECTS + 1):
            with self._hop(url, query, attempts) as answer:
                if answer.status in _REDIRECTS and answer.header("Location"):
                    answer.finish()
                    url = _next_url(url, answer.header("Location"))
                    continue
                if url != query.url and url == self._remembered(query.url) and 400 <= answer.status < 500:
                    # it has expired, or the file has moved: ask the first host again
                    self._led_to.pop(query.url, None)
                    answer.finish()
                    url = query.url
                    continue
                if url != query.url and answer.status < 300:
                    self._remember(query.url, url)
                yield answer
                return
        msg = f"{without_secrets(query.url)} redirects more than {_MOST_REDIRECTS} times; check the address"
        raise RemoteError(msg)

    @contextmanager
    def _hop(self, url: str, query: Query, attempts: Attempts) -> Iterator[Answer]:
        gate = self.gate(url)
        headers = {"Accept-Encoding": "identity", "User-Agent": "voxpress", **query.headers}
        if query.authorization and _origin(url) == _origin(query.url):
            headers["Authorization"] = query.authorization
        with gate.admitted(attempts, self.rng):
            deadline, received = Deadline.in_s(self.limits.timeout_s), None
            try:
                received = send(self._pools(url), url, headers, deadline, self.limits.connect_s)
                gate.answered = True
                answer = Answer(received, deadline)
                _raise_if_busy(answer, url)
                yield answer
            except VoxpressError:
                raise
            except (HTTPError, HTTPException, OSError) as error:
                self._led_to.pop(query.url, None)
                raise self._failure(error, url) from error
            finally:
                if received is not None:
                    # of no effect where the body was read to its end: the connection is in the pool by then
                    received.head.close()

    def _failure(self, error: Exception, url: str) -> Exception:
        """What a failed request means; texts of urllib3 are left out, as they may hold signed addresses."""
        host = urlsplit(url).hostname
        cause = _first_cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            msg = (
                f"the certificate of {host} is not trusted ({cause.verify_message}); check the address or SSL_CERT_FILE"
            )
            return RemoteError(msg)
        if isinstance(error, (ConnectTimeoutError, NewConnectionError)):
            return Failure(f"could not connect to {host} ({_name(cause)})", host=url, unreachable=True)
        if isinstance(error, (ReadTimeoutError, TimeoutError)):
            return Failure(f"brought too little within {self.limits.timeout_s:g} s", host=url, stalled=True)
        return Failure(f"broke off ({_name(cause)})", host=url)

    def _pools(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        if parts.netloc not in self._proxies:
            self._proxies[parts.netloc] = _proxy_of(parts.scheme, parts.netloc)
        proxy = self._proxies[parts.netloc]
        if proxy not in self._managers:
            self._managers.setdefault(proxy, _pool_manager(proxy, self.limits.requests))
        return self._managers[proxy]

    def _remembered(self, url: str) -> str:
        led_to, until = self._led_to.get(url, (url, 0.0))
        return led_to if time.monotonic() < until else url

    def _remember(self, url: str, led_to: str) -> None:
        if len(self._led_to) >= _MOST_REMEMBERED:
            self._led_to.clear()
        self._led_to[url] = (led_to, time.monotonic() + _REMEMBER_S)


def client_of(limits: Limits) -> Client:
    """The client of this process for these limits."""
    clients = _CLIENTS.get()
    return clients.get(limits) or clients.setdefault(limits, Client(limits))


def _no_clients() -> dict[Limits, Client]:
    return {}


_CLIENTS = PerProcess(_no_clients)


def without_secrets(url: str) -> str:
    """An address for messages: user, password and query are masked."""
    parts = urlsplit(url)
    mask = "***@" if "@" in parts.netloc else ""
    query = "?***" if parts.query else ""
    return f"{parts.scheme}://{mask}{parts.netloc.rpartition('@')[2]}{parts.path}{query}"


def _raise_if_busy(answer: Answer, url: str) -> None:
    if answer.status < 500 and answer.status not in _BUSY:
        return
    told = retry_after_s(answer.received.head.headers, datetime.now(UTC))
    busy = answer.status == HTTPStatus.TOO_MANY_REQUESTS or (answer.status == 503 and told is not None)
    answer.finish()
    raise Failure(f"was answered with {status_text(answer.status)}", host=url, retry_after=told, busy=busy)


def status_text(status: int) -> str:
    """A status code with its name."""
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _next_url(url: str, location: str) -> str:
    try:
        following = urljoin(url, location)
        parts = urlsplit(following)
        sound = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        sound = False
    if not sound:
        msg = f"{without_secrets(url)} redirects to an address that is not of http or https; check the address"
        raise RemoteError(msg)
    return following


def _origin(url: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _first_cause(error: BaseException) -> BaseException:
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error


def _name(error: BaseException) -> str:
    # of the system: "Connection refused"; never a text of urllib3
    return (isinstance(error, OSError) and error.strerror) or type(error).__name__


def _proxy_of(scheme: str, netloc: str) -> str | None:
    """Proxy that the environment names for a host."""
    proxies = getproxies()
    proxy = proxies.get(scheme) or proxies.get("all")
    if not proxy or proxy_bypass(netloc):
        return None
    return proxy if "://" in proxy else f"http://{proxy}"


def _pool_manager(proxy: str | None, connections: int) -> urllib3.PoolManager:
    if proxy is None:
        return deadline_pools(urllib3.PoolManager(maxsize=connections))
    user = urlsplit(proxy)
    login = f"{unquote(user.username)}:{unquote(user.password or '')}" if user.username else None
    headers = urllib3.make_headers(proxy_basic_auth=login) if login else None
    return deadline_pools(urllib3.ProxyManager(proxy, proxy_headers=headers, maxsize=connections))
