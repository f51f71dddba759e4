"""Downloads files of a store as they are: several at a time, each held against its record before it has its name."""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from typing import TYPE_CHECKING, Final

from ...errors import CorruptError
from ...store.files import copy_atomic
from ...store.layout import safe_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ...store import FileRecord
    from ...store.sources import Source

    Moved = Callable[[int], None]

__all__ = ["download", "missing_downloads"]

_PIECE_BYTES: Final = 16 * 2**20
"""Of one request: a line of 100 MB/s brings it in a sixth of a second, and eight of them fit into any memory."""

_FETCHES: Final = 2
"""How often a file with wrong bytes is fetched again before that of the source is held to be wrong."""


class _StoppedError(Exception):
    """Another download has failed, or somebody stops the run."""


def missing_downloads(target: Path, files: Mapping[str, FileRecord]) -> dict[str, FileRecord]:
    """Files that are not there yet. One that is there has been checked before it got its name.

    Args:
        target: folder of the copy.
        files: path → record.
    """
    return {path: record for path, record in sorted(files.items()) if not _is_there(target, path, record)}


def download(
    source: Source,
    target: Path,
    files: Mapping[str, FileRecord],
    *,
    scratch: Path,
    transfers: int,
    moved: Moved,
) -> None:
    """Download files.

    Args:
        source: of the store.
        target: folder of the copy.
        files: path → record.
        scratch: as for `write_atomic`.
        transfers: files at a time.
        moved: told bytes that came; a negative number takes back those of a file that has to come again.

    Raises:
        CorruptError: a file is missing or wrong at the source.
        RemoteError, StallError: as `Source`.
        DiskFullError: no room left; what is there whole stays.
    """
    stop, telling = threading.Event(), threading.Lock()

    def tell(count: int) -> None:
        with telling:
            moved(count)

    def one(path: str) -> None:
        write = partial(copy_atomic, safe_path(target, path), record=files[path], scratch=scratch)
        _download(source, path, files[path], write, partial(_unless, stop, tell))

    pool = ThreadPoolExecutor(transfers, thread_name_prefix="voxpress-fetch")
    try:
        left = {pool.submit(one, path) for path in files}
        while left:
            done, left = wait(left, return_when=FIRST_COMPLETED)
            for each in done:
                each.result()
    finally:
        # those that are under way end with their next piece
        stop.set()
        pool.shutdown(wait=True, cancel_futures=True)


def _unless(stop: threading.Event, tell: Callable[[int], None], count: int) -> None:
    if stop.is_set():
        raise _StoppedError
    tell(count)


def _download(
    source: Source, path: str, record: FileRecord, write: Callable[[Iterator[memoryview]], None], moved: Moved
) -> None:
    for left in reversed(range(1 + (_FETCHES if source.remote else 0))):
        try:
            write(_pieces(source, path, record.bytes, moved))
        except CorruptError as error:
            if error.kind != "checksum":
                raise
            if not left:
                msg = f"{path} of {source.url} does not have the sha256 of the manifest; tell whoever published it"
                raise CorruptError(msg, kind="checksum", path=path) from error
            moved(-record.bytes)
        else:
            return


def _pieces(source: Source, path: str, size: int, moved: Moved) -> Iterator[memoryview]:
    buffer = memoryview(bytearray(min(size, _PIECE_BYTES)))
    for start in range(0, size, _PIECE_BYTES):
        piece = buffer[: min(_PIECE_BYTES, size - start)]
        source.read_into(path, start, piece)
        moved(len(piece))
        yield piece


def _is_there(target: Path, path: str, record: FileRecord) -> bool:
    place = safe_path(target, path)
    return place.is_file() and place.stat().st_size == record.bytes
