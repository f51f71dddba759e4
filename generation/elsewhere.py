"""Shards that are made on other machines.

Workers there must have the same software. What they make is written into the folder of the data set if they see it, and
the files must then be seen here too; or else it is sent here, and written down here.
"""

from __future__ import annotations

import json
import platform
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..errors import GenerationError
from ..store import WORK_FOLDER, write_atomic
from ..store.work_folder import ORDER_NAME
from .features import shard_features_file
from .lock import lock_differences, lock_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping

    from .journal import Journal, ShardRecord
    from .shard_maker import ShardJob, ShardMaker

__all__ = ["MakerAnywhere", "SentShard", "brought_here", "check_software", "check_worker", "made_apart"]

_ORDER_PATIENCE_S = 5.0
_FILE_PATIENCE_S = 60.0
"""So long a network file system may go on saying that a file is not there (NFS: ``acdirmax``)."""
_POLL_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class SentShard:
    """A shard that was made where the folder of the data set is not.

    Attributes:
        record: of it.
        files: path in the folder of the data set → bytes: of its arrays, and of its features.
    """

    record: ShardRecord
    files: Mapping[str, bytes]


class MakerAnywhere:
    """Makes shards on any machine; goes to its workers as it is.

    Args:
        maker: makes and commits a shard in a folder.
        words: all that decides the bytes, by which the folder of the run is known from others of the same name.
    """

    def __init__(self, maker: ShardMaker, words: Mapping[str, Any]) -> None:
        self.maker, self.words = maker, words

    def __getstate__(self) -> dict[str, Any]:
        return {"maker": self.maker, "words": self.words}

    def make(self, job: ShardJob, *, on_sample: Callable[[], None]) -> ShardRecord | SentShard:
        """As `ShardMaker.make`; where the run is not seen, nothing is committed, and the files come with the record."""
        if self._sees_the_run:
            return self.maker.make(job, on_sample=on_sample)
        with made_apart(self.maker, job, on_sample) as (record, files):
            return SentShard(record=record, files={name: path.read_bytes() for name, path in files.items()})

    def check(self) -> None:
        """As `check_worker`."""
        check_software(self.maker, self.words["lock"])

    @cached_property
    def _sees_the_run(self) -> bool:
        path = self.maker.target / WORK_FOLDER / ORDER_NAME
        return _waited(path.is_file, _ORDER_PATIENCE_S) and json.loads(path.read_bytes()) == self.words


@contextmanager
def made_apart(
    maker: ShardMaker, job: ShardJob, on_sample: Callable[[], None]
) -> Iterator[tuple[ShardRecord, Mapping[str, Path]]]:
    """A shard in a folder of its own, which is gone afterwards.

    Args:
        maker: of it; from then on its target is that folder.
        job: which.
        on_sample: as for `ShardMaker.make`.

    Yields:
        its record, and path in the data set → file: of its arrays, and of its features.
    """
    with TemporaryDirectory(prefix="voxpress-") as folder:
        maker.target = Path(folder)
        record = maker.make(job, on_sample=on_sample)
        paths = [maker.target / name for name in record.files]
        features = shard_features_file(maker.target / WORK_FOLDER, job.split, job.number)
        paths += [features] if features.exists() else []
        yield record, {path.relative_to(folder).as_posix(): path for path in paths}


def check_worker(outfitted: Any) -> None:
    """Checks in a worker of another machine that it would make the same bytes, and can bring them to the target.

    Args:
        outfitted: maker of the worker, whose backend may be long in loading.

    Raises:
        GenerationError, RemoteError: it would not, or cannot.
    """
    outfitted.check()


def check_software(maker: ShardMaker, lock: Mapping[str, Mapping[str, str]]) -> None:
    """Checks that a maker would make the same bytes as the one with this lock.

    Raises:
        GenerationError: it would not.
    """
    if differing := lock_differences(lock, lock_of(maker.backend)):
        msg = (
            f"a worker on {platform.node()} would make other bytes than this machine ({'; '.join(differing)}); install "
            "the same versions on all nodes, and run the command on a machine with the same devices as the workers"
        )
        raise GenerationError(msg)


def brought_here(made: Generator[ShardRecord | SentShard], journal: Journal) -> Iterator[ShardRecord]:
    """Commits what workers have sent, and passes on what they have committed once its files are seen here too.

    Args:
        made: by workers; ended where a file is not seen.
        journal: of the run.

    Raises:
        GenerationError: a file is not there, or has another size.
        DiskFullError: there is no room for what was sent.
    """
    with closing(made):
        for each in made:
            if isinstance(each, SentShard):
                for name, data in each.files.items():
                    write_atomic(journal.target / name, data, scratch=journal.scratch)
                journal.commit(each.record)
                yield each.record
            else:
                for name, file in each.files.items():
                    _check_seen(journal.target / name, file.bytes, journal.target)
                yield each


def _check_seen(path: Path, size: int, target: Path) -> None:
    if not _waited(lambda: _size(path) == size, _FILE_PATIENCE_S):
        found = "" if _size(path) is None else f" but has {_size(path)}"
        msg = (
            f"{path}, which a worker has written with {size} bytes, is not here{found}: is {target} a folder that all "
            "nodes share, and is nothing else writing to it?"
        )
        raise GenerationError(msg)


def _size(path: Path) -> int | None:
    return path.stat().st_size if path.is_file() else None


def _waited(condition: Callable[[], bool], patience_s: float) -> bool:
    end = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True
