"""Files of a data set made again from its recipe: shards, tables where no copy is left, Zarr metadata."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..errors import FormatError, VoxpressError
from ..store import write_table
from ..store.layout import parse_shard_path
from .cohort import draw_cohort
from .engines import run_local
from .factory import row_of
from .finishing import row_groups, zarr_files
from .lock import lock_differences, lock_of
from .recipe import load_people, load_refusals
from .registry import load_backend
from .shard_maker import ShardJob, ShardMaker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from ..store import Cohort
    from .backend import Backend
    from .cohort import CohortPlan
    from .recipe import Recipe

__all__ = ["Remaker", "planned_rows"]


class Remaker:
    """Makes files of one data set again.

    Args:
        cohort: of the data set; its manifest says how samples are packed, so a copy that is packed otherwise will do.
        recipe: of it.
        people_folder: where the recipe's people file and refusal list lie.
        load: gives the backend, in place of the installed one; picklable.

    Raises:
        RecipeError: the backend is not installed, or cannot make this recipe any more.
    """

    def __init__(
        self, cohort: Cohort, recipe: Recipe, people_folder: Path, load: Callable[[], Backend] | None = None
    ) -> None:
        self._cohort, self._recipe = cohort, recipe
        self._load = load or partial(load_backend, recipe.backend.name, recipe.backend.options, recipe.grid)
        self._backend = self._load()
        people, refusals = load_people(recipe, people_folder), load_refusals(recipe, people_folder)
        self._plan = draw_cohort(recipe, self._backend, people, refusals)
        self.changes = lock_differences(cohort.manifest.lock, lock_of(self._backend))

    def jobs(self, files: AbstractSet[str]) -> list[ShardJob]:
        """The shards to make for these files: those among them, and for a table all of its split.

        Raises:
            FormatError: which samples go there cannot be told.
        """
        manifest, wanted = self._cohort.manifest, set()
        for path in files:
            if (shard := parse_shard_path(path)) is not None:
                wanted.add((shard[0], shard[2]))
            for split in manifest.splits:
                if path in manifest.metadata_files(split):
                    wanted |= {(split, number) for number in range(manifest.splits[split].shards)}
        rows = {split: planned_rows(self._cohort, self._plan, split) for split in {split for split, _ in wanted}}
        return [
            ShardJob(
                split=split,
                number=number,
                rows=tuple(
                    row_of(self._plan, int(index), slot)
                    for slot, index in list(enumerate(rows[split]))[number * size : (number + 1) * size]
                ),
            )
            for split, number in sorted(wanted)
            for size in [manifest.splits[split].shard_samples]
        ]

    def make(
        self, files: AbstractSet[str], target: Path, *, workers: int, on_sample: Callable[[int], None]
    ) -> Iterator[str]:
        """Makes these files, and perhaps others, below a folder; gives their paths as soon as they are there.

        Args:
            files: paths in the store.
            target: an empty folder.
            workers: processes.
            on_sample: as for `run_local`.

        Raises:
            FormatError: which samples go there cannot be told.
            GenerationError: making a sample failed.
            DiskFullError: no room.
        """
        manifest, records = self._cohort.manifest, []
        for path, data in self._metadata().items():
            if path in files:
                (target / path).parent.mkdir(parents=True, exist_ok=True)
                (target / path).write_bytes(data)
                yield path
        maker = ShardMaker(load=self._load, specs=manifest.specs, seed=self._recipe.seed, target=target)
        for record in run_local(maker, self.jobs(files), workers=workers, on_sample=on_sample):
            yield from record.files
            records.append(record)
        for split in manifest.split_names:
            if not files & set(manifest.metadata_files(split)):
                continue
            shards = sorted((each for each in records if each.split == split), key=lambda each: each.number)
            yield from write_table(target, split, row_groups(shards, self._backend), scratch=target)

    def _metadata(self) -> Mapping[str, bytes]:
        manifest = self._cohort.manifest
        made: dict[str, bytes] = {}
        for split, sizes in manifest.splits.items():
            made |= zarr_files(
                split,
                sizes,
                manifest.holes(split),
                recipe=self._recipe,
                backend=self._backend,
                specs=manifest.specs,
            )
        return made


def planned_rows(cohort: Cohort, plan: CohortPlan, split: str) -> list[int]:
    """For each slot of a split the row of the planned cohort that goes there, holes included.

    The table tells, and the manifest for holes; where the table is lost, the plan does, if the data set is all of it.

    Raises:
        FormatError: the table is lost, and the data set is only a part of what the recipe orders; or it contradicts
            the recipe.
    """
    manifest = cohort.manifest
    slots = manifest.splits[split].slots
    try:
        indices = cohort.split(split).columns(["index"])["index"].to_numpy()
    except VoxpressError as error:
        rows = np.flatnonzero(plan.split == plan.splits.index(split)) if split in plan.splits else np.empty(0)
        if len(rows) != slots:
            msg = f"the table of the split {split!r} is lost ({error}), and only it says which samples were chosen"
            raise FormatError(msg) from error
        return [int(row) for row in rows]
    rows = np.full(slots, -1, np.int64)
    rows[manifest.sample_slots(split)] = indices
    for rejection in manifest.rejected:
        if rejection.split == split:
            rows[rejection.slot] = rejection.index
    if ((rows < 0) | (rows >= plan.rows)).any():
        msg = f"the table of the split {split!r} names samples that the recipe does not order"
        raise FormatError(msg)
    return [int(row) for row in rows]
