"""Work that is done on other machines.

They must see the same folder and have the same software, and the files that they write must be seen here.
"""

from __future__ import annotations

import json
import platform
import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import GenerationError
from ..store import WORK_FOLDER
from ..store.work_folder import ORDER_NAME
from .lock import lock_differences, lock_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping
    from pathlib import Path

    from .journal import ShardRecord
    from .shard_maker import ShardMaker

__all__ = ["SameRun", "seen_here"]

_ORDER_PATIENCE_S = 5.0
_FILE_PATIENCE_S = 60.0
"""So long a network file system may go on saying that a file is not there (NFS: ``acdirmax``)."""
_POLL_S = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class SameRun:
    """Called in a worker of another machine: it must see the run that it works for, and have what its lock names.

    Attributes:
        target: folder of the data set, absolute.
        words: all that decides the bytes.
    """

    target: Path
    words: Mapping[str, Any]

    def __call__(self, maker: ShardMaker) -> None:
        """Checks it.

        Args:
            maker: of the worker, whose backend may be long in loading.

        Raises:
            GenerationError: it is not so.
        """
        host, path = platform.node(), self.target / WORK_FOLDER / ORDER_NAME
        if not _waited(path.is_file, _ORDER_PATIENCE_S) or json.loads(path.read_bytes()) != self.words:
            msg = (
                f"a worker on {host} does not see the run in {self.target}: give a folder that all nodes share, by a "
                "path that is the same on each"
            )
            raise GenerationError(msg)
        if differing := lock_differences(self.words["lock"], lock_of(maker.backend)):
            msg = (
                f"a worker on {host} would make other bytes than this machine ({'; '.join(differing)}); install the "
                "same versions on all nodes, and run the command on a machine with the same devices as the workers"
            )
            raise GenerationError(msg)


def seen_here(records: Generator[ShardRecord], target: Path) -> Iterator[ShardRecord]:
    """Passes on what workers have committed, once its files are seen here too; ends the work where they are not.

    Args:
        records: of shards.
        target: folder of the data set.

    Raises:
        GenerationError: a file is not there, or has another size.
    """
    with closing(records):
        for record in records:
            for name, file in record.files.items():
                _check_seen(target / name, file.bytes, target)
            yield record


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
