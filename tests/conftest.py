"""Fixtures that several tests share."""

from __future__ import annotations

import os
import shutil
import tempfile
from typing import TYPE_CHECKING

import pytest
import tiny_factory
import tiny_store as tiny

if TYPE_CHECKING:
    from pathlib import Path

# `datasets` reads these when it is imported: no test may use the network or the user's cache
os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HOME": tempfile.mkdtemp(prefix="voxpress-tests-")}


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["HF_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def sealed_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small sound store, made once; a test must not write to it."""
    return tiny.build(tmp_path_factory.mktemp("sealed") / "tiny-brains")


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
