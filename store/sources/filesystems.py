"""A store on any file system that `fsspec` knows: SFTP, FTP, SMB, WebHDFS, memory and others."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from ...errors import CorruptError, RemoteError
from ..layout import check_relative
from .backoff import Failure, Limits
from .client import without_secrets
from .gate import HostGate
from .process import PerProcess
from .trying import REMOTE_ADVICE, keep_trying

if TYPE_CHECKING:
    from collections.abc import Callable

    from .backoff import Attempts

__all__ = ["FsspecSource", "is_known"]

_PERMANENT = (ImportError, NotImplementedError, TypeError, ValueError)
"""Errors of a library that another attempt would not better: it is missing, or the address does not suit it."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, repr=False)
class FsspecSource:
    """A folder, read through `fsspec` by ranges.

    What the library of the protocol needs comes from the address (``sftp://user:password@host/folder``) and from its
    own configuration. Time-outs are those of that library; a read that fails is tried again within `limits`.

    Attributes:
        address: ``scheme://…``.
        limits: how often and how long.
    """

    address: str
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://.+", self.address):
            msg = f"the address must be scheme://…, got {without_secrets(self.address)!r}"
            raise ValueError(msg)

    def __repr__(self) -> str:
        return f"FsspecSource({self.url!r})"

    @property
    def url(self) -> str:
        """The address; user, password and query are masked."""
        return without_secrets(self.address)

    @property
    def remote(self) -> bool:
        """True."""
        return True

    def below(self, folder: str) -> FsspecSource:
        """The store in a folder of this one; as `Source.below`."""
        return FsspecSource(f"{self.address.rstrip('/')}/{check_relative(folder)}", self.limits)

    def read_into(self, path: str, start: int, out: memoryview) -> None:
        """Fill `out`; as `Source.read_into`."""
        if not len(out):
            return
        end = start + len(out)
        data = self._try(path, lambda files, place: files.cat_file(place, start=start, end=end))
        if len(data) > len(out):
            msg = f"{self.url} does not give ranges of {path}; download the data set and open the folder"
            raise RemoteError(msg)
        if len(data) < len(out):
            msg = f"{path} at {self.url} has fewer than the {end} bytes that were expected; {REMOTE_ADVICE}"
            raise CorruptError(msg, kind="size", path=path)
        out[:] = data

    def read_all(self, path: str, *, most: int) -> bytes:
        """Read a small file whole; as `Source.read_all`."""
        # one more shows that there is more; sizes are not asked for, as some protocols do not know them
        data: bytes = self._try(path, lambda files, place: files.cat_file(place, start=0, end=most + 1))
        if len(data) > most:
            msg = f"{path} at {self.url} has more than the limit of {most} bytes; do not trust this store"
            raise CorruptError(msg, kind="size", path=path)
        return data

    def state(self, path: str, size: int) -> tuple[int, ...]:  # noqa: ARG002 - of the contract
        """Empty: what is published does not change, and a short file fails when it is read."""
        return ()

    def _try(self, path: str, request: Callable[[Any, str], Result]) -> Result:
        check_relative(path)
        opened = _OPENED.get()
        held = opened.get(self) or opened.setdefault(self, _Opened(self))

        def attempt(attempts: Attempts) -> Result:
            with held.gate.admitted(attempts, held.rng):
                try:
                    result = request(held.files, f"{held.root}/{path}")
                # each library raises what it likes
                except Exception as error:  # noqa: BLE001
                    meaning = self._meaning(error, path)
                else:
                    held.gate.answered = True
                    return result
            # outside, as texts of libraries may hold addresses with passwords
            raise meaning

        return keep_trying(
            attempt, what=f"{path} at {self.url}", limits=self.limits, rng=held.rng, gate_of=lambda _: held.gate
        )

    def _meaning(self, error: Exception, path: str) -> Exception:
        if isinstance(error, (FileNotFoundError, IsADirectoryError, NotADirectoryError)):
            return CorruptError(f"{path} is missing at {self.url}; {REMOTE_ADVICE}", kind="missing", path=path)
        if isinstance(error, PermissionError):
            return RemoteError(f"{self.url} does not let {path} be read; check user, password and rights")
        if isinstance(error, _PERMANENT):
            return RemoteError(
                f"{path} at {self.url} cannot be read by fsspec ({type(error).__name__}); check the address"
            )
        return Failure(f"broke off ({type(error).__name__})", stalled=isinstance(error, TimeoutError))


def is_known(scheme: str) -> bool:
    """Whether `fsspec` has a file system for addresses of this kind, installed or not."""
    from fsspec.registry import known_implementations, registry

    return scheme in known_implementations or scheme in registry


class _Opened:
    """What one process holds of a source."""

    def __init__(self, source: FsspecSource) -> None:
        self.gate = HostGate(source.limits.requests)
        # jitter only: it must differ between processes
        self.rng = random.Random()  # noqa: S311
        self.files, root = _file_system(source)
        self.root = root.rstrip("/")


def _file_system(source: FsspecSource) -> tuple[Any, str]:
    from fsspec.core import url_to_fs

    try:
        # without its cache of instances: connections of another process must not be used
        files, root = url_to_fs(source.address, skip_instance_cache=True)
    except ImportError as error:
        msg = f"reading {source.url} needs a package that is not installed: {error}"
        raise RemoteError(msg) from error
    # each protocol connects in its own way, and tells of it in its own way
    except Exception as error:  # noqa: BLE001
        msg = f"{source.url} cannot be opened by fsspec ({type(error).__name__}); check the address and the network"
        # its text may hold the address with its password
        raise RemoteError(msg) from None
    return files, root


def _nothing_opened() -> dict[FsspecSource, _Opened]:
    return {}


_OPENED = PerProcess(_nothing_opened)
