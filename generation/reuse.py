"""Which shards of a data set a changed recipe orders again exactly as they are.

A shard is the same where it holds the same rows in the same slots with the same conditions, and where what makes the
voxels of a row is the same for all of them: seed, backend, grid and stored type. (Packages matter too; they are no part
of a recipe, so `next_version` judges them.)
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..quality.rejects import attempts_of
from ..store import Attempt, shard_path
from .journal import ShardRecord
from .shard_maker import refused_row
from .streams import sample_seed

if TYPE_CHECKING:
    from collections.abc import Container, Iterator, Mapping, Sequence

    from ..store import Cohort
    from .recipe import Recipe
    from .shard_maker import Row, ShardJob

    Shard = tuple[str, int]
    """Split and number."""

__all__ = ["obstacles", "records_of", "reusable", "same_jobs"]


def obstacles(old: Recipe, new: Recipe) -> list[str]:
    """Fields of two recipes that differ and decide every shard, so that none can be reused."""
    fields = {
        "seed": (old.seed, new.seed),
        "backend": (old.backend, new.backend),
        "image": (old.image, new.image),
        "shards.samples": (old.shards, new.shards),
    }
    return [name for name, (before, after) in fields.items() if before != after]


def same_jobs(old: Sequence[ShardJob], new: Sequence[ShardJob]) -> dict[Shard, ShardJob]:
    """The shards for which two plans order the same."""
    before = {(job.split, job.number): job for job in old}
    return {(job.split, job.number): job for job in new if before.get((job.split, job.number)) == job}


def reusable(cohort: Cohort, jobs: Mapping[Shard, ShardJob], seed: int) -> dict[Shard, ShardRecord]:
    """Records of the shards of a data set that hold what their jobs order.

    Others are left out: something else than the recipe of the data set has made them.

    Args:
        cohort: the whole data set.
        jobs: the shards to look at.
        seed: of the recipe.
    """
    records = {(record.split, record.number): record for record in records_of(cohort, jobs)}
    held = {shard: record for shard, record in records.items() if _holds(record, jobs[shard], seed)}
    return _with_refused(held, jobs, cohort, seed)


def records_of(cohort: Cohort, shards: Container[Shard]) -> Iterator[ShardRecord]:
    """What the journal of the run that made a data set said of some of its shards, but for the refused attempts.

    Args:
        cohort: the whole data set.
        shards: which.
    """
    manifest, first = cohort.manifest, 0
    holes = defaultdict(list)
    for rejection in manifest.rejected:
        holes[rejection.split, rejection.slot // manifest.splits[rejection.split].shard_samples].append(rejection)
    for split in manifest.split_names:
        sizes, slots = manifest.splits[split], manifest.sample_slots(split)
        ends = first + np.searchsorted(slots, np.arange(sizes.shards + 1) * sizes.shard_samples)
        first += len(slots)
        for number in range(sizes.shards):
            if (split, number) not in shards:
                continue
            start, stop = ends[number : number + 2].tolist()
            paths = [shard_path(split, name, number) for name in manifest.specs]
            yield ShardRecord(
                split=split,
                number=number,
                files={path: manifest.files[path] for path in paths},
                rows=tuple(cohort.table.slice(start, stop - start).to_pylist()),
                rejected=tuple(sorted(holes[split, number], key=lambda rejection: rejection.slot)),
            )


def _holds(record: ShardRecord, job: ShardJob, seed: int) -> bool:
    wanted = {row.sample_id: row for row in job.rows}
    there = [*(row["sample_id"] for row in record.rows), *(each.sample_id for each in record.rejected)]
    if len(there) != len(wanted) or set(there) != wanted.keys():
        return False
    return all(_is_ordered(row, wanted[row["sample_id"]], seed) for row in record.rows) and all(
        (each.index, each.slot) == (wanted[each.sample_id].index, wanted[each.sample_id].slot)
        and all(_was_refused(one, wanted[each.sample_id], seed) for one in each.attempts)
        for each in record.rejected
    )


def _is_ordered(stored: Mapping[str, Any], row: Row, seed: int) -> bool:
    made_from = stored["index"] == row.index and stored["seed"] == sample_seed(seed, row.index, stored["attempt"])
    return (
        made_from
        and stored["attempt"] not in row.refused
        and stored["image"]["index"] == row.slot
        and all(stored.get(name) == value for name, value in row.conditions.items())
    )


def _was_refused(attempt: Attempt, row: Row, seed: int) -> bool:
    ordered = row.refused.get(attempt.attempt, attempt.reasons)
    return attempt.reasons == ordered and attempt.seed == sample_seed(seed, row.index, attempt.attempt)


def _with_refused(
    records: Mapping[Shard, ShardRecord], jobs: Mapping[Shard, ShardJob], cohort: Cohort, seed: int
) -> dict[Shard, ShardRecord]:
    """The records with all refused attempts; their reasons are those of the data set's record, as far as it knows."""
    table = attempts_of(cohort).select(["sample_id", "attempt", "reasons"]).to_pylist() if records else []
    told = {(each["sample_id"], each["attempt"]): tuple(each["reasons"] or ()) for each in table}
    filled = {}
    for shard, record in records.items():
        rows = {row.sample_id: row for row in jobs[shard].rows}
        tried = {row["sample_id"]: row["attempt"] for row in record.rows}
        tried |= {each.sample_id: len(each.attempts) for each in record.rejected}
        refused = [
            refused_row(
                record.split,
                row,
                Attempt(
                    attempt=attempt,
                    seed=sample_seed(seed, row.index, attempt),
                    reasons=row.refused.get(attempt) or told.get((name, attempt), ()),
                ),
            )
            for name, row in rows.items()
            for attempt in range(tried[name])
        ]
        filled[shard] = replace(record, refused=tuple(refused))
    return filled
