"""`voxpress next`: the next version of a data set."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from .console import Bar, note
from .generate import report
from .ordering import preparing

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ..generation.factory import Progress
    from ..generation.next_version import NextPlan

__all__ = ["run"]


def run(asked: argparse.Namespace) -> int:
    """Makes it, and says what was taken over and what was made."""
    from .. import press
    from ..generation.next_version import plan_next
    from ..store import open as open_store

    source = open_store(asked.path)
    plan = plan_next(
        source,
        version=asked.version,
        sets=asked.sets,
        people=asked.people,
        refuse=asked.refuse,
        if_lock_differs=asked.if_lock_differs,
    )
    note(_reused(plan))
    for line in _refused(plan):
        note(line)
    if plan.reused_samples < plan.recipe.samples:
        note(preparing(plan.recipe))
    with Bar("making", unit=" samples") as bar:

        def tell(progress: Progress) -> None:
            bar.tell(progress.done, progress.samples)

        done = press.succeed(plan, asked.output, workers=asked.workers, progress=tell, copy=asked.copy)
    if done.ignored_columns:
        note(f"no condition uses these columns of the people file: {', '.join(done.ignored_columns)}")
    if bar.shown is None:
        note(f"{asked.output} was finished before; there was nothing to make")
    report(done.cohort, asked.output)
    print(f"differences: voxpress diff {shlex.quote(asked.path)} {shlex.quote(asked.output)}")
    return 0


def _reused(plan: NextPlan) -> str:
    shards, samples = f"{len(plan.reused):,} of {plan.shards:,} shards", f"{plan.reused_samples:,}"
    if plan.why_not:
        return f"no shard is reused, as these differ: {'; '.join(plan.why_not)}"
    made = f"{plan.recipe.samples - plan.reused_samples:,} are made"
    return f"{shards} are those of {plan.source.manifest.version}: {samples} samples are reused, {made}"


def _refused(plan: NextPlan) -> Iterator[str]:
    if plan.refused:
        many = "1 sample is" if len(plan.refused) == 1 else f"{len(plan.refused):,} samples are"
        yield f"{many} refused, to be made again with the same conditions and the next attempt"
    if plan.unexplained:
        yield (
            f"{plan.source.path} does not tell why {plan.unexplained:,} attempts were refused before, so neither will "
            "the new version"
        )
