"""The scratch folder of a run: what was ordered, and what is committed, so that the same run goes on where it stopped.

A part is committed by its record, which is written after its files; a run that was killed anywhere goes on from the
records that are there.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any, Self

from ..errors import StoreExistsError
from .differences import differences
from .files import write_atomic
from .layout import MANIFEST_NAME, WORK_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["WorkFolder", "refuse_foreign", "refuse_inside"]


class WorkFolder:
    """The scratch folder of one target. Use as a context manager: it keeps other runs out.

    Args:
        target: folder of the data set.
    """

    def __init__(self, target: Path) -> None:
        from filelock import FileLock

        self.target = target
        self.folder = target / WORK_FOLDER
        self.scratch = self.folder / "scratch"
        self._lock = FileLock(self.folder / "lock", timeout=0)

    def __enter__(self) -> Self:
        from filelock import Timeout

        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            msg = f"another run is at work on {self.target}; wait for it, or stop it and run the same command again"
            raise StoreExistsError(msg) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def start(self, order: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Starts a run, or goes on with one.

        Args:
            order: all that decides the bytes, as JSON can hold it.

        Returns:
            the records of what is committed already, as they were given to `record`.

        Raises:
            StoreExistsError: the run that was begun here had another order.
        """
        shutil.rmtree(self.scratch, ignore_errors=True)
        # a worker that outlives a killed run by a moment may make it too
        self.scratch.mkdir(exist_ok=True)
        path = self.folder / "order.json"
        if not path.exists():
            write_atomic(path, _json(order), scratch=self.scratch)
            return []
        begun = json.loads(path.read_bytes())
        if begun != json.loads(_json(order)):
            differing = "; ".join(differences(begun, json.loads(_json(order))))
            msg = (
                f"{self.target} holds an unfinished run of another order ({differing}); "
                "give another target, order the same again to resume, or delete the folder"
            )
            raise StoreExistsError(msg)
        records = [json.loads(file.read_bytes()) for file in sorted((self.folder / "shards").glob("*.json"))]
        return [record for record in records if self._is_there(record)]

    def record(self, name: str, fields: Mapping[str, Any]) -> None:
        """Writes down that files are there.

        Args:
            name: of the record; the same part has the same.
            fields: as JSON can hold them; `files` maps each path in the store to its `bytes` and `sha256`.
        """
        write_atomic(self.folder / "shards" / f"{name}.json", _json(fields), scratch=self.scratch)

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
    """
    ours = (last, WORK_FOLDER)
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


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()
