"""Mends a data set: what is missing or damaged is copied, fetched or made again, and accepted only to the byte."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from ..errors import StoreNotFoundError, VoxpressError
from ..store import MANIFEST_NAME, Cohort, WorkFolder
from ..store import open as open_store
from ..store.opened import OpenStore
from ..store.sources import LocalSource, source_of
from ..store.spare import spared_manifests
from ..store.threads import available_cpus
from ..store.verify import check
from ..store.vouched import manifest_damage, open_vouched
from .mending import MENDABLE, Mending

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from ..store import Problem, VerifyReport
    from .backend import Backend
    from .mending import Done

    Progress = Callable[[str, int, int], None]

__all__ = ["Mend", "RepairReport", "repair"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mend:
    """What was done about one problem.

    Attributes:
        problem: as `verify` found it.
        how: `copied` (from within the data set), `fetched` or `made` (again from the recipe); empty for what is left.
        message: what was done; or why nothing could be, and what to do.
    """

    problem: Problem
    how: str
    message: str

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "path": self.problem.path,
            "kind": self.problem.kind,
            "samples": list(self.problem.samples),
            "how": self.how or None,
            "message": self.message,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class RepairReport:
    """What came of it.

    Attributes:
        mends: one for each problem; none for a sound data set.
        samples: of the data set.
        dry_run: nothing was done: the mends say what would be.
    """

    mends: tuple[Mend, ...]
    samples: int
    dry_run: bool

    @property
    def ok(self) -> bool:
        """Whether nothing is left."""
        return all(mend.how for mend in self.mends)

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {"ok": self.ok, "dry_run": self.dry_run, "mends": [mend.to_json() for mend in self.mends]}


def repair(
    path: str | os.PathLike[str],
    *,
    source: str | os.PathLike[str] | None = None,
    dry_run: bool = False,
    workers: int | None = None,
    progress: Progress | None = None,
    load: Callable[[], Backend] | None = None,
) -> RepairReport:
    """Mends whatever `verify` finds missing or damaged.

    Each file is got from within the data set (`docs/format.md`, spare copies), else from `source`, else it is made
    again from the recipe; and it is put in place, whole and at once, only if it has the digest that the manifest says.
    All other files stay as they are. Stopped at any time and called again, it goes on with what is left.

    Args:
        path: folder of the data set.
        source: a copy of this very version to fetch from, as for `open`.
        dry_run: only say what would be done; nothing is made or fetched for it.
        workers: processes that make samples; None for one a CPU.
        progress: told what is being done (`verifying`, in bytes, or `making`, in samples), how much is done, and of
            how much.
        load: gives the backend, in place of the installed one of the recipe's name; picklable.

    Raises:
        StoreNotFoundError: there is no data set; or the source is another one.
        CorruptError, FormatError, UnsafePathError: nothing sound says what the data set should be.
        StoreExistsError: another run is at work on it.
        GenerationError: the backend failed; what is mended stays.
        DiskFullError: no room; what is mended stays.
    """
    origin = None if source is None else open_store(source)
    cohort, report = _examined(path, origin, progress)
    broken = {problem.path: problem for problem in report.problems if problem.kind in MENDABLE}
    done: dict[str, Done] = {}
    if broken:
        with WorkFolder(cohort.path) if not dry_run else nullcontext() as work:
            mending = Mending(cohort, origin, broken, work)
            done = mending.run(workers=available_cpus() if workers is None else workers, progress=progress, load=load)
            if work is not None and (cohort.path / MANIFEST_NAME).exists():
                work.clear()
    mends = [_mend(problem, done.get(problem.path)) for problem in report.problems]
    return RepairReport(mends=tuple(mends), samples=report.samples, dry_run=dry_run)


def _examined(
    path: str | os.PathLike[str], origin: Cohort | None, progress: Progress | None
) -> tuple[Cohort, VerifyReport]:
    """The data set as it should be, and all that is wrong with it."""
    try:
        cohort, damage = open_vouched(path)
    except VoxpressError as error:
        place = source_of(path)
        # the names of the copies still say which data set it is
        if origin is None or not isinstance(place, LocalSource):
            raise
        if origin.manifest.digest not in spared_manifests(place.root):
            raise
        cohort, damage = Cohort(OpenStore(place, origin.manifest)), manifest_damage(error)
    if origin is not None and origin.manifest.digest != cohort.manifest.digest:
        msg = (
            f"the data set at {origin.url} has the digest {origin.manifest.digest}, that of {cohort.url} is "
            f"{cohort.manifest.digest}; give a copy of this very version"
        )
        raise StoreNotFoundError(msg)
    return cohort, check(cohort, damage, progress=partial(progress, "verifying") if progress else None)


def _mend(problem: Problem, done: Done | None) -> Mend:
    """What no other bytes solve says itself what to do."""
    if done is None:
        return Mend(problem=problem, how="", message=problem.message)
    return Mend(problem=problem, how=done.how, message=done.message)
