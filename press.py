"""The press: a recipe becomes a data set with its card, or one sample for a look."""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cards import changelog
from .cards import write_card as write_whole_card
from .generation.arrays import quantised, specs_of
from .generation.batches import findings_by_design
from .generation.cohort import draw_cohort
from .generation.engines import engine_of
from .generation.factory import generate as make
from .generation.next_version import make_next, plan_next
from .generation.recipe import Recipe, load_people, load_recipe, load_refusals, recipe_from
from .generation.registry import load_backend
from .generation.share_factory import finish_shares
from .generation.share_factory import generate_share as make_share
from .generation.shares import Share
from .quality import check_sample
from .quality.features.standard import standard_extractors
from .store import open as open_store
from .store import write_atomic
from .store.diff import diff
from .store.layout import CARD_NAME
from .store.sources.resolve import scheme_of
from .store.threads import available_cpus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import TypeAlias

    from numpy.typing import NDArray

    from .generation.backend import Order
    from .generation.engines import EngineName
    from .generation.factory import Progress
    from .generation.next_version import IfLockDiffers, NextPlan
    from .generation.share_factory import ShareRun
    from .quality.features import FeatureExtractor
    from .store import ArraySpec, Cohort
    from .store.diff import Diff

    AnyRecipe: TypeAlias = Recipe | Mapping[str, Any] | str | os.PathLike[str]

__all__ = [
    "Pressed",
    "Proof",
    "available_cpus",
    "fulfil",
    "generate",
    "generate_finish",
    "generate_share",
    "next_version",
    "sample",
    "succeed",
    "write_card",
]

_CARD_SCRATCH = ".voxpress-card"
_CHANGELOG_NAME = "CHANGELOG.md"
_MOST_CHANGELOG_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pressed:
    """What came of an order.

    Attributes:
        cohort: the finished data set.
        made: samples made by this run; the rest was there.
        ignored_columns: columns of the people file that no condition uses.
    """

    cohort: Cohort
    made: int
    ignored_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """One sample made alone, without a store: what printers call a proof.

    Attributes:
        sample_id, split: as its row in the data set has them.
        order: what the backend was asked for.
        volumes: array → (x, y, z) integers, as the store would hold them.
        specs: array → affine, scale, offset, labels.
        measured: measure → value.
        reasons: codes of what is wrong with it; a data set takes the first attempt that has none.
    """

    sample_id: str
    split: str
    order: Order
    volumes: Mapping[str, NDArray[Any]]
    specs: Mapping[str, ArraySpec]
    measured: Mapping[str, float]
    reasons: tuple[str, ...]


def generate(
    recipe: AnyRecipe,
    target: str | os.PathLike[str],
    *,
    workers: int | None = None,
    engine: EngineName = "local",
    address: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    people_folder: str | os.PathLike[str] | None = None,
    features: bool = True,
) -> Cohort:
    """Makes the data set of a recipe, with its card, and opens it.

    Stopped at any time and called again, it goes on from what is committed; called again on a finished data set of the
    same recipe, it makes nothing. Call it under ``if __name__ == "__main__"`` in a script: workers are new processes
    that import the script.

    Args:
        recipe: path of a YAML file, plain data as in one, or a `Recipe`.
        target: folder of the data set, or its address in object storage (``s3://``, ``gs://``, ``az://``): new, empty,
            or an earlier run of the same recipe.
        workers: processes; None for one a CPU, or one a GPU where the backend needs GPUs. There are never more than
            shards, and the bytes do not depend on it.
        engine: `local` for processes of this machine, `ray` for a Ray cluster (`pip install 'voxpress[ray]'`), whose
            nodes send what they make where they do not see the folder. The bytes do not depend on it.
        address: of the Ray cluster: `auto` (the default), `HOST:PORT`, or `local` for one of this machine alone.
        progress: told after each sample.
        people_folder: where the people file of a recipe lies that is no file itself; None for the working folder.
        features: also compute the features that quality is measured by, and put them beside the table.

    Raises:
        PublishError: the target is an address that is not written to.
        RecipeError: the recipe is not well formed, or does not fit the backend.
        UnreachableError: the backend cannot make a row of it.
        StoreExistsError: the target holds something else.
        GenerationError: making a sample failed, or the disk is full; call it again to resume.
        RemoteError: no Ray cluster answers, or the object storage refuses or cannot be reached.

    Example:
        >>> cohort = generate({"name": "brains", "samples": 8}, "brains/")   # doctest: +SKIP
    """
    pressed = fulfil(
        recipe,
        target,
        workers=workers,
        engine=engine,
        address=address,
        progress=progress,
        people_folder=people_folder,
        features=features,
    )
    if pressed.ignored_columns:
        columns = ", ".join(pressed.ignored_columns)
        warnings.warn(f"no condition uses these columns of the people file: {columns}", stacklevel=2)
    return pressed.cohort


def fulfil(
    recipe: AnyRecipe,
    target: str | os.PathLike[str],
    *,
    workers: int | None = None,
    engine: EngineName = "local",
    address: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    people_folder: str | os.PathLike[str] | None = None,
    features: bool = True,
) -> Pressed:
    """`generate`, and what it did; nothing is warned of."""
    order, folder = _read(recipe, people_folder)
    run = make(
        order,
        _target(target),
        people_folder=folder,
        engine=engine_of(engine, workers=workers, address=address),
        progress=progress,
        extractors=_extractors(order) if features else (),
        dress=_dress,
    )
    cohort = _opened(target)
    return Pressed(cohort=cohort, made=run.made, ignored_columns=run.ignored_columns)


def generate_share(
    recipe: AnyRecipe,
    target: str | os.PathLike[str],
    shards: tuple[int, int],
    *,
    workers: int | None = None,
    engine: EngineName = "local",
    address: str | None = None,
    progress: Callable[[Progress], None] | None = None,
    people_folder: str | os.PathLike[str] | None = None,
    features: bool = True,
) -> ShareRun:
    """Makes one share of a data set, for array jobs: many such calls may be at work in the same folder at once.

    When all shares are there, `generate_finish` makes a data set of them, with the bytes of a single run.

    Args:
        recipe: as for `generate`, the same for all shares.
        target: as for `generate`, the same for all shares; of several machines, an address or a folder that they share.
        shards: ``(3, 64)`` for the third of 64 shares, from 1.
        workers: as for `generate`.
        engine: as for `generate`.
        address: as for `generate`.
        progress: told after each sample of the share.
        people_folder: as for `generate`.
        features: as for `generate`.

    Raises:
        ValueError: there is no such share.
        RecipeError, UnreachableError, GenerationError, RemoteError: as for `generate`.
        StoreExistsError: the target holds something else, or a whole run or the same share is at work on it.
    """
    part, of = shards
    share = Share(part=part, of=of)
    order, folder = _read(recipe, people_folder)
    return make_share(
        order,
        _target(target),
        share,
        people_folder=folder,
        engine=engine_of(engine, workers=workers, address=address),
        progress=progress,
        extractors=_extractors(order) if features else (),
    )


def generate_finish(
    recipe: AnyRecipe,
    target: str | os.PathLike[str],
    *,
    people_folder: str | os.PathLike[str] | None = None,
    features: bool = True,
    command: str = "voxpress generate RECIPE -o TARGET",
) -> Cohort:
    """Makes a data set of shares: tables, features, manifest and card; opens it.

    Args:
        recipe: that of the shares.
        target: that of the shares.
        people_folder: as for `generate`.
        features: put those that the shares computed beside the table.
        command: that makes a share, for the message.

    Raises:
        StoreExistsError: the target holds something else, or shares are still at work on it.
        GenerationError: shards are missing; the message names their shares and the commands that make them.
    """
    order, folder = _read(recipe, people_folder)
    extractors = _extractors(order) if features else ()
    finish_shares(order, _target(target), people_folder=folder, extractors=extractors, command=command, dress=_dress)
    return _opened(target)


def next_version(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    version: str,
    sets: Sequence[str] = (),
    people: str | os.PathLike[str] | None = None,
    refuse: str | os.PathLike[str] | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    copy: bool = False,
    if_lock_differs: IfLockDiffers = "refuse",
) -> Cohort:
    """Makes the next version of a data set from its own recipe, changed, with its card and changelog, and opens it.

    Shards that the change does not touch are taken over, so the bytes are those of the changed recipe made from
    nothing, for less work. Stopped at any time and called again, it goes on.

    Args:
        source: folder of the version before.
        target: folder of the next one: new, empty, or an earlier run of the same.
        version: of the next one, greater than that of the source.
        sets: changes of the recipe, as of ``--set``: ``("samples=2000", "age=70:90")``.
        people: another people file, in place of that of the source.
        refuse: `quarantine.json`, as `voxpress audit` and `voxpress qa` write it: each sample in it is made again with
            the same conditions and its next attempt.
        workers: as for `generate`.
        progress: as for `generate`.
        copy: copy shards rather than link them, so that the two data sets share no file.
        if_lock_differs: where other packages are installed than the source was made with: `refuse`, `remake` all
            samples, or `reuse` its shards all the same, which the lock of the manifest then says.

    Raises:
        StoreNotFoundError: there is no data set at `source`, or it is not on this machine.
        RecipeError: the change is not well formed; the version is not greater; the samples to refuse are not those of
            the source; or the lock differs.
        FormatError: the file of these samples is something else.
        UnreachableError, StoreExistsError, GenerationError: as for `generate`.
        CorruptError: a file of the source is not what its manifest says.

    Example:
        >>> more = next_version("brains/", "brains-1.1/", version="1.1.0", sets=["samples=2000"])   # doctest: +SKIP
    """
    plan = plan_next(
        open_store(source), version=version, sets=sets, people=people, refuse=refuse, if_lock_differs=if_lock_differs
    )
    return succeed(plan, target, workers=workers, progress=progress, copy=copy).cohort


def succeed(
    plan: NextPlan,
    target: str | os.PathLike[str],
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    copy: bool = False,
    features: bool = True,
) -> Pressed:
    """`next_version` of a plan, and what it did."""
    extractors = _extractors(plan.recipe) if features else ()
    run = make_next(plan, target, workers=workers, progress=progress, copy=copy, extractors=extractors)
    cohort = open_store(Path(target))
    found = diff(plan.source, cohort)
    _write_changelog(cohort, plan.source, found)
    write_card(cohort)
    return Pressed(cohort=cohort, made=run.made, ignored_columns=run.ignored_columns)


def sample(
    recipe: AnyRecipe, index: int, attempt: int = 0, *, people_folder: str | os.PathLike[str] | None = None
) -> Proof:
    """Makes one sample of a recipe alone: the same voxels that the whole data set holds.

    Args:
        recipe: as for `generate`.
        index: row of the cohort.
        attempt: which one; later ones matter only where `Proof.reasons` says that those before are refused.
        people_folder: as for `generate`.

    Raises:
        RecipeError, UnreachableError: as for `generate`.
        IndexError: the cohort has no such row.
    """
    order, folder = _read(recipe, people_folder)
    backend = load_backend(order.backend.name, order.backend.options, order.grid)
    plan = draw_cohort(order, backend, load_people(order, folder), load_refusals(order, folder))
    wanted = plan.order(index, attempt)
    specs = specs_of(order, backend)
    (made,) = backend.generate([wanted])
    reasons = made.faults or check_sample(made.volumes, specs, measured=made.measured, ordered=wanted.conditions)
    reasons = tuple(reason for reason in reasons if reason not in findings_by_design(backend))
    return Proof(
        sample_id=plan.sample_id(index),
        split=plan.split_of(index),
        order=wanted,
        volumes={name: quantised(made.volumes[name], spec) for name, spec in specs.items() if name in made.volumes},
        specs=specs,
        measured=made.measured,
        reasons=(*plan.refused.get(index, {}).get(attempt, ()), *reasons),
    )


def _extractors(recipe: Recipe) -> Sequence[FeatureExtractor]:
    """The built-in extractors of what a recipe orders."""
    backend = load_backend(recipe.backend.name, recipe.backend.options, recipe.grid)
    return standard_extractors(specs_of(recipe, backend))


def _read(recipe: AnyRecipe, people_folder: str | os.PathLike[str] | None) -> tuple[Recipe, Path]:
    """The recipe, and the folder of its people file."""
    if isinstance(recipe, str | os.PathLike):
        return load_recipe(Path(recipe)), Path(recipe).parent
    folder = Path(people_folder or ".")
    return recipe if isinstance(recipe, Recipe) else recipe_from(recipe, folder=folder), folder


def _target(target: str | os.PathLike[str]) -> str | Path:
    """A text may be an address."""
    return target if isinstance(target, str) else Path(target)


def _dress(folder: Path) -> None:
    write_card(open_store(folder))


def _opened(target: str | os.PathLike[str]) -> Cohort:
    """What was made; with its card, which a run that was killed may lack in a folder."""
    cohort = open_store(target if isinstance(target, str) and scheme_of(target) else Path(target))
    if not cohort.store.source.remote:
        write_card(cohort)
    return cohort


def write_card(cohort: Cohort) -> None:
    """Writes the card once: from then on it belongs to the publisher, who edits it or makes it again.

    Its pictures are left to `voxpress card`, as drawing them reads volumes.
    """
    if not (cohort.path / CARD_NAME).exists():
        write_whole_card(cohort, pictures=False)


def _write_changelog(cohort: Cohort, source: Cohort, found: Diff) -> None:
    """Writes the changelog once, as the card."""
    if (cohort.path / _CHANGELOG_NAME).exists():
        return
    older = None
    if (source.path / _CHANGELOG_NAME).exists():
        older = source.store.source.read_all(_CHANGELOG_NAME, most=_MOST_CHANGELOG_BYTES).decode(errors="replace")
    _write_beside(cohort, _CHANGELOG_NAME, changelog(found, older))


def _write_beside(cohort: Cohort, name: str, text: str) -> None:
    scratch = cohort.path / _CARD_SCRATCH
    try:
        write_atomic(cohort.path / name, text.encode(), scratch=scratch)
    finally:
        if scratch.exists():
            scratch.rmdir()
