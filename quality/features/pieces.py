"""Work that is done a piece at a time: each piece's rows are a file, so what is done is not done again."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pyarrow as pa

from ...store import write_atomic

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["PieceFolder", "piece_rows"]

_VOXELS = 2**25
"""Of one piece, about: some seconds of work, and 128 MB where all are held at once."""
_MOST_ROWS = 64


def piece_rows(voxels: int) -> int:
    """Volumes of a piece, given the voxels of one. Pure."""
    return min(max(_VOXELS // max(voxels, 1), 1), _MOST_ROWS)


class PieceFolder:
    """The folder of one piece of work.

    Args:
        folder: for it alone; made when something is written.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.scratch = folder / "scratch"

    def path(self, name: str) -> Path:
        """File of a piece."""
        return self.folder / f"{name}.parquet"

    def __contains__(self, name: str) -> bool:
        return self.path(name).exists()

    def write(self, name: str, rows: pa.Table) -> None:
        """Keeps the rows of a piece; they are there whole or not at all."""
        import pyarrow.parquet as pq

        sink = pa.BufferOutputStream()
        pq.write_table(rows, sink)
        write_atomic(self.path(name), sink.getvalue().to_pybytes(), scratch=self.scratch)

    def read(self, name: str) -> pa.Table:
        """The rows of a piece."""
        import pyarrow.parquet as pq

        return pq.read_table(pa.BufferReader(self.path(name).read_bytes()))

    def clear(self) -> None:
        """Removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
