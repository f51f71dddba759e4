"""A Ray cluster of two nodes on this machine, for tests: small, offline, and quick to see that a node is dead."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mounts import ALONE
from tiny_factory import until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ray.cluster_utils import Cluster

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}
QUICK = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
MODULES = [str(Path(__file__).parent), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]


@contextmanager
def two_nodes(environment: Mapping[str, str]) -> Iterator[Cluster]:
    """A cluster of a head and another node, one core each; nothing of it is left.

    Args:
        environment: of its workers, beside that of this process.
    """
    before = dict(os.environ)
    # the processes of the cluster inherit it: workers import the backends of the tests
    os.environ |= {"PYTHONPATH": os.pathsep.join(MODULES), "RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS": "0"}
    os.environ |= environment
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, connect=False, head_node_args={**NODE, "_system_config": QUICK})
    try:
        cluster.add_node(**NODE)
        yield cluster
    finally:
        cluster.shutdown()
        os.environ.clear()
        os.environ |= before


@contextmanager
def node_without(folder: Path) -> Iterator[str]:
    """A cluster of one core that does not see what is in a folder, as if it was another machine; its address."""
    with socket.socket() as one, socket.socket() as another:
        for each in (one, another):
            each.bind(("127.0.0.1", 0))
        port, client_port = (each.getsockname()[1] for each in (one, another))
    ray = f"{sys.executable} -m ray.scripts.scripts start --head --block --node-ip-address=127.0.0.1 --port={port}"
    options = (
        f"--num-cpus=1 --include-dashboard=false --object-store-memory=83886080 --ray-client-server-port={client_port}"
    )
    node = subprocess.Popen(
        [*ALONE, "sh", "-c", f'mount -t tmpfs none "$0" && exec {ray} {options}', str(folder)],
        env=os.environ
        | {"PYTHONPATH": os.pathsep.join(MODULES), "RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled"},
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: _listens(port) or node.poll() is not None, timeout_s=60)
        assert node.poll() is None, "the node did not start"
        yield f"127.0.0.1:{port}"
    finally:
        node.send_signal(signal.SIGTERM)
        node.wait()


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def processes(there_before: frozenset[int] = frozenset()) -> dict[int, str]:
    """What runs of Ray below this process, and without a parent, but for what was there before: pid → command line."""
    import psutil

    ours = {process.pid for process in psutil.Process().children(recursive=True)}
    found = {}
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if any(part in line for part in ("ray::", "/raylet", "/gcs_server")) and (
                process.pid in ours or process.ppid() == 1
            ):
                found[process.pid] = line
    return {pid: line for pid, line in found.items() if pid not in there_before}


def actors(there_before: frozenset[int] = frozenset()) -> dict[int, str]:
    """Those of them that are workers with an actor."""
    return {pid: line for pid, line in processes(there_before).items() if line.startswith("ray::Worker")}


def kill_node(cluster: Any, node: Any) -> None:
    """As if its power was cut."""
    cluster.remove_node(node, allow_graceful=False)
