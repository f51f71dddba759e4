"""Which engine is chosen by its name, what its workers need, and how many there are room for."""

from __future__ import annotations

import importlib.util
import time
from types import SimpleNamespace

import pytest
from tiny_factory import order, press

from voxpress.errors import GenerationError, RemoteError
from voxpress.generation.engines import LocalEngine, Needs, engine_of, needs_of
from voxpress.generation.engines.ray import RayEngine, places


def test_engines_by_name() -> None:
    assert engine_of("local", workers=3) == LocalEngine(workers=3)
    assert engine_of("local") == LocalEngine(workers=None)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": "slurm"}, "engine must be one of local, ray, got 'slurm'"),
        ({"name": "local", "workers": 0}, "workers must be at least 1, got 0"),
        ({"name": "local", "address": "auto"}, "the engine local takes no address, got 'auto'"),
    ],
)
def test_what_is_no_engine_is_refused(asked, said) -> None:
    with pytest.raises(ValueError, match=said):
        engine_of(**asked)


def test_without_ray_the_error_says_how_to_get_it(monkeypatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "voxpress.generation.engines.ray.find_spec", lambda name: None if name == "ray" else found(name)
    )
    with pytest.raises(GenerationError, match=r"pip install 'voxpress\[ray\]'"):
        engine_of("ray")


def test_a_client_address_is_refused() -> None:
    with pytest.raises(GenerationError, match=r"'ray://head:10001' of a Ray client; run the command on a node"):
        RayEngine(address="ray://head:10001")


def test_a_backend_says_what_it_needs() -> None:
    assert needs_of(SimpleNamespace()) == Needs(cpus=1, gpus=0)
    assert needs_of(SimpleNamespace(needs=Needs(gpus=0.5))) == Needs(gpus=0.5)


@pytest.mark.parametrize(
    ("needs", "count"),
    [
        (Needs(), 24),
        (Needs(cpus=3), 7),
        (Needs(gpus=1), 4),
        (Needs(gpus=0.5), 8),
        (Needs(cpus=3, gpus=0.5), 2),
        (Needs(gpus=0.1, cpus=0), 40),
        (Needs(gpus=8), 0),
    ],
)
def test_how_many_workers_nodes_have_room_for(needs, count) -> None:
    nodes = [{"CPU": 8.0, "GPU": 4.0, "memory": 1e9}, {"CPU": 16.0}, {}]
    assert places(nodes, needs) == count


@pytest.mark.parametrize(
    ("address", "why"),
    [("127.0.0.1:1", "refused"), ("127.0.0.1", "invalid literal")],
)
def test_no_cluster_is_told_at_once(tmp_path, address, why) -> None:
    started = time.monotonic()
    with pytest.raises(RemoteError, match=rf"no Ray cluster answers at the address '{address}' .*{why}.*ray start"):
        press(order(), tmp_path, engine=RayEngine(address=address))
    assert time.monotonic() - started < 20


def test_no_cluster_of_the_environment_is_told_at_once(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(RemoteError, match=r"no Ray cluster answers at the address '127.0.0.1:1'"):
        press(order(), tmp_path, engine=RayEngine())
