"""The scratch folder of a run: what was ordered, and what is committed, so that the same run goes on where it stopped.

A part is committed by its record, which is written after its files; a run that was killed anywhere goes on from the
records that are there.
"""

from __future__ import annotations

import json
import re
import shutil
from typing import TYPE_CHECKING, Any, Self

from ..errors import PublishError, StoreExistsError
from .differences import differences
from .files import write_atomic
from .layout import MANIFEST_NAME, WORK_FOLDER
from .run_lock import RunLock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = ["ORDER_NAME", "WorkFolder", "as_json", "check_order", "refuse_foreign", "refuse_inside"]

ORDER_NAME = "order.json"
"""In the work folder: what is ordered."""

_BEGIN_S = 60.0


class WorkFolder:
    """The scratch folder of one target. Use as a context manager: it keeps other runs out.

    Args:
        target: folder of the data set.
        share: name of a share of a run, which keeps only whole runs and the same share out; None for a whole run.
    """

    def __init__(self, target: Path, *, share: str | None = None) -> None:
        self.target = target
        self.folder = target / WORK_FOLDER
        self.scratch = self.folder / "scratch"
        self._share = share
        self._lock = RunLock(target, self.folder, share)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def start(self, order: Mapping[str, Any], *, names: Iterable[str] | None = None) -> list[dict[str, Any]]:
        """Starts a run, or goes on with one.

        Args:
            order: all that decides the bytes, as JSON can hold it.
            names: read only these records; None for all.

        Returns:
            the records of what is committed already, as they were given to `record`.

        Raises:
            StoreExistsError: the run that was begun here had another order.
        """
        if self._share is None:
            # what killed runs left; beside a share, others may be writing there
            shutil.rmtree(self.scratch, ignore_errors=True)
        # a worker that outlives a killed run by a moment may make it too
        self.scratch.mkdir(exist_ok=True)
        self._hold(order)
        folder = self.folder / "shards"
        found = sorted(folder.glob("*.json")) if names is None else [folder / f"{name}.json" for name in names]
        records = [json.loads(file.read_bytes()) for file in found if file.exists()]
        return [record for record in records if self._is_there(record)]

    def _hold(self, order: Mapping[str, Any]) -> None:
        """Writes down what is ordered, or holds it against what was."""
        from filelock import FileLock, Timeout

        path = self.folder / ORDER_NAME
        try:
            # of shares that begin at the same time, one writes
            with FileLock(self.folder / "order.lock", timeout=_BEGIN_S):
                if not path.exists():
                    write_atomic(path, as_json(order), scratch=self.scratch)
                    return
        except Timeout:
            msg = f"other shares are beginning in {self.target} and do not get on; run the same command again"
            raise StoreExistsError(msg) from None
        check_order(path.read_bytes(), order, str(self.target))

    def record(self, name: str, fields: Mapping[str, Any]) -> None:
        """Writes down that files are there.

        Args:
            name: of the record; the same part has the same.
            fields: as JSON can hold them; `files` maps each path in the store to its `bytes` and `sha256`.
        """
        write_atomic(self.folder / "shards" / f"{name}.json", as_json(fields), scratch=self.scratch)

    def clear(self, last: str = MANIFEST_NAME) -> None:
        """Removes the scratch folder, once the file that is written last is there."""
        assert (self.target / last).exists()
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_there(self, record: Mapping[str, Any]) -> bool:
        files = [(self.target / path, file["bytes"]) for path, file in record["files"].items()]
        return all(path.is_file() and path.stat().st_size == size for path, size in files)


def refuse_foreign(target: Path, last: str = MANIFEST_NAME) -> None:
    """Check that a folder may become a data set, or is one, or is a run of one.

    Args:
        target: the folder.
        last: the file that is written last.

    Raises:
        StoreExistsError: it is a file, or holds something else.
        PublishError: its name is an address.
    """
    ours = (last, WORK_FOLDER)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]+:/", target.as_posix()):
        msg = f"the target {target} is an address, and this is made in a folder; give one, and copy or publish it then"
        raise PublishError(msg)
    if target.exists() and not target.is_dir():
        msg = f"the target {target} is a file; give a folder that is new or empty"
        raise StoreExistsError(msg)
    if target.is_dir() and any(target.iterdir()) and not any((target / name).exists() for name in ours):
        msg = f"the target {target} is not empty and holds no run of voxpress; give a folder that is new or empty"
        raise StoreExistsError(msg)


def refuse_inside(target: Path, source: Path) -> None:
    """Check that a data set is not made inside another, of which it would then be a part.

    Raises:
        StoreExistsError: it would be.
    """
    if target.resolve().is_relative_to(source.resolve()):
        msg = f"the target {target} lies in the data set {source} itself; give a folder beside it"
        raise StoreExistsError(msg)


def as_json(value: Mapping[str, Any]) -> bytes:
    """What is ordered, or what is committed, as the work folder keeps it. Pure."""
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()


def check_order(begun: bytes, order: Mapping[str, Any], target: str) -> None:
    """Check that a run is of the same order as one that was begun.

    Args:
        begun: as `as_json` gave it.
        order: of the run.
        target: for the message.

    Raises:
        StoreExistsError: it is of another one.
    """
    there, ordered = json.loads(begun), json.loads(as_json(order))
    if there != ordered:
        msg = (
            f"{target} holds an unfinished run of another order ({'; '.join(differences(there, ordered))}); "
            "give another target, order the same again to resume, or delete the folder"
        )
        raise StoreExistsError(msg)
