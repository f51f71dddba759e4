"""The public face: what `__all__` says is there, sorted, and nothing else of voxpress is."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

import voxpress

ROOMS = ("builder", "cards", "generation", "loaders", "quality", "store")
PACKAGES = ["voxpress", *(f"voxpress.{room}" for room in ROOMS)]
MODULES = [*PACKAGES, "voxpress.press", "voxpress.release", "voxpress.errors", "voxpress.cli"]


@pytest.mark.parametrize("name", MODULES)
def test_everything_that_is_exported_is_there_once(name: str) -> None:
    module = importlib.import_module(name)
    exported = list(getattr(module, "__all__", []))
    assert len(exported) == len(set(exported))
    for member in exported:
        assert getattr(module, member) is not None


@pytest.mark.parametrize("name", MODULES)
def test_what_is_exported_is_sorted_constants_classes_functions(name: str) -> None:
    exported = list(getattr(importlib.import_module(name), "__all__", []))
    assert exported == sorted(exported, key=_kind_and_name)


@pytest.mark.parametrize("name", PACKAGES)
def test_everything_public_of_voxpress_is_exported(name: str) -> None:
    module = importlib.import_module(name)
    public = {
        member
        for member, value in vars(module).items()
        if not member.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith("voxpress")
    }
    assert public <= set(getattr(module, "__all__", []))


@pytest.mark.parametrize("name", ["voxpress", "voxpress.builder", "voxpress.loaders"])
def test_dir_of_a_lazy_module_names_what_it_exports(name: str) -> None:
    module = importlib.import_module(name)
    assert dir(module) == sorted(module.__all__)


@pytest.mark.parametrize("name", ["voxpress", "voxpress.builder", "voxpress.loaders"])
def test_a_name_that_is_not_there_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError, match="has no attribute 'brian'"):
        _ = importlib.import_module(name).brian


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_an_attribute_after_importing_the_package_alone(room: str) -> None:
    code = f"import voxpress as vp; print(vp.{room}.__name__)"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == f"voxpress.{room}"


def test_the_flat_face_is_that_of_the_rooms() -> None:
    assert voxpress.open is voxpress.store.open
    assert voxpress.verify is voxpress.store.verify
    assert voxpress.generate is voxpress.press.generate
    assert voxpress.load_dataset is voxpress.builder.load_dataset
    assert voxpress.detach is voxpress.builder.detach
    assert voxpress.pin is voxpress.builder.pin
    assert voxpress.export is voxpress.builder.export
    assert voxpress.fetch is voxpress.builder.fetch
    assert voxpress.import_volumes is voxpress.builder.import_volumes
    assert voxpress.publish is voxpress.release.publish


def test_every_error_is_on_the_flat_face() -> None:
    assert set(voxpress.errors.__all__) <= set(voxpress.__all__)
    for name in voxpress.errors.__all__:
        assert getattr(voxpress, name) is getattr(voxpress.errors, name)


def _kind_and_name(name: str) -> tuple[int, str]:
    """CONSTANTS, then Classes, then the rest: the order that ruff sorts into."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name
