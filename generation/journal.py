"""The journal of a run of the factory: which shards are committed, and what is known of each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..store import Attempt, FileRecord, Rejection, WorkFolder
from ..store.run_lock import shares_begun

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .shard_maker import ShardJob

__all__ = ["Journal", "ShardRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardRecord:
    """What is known of a committed shard.

    Attributes:
        split, number: which.
        files: path in the store → record, one for each array.
        rows: one for each sample, in slot order: column → value.
        rejected: samples that no attempt made well enough.
        refused: all attempts that were refused, also at samples that a later one made well enough: as rows of
            `quality.rejects.write_rejects`.
    """

    split: str
    number: int
    files: Mapping[str, FileRecord]
    rows: tuple[Mapping[str, Any], ...]
    rejected: tuple[Rejection, ...]
    refused: tuple[Mapping[str, Any], ...] = ()


class Journal(WorkFolder):
    """The scratch folder of one target, with shards as its records."""

    def begin(
        self, order: Mapping[str, Any], jobs: Iterable[ShardJob] | None = None
    ) -> dict[tuple[str, int], ShardRecord]:
        """Starts a run, or goes on with one.

        Args:
            order: all that decides the bytes.
            jobs: the shards that matter to it; None for all.

        Returns:
            the shards that are committed already.

        Raises:
            StoreExistsError: the run that was begun here had another order.
        """
        names = None if jobs is None else [_name(job.split, job.number) for job in jobs]
        records = map(_read, self.start(order, names=names))
        return {(record.split, record.number): record for record in records}

    def commit(self, record: ShardRecord) -> None:
        """Writes down that a shard's files are there."""
        self.record(_name(record.split, record.number), asdict(record))

    def divisions(self) -> list[int]:
        """Into how many shares this run was divided, ascending; more than one where somebody changed it."""
        return sorted({int(name.partition("/")[2]) for name in shares_begun(self.folder)})


def _name(split: str, number: int) -> str:
    return f"{split}-{number:07d}"


def _read(fields: Mapping[str, Any]) -> ShardRecord:
    return ShardRecord(
        split=fields["split"],
        number=fields["number"],
        files={name: FileRecord(**file) for name, file in fields["files"].items()},
        rows=tuple(fields["rows"]),
        rejected=tuple(
            Rejection(**{**each, "attempts": tuple(_attempt(attempt) for attempt in each["attempts"])})
            for each in fields["rejected"]
        ),
        refused=tuple(fields["refused"]),
    )


def _attempt(fields: Mapping[str, Any]) -> Attempt:
    return Attempt(attempt=fields["attempt"], seed=fields["seed"], reasons=tuple(fields["reasons"]))
