"""A small real order for tests of the factory, and ways to run it: here, or as a program that can be killed."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from troubled_backend import Trouble, TroubledBackend

from voxpress.generation.engines import engine_of
from voxpress.generation.factory import Run, generate
from voxpress.generation.recipe import parse_recipe
from voxpress.generation.share_factory import ShareRun, finish_shares, generate_share
from voxpress.generation.shares import Share
from voxpress.store import WORK_FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from voxpress.generation.backend import Backend
    from voxpress.generation.recipe import Recipe

SAMPLES = 14
SHARDS = 8
TEXT = """
name: tiny-balls
samples: 14
seed: 7
backend: {name: spheres}
image: {shape: [14, 16, 15], spacing_mm: [1, 1, 1]}
splits: {train: 0.7, test: 0.3}
shards: {samples: 2}
"""


def order(*sets: str) -> Recipe:
    """The recipe, changed as by ``--set``."""
    return parse_recipe(TEXT, sets=sets)


def balls(recipe: Recipe) -> Backend:
    """The backend of a recipe."""
    return TroubledBackend(recipe.backend.options, recipe.grid)


def press(recipe: Recipe, target: Path | str, trouble: Trouble | None = None, **options: Any) -> Run:
    """Runs the factory here."""
    load = partial(TroubledBackend, recipe.backend.options, recipe.grid, trouble=trouble or Trouble())
    return generate(recipe, target, load=load, **options)


def press_share(share: str, target: Path | str, trouble: Trouble | None = None, **options: Any) -> ShareRun:
    """Makes one share of the order here."""
    load = partial(TroubledBackend, {}, order().grid, trouble=trouble or Trouble())
    return generate_share(order(), target, Share.read(share), load=load, **options)


def finish(target: Path | str, recipe: Recipe | None = None, **options: Any) -> Run:
    """Finishes the shares of the order."""
    recipe = recipe or order()
    return finish_shares(recipe, target, load=partial(balls, recipe), **options)


def contents(root: Path) -> Mapping[str, str]:
    """Every file of a folder → the sha256 of its bytes."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def committed(target: Path) -> int:
    """Samples of the shards that an unfinished run has committed."""
    records = (target / WORK_FOLDER / "shards").glob("*.json")
    fields = [json.loads(record.read_bytes()) for record in records]
    return sum(len(each["rows"]) + len(each["rejected"]) for each in fields)


def spawn(target: Path | str, **options: Any) -> subprocess.Popen[str]:
    """Runs the factory as a program of its own, first of its own process group."""
    return subprocess.Popen(
        [sys.executable, "-m", "tiny_factory", json.dumps({"target": str(target), **options})],
        cwd=Path(__file__).parent,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def until(condition: Callable[[], bool], *, timeout_s: float = 60) -> None:
    """Waits until something is so."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def living(group: int) -> list[int]:
    """Processes of a group that are not dead; Linux only."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state not in "ZX":
            found.append(int(stat.parent.name))
    return found


def main() -> None:
    options = json.loads(sys.argv[1])
    trouble = Trouble(**options.pop("trouble", {}))
    target = options.pop("target")
    if address := options.pop("ray", None):
        options["engine"] = engine_of("ray", address=address)
    if share := options.pop("share", None):
        press_share(share, target, trouble, **options)
    else:
        press(order(), target, trouble, **options)


if __name__ == "__main__":
    # what is imported by its name can be sent to workers; __main__ cannot
    import tiny_factory

    os.chdir("/")
    tiny_factory.main()
