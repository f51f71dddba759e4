"""What spreads shards over workers. An engine does not change a byte."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from .engine import Engine, Needs, needs_of
from .local import LocalEngine, run_local

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["ENGINES", "Engine", "EngineName", "LocalEngine", "Needs", "engine_of", "needs_of", "run_local"]

EngineName = Literal["local", "ray"]
ENGINES: Sequence[EngineName] = get_args(EngineName)


def engine_of(name: EngineName, *, workers: int | None = None, address: str | None = None) -> Engine:
    """The engine of a name.

    Args:
        name: `local` for the processes of this machine, `ray` for a Ray cluster.
        workers: processes or actors; None for as many as fit.
        address: of the cluster; None for the one that runs on this machine or that RAY_ADDRESS names.

    Raises:
        ValueError: there is no such engine, it takes no address, or the number is not positive.
        GenerationError: what it needs is not installed.
    """
    if workers is not None and workers < 1:
        msg = f"workers must be at least 1, got {workers}"
        raise ValueError(msg)
    if name not in ENGINES:
        msg = f"engine must be one of {', '.join(ENGINES)}, got {name!r}"
        raise ValueError(msg)
    if name == "ray":
        from .ray import RayEngine

        return RayEngine(workers=workers, address=address or "auto")
    if address is not None:
        msg = f"the engine local takes no address, got {address!r}; choose the engine ray"
        raise ValueError(msg)
    return LocalEngine(workers=workers)
