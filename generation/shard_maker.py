"""Makes one shard: asks the backend for each sample, checks it, and writes the files and the record."""

from __future__ import annotations

from dataclasses import dataclass, field
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
from ..store.threads import available_cpus, map_in_order
from .arrays import quantised
from .backend import Order
from .batches import findings_by_design, made_ahead, makes_ahead, preferred_batch
from .features import ShardFeatures, features_folder
from .journal import Journal, ShardRecord
from .refusals import MOST_ATTEMPTS
from .streams import sample_seed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ..quality.features import FeatureExtractor
    from ..store import ArraySpec
    from .backend import Backend, Sample

__all__ = ["MOST_ATTEMPTS", "Row", "ShardJob", "ShardMaker", "refused_row"]

_MOST_THREADS = 16
"""That judge and pack what a device makes; each holds two samples at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One sample to make: its id, its row in the cohort, its slot in the split, and what is ordered.

    Attributes:
        refused: attempt → reasons, of those that the order refuses; they are not made.
    """

    sample_id: str
    index: int
    slot: int
    conditions: Mapping[str, float | str]
    refused: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardJob:
    """One shard to make."""

    split: str
    number: int
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tried:
    """One attempt that was made and judged, and packed if nothing is wrong with it.

    Attributes:
        order: what was asked for.
        reasons: why it is refused; none if it is not.
        measured: measure → value.
        stored: array → integers.
        columns: what the table says of them.
        chunks: array → packed.
    """

    order: Order
    reasons: tuple[str, ...]
    measured: Mapping[str, float] = field(default_factory=dict)
    stored: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    columns: Mapping[str, Any] = field(default_factory=dict)
    chunks: Mapping[str, list[bytes | None]] = field(default_factory=dict)


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
        refused: list[Mapping[str, Any]] = []
        firsts = self._firsts(job.rows)
        for row in job.rows:
            made, attempts = self._attempt_all(row, firsts)
            refused += [refused_row(job.split, row, attempt) for attempt in attempts]
            if made is None:
                rejected.append(_hole(job.split, row, attempts))
                for samples in encoded.values():
                    samples.append(None)
            else:
                rows.append(self._fields(job, row, made))
                features.add(row.sample_id, made.stored)
                for name, chunks in made.chunks.items():
                    encoded[name].append(chunks)
            on_sample()
        journal, files = Journal(self.target), {}
        for name, spec in self.specs.items():
            path = shard_path(job.split, name, job.number)
            data = assemble_shard(spec, encoded.pop(name))
            files[path] = write_atomic(self.target / path, data, scratch=journal.scratch)
        features.write(features_folder(journal.folder), job.split, job.number)
        record = ShardRecord(
            split=job.split,
            number=job.number,
            files=files,
            rows=tuple(rows),
            rejected=tuple(rejected),
            refused=tuple(refused),
        )
        journal.commit(record)
        return record

    def _order(self, row: Row, attempt: int) -> Order:
        seed = sample_seed(self.seed, row.index, attempt)
        return Order(index=row.index, attempt=attempt, seed=seed, conditions=row.conditions)

    def _firsts(self, rows: Sequence[Row]) -> Iterator[_Tried]:
        """The first attempt at each row that the order does not refuse, in batches as the backend likes them.

        While a device makes those that follow, threads of the CPU judge and pack; they do not change a byte.
        """
        names = {row.index: row.sample_id for row in rows}
        allowed = [[each for each in range(MOST_ATTEMPTS) if each not in row.refused] for row in rows]
        orders = [self._order(row, attempts[0]) for row, attempts in zip(rows, allowed, strict=True) if attempts]
        ahead = makes_ahead(self.backend)
        samples = made_ahead(lambda group: self._ask(group, names), orders, preferred_batch(self.backend), ahead=ahead)
        yield from map_in_order(
            lambda made: self._tried(*made),
            zip(orders, samples, strict=True),
            min(available_cpus(), _MOST_THREADS) if ahead else 1,
        )

    def _attempt_all(self, row: Row, firsts: Iterator[_Tried]) -> tuple[_Tried | None, tuple[Attempt, ...]]:
        """The first attempt that passes the checks, None if none does; and those that were refused before it.

        Args:
            row: to make.
            firsts: its next is the first attempt that is made of the row.
        """
        attempts: list[Attempt] = []
        made = 0
        for attempt in range(MOST_ATTEMPTS):
            order = self._order(row, attempt)
            if attempt in row.refused:
                attempts.append(Attempt(attempt=attempt, seed=order.seed, reasons=row.refused[attempt]))
                continue
            names = {row.index: row.sample_id}
            tried = next(firsts) if not made else self._tried(order, self._ask([order], names)[0])
            made += 1
            if not tried.reasons:
                return tried, tuple(attempts)
            attempts.append(Attempt(attempt=order.attempt, seed=order.seed, reasons=tried.reasons))
        return None, tuple(attempts)

    def _tried(self, order: Order, sample: Sample) -> _Tried:
        """Judges a sample, and packs it if it passes."""
        reasons = self._reasons(order, sample)
        if reasons:
            return _Tried(order=order, reasons=reasons)
        stored = {name: quantised(sample.volumes[name], spec) for name, spec in self.specs.items()}
        return _Tried(
            order=order,
            reasons=(),
            measured=sample.measured,
            stored=stored if self.extractors else {},
            columns={
                **{f"{name}_sha256": voxels_sha256(voxels) for name, voxels in stored.items()},
                **{
                    column: value
                    for name, spec in self.specs.items()
                    for column, value in sample_extents(spec, stored[name]).items()
                },
            },
            chunks={name: encode_sample(spec, stored[name]) for name, spec in self.specs.items()},
        )

    def _reasons(self, order: Order, sample: Sample) -> tuple[str, ...]:
        """All that is wrong with a sample."""
        lacking = {measure.name for measure in self.backend.measures} - sample.measured.keys()
        reasons = sample.faults or check_sample(
            sample.volumes, self.specs, measured=sample.measured, ordered=order.conditions
        )
        found = tuple(reason for reason in reasons if reason not in findings_by_design(self.backend))
        return found or (("MISSING",) if lacking else ())

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

    def _fields(self, job: ShardJob, row: Row, made: _Tried) -> Mapping[str, Any]:
        order = made.order
        return {
            "sample_id": row.sample_id,
            "index": order.index,
            "split": job.split,
            **order.conditions,
            **{f"measured_{measure.name}": float(made.measured[measure.name]) for measure in self.backend.measures},
            "seed": order.seed,
            "attempt": order.attempt,
            "backend": self.backend.name,
            "quality": "PASS",
            **{name: {"path": array_path(job.split, name), "index": row.slot} for name in self.specs},
            **made.columns,
            "is_synthetic": True,
        }


def _hole(split: str, row: Row, attempts: tuple[Attempt, ...]) -> Rejection:
    return Rejection(sample_id=row.sample_id, index=row.index, split=split, slot=row.slot, attempts=attempts)


def refused_row(split: str, row: Row, attempt: Attempt) -> Mapping[str, Any]:
    """A refused attempt as the record of them has it; no reasons mean that they are not known.

    Args:
        split: of the sample.
        row: what was to be made.
        attempt: what was refused.
    """
    return {
        **row.conditions,
        "sample_id": row.sample_id,
        "index": row.index,
        "split": split,
        "attempt": attempt.attempt,
        "seed": attempt.seed,
        "reasons": list(attempt.reasons) or None,
    }
