"""A store on a web server, read by ranges."""

from __future__ import annotations

import base64
import re
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import numpy as np

from ...errors import CorruptError, RemoteError
from ..layout import check_relative
from .backoff import Failure, Limits
from .client import Query, client_of, status_text, without_secrets
from .deadlines import fills_parts
from .parts import Parts
from .secrets import keep_secret, secret_of
from .trying import REMOTE_ADVICE, keep_trying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from .backoff import Attempts
    from .client import Answer, Client
    from .secrets import Secret

__all__ = ["HttpSource", "hub_key"]

_CONTENT_RANGE: Final = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", flags=re.ASCII)

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, repr=False)
class HttpSource:
    """A folder of a web server that understands ranges, such as nginx, Caddy, the Hub or object storage.

    A read is tried again, from the byte it came to, when the connection breaks or stalls, the answer is cut short,
    or the server says that it is overloaded; `Limits` says for how long. Servers without ranges are refused: one that
    sends whole shards for each sample would be used by mistake only.

    Attributes:
        address: of the folder. May hold ``user:password@`` (sent as basic authentication) and a query (a shared
            access signature), which goes with each request.
        hub: it is on the Hugging Face Hub, whose token is sent, if there is one.
        limits: time-outs.
    """

    address: str
    hub: bool = False
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = f"the address must start with http:// or https:// and a host, got {without_secrets(self.address)!r}"
            raise ValueError(msg)

    def __repr__(self) -> str:
        return f"HttpSource({self.url!r})"

    @property
    def url(self) -> str:
        """The address; user, password and query are masked."""
        return without_secrets(self.address)

    @property
    def remote(self) -> bool:
        """True."""
        return True

    def __reduce__(self) -> tuple[Any, ...]:
        # a process that is started with it reads with the token that was given here
        token = secret_of(hub_key(self.address)) if self.hub else None
        return _again, (self.address, self.hub, self.limits, token)

    def below(self, folder: str) -> HttpSource:
        """The store in a folder of this one; as `Source.below`."""
        parts = urlsplit(self.address)
        path = f"{parts.path.rstrip('/')}/{quote(check_relative(folder))}"
        return replace(self, address=urlunsplit(parts._replace(path=path)))

    def read_into(self, path: str, start: int, out: memoryview) -> None:
        """Fill `out`; as `Source.read_into`."""
        if len(out):
            self.read_parts(path, start, [out])

    @property
    def fills_parts(self) -> bool:
        """Whether `read_parts` takes no longer than `read_into`: not where TLS lies between."""
        return fills_parts(self.address)

    def read_parts(self, path: str, start: int, parts: Sequence[memoryview]) -> bool:
        """Fill several buffers by one request; as `LocalSource.read_parts`, but raises what `read_into` does."""
        rest = Parts(parts)
        last = start + rest.left - 1

        def attempt(client: Client, attempts: Attempts) -> None:
            first = last + 1 - rest.left
            query = self._query(path, {"Range": f"bytes={first}-{last}"})
            with client.answer(query, attempts) as answer:
                self._check_range(answer, path, first, last)
                _take(answer, rest, attempts, self.limits)

        self._try(path, attempt)
        return True

    def read_all(self, path: str, *, most: int) -> bytes:
        """Read a small file whole; as `Source.read_all`."""

        def attempt(client: Client, attempts: Attempts) -> bytes:
            with client.answer(self._query(path, {}), attempts) as answer:
                if answer.status != 200:
                    raise self._refused(answer, path)
                self._check_encoding(answer, path)
                size = answer.body_bytes
                if size is not None and size > most:
                    raise self._too_large(path, f"{size} bytes", most)
                # what is not written to takes no memory
                out = np.empty(most + 1 if size is None else size, np.uint8).data
                parts = Parts([out])
                _take(answer, parts, attempts, self.limits, exact=size is not None)
                done = len(out) - parts.left
                if done > most:
                    raise self._too_large(path, "more", most)
                return bytes(out[:done])

        return self._try(path, attempt)

    def state(self, path: str, size: int) -> tuple[int, ...]:  # noqa: ARG002 - of the contract
        """Empty: what is published does not change, and a short file fails when it is read."""
        return ()

    def _query(self, path: str, headers: dict[str, str]) -> Query:
        parts = urlsplit(self.address)
        login, _, host = parts.netloc.rpartition("@")
        folder = parts.path.rstrip("/")
        url = urlunsplit((parts.scheme, host, f"{folder}/{quote(check_relative(path))}", parts.query, ""))
        return Query(url=url, headers=headers, authorization=self._authorization(login))

    def _authorization(self, login: str) -> str | None:
        if login:
            return f"Basic {base64.b64encode(unquote(login).encode()).decode()}"
        if self.hub:
            from .hub import hub_token

            token = hub_token(hub_key(self.address))
            return f"Bearer {token}" if token else None
        return None

    def _try(self, path: str, attempt: Callable[[Client, Attempts], Result]) -> Result:
        client = client_of(self.limits)
        return keep_trying(
            lambda attempts: attempt(client, attempts),
            what=f"{path} at {self.url}",
            limits=self.limits,
            rng=client.rng,
            gate_of=lambda failure: client.gate(failure.host or self.address),
        )

    def _check_range(self, answer: Answer, path: str, first: int, last: int) -> None:
        """Raise unless the body is the bytes from `first` to `last`, both included."""
        self._check_encoding(answer, path)
        if answer.status == 206:
            told = _CONTENT_RANGE.fullmatch(answer.header("Content-Range").strip())
            if told is None:
                raise self._rangeless(path)
            if told[3] != "*" and int(told[3]) <= last:
                raise self._too_short(path, int(told[3]), last + 1)
            if (int(told[1]), int(told[2])) != (first, last):
                msg = f"was answered with bytes {told[1]} to {told[2]} instead of {first} to {last}"
                raise Failure(msg)
        elif answer.status == 200:
            size = answer.body_bytes
            if size is not None and size <= last:
                raise self._too_short(path, size, last + 1)
            # a server may answer so when the range is the whole file
            if first or size != last + 1:
                raise self._rangeless(path)
        elif answer.status == 416:
            size_told = re.fullmatch(r"bytes \*/(\d{1,18})", answer.header("Content-Range").strip(), flags=re.ASCII)
            raise self._too_short(path, int(size_told[1]) if size_told else None, last + 1)
        else:
            raise self._refused(answer, path)

    def _check_encoding(self, answer: Answer, path: str) -> None:
        if answer.status < 300 and answer.header("Content-Encoding") not in {"", "identity"}:
            msg = f"{self.url} sends {path} compressed, so that its ranges are none of the file; switch that off there"
            raise RemoteError(msg)

    def _refused(self, answer: Answer, path: str) -> Exception:
        """What an answer means that another attempt would not change."""
        if answer.status in {404, 410}:
            msg = f"{path} is missing at {self.url}; {REMOTE_ADVICE}"
            return CorruptError(msg, kind="missing", path=path)
        said = f"{self.url} answered {status_text(answer.status)} for {path}"
        if answer.status not in {401, 403}:
            return RemoteError(f"{said}; check the address")
        if self.hub and answer.header("X-Error-Code") == "GatedRepo":
            page = self.url.partition("/resolve/")[0]
            return RemoteError(f"{said}: accept its terms at {page}, and give the token of who has (token=, HF_TOKEN)")
        if self.hub:
            way = "set HF_TOKEN, or log in with `hf auth login`, with a token of somebody who may read this data set"
            return RemoteError(f"{said}; {way}, and accept its terms on the Hub if it has any")
        login = "give https://user:password@host/… or a signed address"
        return RemoteError(f"{said}: {login}, if the file is there at all (some servers answer so where it is not)")

    def _rangeless(self, path: str) -> Exception:
        msg = (
            f"{self.url} does not give ranges of {path}, only the whole file; "
            "use a server that does (nginx, Caddy, object storage, the Hub), or download it and open the folder"
        )
        return RemoteError(msg)

    def _too_large(self, path: str, has: str, most: int) -> Exception:
        msg = f"{path} at {self.url} has {has}, the limit is {most} bytes; do not trust this store"
        return CorruptError(msg, kind="size", path=path)

    def _too_short(self, path: str, size: int | None, wanted: int) -> Exception:
        has = "is shorter" if size is None else f"has {size} bytes"
        msg = f"{path} at {self.url} {has}, at least {wanted} were expected; {REMOTE_ADVICE}"
        return CorruptError(msg, kind="size", path=path)


def hub_key(address: str) -> str:
    """By what the token for a data set on the Hub is remembered: its name, from the address of its files."""
    found = re.search(r"/datasets/([^/]+/[^/]+)/resolve/", address)
    return f"hf://datasets/{found[1]}" if found else ""


def _again(address: str, hub: bool, limits: Limits, token: Secret | None) -> HttpSource:  # noqa: FBT001 - of a pickle
    keep_secret(hub_key(address), token)
    return HttpSource(address, hub, limits)


def _take(answer: Answer, parts: Parts, attempts: Attempts, limits: Limits, *, exact: bool = True) -> None:
    """Put the body of an answer into memory; each `least_bytes` of it buy more time.

    Args:
        answer: whose body has not been read.
        parts: know what was filled, also after a failure; what follows in the body is left.
        attempts: of the read.
        limits: of the source.
        exact: a body that is shorter is a failure.
    """
    wanted, due = parts.left, limits.least_bytes
    while parts.left:
        size = answer.read_into(parts)
        if not size:
            if exact:
                raise Failure(f"was cut short after {wanted - parts.left} of {wanted} bytes")
            return
        due -= size
        if due <= 0:
            due = limits.least_bytes
            answer.deadline.extend(limits.timeout_s)
            attempts.progressed(time.monotonic())
