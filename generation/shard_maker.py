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
from .batches import findings_by_design, made_ahead, preferred_batch
from .journal import Journal, ShardRecord
from .streams import sample_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

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
    """

    def __init__(self, *, load: Callable[[], Backend], specs: Mapping[str, ArraySpec], seed: int, target: Path) -> None:
        self.load, self.specs, self.seed, self.target = load, specs, seed, target

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
        names = {row.index: row.sample_id for row in job.rows}
        orders = [self._order(row, 0) for row in job.rows]
        firsts = made_ahead(lambda group: self._ask(group, names), orders, preferred_batch(self.backend))
        for row, first in zip(job.rows, firsts, strict=True):
            made = self._attempt_all(job, row, first)
            if isinstance(made, Rejection):
                rejected.append(made)
                for chunks in encoded.values():
                    chunks.append(None)
            else:
                order, sample = made
                stored = {name: quantised(sample.volumes[name], spec) for name, spec in self.specs.items()}
                rows.append(self._fields(job, row, order, sample, stored))
                for name, spec in self.specs.items():
                    encoded[name].append(encode_sample(spec, stored[name]))
            on_sample()
        journal, files = Journal(self.target), {}
        for name, spec in self.specs.items():
            path = shard_path(job.split, name, job.number)
            data = assemble_shard(spec, encoded.pop(name))
            files[path] = write_atomic(self.target / path, data, scratch=journal.scratch)
        record = ShardRecord(
            split=job.split, number=job.number, files=files, rows=tuple(rows), rejected=tuple(rejected)
        )
        journal.commit(record)
        return record

    def _order(self, row: Row, attempt: int) -> Order:
        seed = sample_seed(self.seed, row.index, attempt)
        return Order(index=row.index, attempt=attempt, seed=seed, conditions=row.conditions)

    def _attempt_all(self, job: ShardJob, row: Row, first: Sample) -> tuple[Order, Sample] | Rejection:
        """The first attempt that passes the checks, or all that was tried."""
        attempts = []
        for attempt in range(MOST_ATTEMPTS):
            order = self._order(row, attempt)
            sample = first if attempt == 0 else self._ask([order], {row.index: row.sample_id})[0]
            lacking = {measure.name for measure in self.backend.measures} - sample.measured.keys()
            reasons = sample.faults or check_sample(
                sample.volumes, self.specs, measured=sample.measured, ordered=order.conditions
            )
            reasons = tuple(reason for reason in reasons if reason not in findings_by_design(self.backend))
            if not reasons and not lacking:
                return order, sample
            reasons = reasons or ("MISSING",)
            attempts.append(Attempt(attempt=order.attempt, seed=order.seed, reasons=tuple(reasons)))
        return Rejection(
            sample_id=row.sample_id, index=row.index, split=job.split, slot=row.slot, attempts=tuple(attempts)
        )

    def _ask(self, orders: Sequence[Order], names: Mapping[int, str]) -> Sequence[Sample]:
        """One sample for each order; `names` are the ids of the rows."""
        try:
            samples = self.backend.generate(orders)
            if len(samples) != len(orders):
                msg = f"it made {len(samples)} samples of {len(orders)} orders"
                raise ValueError(msg)
        except Exception as error:
            order = orders[0]
            more = f", and the {len(orders) - 1} after it" if len(orders) > 1 else ""
            msg = (
                f"the backend {self.backend.name!r} failed at {names[order.index]} (attempt {order.attempt}, "
                f"seed {order.seed}){more}: {type(error).__name__}: {error}; what is committed stays, and the same "
                "command goes on from there"
            )
            raise GenerationError(msg) from error
        return samples

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
