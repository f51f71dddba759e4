"""The scratch folder of a run: what was ordered, and which shards are committed.

A shard is committed by its record, which is written after its files; a run that was killed anywhere goes on from the
records that are there.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from filelock import FileLock, Timeout

from ..errors import StoreExistsError
from ..store import MANIFEST_NAME, WORK_FOLDER, Attempt, FileRecord, Rejection, write_atomic
from .differences import differences

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Journal", "ShardRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRecord:
    """What is known of a committed shard.

    Attributes:
        split, number: which.
        files: path in the store → record, one for each array.
        rows: one for each sample, in slot order: column → value.
        rejected: samples that no attempt made well enough.
    """

    split: str
    number: int
    files: Mapping[str, FileRecord]
    rows: tuple[Mapping[str, Any], ...]
    rejected: tuple[Rejection, ...]


class Journal:
    """The scratch folder of one target. Use as a context manager: it keeps other runs out.

    Args:
        target: folder of the data set.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        self.folder = target / WORK_FOLDER
        self.scratch = self.folder / "scratch"
        self._lock = FileLock(self.folder / "lock", timeout=0)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            self._lock.acquire()
        except Timeout:
            msg = f"another run is at work on {self.target}; wait for it, or stop it and run the same command again"
            raise StoreExistsError(msg) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()

    def begin(self, order: Mapping[str, Any]) -> dict[tuple[str, int], ShardRecord]:
        """Starts a run, or goes on with one.

        Args:
            order: all that decides the bytes.

        Returns:
            the shards that are committed already.

        Raises:
            StoreExistsError: the run that was begun here had another order.
        """
        shutil.rmtree(self.scratch, ignore_errors=True)
        # a worker that outlives a killed run by a moment may make it too
        self.scratch.mkdir(exist_ok=True)
        path = self.folder / "order.json"
        if not path.exists():
            write_atomic(path, _json(order), scratch=self.scratch)
            return {}
        begun = json.loads(path.read_bytes())
        if begun != json.loads(_json(order)):
            differing = "; ".join(differences(begun, json.loads(_json(order))))
            msg = (
                f"{self.target} holds an unfinished run of another order ({differing}); "
                "give another target, order the same again to resume, or delete the folder"
            )
            raise StoreExistsError(msg)
        records = (self._read(file) for file in sorted((self.folder / "shards").glob("*.json")))
        return {(record.split, record.number): record for record in records if self._is_there(record)}

    def commit(self, record: ShardRecord) -> None:
        """Writes down that a shard's files are there."""
        path = self.folder / "shards" / f"{record.split}-{record.number:07d}.json"
        write_atomic(path, _json(asdict(record)), scratch=self.scratch)

    def clear(self) -> None:
        """Removes the scratch folder, once the manifest is there."""
        assert (self.target / MANIFEST_NAME).exists()
        self._lock.release()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _is_there(self, record: ShardRecord) -> bool:
        files = [(self.target / path, file.bytes) for path, file in record.files.items()]
        return all(path.is_file() and path.stat().st_size == size for path, size in files)

    def _read(self, path: Path) -> ShardRecord:
        fields = json.loads(path.read_bytes())
        return ShardRecord(
            split=fields["split"],
            number=fields["number"],
            files={name: FileRecord(**file) for name, file in fields["files"].items()},
            rows=tuple(fields["rows"]),
            rejected=tuple(
                Rejection(**{**each, "attempts": tuple(_attempt(attempt) for attempt in each["attempts"])})
                for each in fields["rejected"]
            ),
        )


def _attempt(fields: Mapping[str, Any]) -> Attempt:
    return Attempt(attempt=fields["attempt"], seed=fields["seed"], reasons=tuple(fields["reasons"]))


def _json(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, allow_nan=False).encode()
