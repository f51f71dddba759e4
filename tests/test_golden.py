"""Stores of every format version ever released stay readable, and what was ordered stays what is made."""

from __future__ import annotations

import hashlib
from pathlib import Path

import nifti_files
import numpy as np
import pytest
from golden.make_format_1 import order
from spheres_backend import SpheresBackend

from voxpress import store
from voxpress.generation.factory import generate

GOLDEN = Path(__file__).parent / "golden"
DIGESTS = {
    "format-1": "1a88197fb21dfbd3433b38f80deefa9cc8952667a257475a82c576b5b744711c",
    "format-2": "83f7a854e42a415d68389323d6b6cac83b88a59da6b8caf5253aabfb2b2a22d7",
    "format-2-lz4": "ebae2d413569d9b447f640d97bf77b329647c3c7812fe16a7c57e23f7f9f2774",
    "format-3": "40cc29d711ae32aabe708175eba1b8504381398b7e12ad8b06d71f967ba51e0f",
}
EXTENTS = ["image_box", "label_values", "label_counts", "label_boxes"]


@pytest.fixture(params=DIGESTS)
def name(request) -> str:
    return request.param


@pytest.fixture
def cohort(name) -> store.Cohort:
    return store.open(GOLDEN / name)


def test_it_is_what_it_was(name) -> None:
    """If this fails, its files were changed: git must not touch their line ends, and nobody may make them again."""
    path = GOLDEN / name
    data = (path / "voxpress.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == DIGESTS[name]
    manifest = store.open(path).manifest
    assert manifest.digest == DIGESTS[name]
    assert manifest.format_version == int(name.split("-")[1])
    assert manifest.to_bytes() == data
    assert store.verify(path).problems == ()


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


def test_its_extents_are_those_of_its_voxels(cohort) -> None:
    if cohort.manifest.format_version == 1:
        assert not set(EXTENTS) & set(cohort.table.column_names)
        return
    for row in cohort:
        for array, spec in cohort.specs.items():
            assert store.sample_extents(spec, row[array]).items() <= row.items()


def test_a_copy_holds_the_same_samples() -> None:
    first, copy = (store.open(GOLDEN / name) for name in ("format-2", "format-2-lz4"))
    assert copy.table.equals(first.table)
    assert copy.manifest.rejected == first.manifest.rejected
    assert copy.specs["image"].chunk == (4, 6, 3)
    for row in range(len(first)):
        for array in first.specs:
            assert (copy.read(row, array) == first.read(row, array)).all()


def test_extents_are_no_conditions(cohort) -> None:
    assert cohort.conditions == ("radius_mm", "tone")


def test_the_same_order_gives_the_same_samples_today(name, cohort, tmp_path) -> None:
    """Seeds, conditions, splits, slots and voxels never change; how tightly they are packed may."""
    recipe = order()
    generate(recipe, tmp_path, load=lambda: SpheresBackend(recipe.backend.options, recipe.grid))
    today = store.open(tmp_path)
    assert today.manifest.format_version == store.FORMAT_VERSION
    assert today.table.select(cohort.table.column_names).to_pylist() == cohort.table.to_pylist()
    assert set(today.table.column_names) - set(cohort.table.column_names) == (
        set(EXTENTS) if name == "format-1" else set()
    )
    assert (tmp_path / "recipe.yaml").read_bytes() == (GOLDEN / name / "recipe.yaml").read_bytes()


def test_scans_of_real_people_of_format_4() -> None:
    """What was imported once is read as that, with the same voxels as its files had."""
    path = GOLDEN / "format-4"
    data = (path / "voxpress.json").read_bytes()
    assert hashlib.sha256(data).hexdigest() == "005a8d23d3eb174b956ea75984a91540dbac1817f66236e9f9616074ee657b95"
    cohort = store.open(path)
    assert (cohort.manifest.format_version, cohort.manifest.synthetic, cohort.manifest.to_bytes()) == (4, False, data)
    assert store.verify(path).problems == ()
    assert cohort.table["sample_id"].to_pylist() == ["p1", "p0"]
    assert cohort.table["age"].to_pylist() == [61.5, None]
    assert cohort.table["is_synthetic"].to_pylist() == [False, False]
    for row, number in enumerate((1, 0)):
        np.testing.assert_array_equal(cohort.read(row), nifti_files.head(number))
        np.testing.assert_array_equal(cohort.read(row, "label"), nifti_files.regions(number))
