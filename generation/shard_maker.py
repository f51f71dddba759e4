"""Makes one shard: asks the backend for each sample, checks it, and writes the files and the record."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..errors import GenerationError
from ..quality import check_sample
from ..store import (
    Attempt,
    Rejection,
    array_path,
    assemble_shard,
    encode_sample,
    sample_extents,
    shard_path,
    voxels_sha256,
    write_atomic,
)
from .arrays import quantised
from .backend import Order
from .features import ShardFeatures, features_folder
from .journal import Journal, ShardRecord
from .streams import sample_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ..quality.features import FeatureExtractor
    from ..store import ArraySpec
    from .backend import Backend, Sample

__all__ = ["MOST_ATTEMPTS", "Row", "ShardJob", "ShardMaker"]

MOST_ATTEMPTS = 6
"""One, and five more with the same conditions and other seeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sample to make: its id, its row in the cohort, its slot in the split, and what is ordered."""

    sample_id: str
    index: int
    slot: int
    conditions: Mapping[str, float | str]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob:
    """One shard to make."""

    split: str
    number: int
    rows: tuple[Row, ...]


class ShardMaker:
    """Makes shards; goes to worker processes as it is, and loads the backend there.

    Args:
        load: gives the backend; called once in each process.
        specs: of the arrays.
        seed: of the recipe.
        target: folder of the data set.
        extractors: of features, which are kept in the work folder; they decide no byte of the shard.
    """

    def __init__(
        self,
        *,
        load: Callable[[], Backend],
        specs: Mapping[str, ArraySpec],
        seed: int,
        target: Path,
        extractors: Sequence[FeatureExtractor] = (),
    ) -> None:
        self.load, self.specs, self.seed, self.target = load, specs, seed, target
        self.extractors = extractors

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "backend"}

    @cached_property
    def backend(self) -> Backend:
        """The backend of this process."""
        return self.load()

    def make(self, job: ShardJob, *, on_sample: Callable[[], None]) -> ShardRecord:
        """Makes and commits a shard.

        Args:
            job: which.
            on_sample: called after each sample, written or rejected; may raise to stop.

        Raises:
            GenerationError: the backend failed.
            DiskFullError: there is no room for the files.
        """
        encoded: dict[str, list[list[bytes | None] | None]] = {name: [] for name in self.specs}
        rows: list[Mapping[str, Any]] = []
        rejected: list[Rejection] = []
        features = ShardFeatures(self.extractors, self.specs)
        for row in job.rows:
            made = self._attempt_all(job, row)
            if isinstance(made, Rejection):
                rejected.append(made)
                for chunks in encoded.values():
                    chunks.append(None)
            else:
                order, sample = made
                stored = {name: quantised(sample.volumes[name], spec) for name, spec in self.specs.items()}
                rows.append(self._fields(job, row, order, sample, stored))
                features.add(row.sample_id, stored)
                for name, spec in self.specs.items():
                    encoded[name].append(encode_sample(spec, stored[name]))
            on_sample()
        journal, files = Journal(self.target), {}
        for name, spec in self.specs.items():
            path = shard_path(job.split, name, job.number)
            data = assemble_shard(spec, encoded.pop(name))
            files[path] = write_atomic(self.target / path, data, scratch=journal.scratch)
        features.write(features_folder(journal.folder), job.split, job.number)
        record = ShardRecord(
            split=job.split, number=job.number, files=files, rows=tuple(rows), rejected=tuple(rejected)
        )
        journal.commit(record)
        return record

    def _attempt_all(self, job: ShardJob, row: Row) -> tuple[Order, Sample] | Rejection:
        """The first attempt that passes the checks, or all that was tried."""
        attempts = []
        for attempt in range(MOST_ATTEMPTS):
            seed = sample_seed(self.seed, row.index, attempt)
            order = Order(index=row.index, attempt=attempt, seed=seed, conditions=row.conditions)
            sample = self._one(order, row.sample_id)
            lacking = {measure.name for measure in self.backend.measures} - sample.measured.keys()
            reasons = sample.faults or check_sample(
                sample.volumes, self.specs, measured=sample.measured, ordered=order.conditions
            )
            if not reasons and not lacking:
                return order, sample
            reasons = reasons or ("MISSING",)
            attempts.append(Attempt(attempt=order.attempt, seed=order.seed, reasons=tuple(reasons)))
        return Rejection(
            sample_id=row.sample_id, index=row.index, split=job.split, slot=row.slot, attempts=tuple(attempts)
        )

    def _one(self, order: Order, sample_id: str) -> Sample:
        try:
            (sample,) = self.backend.generate([order])
        except Exception as error:
            msg = (
                f"the backend {self.backend.name!r} failed at {sample_id} (attempt {order.attempt}, "
                f"seed {order.seed}): {type(error).__name__}: {error}; what is committed stays, and the same command "
                "goes on from there"
            )
            raise GenerationError(msg) from error
        return sample

    def _fields(
        self, job: ShardJob, row: Row, order: Order, sample: Sample, stored: Mapping[str, Any]
    ) -> Mapping[str, Any]:
        return {
            "sample_id": row.sample_id,
            "index": order.index,
            "split": job.split,
            **order.conditions,
            **{f"measured_{measure.name}": float(sample.measured[measure.name]) for measure in self.backend.measures},
            "seed": order.seed,
            "attempt": order.attempt,
            "backend": self.backend.name,
            "quality": "PASS",
            **{name: {"path": array_path(job.split, name), "index": row.slot} for name in self.specs},
            **{f"{name}_sha256": voxels_sha256(voxels) for name, voxels in stored.items()},
            **{
                column: value
                for name, spec in self.specs.items()
                for column, value in sample_extents(spec, stored[name]).items()
            },
            "is_synthetic": True,
        }
