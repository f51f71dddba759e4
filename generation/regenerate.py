"""Makes a data set, or some of its samples, again from its recipe, and says how near the result comes to it."""

from __future__ import annotations

import hashlib
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..store import open as open_store
from ..store import refuse_inside
from ..store.threads import available_cpus
from .choosing import chosen
from .comparing import compare_cohorts
from .factory import generate
from .levels import Level, summed
from .lock import lock_differences, lock_of
from .original import original_order
from .recipe_types import ShardOrder
from .registry import load_backend

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from ..store import Cohort
    from .backend import Backend
    from .factory import Progress
    from .levels import ArrayDifference, SampleDifference

__all__ = ["Regeneration", "regenerate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regeneration:
    """What came of it.

    Attributes:
        level: of the sample that came out worst.
        source, digest: where the data set is, and its identity.
        samples: that were compared.
        made: of them, how many this run made; the others were there from an earlier run.
        differences: the samples that are not exact.
        reasons: what could explain these.
        lock: how what is installed differs from what the data set was made with, whether that mattered or not.
        target, target_digest: folder and identity of what was made, if it was kept. Where the two digests are the
            same, so is every byte.
    """

    level: Level
    source: str
    digest: str
    samples: int
    made: int
    differences: tuple[SampleDifference, ...]
    reasons: tuple[str, ...]
    lock: tuple[str, ...]
    target: str | None = None
    target_digest: str | None = None

    def count(self, level: Level) -> int:
        """How many samples reached just this level."""
        others = sum(each.level is level for each in self.differences)
        return self.samples - len(self.differences) if level is Level.EXACT else others

    @property
    def arrays(self) -> dict[str, ArrayDifference]:
        """Array → how it differs over all samples that are not exact."""
        return summed(self.differences)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "level": self.level.value,
            "source": self.source,
            "digest": self.digest,
            "target": self.target,
            "target_digest": self.target_digest,
            "samples": self.samples,
            **{level.value: self.count(level) for level in Level},
            "arrays": {name: array.to_json() for name, array in self.arrays.items()},
            "reasons": list(self.reasons),
            "lock": list(self.lock),
            "differences": [each.to_json() for each in self.differences],
        }


def regenerate(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str] | None = None,
    *,
    samples: Sequence[int | str] | None = None,
    split: str | None = None,
    where: str | None = None,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
    load: Callable[[], Backend] | None = None,
) -> Regeneration:
    """Makes a data set again from the recipe that is kept in it, and compares every sample with what is there.

    Stopped at any time and called again with the same target, it goes on from what is committed. Call it under
    ``if __name__ == "__main__"`` in a script: workers are new processes that import the script.

    Args:
        source: as for `open`: a folder, a URL, or ``org/name@v1.0.0``.
        target: folder of the new data set: new, empty, or an earlier run of the same. Of a part, it holds a data set of
            these samples, closed up. None for a temporary folder, so that only the comparison is left.
        samples: only these: ids, or positions in the planned cohort.
        split: only samples of this split.
        where: only samples for which this is true, as for `Cohort.where`.
        workers: processes; None for one a CPU. The bytes do not depend on it.
        progress: told after each sample.
        load: gives the backend, in place of the installed one of the recipe's name; picklable.

    Raises:
        StoreNotFoundError, FormatError, UnsafePathError, RemoteError: as `open`.
        CorruptError: the recipe or the table of the data set is damaged.
        QueryError: there is no such sample.
        RecipeError: the data set cannot be made from a recipe, as its backend is not installed, or it was imported.
        StoreExistsError: the target holds something else, or is the data set itself.
        GenerationError: making a sample failed; call it again to resume.
    """
    whole = open_store(source)
    cohort = chosen(whole, samples, split=split, where=where)
    if target is not None and not whole.store.source.remote:
        refuse_inside(Path(target), whole.path)
    with ExitStack() as stack:
        recipe, folder = stack.enter_context(original_order(cohort))
        load = load or partial(load_backend, recipe.backend.name, recipe.backend.options, recipe.grid)
        changes = lock_differences(cohort.manifest.lock, lock_of(load()))
        part = _part(cohort, recipe.samples)
        if target is None:
            temporary = stack.enter_context(tempfile.TemporaryDirectory(prefix="voxpress-regenerate-"))
            # a shard of its own for each sample, as shards are what workers share
            recipe = recipe.replaced(shards=ShardOrder(samples=1))
        run = generate(
            recipe,
            Path(temporary if target is None else target),
            people_folder=folder,
            workers=available_cpus() if workers is None else workers,
            progress=progress,
            load=load,
            rows=part,
            lock=None if part is None else _part_lock(part, cohort.manifest.digest),
        )
        made = open_store(Path(temporary if target is None else target))
        differences = compare_cohorts(cohort, made, whole=part is None)
    return Regeneration(
        level=Level.worst(each.level for each in differences),
        source=cohort.url,
        digest=cohort.manifest.digest,
        samples=_compared(cohort, differences),
        made=run.made,
        differences=differences,
        reasons=_reasons(differences, changes),
        lock=changes,
        target=None if target is None else str(target),
        target_digest=None if target is None else made.manifest.digest,
    )


def _compared(cohort: Cohort, differences: Sequence[SampleDifference]) -> int:
    """Samples of the data set, and those that were made beside them."""
    known = set(cohort.columns(["sample_id"])["sample_id"].to_pylist())
    return len(known | {each.sample_id for each in differences})


def _part(cohort: Cohort, ordered: int) -> tuple[int, ...] | None:
    """Rows of the planned cohort; None where these are all that the recipe orders, the refused ones included."""
    if len(cohort) + len(cohort.manifest.rejected) == ordered:
        return None
    return tuple(sorted(cohort.columns(["index"])["index"].to_pylist()))


def _part_lock(rows: tuple[int, ...], whole: str) -> dict[str, dict[str, str]]:
    """What the lock of a part says: of which data set, and which rows."""
    digest = hashlib.sha256(",".join(map(str, rows)).encode()).hexdigest()
    return {"part": {"of": whole, "rows": str(len(rows)), "rows_sha256": digest}}


def _reasons(differences: Sequence[SampleDifference], changes: Sequence[str]) -> tuple[str, ...]:
    if not differences:
        return ()
    told = dict.fromkeys(reason for each in differences for reason in each.reasons)
    if changes:
        return *changes, *told
    if told:
        return tuple(told)
    unknown = (
        "the lock names nothing that has changed: another processor can leave differences in the last bit; otherwise "
        "the data set was changed after it was made, or the backend does not give the same sample twice"
    )
    return (unknown,)
