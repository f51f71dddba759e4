"""Keeps the runs of one target apart: a whole run excludes all others, a share of a run only the same share.

One file is locked by a whole run for itself and by shares together, so each sees the other at once, also on another
node where the file system has locks across nodes. A lock ends with its process, however that ends.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from ..errors import StoreExistsError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["RunLock", "shares_begun"]

_BUSY = frozenset({errno.EACCES, errno.EAGAIN, errno.EWOULDBLOCK})


class RunLock:
    """The lock of a run.

    Args:
        target: folder of the data set, for messages.
        folder: the work folder, which must be there before it is acquired.
        share: name of the share; None for a whole run.
    """

    def __init__(self, target: Path, folder: Path, share: str | None = None) -> None:
        from filelock import FileLock

        self._target, self._folder, self._share = target, folder, share
        self._own = FileLock(_share_path(folder, share) if share else folder / "lock", timeout=0)
        self._common: int | None = None

    def acquire(self) -> None:
        """Takes it, or says who has it.

        Raises:
            StoreExistsError: another run is at work.
        """
        from filelock import Timeout

        if self._share:
            _share_path(self._folder, self._share).parent.mkdir(exist_ok=True)
            self._take_common()
        try:
            self._own.acquire()
        except Timeout:
            self.release()
            raise StoreExistsError(self._refusal()) from None

    def release(self) -> None:
        """Lets it go, if it is held."""
        self._own.release()
        if self._common is not None:
            os.close(self._common)
            self._common = None

    def _take_common(self) -> None:
        """The lock that keeps whole runs out; other shares may have it too."""
        import fcntl

        handle = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError as error:
            os.close(handle)
            if error.errno not in _BUSY:
                raise
            msg = f"another run is at work on {self._target}; wait for it, or stop it and run the same command again"
            raise StoreExistsError(msg) from None
        self._common = handle

    def _refusal(self) -> str:
        if self._share:
            return f"another run of the share {self._share} is at work on {self._target}; it will do what is left"
        shares = self._shares_at_work()
        who = f"another run is at work on {self._target}" + (f" (shares {', '.join(shares)})" if shares else "")
        return f"{who}; wait for it, or stop it and run the same command again"

    def _shares_at_work(self) -> list[str]:
        from filelock import FileLock, Timeout

        found = []
        for name in shares_begun(self._folder):
            try:
                with FileLock(_share_path(self._folder, name), timeout=0):
                    pass
            except Timeout:
                found.append(name)
        return found


def shares_begun(folder: Path) -> list[str]:
    """Names of the shares that ever began in a work folder."""
    return sorted(path.stem.replace("-of-", "/") for path in (folder / "shares").glob("*.lock"))


def _share_path(folder: Path, share: str) -> Path:
    return folder / "shares" / f"{share.replace('/', '-of-')}.lock"
