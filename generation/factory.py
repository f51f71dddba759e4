"""The factory: a recipe becomes a store, by any number of workers, resumable, always the same bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import StoreExistsError
from ..store import FORMAT_VERSION, MANIFEST_NAME, Manifest, differences, refuse_foreign
from .arrays import specs_of
from .cohort import draw_cohort
from .engines import run_local
from .features import features_folder, write_features
from .finishing import finish
from .journal import Journal
from .lock import lock_of
from .recipe import load_people, load_refusals
from .registry import load_backend
from .shard_maker import Row, ShardJob, ShardMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ..quality.features import FeatureExtractor
    from .backend import Backend
    from .cohort import CohortPlan
    from .journal import ShardRecord
    from .recipe import Recipe
    from .refusals import Refusals

__all__ = ["PEOPLE_NAME", "RECIPE_NAME", "REFUSED_NAME", "Progress", "Run", "generate", "plan_jobs", "row_of"]

RECIPE_NAME = "recipe.yaml"
PEOPLE_NAME = "people.csv"
REFUSED_NAME = "refused.csv"


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
    workers: int = 1,
    progress: Callable[[Progress], None] | None = None,
    load: Callable[[], Backend] | None = None,
    arrange: Callable[[Sequence[ShardJob]], Sequence[ShardJob]] | None = None,
    inherit: Callable[[ShardJob, Path], ShardRecord | None] | None = None,
    lock: Mapping[str, Mapping[str, str]] | None = None,
    rows: Sequence[int] | None = None,
    extractors: Sequence[FeatureExtractor] = (),
    refusals: Refusals | None = None,
) -> Run:
    """Makes the data set of a recipe.

    Run again after any interruption, it goes on from the shards that are committed; run again on a finished store of
    the same recipe, it does nothing.

    Args:
        recipe: the order.
        target: folder of the data set: new, empty, or an unfinished or finished run of the same recipe.
        people_folder: where the recipe's people file and refusal list lie.
        workers: processes.
        progress: told after each sample.
        load: gives the backend, in place of the installed one of the recipe's name; picklable.
        arrange: another sequence of the shards. It does not change a byte.
        inherit: given a shard and a folder for temporary files, puts its files into the target and gives its record, or
            None if it is to be made.
        lock: groups that the lock of the manifest has beside those of what is installed.
        rows: only these of the cohort; those of a split close up. `lock` must say so.
        extractors: of features that are put beside the table. They decide no byte that the manifest lists.
        refusals: the refusal list that the recipe names, where it is not in the folder.

    Raises:
        RecipeError: the recipe does not fit the backend.
        UnreachableError: the backend cannot make a row.
        StoreExistsError: the target holds something else.
        GenerationError: making a sample failed; run it again to resume.
        DiskFullError: no room; make some and run it again.
    """
    if workers < 1:
        msg = f"workers must be at least 1, got {workers}"
        raise ValueError(msg)
    target = Path(target)
    load = load or partial(load_backend, recipe.backend.name, recipe.backend.options, recipe.grid)
    backend = load()
    people = load_people(recipe, people_folder)
    refusals = load_refusals(recipe, people_folder) if refusals is None else refusals
    plan = draw_cohort(recipe, backend, people, refusals)
    beside = _beside(recipe, people_folder, refusals)
    refuse_foreign(target)
    lock = {**lock_of(backend), **(lock or {})}
    order: dict[str, Any] = {
        "files": {name: data.decode() for name, data in beside.items()},
        "format_version": FORMAT_VERSION,
        "lock": lock,
    }
    if (target / MANIFEST_NAME).exists():
        return Run(manifest=_finished(target, beside, lock), made=0, ignored_columns=plan.ignored_columns)
    specs = specs_of(recipe, backend)
    with Journal(target) as journal:
        if (target / MANIFEST_NAME).exists():  # another run has finished it while this one was waiting for its turn
            return Run(manifest=_finished(target, beside, lock), made=0, ignored_columns=plan.ignored_columns)
        committed = journal.begin(order)
        planned = plan_jobs(plan, rows)
        jobs = [job for job in planned if (job.split, job.number) not in committed]
        samples = sum(len(job.rows) for job in planned)
        report = _Reporter(samples, samples - sum(len(job.rows) for job in jobs), progress)
        inherited = _inherited(jobs, inherit, journal, report) if inherit else {}
        jobs = [job for job in jobs if (job.split, job.number) not in inherited]
        maker = ShardMaker(load=load, specs=specs, seed=recipe.seed, target=target, extractors=extractors)
        made = run_local(maker, arrange(jobs) if arrange else jobs, workers=workers, on_sample=report.add)
        records = [*committed.values(), *inherited.values(), *made]
        manifest = finish(
            target,
            recipe=recipe,
            backend=backend,
            specs=specs,
            lock=lock,
            records=records,
            beside=beside,
            scratch=journal.scratch,
        )
        write_features(target, manifest, records, features_folder(journal.folder), extractors)
        journal.clear()
    return Run(manifest=manifest, made=sum(len(job.rows) for job in jobs), ignored_columns=plan.ignored_columns)


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
    journal: Journal,
    report: _Reporter,
) -> dict[tuple[str, int], ShardRecord]:
    """Commits the shards that need not be made."""
    records = {}
    for job in jobs:
        if (record := inherit(job, journal.scratch)) is not None:
            journal.commit(record)
            records[job.split, job.number] = record
            report.add(len(job.rows))
    return records


class _Reporter:
    def __init__(self, samples: int, done: int, tell: Callable[[Progress], None] | None) -> None:
        self._samples, self._done, self._tell = samples, done, tell
        self.add(0)

    def add(self, count: int) -> None:
        self._done += count
        if self._tell:
            self._tell(Progress(samples=self._samples, done=self._done))


def _beside(recipe: Recipe, folder: str | Path, refusals: Refusals | None) -> Mapping[str, bytes]:
    """The files that make the order whole: with them alone, the data set can be made again."""
    files, moved = {}, {}
    if recipe.people is not None:
        files[PEOPLE_NAME] = (Path(folder) / recipe.people.path).read_bytes()
        moved["people"] = {"path": PEOPLE_NAME, "sha256": recipe.people.sha256}
    if refusals is not None:
        files[REFUSED_NAME] = refusals.to_csv()
        moved["refused"] = {"path": REFUSED_NAME, "sha256": refusals.sha256}
    recipe = recipe.replaced(**moved) if moved else recipe
    return {RECIPE_NAME: recipe.to_yaml().encode(), **files}


def _finished(target: Path, beside: Mapping[str, bytes], lock: Mapping[str, Mapping[str, str]]) -> Manifest:
    manifest = Manifest.from_bytes((target / MANIFEST_NAME).read_bytes(), str(target / MANIFEST_NAME))
    there = {
        name: (target / name).read_bytes().decode(errors="replace") if (target / name).exists() else None
        for name in beside
    }
    ordered = {name: data.decode() for name, data in beside.items()}
    if differing := [*differences(there, ordered), *differences(manifest.lock, lock, "lock")]:
        msg = (
            f"the target {target} holds a finished data set of another order ({'; '.join(differing)}); "
            "give a folder that is new or empty"
        )
        raise StoreExistsError(msg)
    Journal(target).clear()
    return manifest
