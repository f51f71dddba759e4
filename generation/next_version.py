"""The next version of a data set: its own recipe, changed; what the change does not touch is taken over."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..errors import CorruptError, RecipeError
from ..store import WORK_FOLDER, refuse_inside, take_over
from ..store.diff.fields import field_changes
from ..store.differences import differences
from ..store.files import read_whole
from ..store.layout import safe_path
from ..store.strict_yaml import MAX_BYTES, read_mapping
from ..store.version_order import precedence
from .arrays import specs_of
from .cohort import draw_cohort
from .factory import RECIPE_NAME, REFUSED_NAME, generate, plan_jobs
from .features import features_folder, inherit_features
from .finishing import schema_of
from .lock import lock_of
from .overrides import with_overrides
from .recipe import load_people, load_refusals, recipe_from
from .refusing import refused_by
from .registry import load_backend
from .reuse import obstacles, reusable, same_jobs

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from ..quality.features import FeatureExtractor
    from ..store import Cohort
    from .backend import Backend
    from .factory import Progress, Run
    from .journal import ShardRecord
    from .recipe import Recipe
    from .refusals import Refusals
    from .shard_maker import ShardJob

__all__ = ["IfLockDiffers", "NextPlan", "make_next", "plan_next"]

IfLockDiffers = Literal["refuse", "remake", "reuse"]
"""What to do where other packages are installed than a data set was made with."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NextPlan:
    """What the next version will be, and what of it is there already.

    Attributes:
        source: the version before.
        recipe: of the next one.
        people_folder: where its people file lies.
        load: gives the backend of a recipe.
        shards: files of each array that it will have.
        reused: split and number → record of each shard that is taken over.
        why_not: what keeps all shards from being reused; empty if nothing does.
        lock: what the lock of the next version says of shards that were made with other packages.
        refusals: attempts that are not taken, those of the version before included.
        refused: ids of the samples that are refused now.
    """

    source: Cohort
    recipe: Recipe
    people_folder: Path
    load: Callable[[Recipe], Backend]
    shards: int
    reused: Mapping[tuple[str, int], ShardRecord]
    why_not: tuple[str, ...]
    lock: Mapping[str, Mapping[str, str]]
    refusals: Refusals | None
    refused: tuple[str, ...]

    @property
    def reused_samples(self) -> int:
        """Samples of the shards that are taken over, those that no attempt made included."""
        return sum(len(record.rows) + len(record.rejected) for record in self.reused.values())

    @property
    def unexplained(self) -> int:
        """Refused attempts at these whose reasons the version before does not tell."""
        return sum(attempt["reasons"] is None for record in self.reused.values() for attempt in record.refused)


def installed(recipe: Recipe) -> Backend:
    """The installed backend that a recipe names."""
    return load_backend(recipe.backend.name, recipe.backend.options, recipe.grid)


def plan_next(
    source: Cohort,
    *,
    version: str,
    sets: Sequence[str] = (),
    people: str | os.PathLike[str] | None = None,
    refuse: str | os.PathLike[str] | None = None,
    if_lock_differs: IfLockDiffers = "refuse",
    load: Callable[[Recipe], Backend] = installed,
) -> NextPlan:
    """Says what the next version will be; nothing is written.

    Args:
        source: the version before, in a folder of this machine.
        version: of the next one, greater than that of the source.
        sets: changes of the recipe, as of ``--set``.
        people: another people file, in place of that of the source.
        refuse: `quarantine.json` of the source: samples that get their next attempt, at the same conditions.
        if_lock_differs: what to do where shards could be reused, but other packages are installed than those that they
            were made with, so that the same order may give other bits: refuse; remake all samples; or reuse the shards,
            which the lock then says.
        load: gives the backend of a recipe, in place of the installed one; picklable.

    Raises:
        StoreNotFoundError: the source is not on this machine.
        CorruptError: its recipe or table is missing or wrong.
        RecipeError: the change is not well formed, gives another name, or a version that is not greater; the samples
            to refuse are not those of the source; or the lock differs.
        FormatError: the file of these samples is something else.
        UnreachableError: the backend cannot make a row.
    """
    if if_lock_differs not in get_args(IfLockDiffers):
        msg = f"if_lock_differs must be refuse, remake or reuse, got {if_lock_differs!r}"
        raise ValueError(msg)
    given = _read_recipe(source)
    old = recipe_from(given, folder=source.path, source=f"the recipe of {source.path}")
    changed = with_overrides(given, sets=sets) | {"version": version}
    if changed.pop("refused", None) != given.get("refused"):
        msg = "refused: is not set by hand in a next version; give the samples to refuse with --refuse quarantine.json"
        raise RecipeError(msg)
    folder = source.path
    if people is not None:
        folder, changed["people"] = Path(people).parent, Path(people).name
    new = recipe_from(changed, folder=folder, source="the changed recipe")
    _check_names(source, new)
    listed = load_refusals(old, source.path)
    refusals, refused = refused_by(source, old, new, listed, refuse)
    if refusals is not None:
        new = new.replaced(refused={"path": REFUSED_NAME, "sha256": refusals.sha256})
    backend = load(new)
    jobs = plan_jobs(draw_cohort(new, backend, load_people(new, folder), refusals))
    why_not = obstacles(old, new) or _stored_otherwise(source, new, backend)
    records: Mapping[tuple[str, int], ShardRecord] = {}
    if not why_not:
        before = plan_jobs(draw_cohort(old, backend, load_people(old, source.path), listed))
        records = reusable(source, same_jobs(before, jobs), old.seed)
    lock: Mapping[str, Mapping[str, str]] = {}
    if records and (differing := differences(source.manifest.lock, lock_of(backend))):
        if if_lock_differs == "refuse":
            raise _lock_differs(source, differing)
        if if_lock_differs == "remake":
            records, why_not = {}, differing
        else:
            lock = {"reused": _other_lock(source, lock_of(backend))}
    return NextPlan(
        source=source,
        recipe=new,
        people_folder=folder,
        load=load,
        shards=len(jobs),
        reused=records,
        why_not=tuple(why_not),
        lock=lock,
        refusals=refusals,
        refused=refused,
    )


def make_next(
    plan: NextPlan,
    target: str | os.PathLike[str],
    *,
    workers: int | None = 1,
    progress: Callable[[Progress], None] | None = None,
    copy: bool = False,
    extractors: Sequence[FeatureExtractor] = (),
) -> Run:
    """Makes the next version: takes over what is there, and makes the rest as `factory.generate` does.

    Its bytes are those of the same recipe made from nothing, unless shards of another lock are reused. Run again after
    any interruption, it goes on.

    Args:
        plan: what to make.
        target: folder of the data set: new, empty, or an unfinished or finished run of the same recipe.
        workers: as for `factory.generate`.
        progress: told after each shard that was taken over, and each sample that was made.
        copy: copy shards rather than link them.
        extractors: as for `factory.generate`; those of shards that are taken over come from the source, where it has
            them.

    Raises:
        StoreExistsError: the target holds something else, or lies in the source.
        CorruptError: a shard of the source is not what its manifest says.
        GenerationError, DiskFullError: as `factory.generate`.
    """
    target = Path(target)
    refuse_inside(target, plan.source.path)
    return generate(
        plan.recipe,
        target,
        people_folder=plan.people_folder,
        workers=workers,
        progress=progress,
        load=partial(plan.load, plan.recipe),
        inherit=partial(_take, plan, target, copy, extractors),
        lock=plan.lock,
        extractors=extractors,
        refusals=plan.refusals,
    )


def _take(  # noqa: PLR0917
    plan: NextPlan,
    target: Path,
    copy: bool,  # noqa: FBT001
    extractors: Sequence[FeatureExtractor],
    job: ShardJob,
    scratch: Path,
) -> ShardRecord | None:
    """Takes over the files of a shard, if they can be reused."""
    record = plan.reused.get((job.split, job.number))
    for path, file in record.files.items() if record else ():
        try:
            take_over(safe_path(plan.source.path, path), target / path, path, file, scratch=scratch, copy=copy)
        except CorruptError as error:
            raise plan.source.store.told(error) from error
    if record and extractors:
        folder = features_folder(target / WORK_FOLDER)
        inherit_features(plan.source, folder, job.split, job.number, extractors)
    return record


def _read_recipe(source: Cohort) -> dict[Any, Any]:
    record = source.manifest.files.get(RECIPE_NAME)
    if record is None:
        msg = f"{source.path} has no {RECIPE_NAME}, so there is nothing to make a next version from"
        raise RecipeError(msg)
    path = safe_path(source.path, RECIPE_NAME)
    data = read_whole(path, RECIPE_NAME, most=MAX_BYTES, record=record)
    return read_mapping(data.decode(errors="replace"), source=f"the recipe of {source.path}")


def _check_names(source: Cohort, new: Recipe) -> None:
    manifest = source.manifest
    if new.name != manifest.name:
        msg = (
            f"name: must stay {manifest.name!r} in all versions of a data set, got {new.name!r}; to begin another data "
            f"set, use voxpress generate {source.path / RECIPE_NAME} --set name={new.name}"
        )
        raise RecipeError(msg)
    if precedence(new.version) <= precedence(manifest.version):
        msg = f"version: must be greater than {manifest.version}, that of {source.path}, got {new.version}"
        raise RecipeError(msg)


def _stored_otherwise(source: Cohort, new: Recipe, backend: Backend) -> list[str]:
    found = []
    if dict(source.specs) != dict(specs_of(new, backend)):
        found.append("how its arrays are stored (a copy that was packed otherwise?)")
    if lacking := sorted(set(schema_of(backend).names) - set(source.store.schema.names)):
        found.append(f"its table, of format version {source.manifest.format_version}, which lacks {', '.join(lacking)}")
    return found


def _lock_differs(source: Cohort, differing: Sequence[str]) -> RecipeError:
    return RecipeError(
        f"{source.path} was made with other packages than are installed here ({'; '.join(differing)}), so the samples "
        "that it has may not be what would be made now; install those versions, or choose --if-lock-differs remake to "
        "make all samples anew, or --if-lock-differs reuse to mix the two, which the lock of the new version will say"
    )


def _other_lock(source: Cohort, lock: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What the shards that are taken over were made with, where that is not what the lock says."""
    changes = field_changes(source.manifest.lock, lock)
    other = {change.name: change.old if isinstance(change.old, str) else json.dumps(change.old) for change in changes}
    return {"source_digest": source.manifest.digest, **other}
