"""Makes one shard of an import: reads each scan, brings it to the grid and to integers, and writes files and record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import CorruptError
from ...store import (
    WorkFolder,
    array_path,
    assemble_shard,
    encode_sample,
    sample_extents,
    shard_path,
    voxels_sha256,
    write_atomic,
)
from ...store.nifti import read_scan
from .grids import VoxelGrid
from .resampling import outside_share, resampled
from .survey import state_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ...store import ArraySpec
    from ...store.nifti import Scan
    from .values import ImageValues

__all__ = ["ImportJob", "ImportMaker", "ImportRow"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRow:
    """One sample to write.

    Attributes:
        sample_id, index, slot: of its row.
        values: condition or measure → value.
        image, label: paths of its files below the folder; the label empty for none.
        states: of the two when they were surveyed.
    """

    sample_id: str
    index: int
    slot: int
    values: Mapping[str, float | str | None]
    image: str
    label: str
    states: tuple[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportJob:
    """One shard to make."""

    split: str
    number: int
    rows: tuple[ImportRow, ...]


class ImportMaker:
    """Makes shards; goes to worker processes as it is.

    Args:
        folder: of the scans.
        target: of the data set.
        specs: of its arrays.
        values: how the values of images become integers.
        affine: as for `read_scan`.
        resample: whether a scan on another grid is resampled.
        synthetic: for the rows.
    """

    def __init__(
        self,
        *,
        folder: Path,
        target: Path,
        specs: Mapping[str, ArraySpec],
        values: ImageValues,
        affine: str,
        resample: bool,
        synthetic: bool,
    ) -> None:
        self.folder, self.target, self.specs, self.values = folder, target, specs, values
        self.affine, self.resample, self.synthetic = affine, resample, synthetic
        spec = specs["image"]
        self.grid = VoxelGrid(shape=spec.shape, affine=np.asarray(spec.affine, np.float64))

    def digest(self, job: ImportJob) -> str:
        """Of all that decides the bytes of a shard: one that was committed is kept only if it is the same."""
        specs = {name: spec.to_json(0) for name, spec in self.specs.items()}
        how = [specs, asdict(self.values), self.affine, self.resample, self.synthetic, asdict(job)]
        return hashlib.sha256(json.dumps(how, sort_keys=True).encode()).hexdigest()

    def make(self, job: ImportJob, *, on_sample: Callable[[], None]) -> dict[str, Any]:
        """Makes and commits a shard.

        Args:
            job: which.
            on_sample: called after each sample; may raise to stop.

        Returns:
            its record: `files`, `rows`, and what was `clipped` and lies `outside`.

        Raises:
            CorruptError: a file is another one than when it was surveyed, or cannot be read any more.
            DiskFullError: no room for the files.
        """
        encoded: dict[str, list[list[bytes | None] | None]] = {name: [] for name in self.specs}
        rows, clipped, outside = [], [], []
        for row in job.rows:
            arrays, cut, lost = self._arrays(row)
            rows.append(self._fields(job, row, arrays))
            clipped.append(cut)
            outside.append(lost)
            for name, spec in self.specs.items():
                encoded[name].append(encode_sample(spec, arrays[name]))
            on_sample()
        work, files = WorkFolder(self.target), {}
        for name, spec in self.specs.items():
            path = shard_path(job.split, name, job.number)
            data = assemble_shard(spec, encoded.pop(name))
            files[path] = asdict(write_atomic(self.target / path, data, scratch=work.scratch))
        record = {
            "split": job.split,
            "number": job.number,
            "made_of": self.digest(job),
            "files": files,
            "rows": rows,
            "clipped": clipped,
            "outside": outside,
        }
        work.record(f"{job.split}-{job.number:07d}", record)
        return record

    def _arrays(self, row: ImportRow) -> tuple[dict[str, NDArray[Any]], int, float]:
        """Arrays of a sample, voxels that were clipped, and the share that lies outside the grid."""
        scan = self._read(row.image, row.states[0])
        grid = VoxelGrid(shape=scan.header.shape, affine=scan.header.affine)
        raw, lost = scan.stored, 0.0
        if not grid.is_that_of(self.grid):
            self._check_may_resample(row.image)
            fill = self.values.raw_background(scan.header.scale, scan.header.offset)
            lost = outside_share(raw, grid, self.grid, fill=fill)
            raw = resampled(raw, grid, self.grid, fill=fill, linear=True)
        stored = self.values.stored(raw, scan.header.scale, scan.header.offset)
        arrays = {"image": stored.voxels}
        if row.label:
            arrays["label"] = self._label(row)
        return arrays, stored.clipped, lost

    def _label(self, row: ImportRow) -> NDArray[Any]:
        scan = self._read(row.label, row.states[1])
        grid = VoxelGrid(shape=scan.header.shape, affine=scan.header.affine)
        voxels = scan.stored.astype(self.specs["label"].dtype)
        if grid.is_that_of(self.grid):
            return voxels
        self._check_may_resample(row.label)
        return resampled(voxels, grid, self.grid, fill=0, linear=False)

    def _check_may_resample(self, path: str) -> None:
        assert self.resample, f"{path} is on a grid of its own, which the survey has not told"

    def _read(self, path: str, state: str) -> Scan:
        if state_of(self.folder / path) != state:
            msg = f"{self.folder / path} was changed while it was imported; run the same command again"
            raise CorruptError(msg, kind="checksum", path=path)
        return read_scan(self.folder / path, affine=self.affine)

    def _fields(self, job: ImportJob, row: ImportRow, arrays: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
        return {
            "sample_id": row.sample_id,
            "index": row.index,
            "split": job.split,
            **row.values,
            "seed": None,
            "attempt": None,
            "backend": "import",
            "quality": "PASS",
            **{name: {"path": array_path(job.split, name), "index": row.slot} for name in self.specs},
            **{f"{name}_sha256": voxels_sha256(voxels) for name, voxels in arrays.items()},
            **{
                column: value
                for name, spec in self.specs.items()
                for column, value in sample_extents(spec, arrays[name]).items()
            },
            "is_synthetic": self.synthetic,
        }
