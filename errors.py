"""Every error that voxpress raises on purpose.

Grouped by what a handler would do; each is also the natural built-in, so that code which does not know
voxpress catches it too::

    VoxpressError
    ├── RecipeError (ValueError)               change the order
    │   └── UnreachableError                   … it is well formed, but this backend cannot make it
    ├── QueryError (ValueError)                change the expression given to `where`
    ├── StoreNotFoundError (FileNotFoundError) give another path
    ├── StoreExistsError (FileExistsError)     give another target, or resume what is there
    ├── FormatError (ValueError)               not a store, or one that this version cannot read
    ├── CorruptError (OSError)                 the bytes are wrong: repair or fetch again
    ├── RemoteError (ConnectionError)          the network or the server failed for good: try again later
    ├── StallError (TimeoutError)              nothing came in time; the message says what was waited for
    ├── UnsafePathError (ValueError)           the store is not to be trusted
    ├── PublishError (ValueError)              change the data set, its card or the target before it is published
    ├── QualityError (ValueError)              change the quality profile, or what is to be measured or compared
    └── GenerationError (RuntimeError)         a worker or a backend failed; what is committed stays
        └── DiskFullError (OSError)            make room and run the same command again

A message says what happened, the offending value, and what to do next.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "CorruptError",
    "DiskFullError",
    "FormatError",
    "GenerationError",
    "PublishError",
    "QualityError",
    "QueryError",
    "RecipeError",
    "RemoteError",
    "StallError",
    "StoreExistsError",
    "StoreNotFoundError",
    "UnreachableError",
    "UnsafePathError",
    "VoxpressError",
]


class VoxpressError(Exception):
    """Root of the tree: catch it to catch all that voxpress raises on purpose."""


class RecipeError(VoxpressError, ValueError):
    """The order is not well formed: a field is unknown, missing, of the wrong type or out of range."""


class UnreachableError(RecipeError):
    """The order is well formed, but the backend cannot make it (the message names the condition and its limits)."""


class QueryError(VoxpressError, ValueError):
    """An expression given to `where` cannot be understood."""


class StoreNotFoundError(VoxpressError, FileNotFoundError):
    """There is no finished store at the path."""


class StoreExistsError(VoxpressError, FileExistsError):
    """The target exists and is not an unfinished run of the same recipe."""


class FormatError(VoxpressError, ValueError):
    """The files are not a store, or are of a format version that this voxpress cannot read."""


class RemoteError(VoxpressError, ConnectionError):
    """A server could not be reached, or refused, after all attempts."""


class StallError(VoxpressError, TimeoutError):
    """Nothing came within the time-out."""


class UnsafePathError(VoxpressError, ValueError):
    """A path that a store names leads out of the store."""


class PublishError(VoxpressError, ValueError):
    """A data set cannot be published as it is, or not there."""


class QualityError(VoxpressError, ValueError):
    """A data set cannot be judged as it was asked: an unknown profile, a rule or a reference that does not fit."""


class CorruptError(VoxpressError, OSError):
    """Bytes are missing or differ from what the manifest or a checksum says.

    Attributes:
        kind: `missing`, `size`, `checksum` or `unlisted`.
        path: the file, relative to the store.
        samples: ids of the samples that the file holds, as far as they are known.
    """

    def __init__(self, message: str, *, kind: str, path: str, samples: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.kind = kind
        self.path = path
        self.samples = tuple(samples)

    def __reduce__(self) -> tuple[Any, ...]:
        # what worker processes raise is pickled, and a keyword-only argument is not in `args`
        return _corrupt_error, (str(self), self.kind, self.path, self.samples)


def _corrupt_error(message: str, kind: str, path: str, samples: tuple[str, ...]) -> CorruptError:
    return CorruptError(message, kind=kind, path=path, samples=samples)


class GenerationError(VoxpressError, RuntimeError):
    """Making the samples failed; shards that are committed stay, and the same command resumes."""


class DiskFullError(GenerationError, OSError):
    """The disk is full; shards that are committed stay, and the same command resumes."""
