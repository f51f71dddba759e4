"""Rows that take long to compute, kept between runs in a private folder, so that a stopped audit goes on.

What is kept comes from patients' images: the folder is readable by its owner only, and never lies in a store.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING, ClassVar, Final, Protocol

import numpy as np

from ...store import write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]
    Tell = Callable[[int, int], None]

__all__ = ["RowWork", "private_folder", "rows_of"]

_CHUNK_ROWS: Final = 16
"""Rows that are lost at most by each process when it is stopped."""


class RowWork(Protocol):
    """What is computed row by row; it goes to worker processes, so it can be pickled.

    Attributes:
        digest: of all that the rows depend on; what is kept goes by it.
        width: numbers of a row.
    """

    @property
    def digest(self) -> str:
        """See the class."""
        ...

    @property
    def width(self) -> int:
        """See the class."""
        ...

    def __len__(self) -> int: ...

    def row(self, number: int) -> Rows:
        """Computes one, `(width,)`."""
        ...


def rows_of(work: RowWork, cache: Path | None, *, workers: int = 1, tell: Tell | None = None) -> Rows:
    """All rows, from the cache as far as they are there.

    Args:
        work: what they are.
        cache: private folder; None to keep nothing.
        workers: processes; with 1, this one.
        tell: told of rows done and of all.

    Returns:
        `(n, width)` float32.

    Raises:
        what `work.row` raises; what was finished is kept.
    """
    rows = np.empty((len(work), work.width), np.float32)
    chunks = [range(first, min(first + _CHUNK_ROWS, len(work))) for first in range(0, len(work), _CHUNK_ROWS)]
    files = [None if cache is None else _file(cache, work, chunk) for chunk in chunks]
    missing, done = [], 0
    for chunk, file in zip(chunks, files, strict=True):
        kept = None if file is None else _read(file, (len(chunk), work.width))
        if kept is None:
            missing.append((chunk, file))
        else:
            rows[chunk.start : chunk.stop] = kept
            done += len(chunk)
    for (chunk, file), made in zip(missing, _made(work, [chunk for chunk, _ in missing], workers), strict=True):
        rows[chunk.start : chunk.stop] = made
        if file is not None:
            _write(file, made)
        done += len(chunk)
        if tell is not None:
            tell(done, len(work))
    return rows


def private_folder(folder: Path) -> Path:
    """Makes a folder that only its owner can read, if it is not there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _made(work: RowWork, chunks: Sequence[range], workers: int) -> Iterator[Rows]:
    """In the order of the chunks; a bounded number of them is in work."""
    if workers == 1 or len(chunks) <= 1:
        yield from (_chunk(work, chunk) for chunk in chunks)
        return
    processes = min(workers, len(chunks))
    # the work goes to each process once: a reference names all of its volumes
    with ProcessPoolExecutor(processes, get_context("spawn"), initializer=_Worker.begin, initargs=(work,)) as pool:
        try:
            yield from pool.map(_Worker.chunk, chunks)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Worker:
    """What a process of the pool knows."""

    work: ClassVar[RowWork]

    @classmethod
    def begin(cls, work: RowWork) -> None:
        cls.work = work

    @classmethod
    def chunk(cls, chunk: range) -> Rows:
        return _chunk(cls.work, chunk)


def _chunk(work: RowWork, chunk: range) -> Rows:
    return np.stack([work.row(number) for number in chunk]).astype(np.float32)


def _file(cache: Path, work: RowWork, chunk: range) -> Path:
    name = hashlib.sha256(f"{work.digest} {work.width} {len(work)}".encode()).hexdigest()[:32]
    return cache / name / f"{chunk.start:08d}-{chunk.stop:08d}.npy"


def _read(file: Path, shape: tuple[int, int]) -> Rows | None:
    """What is kept; None if it is missing or damaged: it is then made again."""
    with contextlib.suppress(OSError, ValueError, EOFError):
        rows = np.load(file, allow_pickle=False)
        if rows.shape == shape and rows.dtype == np.float32 and np.isfinite(rows).all():
            found: Rows = rows
            return found
    return None


def _write(file: Path, rows: Rows) -> None:
    private_folder(file.parent.parent)
    private_folder(file.parent)
    buffer = io.BytesIO()
    np.save(buffer, rows, allow_pickle=False)
    write_atomic(file, buffer.getvalue(), scratch=file.parent)
