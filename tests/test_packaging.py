"""What is built and installed: every room, its data, one version."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import EntryPoint, entry_points, version
from pathlib import Path

import pytest

import voxpress

ROOT = Path(voxpress.__file__).parent
NO_PACKAGES = {"tests", "benchmarks", "docs", "build", "dist"}

pytestmark = pytest.mark.skipif(
    not (ROOT / "pyproject.toml").exists(), reason="voxpress is not installed from a checkout"
)


@pytest.fixture(scope="module")
def settings() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """Names in a wheel, built from a copy so that nothing is left in the checkout and nothing old is taken from it."""
    copy = tmp_path_factory.mktemp("wheel") / "checkout"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__"))
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(copy / "out"), str(copy)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stdout + said.stderr
    (built,) = (copy / "out").glob("*.whl")
    with zipfile.ZipFile(built) as archive:
        return set(archive.namelist())


def folders() -> set[str]:
    """Every folder of the checkout that is a package."""
    found = {path.parent.relative_to(ROOT) for path in ROOT.rglob("__init__.py")}
    ours = {path for path in found if not (set(path.parts) & NO_PACKAGES or any(p.startswith(".") for p in path.parts))}
    return {".".join(("voxpress", *path.parts)) for path in ours}


def test_the_list_of_packages_is_that_of_the_folders(settings: dict) -> None:
    listed = settings["tool"]["setuptools"]["packages"]
    assert listed == sorted(listed)
    assert set(listed) == folders()


def test_the_version_is_told_once() -> None:
    assert voxpress.__version__ == version("voxpress")


def test_the_version_of_the_package_is_that_of_pyproject(settings: dict) -> None:
    assert voxpress.__version__ == settings["project"]["version"]


def test_every_requirement_is_pinned_for_the_tests(settings: dict) -> None:
    project = settings["project"]
    wanted = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    pinned = {
        line.partition("==")[0].lower().replace("_", "-") for line in (ROOT / "constraints.txt").read_text().split()
    }
    named = [re.match(r"[\w.-]+", each)[0] for each in wanted if not each.startswith("voxpress[")]
    names = {name.lower().replace("_", "-") for name in named}
    assert names <= pinned


def test_the_wheel_holds_every_module(wheel: set[str]) -> None:
    modules = {
        f"voxpress/{path.relative_to(ROOT).as_posix()}"
        for package in folders()
        for path in ROOT.joinpath(*package.split(".")[1:]).glob("*.py")
    }
    assert modules <= wheel


@pytest.mark.parametrize(
    "name",
    [
        "py.typed",
        "store/manifest.schema.json",
        "generation/example_recipe.yaml",
        "generation/backends/diffusion/model_cards/brain-ldm.json",
        "cards/hub_lists.json",
        "cards/pages/page.css",
        "cards/pages/viewer.js",
    ],
)
def test_the_wheel_holds_the_data(name: str, wheel: set[str]) -> None:
    assert f"voxpress/{name}" in wheel


@pytest.mark.parametrize("name", ["LICENSE", "NOTICE"])
def test_the_wheel_holds_the_licences(name: str, wheel: set[str]) -> None:
    assert any(member.endswith(f".dist-info/licenses/{name}") for member in wheel)


def test_the_wheel_holds_nothing_else(wheel: set[str]) -> None:
    tops = {member.split("/")[0] for member in wheel}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"voxpress"}
    assert not any(member.startswith(("voxpress/tests", "voxpress/benchmarks", "voxpress/docs")) for member in wheel)


def test_backends_are_registered(settings: dict) -> None:
    """As declared; an installation from before has fewer."""
    backends = settings["project"]["entry-points"]["voxpress.backends"]
    assert set(backends) == {"atlas", "ldm", "nv-rflow", "trained"}
    for name, value in backends.items():
        assert EntryPoint(name, value, "voxpress.backends").load().name == name


def test_the_command_is_registered() -> None:
    (command,) = entry_points(group="console_scripts", name="voxpress")
    assert command.value == "voxpress.cli:main"
