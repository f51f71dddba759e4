"""The factory: a recipe becomes a store, by any number of workers, resumable, always the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .elsewhere import check_worker
from .engines import LocalEngine, needs_of
from .features import write_features
from .finishing import finish
from .journals import journal_of
from .run_order import PEOPLE_NAME, RECIPE_NAME, REFUSED_NAME, read_order
from .shard_maker import Row, ShardJob, ShardMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Mapping, Sequence
    from pathlib import Path

    from ..quality.features import FeatureExtractor
    from ..store import Manifest
    from .backend import Backend
    from .cohort import CohortPlan
    from .engines import Engine
    from .journal import ShardRecord
    from .journals import AnyJournal
    from .recipe import Recipe
    from .refusals import Refusals
    from .run_order import RunOrder

__all__ = [
    "PEOPLE_NAME",
    "RECIPE_NAME",
    "REFUSED_NAME",
    "Progress",
    "Reporter",
    "Run",
    "complete",
    "generate",
    "jobs_left",
    "local_engine",
    "make_shards",
    "plan_jobs",
    "row_of",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a run stands.

    Attributes:
        samples: to make in all.
        done: finished, those of earlier runs included.
    """

    samples: int
    done: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a run.

    Attributes:
        manifest: of the finished store.
        made: samples made by this run; the rest was there.
        ignored_columns: of the people file.
    """

    manifest: Manifest
    made: int
    ignored_columns: tuple[str, ...]


def generate(
    recipe: Recipe,
    target: str | Path,
    *,
    people_folder: str | Path = ".",
    workers: int | None = 1,
    engine: Engine | None = None,
    progress: Callable[[Progress], None] | None = None,
    load: Callable[[], Backend] | None = None,
    arrange: Callable[[Sequence[ShardJob]], Sequence[ShardJob]] | None = None,
    inherit: Callable[[ShardJob, Path], ShardRecord | None] | None = None,
    lock: Mapping[str, Mapping[str, str]] | None = None,
    rows: Sequence[int] | None = None,
    extractors: Sequence[FeatureExtractor] = (),
    refusals: Refusals | None = None,
    dress: Callable[[Path], None] | None = None,
) -> Run:
    """Makes the data set of a recipe.

    Run again after any interruption, it goes on from the shards that are committed; run again on a finished store of
    the same recipe, it does nothing.

    Args:
        recipe: the order.
        target: folder of the data set, or its address in object storage: new, empty, or an unfinished or finished run
            of the same recipe.
        people_folder: where the recipe's people file and refusal list lie.
        workers: processes; None for one a CPU, or one a GPU where the backend needs GPUs.
        engine: what does the work, in place of processes of this machine.
        progress: told after each sample.
        load: gives the backend, in place of the installed one of the recipe's name; picklable.
        arrange: another sequence of the shards. It does not change a byte.
        inherit: given a shard and a folder for temporary files, puts its files into the target and gives its record, or
            None if it is to be made.
        lock: groups that the lock of the manifest has beside those of what is installed.
        rows: only these of the cohort; those of a split close up. `lock` must say so.
        extractors: of features that are put beside the table. They decide no byte that the manifest lists.
        refusals: the refusal list that the recipe names, where it is not in the folder.
        dress: given the folder of the data set without its shards, puts more beside it, before it is shown.

    Raises:
        PublishError: the target is an address that is not written to.
        RecipeError: the recipe does not fit the backend.
        UnreachableError: the backend cannot make a row.
        StoreExistsError: the target holds something else.
        GenerationError: making a sample failed; run it again to resume.
        DiskFullError: no room; make some and run it again.
    """
    engine, journal = engine or local_engine(workers), journal_of(target)
    order = read_order(recipe, people_folder=people_folder, load=load, lock=lock, refusals=refusals)
    ignored = order.plan.ignored_columns
    journal.refuse_foreign()
    if manifest := order.finished(journal):
        return Run(manifest=manifest, made=0, ignored_columns=ignored)
    with journal:
        planned = plan_jobs(order.plan, rows)
        committed = journal.begin(order.words)
        if manifest := order.finished(journal):  # another run has finished it while this one was beginning
            return Run(manifest=manifest, made=0, ignored_columns=ignored)
        jobs = jobs_left(planned, committed)
        report = Reporter(planned, jobs, progress)
        inherited = _inherited(jobs, inherit, journal, report) if inherit else {}
        jobs = jobs_left(jobs, inherited)
        arranged = arrange(jobs) if arrange else jobs
        made = make_shards(order, journal, arranged, engine=engine, extractors=extractors, report=report)
        records = [*committed.values(), *inherited.values(), *made]
        manifest = complete(order, journal, records, extractors, dress)
    return Run(manifest=manifest, made=sum(len(job.rows) for job in jobs), ignored_columns=ignored)


def local_engine(workers: int | None) -> Engine:
    """The engine where none is given.

    Raises:
        ValueError: the number is not positive.
    """
    if workers is not None and workers < 1:
        msg = f"workers must be at least 1, got {workers}"
        raise ValueError(msg)
    return LocalEngine(workers=workers)


def jobs_left(planned: Sequence[ShardJob], there: Container[tuple[str, int]]) -> list[ShardJob]:
    """The shards that are not there."""
    return [job for job in planned if (job.split, job.number) not in there]


def make_shards(
    order: RunOrder,
    journal: AnyJournal,
    jobs: Sequence[ShardJob],
    *,
    engine: Engine,
    extractors: Sequence[FeatureExtractor],
    report: Reporter,
) -> Iterator[ShardRecord]:
    """Makes and commits shards, by an engine."""
    target = journal.target.absolute()
    maker = ShardMaker(load=order.load, specs=order.specs, seed=order.recipe.seed, target=target, extractors=extractors)
    made = engine.run(
        journal.outfit(maker, order.words),
        jobs,
        on_sample=report.add,
        needs=needs_of(order.backend),
        ready=check_worker,
    )
    return journal.taken(made)


def complete(
    order: RunOrder,
    journal: AnyJournal,
    records: Sequence[ShardRecord],
    extractors: Sequence[FeatureExtractor],
    dress: Callable[[Path], None] | None,
) -> Manifest:
    """Writes all that is not voxels, and ends the run; not where another run has just finished it."""
    if manifest := order.finished(journal):
        return manifest
    manifest = finish(
        journal.target,
        recipe=order.recipe,
        backend=order.backend,
        specs=order.specs,
        lock=order.lock,
        records=records,
        beside=order.beside,
        scratch=journal.scratch,
    )
    if extractors:
        write_features(journal.target, manifest, records, journal.features(), extractors)
    if dress:
        dress(journal.target)
    journal.end()
    return manifest


def plan_jobs(plan: CohortPlan, rows: Sequence[int] | None = None) -> list[ShardJob]:
    """The shards of a cohort, with all that a worker needs to know.

    Args:
        plan: the cohort.
        rows: only these, closed up in the slots of their splits; None for all.
    """
    chosen = np.arange(plan.rows) if rows is None else np.unique(np.asarray(rows, np.int64))
    size, jobs = plan.shard_samples, []
    for number, split in enumerate(plan.splits):
        members = chosen[plan.split[chosen] == number].tolist()
        slots = [row_of(plan, index, slot) for slot, index in enumerate(members)]
        jobs += [
            ShardJob(split=split, number=start // size, rows=tuple(slots[start : start + size]))
            for start in range(0, len(slots), size)
        ]
    return jobs


def row_of(plan: CohortPlan, index: int, slot: int) -> Row:
    """A row of a cohort, to be put into a slot of its split."""
    return Row(
        sample_id=plan.sample_id(index),
        index=index,
        slot=slot,
        conditions=plan.order(index).conditions,
        refused=plan.refused.get(index, {}),
    )


def _inherited(
    jobs: Sequence[ShardJob],
    inherit: Callable[[ShardJob, Path], ShardRecord | None],
    journal: AnyJournal,
    report: Reporter,
) -> dict[tuple[str, int], ShardRecord]:
    """Commits the shards that need not be made."""
    records = {}
    for job in jobs:
        if (record := inherit(job, journal.scratch)) is not None:
            journal.commit(record)
            records[job.split, job.number] = record
            report.add(len(job.rows))
    return records


class Reporter:
    """Tells where a run stands.

    Args:
        planned: all shards.
        jobs: those of them that are to be made.
        tell: whom.
    """

    def __init__(
        self, planned: Sequence[ShardJob], jobs: Sequence[ShardJob], tell: Callable[[Progress], None] | None
    ) -> None:
        self._samples, self._tell = sum(len(job.rows) for job in planned), tell
        self._done = self._samples - sum(len(job.rows) for job in jobs)
        self.add(0)

    def add(self, count: int) -> None:
        """So many samples are finished since the last call."""
        self._done += count
        if self._tell:
            self._tell(Progress(samples=self._samples, done=self._done))
