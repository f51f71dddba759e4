"""Writes the files of some samples; goes to worker processes as it is."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from ...store import WorkFolder, write_atomic
from ...store.nifti import NiftiMarks, write_nifti

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from ...store import Cohort

__all__ = ["ExportJob", "ExportRow", "PartMaker"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRow:
    """One sample to write.

    Attributes:
        row: of the cohort.
        sample_id: of it.
        paths: array → its file below the target.
        sidecar: path of its JSON, and what that says; empty for none.
    """

    row: int
    sample_id: str
    paths: Mapping[str, str]
    sidecar: tuple[str, Mapping[str, Any]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """Samples that are written by one worker, and written down together."""

    number: int
    rows: tuple[ExportRow, ...]


class PartMaker:
    """Writes files.

    Args:
        cohort: that is exported.
        target: folder of the files.
        digital_source_type: for their marks.
    """

    def __init__(self, cohort: Cohort, target: Path, digital_source_type: str) -> None:
        self._cohort, self._target, self._source_type = cohort, target, digital_source_type

    def make(self, job: ExportJob, *, on_sample: Callable[[], None]) -> dict[str, Any]:
        """Writes the files of a job, and then its record, which it gives.

        Raises:
            CorruptError: the bytes of a volume are missing or wrong.
            DiskFullError: no room.
        """
        work, files = WorkFolder(self._target), {}
        for row in job.rows:
            for name, path in row.paths.items():
                voxels, spec = self._cohort.read(row.row, name), self._cohort.specs[name]
                record = write_nifti(
                    self._target / path, voxels, spec, self._marks(row.sample_id), scratch=work.scratch
                )
                files[path] = asdict(record)
            if row.sidecar is not None:
                path, content = row.sidecar
                data = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
                files[path] = asdict(write_atomic(self._target / path, data, scratch=work.scratch))
            on_sample()
        record_ = {"number": job.number, "files": files}
        work.record(f"part-{job.number:07d}", record_)
        return record_

    def _marks(self, sample_id: str) -> NiftiMarks:
        manifest = self._cohort.manifest
        return NiftiMarks(
            synthetic=manifest.synthetic,
            writer=f"voxpress {version('voxpress')}",
            sample_id=sample_id,
            dataset=f"{manifest.name} {manifest.version}",
            digital_source_type=self._source_type,
        )
