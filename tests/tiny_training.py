"""A small data set of heads, and trainings on it that take seconds."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from heads_backend import HeadsBackend

import voxpress
from voxpress.generation.factory import generate
from voxpress.generation.recipe import parse_recipe

if TYPE_CHECKING:
    from pathlib import Path

TEXT = """
name: heads
samples: 60
seed: 7
backend: {name: heads}
image: {shape: [16, 16, 16], spacing_mm: [12, 12, 12]}
splits: {train: 0.6, test: 0.4}
shards: {samples: 16}
"""
SHORT = ("autoencoder.steps=30", "generator.steps=20", "generator.batch_size=8", "judged=8")
LONG = ("autoencoder.steps=600", "generator.steps=300", "generator.batch_size=8", "judged=8")
"""Long enough for heads that pass the checks."""


def heads(folder: Path, *sets: str) -> Path:
    """Writes the data set."""
    recipe = parse_recipe(TEXT, sets=sets)
    generate(recipe, folder, load=partial(HeadsBackend, recipe.backend.options, recipe.grid))
    return folder


def train(source: Path, output: Path, *sets: str, budget: tuple[str, ...] = SHORT, **options: Any) -> Any:
    """A training of some steps."""
    return voxpress.train(source, output, sets=[*budget, *sets], device="cpu", **options)
