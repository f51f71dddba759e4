"""A store in object storage: S3 and what speaks its protocol, Google Cloud Storage, Azure."""

from __future__ import annotations

import os
import random
import re
import threading
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ...errors import CorruptError, RemoteError
from ..layout import check_relative
from .backoff import Failure, Limits
from .client import status_text, without_secrets
from .gate import HostGate
from .parts import Parts
from .process import PerProcess
from .trying import REMOTE_ADVICE, keep_trying

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from obstore.store import ObjectStore

    from .backoff import Attempts

__all__ = ["ObjectSource"]

_MARKS_A_REQUEST: Final = 4
"""A request may bring this many `Limits.least_bytes` and take as many `Limits.timeout_s`: obstore has a time-out for
the whole of a request, but none that starts anew with progress."""

_CREDENTIALS: Final = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_SKIP_SIGNATURE=true for a public bucket)",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS (or GOOGLE_SKIP_SIGNATURE=true for a public bucket)",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY (or AZURE_SKIP_SIGNATURE=true if it is public)",
}

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class ObjectSource:
    """A folder of a bucket, read through `obstore`.

    Credentials, region and endpoint come from the environment, by the names that `obstore` documents:
    `AWS_ACCESS_KEY_ID`, `AWS_ENDPOINT_URL`, `AWS_REGION`, `AWS_SKIP_SIGNATURE`, `GOOGLE_APPLICATION_CREDENTIALS`,
    `AZURE_STORAGE_ACCOUNT_NAME` and others; they are never part of the value.

    The runtime of obstore does not outlast a fork. A process that was forked after its parent read here cannot read:
    use threads, or workers that are started by spawn or forkserver.

    Attributes:
        address: ``s3://bucket/folder``, ``gs://…`` or ``az://container/…``.
        limits: time-outs.
    """

    address: str
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(s3|gs|az)://[^/@?#]+(/[^?#]*)?", self.address):
            given = without_secrets(self.address)
            msg = f"the address must be s3://bucket/folder, gs://bucket/folder or az://container/folder, got {given!r}"
            raise ValueError(msg)

    @property
    def url(self) -> str:
        """The address."""
        return self.address

    @property
    def remote(self) -> bool:
        """True."""
        return True

    def below(self, folder: str) -> ObjectSource:
        """The store in a folder of this one; as `Source.below`."""
        return ObjectSource(f"{self.address.rstrip('/')}/{check_relative(folder)}", self.limits)

    def read_into(self, path: str, start: int, out: memoryview) -> None:
        """Fill `out`; as `Source.read_into`."""
        self.read_parts(path, start, [out])

    @property
    def fills_parts(self) -> bool:
        """True: what came is copied in any case."""
        return True

    def read_parts(self, path: str, start: int, parts: Sequence[memoryview]) -> bool:
        """Fill several buffers; as `LocalSource.read_parts`, but raises what `read_into` does."""
        rest = Parts(parts)
        while rest.left:
            data = self._range(path, start, min(rest.left, _MARKS_A_REQUEST * self.limits.least_bytes))
            rest.put(data)
            start += len(data)
        return True

    def read_all(self, path: str, *, most: int) -> bytes:
        """Read a small file whole; as `Source.read_all`."""
        size = self.request(path, lambda obstore, store: obstore.head(store, path)["size"])
        if size > most:
            msg = f"{path} at {self.url} has {size} bytes, the limit is {most}; do not trust this store"
            raise CorruptError(msg, kind="size", path=path)
        data = bytearray(size)
        self.read_into(path, 0, memoryview(data))
        return bytes(data)

    def state(self, path: str, size: int) -> tuple[int, ...]:  # noqa: ARG002 - of the contract
        """Empty: what is published does not change, and a short file fails when it is read."""
        return ()

    def _range(self, path: str, start: int, length: int) -> memoryview:
        data = self.request(path, lambda obstore, store: obstore.get_range(store, path, start=start, length=length))
        # object storage gives what there is of a range that leaves the file
        if len(data) != length:
            raise self._too_short(path, start + len(data), start + length)
        return memoryview(data)

    def request(self, path: str, request: Callable[[Any, ObjectStore], Result], *, done: str = "read") -> Result:
        """Ask the storage for something, until it answers.

        Args:
            path: that it is about.
            request: calls obstore, given its module and the opened store.
            done: what it does with the path, for messages.

        Raises:
            FileExistsError: a condition of the request is not met.
            CorruptError: the path is not there.
            RemoteError, StallError: the storage refuses, or cannot be reached.
        """
        check_relative(path)
        opened = _opened(self)

        def attempt(attempts: Attempts) -> Result:
            with opened.gate.admitted(attempts, opened.rng):
                try:
                    result = request(opened.library, opened.store)
                # of the call itself, which another attempt would not change
                except TypeError:
                    raise
                # obstore raises its own tree, and FileNotFoundError
                except Exception as error:  # noqa: BLE001
                    meaning = self._meaning(error, path, done)
                else:
                    opened.gate.answered = True
                    return result
            # outside, as texts of obstore may hold signed addresses
            raise meaning

        return keep_trying(
            attempt,
            what=f"{path} at {self.url}",
            limits=self.limits,
            rng=opened.rng,
            gate_of=lambda _: opened.gate,
            done=done,
        )

    def _meaning(self, error: Exception, path: str, done: str) -> Exception:
        """What an error of obstore means; its text is read, as it has no codes."""
        text = str(error)
        status = int(found[1]) if (found := re.search(r"status code: (\d{3})", text)) else None
        if isinstance(error, FileNotFoundError) or status == 404:
            return CorruptError(f"{path} is missing at {self.url}; {REMOTE_ADVICE}", kind="missing", path=path)
        if type(error).__name__ in {"AlreadyExistsError", "PreconditionError"}:
            return FileExistsError(f"{path} at {self.url} is there, or has changed")
        if status == 416:
            return self._too_short(path, None, None)
        if type(error).__name__ in {"PermissionDeniedError", "UnauthenticatedError"} or status in {401, 403}:
            names = _CREDENTIALS[self.address.partition(":")[0]]
            return RemoteError(f"{self.url} does not let {path} be {done}; set {names}")
        if status is not None and 400 <= status < 500 and status not in {408, 425, 429}:
            return RemoteError(f"{self.url} answered {status} for {path}; check the address and the region")
        return _failure(error, status, self.limits)

    def _too_short(self, path: str, size: int | None, wanted: int | None) -> Exception:
        told = "is shorter than expected" if size is None else f"has {size} bytes, at least {wanted} were expected"
        return CorruptError(f"{path} at {self.url} {told}; {REMOTE_ADVICE}", kind="size", path=path)


def _failure(error: Exception, status: int | None, limits: Limits) -> Failure:
    if status is not None:
        return Failure(f"was answered with {status_text(status)}")
    if "kind: Timeout" in str(error):
        return Failure(f"brought too little within {limits.timeout_s:g} s", stalled=True)
    if "kind: Connect" in str(error):
        return Failure("could not connect", unreachable=True)
    return Failure(f"broke off ({type(error).__name__})")


class _Opened:
    """What one process holds of a source."""

    def __init__(self, source: ObjectSource) -> None:
        self.library = _obstore(source)
        self.store = _store_of(source)
        self.gate = HostGate(source.limits.requests)
        # jitter only: it must differ between processes
        self.rng = random.Random()  # noqa: S311


def _nothing_opened() -> dict[ObjectSource, _Opened]:
    return {}


_OPENED = PerProcess(_nothing_opened)
_STARTED_IN: list[int] = []
"""Processes in which obstore was used: this one, or those that it was forked from."""
_ONE_AT_A_TIME = PerProcess(threading.Lock)


def _opened(source: ObjectSource) -> _Opened:
    opened = _OPENED.get()
    if (known := opened.get(source)) is not None:
        return known
    if any(pid != os.getpid() for pid in _STARTED_IN):
        msg = (
            f"{source.url} was read before this process was forked, which its library cannot bear; "
            "read it with threads (num_workers=0), or give the loader multiprocessing_context='spawn' or 'forkserver'"
        )
        raise RemoteError(msg)
    with _ONE_AT_A_TIME.get():
        if source not in opened:
            opened[source] = _Opened(source)
            _STARTED_IN.append(os.getpid())
        return opened[source]


def _obstore(source: ObjectSource) -> Any:
    try:
        import obstore
    except ImportError as error:
        msg = f"reading {source.url} needs obstore; install it with: pip install 'voxpress[cloud]'"
        raise RemoteError(msg) from error
    return obstore


def _store_of(source: ObjectSource) -> ObjectStore:
    from obstore.store import from_url

    limits = source.limits
    client: Any = {
        "connect_timeout": timedelta(seconds=limits.connect_s),
        "read_timeout": timedelta(seconds=limits.timeout_s),
        "timeout": timedelta(seconds=_MARKS_A_REQUEST * limits.timeout_s),
        # all endpoints are of https, but for one that the user names
        "allow_http": True,
    }
    # tried again by `keep_trying`: obstore does not do so when a body breaks off, and does not heed Retry-After
    retry: Any = {"max_retries": 0, "retry_timeout": timedelta(seconds=limits.deadline_s)}
    return from_url(source.address.rstrip("/"), client_options=client, retry_config=retry)
