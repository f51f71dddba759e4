"""The factory for array jobs: each process makes its share of the shards; the last step is taken when all are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import GenerationError
from .factory import Reporter, Run, complete, jobs_left, local_engine, make_shards, plan_jobs
from .journals import journal_of
from .run_order import read_order
from .shares import counts_left, short_list

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from ..quality.features import FeatureExtractor
    from .backend import Backend
    from .engines import Engine
    from .factory import Progress
    from .recipe import Recipe
    from .shard_maker import ShardJob
    from .shares import Share

__all__ = ["ShareRun", "finish_shares", "generate_share"]

_MOST_COMMANDS = 10
"""So many shares that are missing are told with their command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareRun:
    """What came of a run of one share.

    Attributes:
        shards: of the share, all of which are there.
        samples: in them.
        made: samples made by this run; the rest was there.
        ignored_columns: of the people file.
    """

    shards: int
    samples: int
    made: int
    ignored_columns: tuple[str, ...]


def generate_share(
    recipe: Recipe,
    target: str | Path,
    share: Share,
    *,
    people_folder: str | Path = ".",
    workers: int | None = 1,
    engine: Engine | None = None,
    progress: Callable[[Progress], None] | None = None,
    load: Callable[[], Backend] | None = None,
    extractors: Sequence[FeatureExtractor] = (),
) -> ShareRun:
    """Makes one share of the shards of a data set, and leaves its table and manifest to `finish_shares`.

    Other shares may be made at the same time, by other processes and other machines. Run again after any interruption,
    it goes on; run again when its shards are there, it does nothing.

    Args:
        recipe: the order, the same for all shares.
        target: folder of the data set, the same for all shares.
        share: which shards; only the name of the share is locked, so two divisions at once do some work twice.
        people_folder: as for `generate`.
        workers: as for `generate`.
        engine: as for `generate`.
        progress: told after each sample of the share.
        load: as for `generate`.
        extractors: as for `generate`.

    Raises:
        RecipeError, UnreachableError, GenerationError, DiskFullError: as for `generate`.
        StoreExistsError: the target holds something else, or a whole run or the same share is at work on it.
    """
    engine, journal = engine or local_engine(workers), journal_of(target, share=str(share))
    order = read_order(recipe, people_folder=people_folder, load=load)
    planned = share.pick(plan_jobs(order.plan))
    jobs: list[ShardJob] = []
    journal.refuse_foreign()
    if not order.finished(journal):
        with journal:
            committed = journal.begin(order.words, planned)
            if not order.finished(journal):  # as in `generate`
                jobs = jobs_left(planned, committed)
                report = Reporter(planned, jobs, progress)
                for _ in make_shards(order, journal, jobs, engine=engine, extractors=extractors, report=report):
                    pass
    return ShareRun(
        shards=len(planned),
        samples=sum(len(job.rows) for job in planned),
        made=sum(len(job.rows) for job in jobs),
        ignored_columns=order.plan.ignored_columns,
    )


def finish_shares(
    recipe: Recipe,
    target: str | Path,
    *,
    people_folder: str | Path = ".",
    load: Callable[[], Backend] | None = None,
    extractors: Sequence[FeatureExtractor] = (),
    command: str = "voxpress generate … -o …",
    dress: Callable[[Path], None] | None = None,
) -> Run:
    """Writes tables, Zarr metadata, record of refused attempts, features and manifest, when all shards are there.

    Args:
        recipe: as for `generate_share`.
        target: as for `generate_share`.
        people_folder: as for `generate`.
        load: as for `generate`.
        extractors: those of the shares; a shard that was made without them leaves its rows empty.
        command: that makes shares, for the message.
        dress: as for `generate`.

    Raises:
        StoreExistsError: the target holds something else, or a run or a share is at work on it.
        GenerationError: shards are missing; the message names their shares.
    """
    journal = journal_of(target)
    order = read_order(recipe, people_folder=people_folder, load=load)
    ignored = order.plan.ignored_columns
    journal.refuse_foreign()
    if manifest := order.finished(journal):
        return Run(manifest=manifest, made=0, ignored_columns=ignored)
    with journal:
        planned = plan_jobs(order.plan)
        committed = journal.begin(order.words)
        if manifest := order.finished(journal):  # as in `generate`
            return Run(manifest=manifest, made=0, ignored_columns=ignored)
        if left := jobs_left(planned, committed):
            raise _missing(journal.address, planned, left, journal.divisions(), command)
        manifest = complete(order, journal, list(committed.values()), extractors, dress)
    return Run(manifest=manifest, made=0, ignored_columns=ignored)


def _missing(
    target: str, planned: Sequence[ShardJob], left: Sequence[ShardJob], divisions: Sequence[int], command: str
) -> GenerationError:
    told = f"{target} is not complete: {len(left)} of {len(planned)} shards are missing"
    if not divisions:
        return GenerationError(f"{told}, and no share was ever begun there; begin with\n  {command} --shards 1/8")
    of = divisions[-1]
    shares = counts_left(planned, {(j.split, j.number) for j in planned} - {(j.split, j.number) for j in left}, of)
    lines = [f"{told}, of {len(shares)} of {of} shares: {short_list([share.part for share in shares])}. Make them with"]
    for share, count in list(shares.items())[:_MOST_COMMANDS]:
        lines.append(f"  {command} --shards {share}    ({count} of {len(share.pick(planned))} shards missing)")
    if len(shares) > _MOST_COMMANDS:
        lines.append(f"  and so on for the {len(shares) - _MOST_COMMANDS} others")
    return GenerationError("\n".join([*lines, "and then finish again"]))
