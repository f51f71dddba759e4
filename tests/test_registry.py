"""Finding backends, with real installed packages made for the test."""

from __future__ import annotations

import sys

import pytest
import spheres_backend

from voxpress.errors import GenerationError, RecipeError
from voxpress.generation.backend import Backend, Grid
from voxpress.generation.registry import installed_backends, load_backend

GRID = Grid(shape=(16, 16, 16), spacing_mm=(1.0, 1.0, 1.0))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Installs a package, as pip would leave it, that registers one backend."""
    monkeypatch.syspath_prepend(tmp_path)
    made = []

    def make(package, name, value, code=None):
        info = tmp_path / f"{package}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[voxpress.backends]\n{name} = {value}\n")
        if code is not None:
            module = value.partition(":")[0]
            (tmp_path / f"{module}.py").write_text(code)
            made.append(module)

    yield make
    for module in made:
        sys.modules.pop(module, None)


def test_the_atlas_is_always_there():
    assert installed_backends()["atlas"] == "voxpress"


def test_a_backend_of_another_package(install):
    install("balls", "spheres", "spheres_backend:SpheresBackend")
    backend = load_backend("spheres", {"fail": {"1": 2}}, GRID)
    assert isinstance(backend, spheres_backend.SpheresBackend)
    assert isinstance(backend, Backend)
    assert backend.grid == GRID
    assert installed_backends()["spheres"] == "balls"


def test_a_backend_refuses_its_options_itself(install):
    install("balls", "spheres", "spheres_backend:SpheresBackend")
    with pytest.raises(RecipeError, match="the spheres backend has the option fail, got colour"):
        load_backend("spheres", {"colour": 1}, GRID)


def test_an_unknown_name_lists_what_is_installed(install):
    install("balls", "spheres", "spheres_backend:SpheresBackend")
    with pytest.raises(RecipeError) as caught:
        load_backend("sphere", {}, GRID)
    known = ", ".join(installed_backends())
    assert known.startswith("atlas, ")
    assert ", spheres, " in known
    assert str(caught.value) == (
        f"backend.name: must be an installed backend, which are {known}, got 'sphere'; did you mean 'spheres'?"
    )


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (
            "import not_there_at_all.deep\n",
            "the package 'not_there_at_all' is not installed: pip install not_there_at_all",
        ),
        ("from os import not_in_os\n", "cannot import name 'not_in_os'"),
        ("x = 1\n", "has no attribute 'Backend'"),
        (None, "No module named 'broken_backend'; install broken again"),
    ],
)
def test_a_backend_that_cannot_be_imported_says_what_to_install(install, code, said):
    install("broken", "broken", "broken_backend:Backend", code)
    with pytest.raises(GenerationError) as caught:
        load_backend("broken", {}, GRID)
    assert "the backend 'broken' of broken cannot be imported: " in str(caught.value)
    assert said in str(caught.value)


def test_a_backend_that_lacks_parts_of_the_contract(install):
    install("half", "half", "half_backend:Half", "class Half:\n    name = 'half'\n    def __init__(self, *_): pass\n")
    with pytest.raises(
        GenerationError, match=r"of half does not keep the contract .* lacks affine, conditions, digital"
    ):
        load_backend("half", {}, GRID)


def test_two_packages_with_one_name(install):
    install("balls", "spheres", "spheres_backend:SpheresBackend")
    install("rounds", "spheres", "rounds:Spheres")
    with pytest.raises(GenerationError, match="registered by more than one package: balls, rounds; uninstall one"):
        load_backend("spheres", {}, GRID)
