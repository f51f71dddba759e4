"""Makes the golden store of format version 1. It was run once; what it made is committed and must stay readable.

PYTHONPATH=tests python tests/golden/make_format_1.py tests/golden/format-1
"""

from __future__ import annotations

import sys
from pathlib import Path

from spheres_backend import SpheresBackend

from voxpress.generation.factory import generate
from voxpress.generation.recipe import Recipe, parse_recipe

RECIPE = """
name: golden-balls
version: 1.0.0
samples: 9
seed: 20220614
backend: {name: spheres, fail: {1: 1, 4: 6}}
image: {shape: [16, 18, 15], spacing_mm: [1, 1, 1.5], dtype: uint8}
conditions: {radius_mm: {range: [2.5, 5]}}
splits: {train: 0.7, validation: 0.3}
shards: {samples: 4}
"""


def order() -> Recipe:
    """What was ordered: nine balls, one made at the second attempt, one never."""
    return parse_recipe(RECIPE)


def main(target: Path) -> None:
    """Makes the store."""
    recipe = order()
    generate(recipe, target, load=lambda: SpheresBackend(recipe.backend.options, recipe.grid))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
