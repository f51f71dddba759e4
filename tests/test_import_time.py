"""`import voxpress` and `voxpress --help` stay fast: nothing heavy is imported before it is used."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

HEAVY = ("datasets", "monai", "nibabel", "nilearn", "numpy", "PIL", "pyarrow", "pydantic", "scipy", "torch", "zarr")
TORCH = ("datasets", "monai", "nilearn", "torch")


def imported_by(code: str) -> set[str]:
    """Top-level packages in a fresh process after some code."""
    show = "import sys; print('\\n'.join(sorted({name.partition('.')[0] for name in sys.modules})))"
    said = subprocess.run([sys.executable, "-c", f"{code}\n{show}"], capture_output=True, text=True, check=True)
    return set(said.stdout.split())


@pytest.mark.parametrize(
    ("code", "kept_out"),
    [
        pytest.param("import voxpress", HEAVY, id="the package"),
        pytest.param("import voxpress; voxpress.RecipeError; dir(voxpress)", HEAVY, id="errors and dir"),
        pytest.param("import voxpress.cli as cli; cli._parser().format_help()", (*HEAVY, "tqdm", "yaml"), id="help"),
        pytest.param("import voxpress; voxpress.open", (*TORCH, "pydantic", "zarr", "PIL"), id="open"),
        pytest.param("import voxpress; voxpress.detach", TORCH, id="detach"),
        pytest.param("import voxpress; voxpress.generate", TORCH, id="generate"),
        pytest.param("import voxpress; voxpress.fetch", TORCH, id="fetch"),
        pytest.param("import voxpress; voxpress.publish", TORCH, id="publish"),
        pytest.param("import voxpress; voxpress.loaders", TORCH, id="loaders, not used"),
        pytest.param("import voxpress.demo", TORCH, id="what the demo's workers import again"),
    ],
)
def test_nothing_heavy_is_imported_before_it_is_used(code: str, kept_out: tuple[str, ...]) -> None:
    assert not imported_by(code) & set(kept_out)


def test_help_answers_at_once() -> None:
    """Usually about 0.05 s; the bound allows for a busy machine."""

    def answer() -> float:
        started = time.perf_counter()
        said = subprocess.run([sys.executable, "-m", "voxpress.cli", "--help"], capture_output=True, check=True)
        assert b"generate" in said.stdout
        return time.perf_counter() - started

    assert min(answer() for _ in range(5)) < 0.5
