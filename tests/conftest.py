"""Fixtures that several tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest
import tiny_brains
import tiny_factory
import tiny_store as tiny
from command_line import Said, apart
from loopback_hub import LoopbackHub
from loopback_hub.in_process import point_at
from published_stores import carded
from s3_server import S3, s3_server

import voxpress
from voxpress import cli
from voxpress.store.sources import deadlines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

# `datasets` reads these when it is imported: no test may use the network or the user's cache
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": tempfile.mkdtemp(prefix="voxpress-tests-")}


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def sealed_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sound store, made once; a test must not write to it."""
    return tiny.build(tmp_path_factory.mktemp("sealed") / "tiny-brains")


@pytest.fixture(scope="session")
def carded_store(sealed_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small store with card and quality report, as it would be published; a test must not write to it."""
    root = shutil.copytree(sealed_store, tmp_path_factory.mktemp("carded") / "tiny-brains")
    return carded(root)


@pytest.fixture
def tiny_store(sealed_store: Path, tmp_path: Path) -> Path:
    """A copy of the small store, for a test to damage."""
    return shutil.copytree(sealed_store, tmp_path / "tiny-brains")


@pytest.fixture(scope="session")
def pressed_balls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the factory makes of the order of `tiny_factory` when nothing goes wrong; a test must not write to it."""
    target = tmp_path_factory.mktemp("pressed") / "tiny-balls"
    tiny_factory.press(tiny_factory.order(), target)
    return target


@pytest.fixture
def loopback_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackHub]:
    """A Hub without data sets, which this process and those that it starts use, with caches of their own."""
    with LoopbackHub(tmp_path / "hub") as hub:
        point_at(hub, tmp_path / "home", monkeypatch)
        yield hub


@pytest.fixture(params=[True, False], ids=["waits in the system", "waits in Python"])
def waiting(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How an answer over plain HTTP is received: on Linux, and elsewhere."""
    monkeypatch.setattr(deadlines, "_LINUX", deadlines._LINUX and request.param)


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs a command in this process: an exception that nobody tells of fails the test."""

    def run(*arguments: object) -> Said:
        try:
            code = cli.main([str(argument) for argument in arguments])
        except SystemExit as stopped:
            code = stopped.code
        return Said(code, *capsys.readouterr())

    return run


@pytest.fixture(scope="session")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the recipe in `tiny_brains`."""
    path = tmp_path_factory.mktemp("recipe") / "recipe.yaml"
    path.write_text(tiny_brains.TEXT)
    return path


@pytest.fixture(scope="session")
def generated(recipe: Path) -> tuple[Path, Said]:
    """The data set of that recipe, made by two workers, and what the command line said."""
    target = recipe.parent / "brains"
    return target, apart("generate", recipe, "-o", target, "--workers", 2)


@pytest.fixture(scope="session")
def brains(generated: tuple[Path, Said]) -> Path:
    """The data set of that recipe; a test must not write to it."""
    target, said = generated
    assert said.code == 0, said.err
    return target


@pytest.fixture(scope="session")
def more_brains(brains: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1.1.0 of that data set, with nine samples; a test must not write to it."""
    target = tmp_path_factory.mktemp("more") / "brains"
    voxpress.next_version(brains, target, version="1.1.0", sets=["samples=9"], workers=1)
    return target


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    """An S3 server."""
    with s3_server() as server:
        yield server


@pytest.fixture
def bucket(s3: S3, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """Address of an empty bucket of it, which this process can reach."""
    s3.set(monkeypatch)
    return s3.bucket(f"bucket-{abs(hash(request.node.nodeid))}")
