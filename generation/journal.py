"""The journal of a run of the factory: which shards are committed, and what is known of each."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..store import Attempt, FileRecord, Rejection, WorkFolder, refuse_foreign
from ..store.run_lock import shares_begun
from ..store.sources import LocalSource
from ..store.work_folder import as_json
from .elsewhere import MakerAnywhere, brought_here
from .features import features_folder

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping

    from ..quality.features.pieces import PieceFolder
    from .elsewhere import SentShard
    from .shard_maker import ShardJob, ShardMaker

__all__ = ["Journal", "ShardRecord", "record_name"]


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

    def to_bytes(self) -> bytes:
        """As the journal keeps it."""
        return as_json(asdict(self))

    @classmethod
    def from_bytes(cls, data: bytes) -> ShardRecord:
        """Of what `to_bytes` gave."""
        return _read(json.loads(data))


class Journal(WorkFolder):
    """The scratch folder of one target, with shards as its records."""

    @property
    def address(self) -> str:
        """Of the target, for messages."""
        return str(self.target)

    @property
    def source(self) -> LocalSource:
        """Of the target."""
        return LocalSource(self.target)

    def refuse_foreign(self) -> None:
        """Checks that the target may become a data set, or is one, or is a run of one.

        Raises:
            StoreExistsError: it holds something else.
        """
        refuse_foreign(self.target)

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
        names = None if jobs is None else [record_name(job.split, job.number) for job in jobs]
        records = map(_read, self.start(order, names=names))
        return {(record.split, record.number): record for record in records}

    def commit(self, record: ShardRecord) -> None:
        """Writes down that a shard's files are there."""
        self.record(record_name(record.split, record.number), asdict(record))

    def outfit(self, maker: ShardMaker, words: Mapping[str, Any]) -> MakerAnywhere:
        """A maker as it goes to workers: with what they need to bring what they make to the target.

        Args:
            maker: of shards.
            words: all that decides the bytes.
        """
        return MakerAnywhere(maker, words)

    def taken(self, made: Generator[ShardRecord | SentShard]) -> Iterator[ShardRecord]:
        """Records of what workers have made, once it is committed; as `brought_here`."""
        return brought_here(made, self)

    def features(self) -> PieceFolder:
        """The features of the shards."""
        return features_folder(self.folder)

    def end(self) -> None:
        """Ends the run: all files of the data set are there."""
        self.clear()

    def divisions(self) -> list[int]:
        """Into how many shares this run was divided, ascending; more than one where somebody changed it."""
        return sorted({int(name.partition("/")[2]) for name in shares_begun(self.folder)})


def record_name(split: str, number: int) -> str:
    """Of the record of a shard."""
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
