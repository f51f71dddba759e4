"""Volumes to compare with: stores, folders and tables are read the same way."""

from __future__ import annotations

import os
import pickle

import nifti_files as files
import numpy as np
import pytest

from voxpress import store
from voxpress.errors import FormatError, QueryError, StoreNotFoundError
from voxpress.quality import Reference, open_reference
from voxpress.quality.reference import people_of


@pytest.fixture
def folder(tmp_path):
    for number, axes in enumerate(("RAS", "LPS", "PIR")):
        name = f"scans/sub-{number}_T1w.nii.gz"
        files.write(tmp_path / name, files.head(number), axes=axes, slope=2.0)
    return tmp_path / "scans"


def test_a_folder_of_files(folder) -> None:
    reference = open_reference(folder)
    assert isinstance(reference, Reference)
    assert reference.ids == ("sub-0_T1w", "sub-1_T1w", "sub-2_T1w")
    assert reference.subjects == ("sub-0", "sub-1", "sub-2")
    assert people_of(reference) is None
    assert len(reference) == 3
    for row, volume in reference.volumes():
        np.testing.assert_array_equal(volume.image, files.head(row).astype(np.float32) * 2)
        np.testing.assert_array_equal(volume.affine, files.AFFINE)
        assert volume.background == 0
        assert volume.label is None


def test_label_maps_beside_images_are_no_images(folder) -> None:
    for name in ("sub-0_T1w_label", "sub-1_dseg", "lesion_mask"):
        files.write(folder / f"{name}.nii.gz", files.regions(1))
    assert open_reference(folder).ids == ("lesion_mask", "sub-0_T1w", "sub-1_T1w", "sub-2_T1w")


def test_a_table_of_files_with_labels_and_subjects(folder) -> None:
    files.write(folder.parent / "masks/m1.nii.gz", files.regions(1), axes="LAS")
    lines = [
        "image,subject,label,age,sex",
        "scans/sub-1_T1w.nii.gz,anna,masks/m1.nii.gz,61.5,F",
        "scans/sub-0_T1w.nii.gz,,,70,",
    ]
    table = folder.parent / "people.csv"
    table.write_text("\n".join(lines))
    reference = open_reference(table)
    assert reference.ids == ("sub-1_T1w", "sub-0_T1w")
    assert reference.subjects == ("anna", "sub-0_T1w")
    np.testing.assert_array_equal(reference.volume(0).label, files.regions(1))
    assert reference.volume(1).label is None
    assert open_reference(folder.parent, table=table).digest == reference.digest
    assert people_of(reference).to_pydict() == {"age": [61.5, 70.0], "sex": ["F", None]}


def test_the_samples_of_a_store(sealed_store) -> None:
    whole = store.open(sealed_store)
    reference = open_reference(sealed_store, where="split == 'train' and sex == 'F'")
    cohort = whole.where("split == 'train' and sex == 'F'")
    assert reference.ids == tuple(cohort.table["sample_id"].to_pylist()) == reference.subjects
    assert people_of(reference).equals(cohort.table)
    volume = reference.volume(1)
    np.testing.assert_array_equal(volume.label, cohort.read(1, "label"))
    np.testing.assert_allclose(volume.image, cohort.read(1) / 255, rtol=1e-6)
    others = open_reference(sealed_store, where="split == 'validation'")
    assert len({reference.digest, others.digest, open_reference(sealed_store).digest}) == 3


def test_its_digest_changes_with_what_is_read(folder) -> None:
    before = open_reference(folder)
    assert open_reference(folder).digest == before.digest
    path = before.paths[1]
    files.write(path, files.head(9), axes="LPS", slope=2.0)
    os.utime(path, ns=(1, 1))
    assert open_reference(folder).digest != before.digest


def test_it_goes_to_other_processes(folder, sealed_store) -> None:
    for reference in (open_reference(folder), open_reference(sealed_store)):
        again = pickle.loads(pickle.dumps(reference))
        np.testing.assert_array_equal(again.volume(2).image, reference.volume(2).image)
        assert (again.ids, again.digest) == (reference.ids, reference.digest)


def test_a_scan_that_was_not_masked_has_no_background(folder) -> None:
    noise = np.random.default_rng(0).integers(0, 50, files.SHAPE).astype("int16")
    files.write(folder / "sub-0_T1w.nii.gz", noise)
    assert open_reference(folder).volume(0).background is None
    files.write(folder / "sub-0_T1w.nii.gz", files.head() - np.int16(1024))
    assert open_reference(folder).volume(0).background == -1024


def test_bad_references(folder, sealed_store, tmp_path) -> None:
    table = tmp_path / "people.csv"
    for text, match in (
        ("file\na.nii", "no column path"),
        ("path\n", "no row"),
        ('path,x\n"",1', "no path in row 1"),
        ("path\nscans/sub-0_T1w.nii.gz\nscans/sub-0_T1w.nii.gz", "2 volumes with the id"),
    ):
        table.write_text(text)
        with pytest.raises(FormatError, match=match):
            open_reference(table)
    table.write_text("path\nscans/none.nii.gz")
    with pytest.raises(StoreNotFoundError, match=r"none.nii.gz, which the reference names"):
        open_reference(table)
    with pytest.raises(StoreNotFoundError):
        open_reference(tmp_path / "nowhere")
    with pytest.raises(QueryError, match="an expression chooses rows"):
        open_reference(folder, where="age > 3")
    with pytest.raises(QueryError, match=r"no sample of .* is left"):
        open_reference(sealed_store, where="age > 300")
    with pytest.raises(QueryError, match="leave the table out"):
        open_reference(sealed_store, table=table)
    with pytest.raises(IndexError, match="volume 3 of 3"):
        open_reference(folder).volume(3)
    files.write(tmp_path / "m.nii.gz", files.regions()[:-1])
    table.write_text("path,label\nscans/sub-0_T1w.nii.gz,m.nii.gz")
    with pytest.raises(FormatError, match="give one on the same grid"):
        open_reference(table).volume(0)
