"""Stores of every format version ever released stay readable, and what was ordered stays what is made."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from golden.make_format_1 import order
from spheres_backend import SpheresBackend

from voxpress import store
from voxpress.generation.factory import generate

FORMAT_1 = Path(__file__).parent / "golden" / "format-1"
DIGEST = "1a88197fb21dfbd3433b38f80deefa9cc8952667a257475a82c576b5b744711c"


@pytest.fixture
def cohort() -> store.Cohort:
    return store.open(FORMAT_1)


def test_it_is_what_it_was() -> None:
    """If this fails, its files were changed: git must not touch their line ends, and nobody may make them again."""
    assert hashlib.sha256((FORMAT_1 / "voxpress.json").read_bytes()).hexdigest() == DIGEST
    assert store.open(FORMAT_1).manifest.digest == DIGEST
    assert store.verify(FORMAT_1).problems == ()


def test_its_voxels_are_those_of_its_table(cohort) -> None:
    assert len(cohort) == 8
    for row in cohort:
        for name in cohort.specs:
            assert row[name].any()
            assert store.voxels_sha256(row[name]) == row[f"{name}_sha256"]


def test_its_hole_and_its_second_attempt(cohort) -> None:
    [rejected] = cohort.manifest.rejected
    assert (rejected.index, rejected.split, rejected.slot, len(rejected.attempts)) == (4, "validation", 1, 6)
    assert cohort.where("attempt == 1").table["index"].to_pylist() == [1]
    assert not cohort.arrays["validation/image"][1].any()


def test_the_same_order_gives_the_same_samples_today(cohort, tmp_path) -> None:
    """Seeds, conditions, splits, slots and voxels never change; how tightly they are packed may."""
    recipe = order()
    generate(recipe, tmp_path, load=lambda: SpheresBackend(recipe.backend.options, recipe.grid))
    assert store.open(tmp_path).table.to_pylist() == cohort.table.to_pylist()
    assert (tmp_path / "recipe.yaml").read_bytes() == (FORMAT_1 / "recipe.yaml").read_bytes()
