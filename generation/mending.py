"""The steps of a repair: what lies beside, what can be fetched, what must be made again."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ..errors import CorruptError, DiskFullError, GenerationError, UnsafePathError, VoxpressError
from ..store import Cohort, safe_path, write_atomic
from ..store.files import check_record
from ..store.opened import OpenStore
from ..store.sources import LocalSource
from ..store.spare import expected_files
from .copies import Copies, SparedSource
from .original import original_order
from .remaking import Remaker

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from ..store import WorkFolder
    from .backend import Backend

    Progress = Callable[[str, int, int], None]

__all__ = ["MENDABLE", "Done", "Mending"]

MENDABLE: Final = frozenset({"missing", "size", "checksum"})
"""Kinds of problems that other bytes solve."""

_FROM = "name a copy of the data set with --from"
_MADE = ("metadata/", "spare/", "volumes/")


@dataclass(frozen=True, slots=True)
class Done:
    """What was done about a file; `how` is empty where nothing could be."""

    how: str
    message: str


class Mending:
    """One repair.

    Args:
        cohort: of the data set as it should be.
        origin: of a sound copy of it, if somebody named one.
        broken: files to mend.
        work: of this run; None to only say what would be done.
    """

    def __init__(self, cohort: Cohort, origin: Cohort | None, broken: Collection[str], work: WorkFolder | None) -> None:
        self._cohort, self._origin, self._work = cohort, origin, work
        self._expected = expected_files(cohort.manifest)
        self._copies = Copies(cohort, origin)
        # what others are made from comes first: the manifest and the order, then the table
        self._left = sorted(broken, key=lambda path: (path.count("/"), path))
        self._done: dict[str, Done] = {}

    def run(
        self, *, workers: int, progress: Progress | None = None, load: Callable[[], Backend] | None = None
    ) -> dict[str, Done]:
        """Mends what can be mended, the cheapest way first.

        Args:
            workers: processes that make samples.
            progress: told what is being done, how much of it, and of how much.
            load: as for `Remaker`.

        Returns:
            for each file what was done.

        Raises:
            GenerationError, DiskFullError: what is mended stays.
        """
        for path in tuple(self._left):
            self._copy(path)
        if self._origin is not None:
            for path in tuple(self._left):
                self._fetch(path)
        if self._left:
            try:
                self._remake(workers, progress, load)
            except GenerationError:
                raise
            except VoxpressError as error:
                self._give_up(self._left, f"it cannot be made again: {error}; {_FROM}")
        return self._done

    def _copy(self, path: str) -> None:
        if (copy := self._copies.beside(path)) is not None:
            twin, data = copy
            self._put(path, data, Done("copied", f"copied from {twin}"))

    def _fetch(self, path: str) -> None:
        assert self._origin is not None
        if self._work is None:
            self._mended(path, Done("fetched", f"fetched from {self._origin.url}"))
            return
        try:
            data = self._copies.fetched(path)
        except VoxpressError as error:
            self._done[path] = Done("", f"{self._origin.url} does not have it either: {error}")
            return
        self._put(path, data, Done("fetched", f"fetched from {self._origin.url}"))

    def _remake(self, workers: int, progress: Progress | None, load: Callable[[], Backend] | None) -> None:
        spared = SparedSource(LocalSource(self._cohort.path), self._copies)
        cohort = Cohort(OpenStore(spared, self._cohort.manifest))
        with original_order(cohort) as (recipe, folder):
            remaker = Remaker(cohort, recipe, folder, load)
            wanted = frozenset(self._left)
            samples, made = sum(len(job.rows) for job in remaker.jobs(wanted)), 0
            why = f" although {'; '.join(remaker.changes)}" if remaker.changes else ""
            if self._work is None:
                for path in tuple(self._left):
                    if path.startswith(_MADE):
                        done = Done("made", f"made again from the recipe, with {samples} samples in all{why}")
                        self._mended(path, done)
                self._give_up(self._left, f"nothing makes it again; {_FROM}")
                return
            target = self._work.folder / "made"
            shutil.rmtree(target, ignore_errors=True)

            def count(samples_more: int) -> None:
                nonlocal made
                made += samples_more
                if progress:
                    progress("making", made, samples)

            for path in remaker.make(wanted, target, workers=workers, on_sample=count):
                if path in self._left:
                    self._accept(path, (target / path).read_bytes(), remaker.changes)
                (target / path).unlink()
            shutil.rmtree(target, ignore_errors=True)
        # the spare copies of what was made
        for path in tuple(self._left):
            self._copy(path)
        self._give_up(self._left, f"nothing makes it again; {_FROM}")

    def _accept(self, path: str, data: bytes, changes: Iterable[str]) -> None:
        try:
            check_record(data, path, self._expected[path])
        except CorruptError:
            because = "; ".join(changes) or "although the lock names nothing that has changed"
            self._give_up([path], f"what is made here has other bytes ({because}); {_FROM}")
            return
        self._put(path, data, Done("made", "made again from the recipe"))

    def _put(self, path: str, data: bytes, done: Done) -> None:
        """Puts the right bytes in place, at once."""
        if self._work is not None:
            try:
                write_atomic(safe_path(self._cohort.path, path), data, scratch=self._work.scratch)
            except DiskFullError:
                raise
            except (UnsafePathError, OSError) as error:
                self._give_up([path], f"it cannot be written: {error}")
                return
        self._mended(path, done)

    def _mended(self, path: str, done: Done) -> None:
        self._done[path] = done
        self._left.remove(path)

    def _give_up(self, paths: Iterable[str], why: str) -> None:
        for path in tuple(paths):
            before = self._done.get(path)
            self._mended(path, Done("", f"{before.message}; {why}" if before else why))
