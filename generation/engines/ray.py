"""Shards over the nodes of a Ray cluster, as tasks on actors."""

from __future__ import annotations

import logging
import os
import socket
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from ...errors import GenerationError, RemoteError
from ...store.processes import ctrl_c_put_off
from .engine import ONE_CORE, JobT, MadeT, Needs

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

    from .engine import Maker

__all__ = ["RayEngine", "places"]

_KNOCK_S = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RayEngine:
    """A Ray cluster. Nodes that do not see the target by the same path send here what they make.

    Attributes:
        address: `auto` for the cluster that RAY_ADDRESS names or that runs on this machine, `HOST:PORT` of a head, or
            `local` for one of this machine alone that ends with the run. A program that has called `ray.init` stays
            connected to what it chose.
        workers: actors; None for as many as the nodes have room for now. Those for which there is no room yet begin
            when there is.
    """

    address: str = "auto"
    workers: int | None = None

    def __post_init__(self) -> None:
        if find_spec("ray") is None:
            msg = "the engine ray needs the package ray: pip install 'voxpress[ray]'"
            raise GenerationError(msg)
        if self.address.startswith("ray://"):
            msg = (
                f"the address must be that of a cluster that this machine belongs to, got {self.address!r} of a Ray "
                "client; run the command on a node of the cluster with --address auto"
            )
            raise GenerationError(msg)

    def run(
        self,
        maker: Maker[JobT, MadeT],
        jobs: Sequence[JobT],
        *,
        on_sample: Callable[[int], None],
        needs: Needs = ONE_CORE,
        ready: Callable[[Any], None] | None = None,
    ) -> Generator[MadeT]:
        """As `Engine.run`.

        Raises:
            RemoteError: no cluster answers.
            GenerationError: no node has what a worker needs; workers died again and again; or as `Engine.run`.
        """
        if not jobs:
            return
        from .ray_crew import Crew

        with ctrl_c_put_off() as heed_ctrl_c, _connected(self.address):
            crew = Crew(maker, jobs, workers=self._workers(needs), needs=needs, ready=ready, on_sample=on_sample)
            try:
                yield from crew.work(heed_ctrl_c)
            finally:
                crew.dismiss()

    def _workers(self, needs: Needs) -> int:
        import ray

        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        room = places(nodes, needs)
        if not room:
            msg = (
                f"no node of the Ray cluster has what one worker needs, {needs.cpus:g} CPUs and {needs.gpus:g} GPUs; "
                f"it has {len(nodes)} nodes: {'; '.join(map(_words, nodes))}"
            )
            raise GenerationError(msg)
        return self.workers or room


def places(nodes: Sequence[Mapping[str, float]], needs: Needs) -> int:
    """How many workers nodes have room for. Pure.

    Args:
        nodes: resource → amount, as Ray names them.
        needs: of one worker.
    """
    wanted = {"CPU": needs.cpus, "GPU": needs.gpus}
    return sum(
        min((int(node.get(name, 0) / amount + 1e-9) for name, amount in wanted.items() if amount), default=1)
        for node in nodes
    )


def _words(node: Mapping[str, float]) -> str:
    return f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs"


@contextmanager
def _connected(address: str) -> Iterator[None]:
    """Connected to a cluster; let go of afterwards, unless this process was connected before."""
    import ray

    if ray.is_initialized():
        yield
        return
    options: dict[str, Any] = {"include_dashboard": False} if address == "local" else {}
    named = os.environ.get("RAY_ADDRESS", "auto") if address == "auto" else address
    if named not in {"auto", "local"}:
        _knock(named)
    # a cluster of our own tells nobody of it; others were asked when they were started
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **options)
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        ray.shutdown()
        raise _no_answer(address, error) from error
    try:
        yield
    finally:
        ray.shutdown()


def _knock(address: str) -> None:
    """Ray itself tries for minutes to reach a machine where nobody listens."""
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=_KNOCK_S).close()
    except (OSError, ValueError, OverflowError) as error:
        raise _no_answer(address, error) from error


def _no_answer(address: str, error: Exception) -> RemoteError:
    why = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")[:200]
    return RemoteError(
        f"no Ray cluster answers at the address {address!r} ({why}); start one with `ray start --head`, give the "
        "address HOST:PORT of the head of one, or local for a cluster of this machine alone"
    )
