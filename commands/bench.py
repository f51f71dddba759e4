"""`voxpress bench`: how fast a data set is read here, what limits that, and what to change."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any, Final

from ..errors import VoxpressError
from .bench_report import facts_of, lines_of
from .console import Bar, MistakeError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from ..loaders.measuring import Measured
    from ..store import Cohort

    Patch = tuple[int, int, int] | None

__all__ = ["run"]

_CUBE: Final = 96
_KEYS: Final = ("image", "label")
_DECODE_SECONDS: Final = 1.0


def run(asked: argparse.Namespace) -> int:
    """Measures, and prints what was found for people or, with ``--json``, for programs."""
    # torch and monai take seconds, which are no part of opening a data set
    from ..loaders import measuring  # noqa: F401
    from ..store.timed import open_timed

    try:
        cache = _cache(asked)
        start = time.perf_counter()
        whole = open_timed(asked.path, cache=cache)
        opened_s = time.perf_counter() - start
        in_memory = _in_memory(whole)
        cohort = _selected(asked, whole)
        measured = [_measured(asked, cohort, patch) for patch in _patches(asked, cohort)]
    except ValueError as error:
        if isinstance(error, VoxpressError):
            raise
        raise MistakeError(str(error)) from error
    facts = facts_of(cohort, measured, opened_s=opened_s, in_memory=in_memory, order=asked.order, dtype=asked.dtype)
    print(json.dumps(facts, indent=1, ensure_ascii=False) if asked.json else "\n".join(lines_of(facts)))
    return 0


def _cache(asked: argparse.Namespace) -> Any:
    if asked.cache is None:
        return None
    from ..store.cache import cache_of

    return cache_of(asked.cache, asked.cache_limit)


def _in_memory(cohort: Cohort) -> float | None:
    """Share of the shards that the system has in memory before they are read; None if it is not known."""
    from ..store.layout import parse_shard_path
    from ..store.page_cache import share_in_memory
    from ..store.sources import LocalSource

    source = cohort.store.source.inner  # type: ignore[attr-defined]
    if not isinstance(source, LocalSource):
        return None
    return share_in_memory([source.root / path for path in cohort.manifest.files if parse_shard_path(path)])


def _selected(asked: argparse.Namespace, cohort: Cohort) -> Cohort:
    if asked.split is not None:
        cohort = cohort.split(asked.split)
    if asked.where is not None:
        cohort = cohort.where(asked.where)
    if not len(cohort):
        msg = "no sample is left to read; change --where or --split"
        raise MistakeError(msg)
    return cohort


def _keys(asked: argparse.Namespace, cohort: Cohort) -> tuple[str, ...]:
    if asked.keys is not None:
        return tuple(key.strip() for key in asked.keys.split(","))
    return tuple(key for key in _KEYS if key in cohort.specs) or tuple(cohort.specs)


def _patches(asked: argparse.Namespace, cohort: Cohort) -> Sequence[Patch]:
    """What is measured, one after the other; None for whole volumes."""
    if asked.patch == "whole":
        return [None]
    keys = _keys(asked, cohort)
    if asked.patch is None:
        shapes = {cohort.specs[key].shape for key in keys if key in cohort.specs}
        if len(shapes) != 1:
            return [None]
        side = min(_CUBE, *shapes.pop())
        return [None, (side, side, side)]
    try:
        x, y, z = map(int, asked.patch.split(","))
    except ValueError as error:
        msg = f"--patch must be whole, or three sizes such as 96,96,96, got {asked.patch!r}"
        raise MistakeError(msg) from error
    return [(x, y, z)]


def _measured(asked: argparse.Namespace, cohort: Cohort, patch: Patch) -> tuple[Measured, float]:
    """What was measured, and the items a second that the cores can decode."""
    from ..loaders import order
    from ..loaders.decode_limit import decode_limit
    from ..loaders.items import IMAGE_DTYPE
    from ..loaders.measuring import measure
    from ..store.cache import parse_bytes

    keys = _keys(asked, cohort)
    what = "whole volumes" if patch is None else f"patches {'×'.join(map(str, patch))}"
    with Bar(f"reading {what}", unit="s", bar_format="{desc}: {n:.0f} of {total:.0f} s") as bar:
        found = measure(
            cohort,
            seconds=asked.seconds,
            batch_size=asked.batch_size,
            workers=asked.workers,
            tell=lambda done: bar.tell(min(int(done), int(asked.seconds)), int(asked.seconds)),
            keys=keys,
            patch=patch,
            dtype=None if asked.dtype == "stored" else IMAGE_DTYPE,
            order=getattr(order, asked.order)(cohort),
            threads=asked.threads,
            prefetch_bytes=None if asked.prefetch is None else parse_bytes(asked.prefetch),
        )
    limit = decode_limit(cohort, keys=keys, patch=patch, seconds=min(_DECODE_SECONDS, asked.seconds))
    return found, limit
