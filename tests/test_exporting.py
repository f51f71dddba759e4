"""Exported files say what they are, and what is imported of them is what was exported."""

from __future__ import annotations

import csv
import json

import nibabel as nib
import nifti_files as files
import numpy as np
import pyarrow.parquet as pq
import pytest
import tiny_store as tiny
from tiny_factory import contents

import voxpress
from voxpress.builder.exporting.naming import bids_names, plain_names
from voxpress.errors import CorruptError, FormatError, QueryError, StoreExistsError


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_a_plain_folder_holds_integers_scale_affine_and_a_table(sealed_store, out) -> None:
    cohort = voxpress.open(sealed_store).where("sex == 'F'")
    done = voxpress.export(sealed_store, out, where="sex == 'F'", workers=1)
    assert (done.samples, done.made, done.synthetic) == (len(cohort), len(cohort), True)
    with (out / "samples.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["sample_id"] for row in rows] == cohort.table["sample_id"].to_pylist()
    assert [float(row["age"]) for row in rows] == cohort.table["age"].to_pylist()
    for number, row in enumerate(rows):
        for name in ("image", "label"):
            volume = nib.load(out / row[name])
            np.testing.assert_array_equal(volume.dataobj.get_unscaled(), cohort.read(number, name))
            np.testing.assert_array_equal(volume.affine, cohort.affine)
        image = nib.load(out / row["image"])
        np.testing.assert_allclose(image.get_fdata(), cohort.read(number) / 255, rtol=1e-6)
    assert pq.read_table(out / "samples.parquet")["age"].to_pylist() == cohort.table["age"].to_pylist()


def test_every_file_is_marked(sealed_store, out) -> None:
    voxpress.export(sealed_store, out / "a", rows=[0, 3], workers=1)
    voxpress.export(sealed_store, out / "b", rows=[0, 3], workers=1, layout="bids", suffix="T1w")
    paths = sorted(out.rglob("*.nii.gz"))
    assert len(paths) == 8
    for path in paths:
        header = nib.load(path).header
        assert bytes(header["descrip"]).startswith(b"SYNTHETIC, not for clinical use; voxpress")
        (extension,) = header.extensions
        said = json.loads(extension.get_content())
        assert extension.get_code() == 6
        assert said["synthetic"] is True
        assert said["digital_source_type"] == tiny.ATTRS["digital_source_type"]
        assert said["dataset"] == "tiny-brains 1.0.0"
        if "/b/" in str(path):
            assert path.name.startswith("sub-synth")
    for path in (out / "b").rglob("sub-*.json"):
        assert json.loads(path.read_bytes())["SyntheticData"] is True
    description = json.loads((out / "b/dataset_description.json").read_bytes())
    assert description["SyntheticData"] is True
    assert description["DatasetType"] == "derivative"
    assert description["GeneratedBy"][0]["Name"] == "voxpress"
    assert "Synthetic data" in (out / "b/README").read_text()
    assert json.loads((out / "a/samples.json").read_bytes())["SyntheticData"] is True
    assert pq.read_schema(out / "a/samples.parquet").metadata[b"synthetic"] == b"true"


def test_bids_says_what_its_columns_are(brains, out) -> None:
    voxpress.export(brains, out, layout="bids", workers=1, rows=[0, 1])
    with (out / "participants.tsv").open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    assert [row["participant_id"] for row in rows] == ["sub-synth000000", "sub-synth000001"]
    columns = json.loads((out / "participants.json").read_bytes())
    assert set(columns) == set(rows[0])
    assert columns["age"]["Units"] == "year"
    assert "Age of the subject" in columns["age"]["Description"]
    assert columns["measured_ventricular_volume_ml"] == {
        "Description": "Lateral ventricles (measured in the volume)",
        "Units": "mL",
    }
    assert set(columns["sex"]["Levels"]) <= {"F", "M"}
    assert (out / "sub-synth000000/anat/sub-synth000000_T1w.nii.gz").is_file()
    with (out / "dseg.tsv").open(newline="") as file:
        names = {int(row["index"]): row["name"] for row in csv.DictReader(file, delimiter="\t")}
    assert names == voxpress.open(brains).specs["label"].labels


@pytest.mark.parametrize("layout", ["nifti", "bids"])
def test_what_is_exported_is_imported_the_same(sealed_store, out, tmp_path, layout) -> None:
    voxpress.export(sealed_store, out, layout=layout, suffix="T1w" if layout == "bids" else "", workers=1)
    if layout == "bids":
        options = {"suffix": "T1w", "labels": "**/*_dseg.nii.gz"}
    else:
        options = {"table": out / "samples.parquet", "key": "image", "labels": "**/*_label.nii.gz"}
    voxpress.import_volumes(
        out, tmp_path / "again", synthetic=True, split="split", shard_samples=4, workers=1, **options
    )
    first, again = (voxpress.open(path) for path in (sealed_store, tmp_path / "again"))
    assert again.manifest.synthetic is True
    assert (again.conditions, again.measures) == (first.conditions, first.measures)
    for name, spec in first.specs.items():
        other = again.specs[name]
        assert (other.dtype, other.affine, other.scale, other.offset) == (
            spec.dtype,
            spec.affine,
            spec.scale,
            spec.offset,
        )
        assert (other.unit, other.labels) == (spec.unit, spec.labels)
    same = ["sample_id", "split", *first.conditions, *first.measures, "image_sha256", "label_sha256", "image_box"]
    assert again.table.select(same).sort_by("sample_id").equals(first.table.select(same).sort_by("sample_id"))
    attributes = json.loads((again.path / "volumes/train.zarr/zarr.json").read_bytes())["attributes"]
    assert attributes["digital_source_type"] == tiny.ATTRS["digital_source_type"]


@pytest.mark.parametrize("axes", ["LAS", "PSR", "LPI"])
@pytest.mark.parametrize(
    ("voxels", "slope", "affine"),
    [
        pytest.param(files.head(dtype="int16") - np.int16(7), 0.3, files.AFFINE, id="int16 with slope"),
        pytest.param(files.head(dtype="uint8", most=250), None, files.OBLIQUE, id="oblique"),
        pytest.param(files.head(dtype="int16").astype("float32"), None, files.AFFINE, id="float32"),
    ],
)
def test_what_is_imported_is_exported_the_same(out, tmp_path, axes, voxels, slope, affine) -> None:
    codes = (1, 0) if affine is files.OBLIQUE else (1, 1)
    path = files.write(tmp_path / "in/x.nii.gz", voxels, affine, axes=axes, slope=slope, inter=2.0, codes=codes)
    background = -7 * (slope or 1) + (2.0 if slope else 0) if voxels.min() < 0 else None
    # the slope of the file is a float32
    if background is not None:
        background = -7 * float(np.float32(slope)) + 2.0
    voxpress.import_volumes(tmp_path / "in", tmp_path / "store", synthetic=False, background=background, workers=1)
    voxpress.export(tmp_path / "store", out, workers=1)
    before, after = nib.load(path), nib.load(out / "volumes/x.nii.gz")
    canonical = nib.as_closest_canonical(before)
    np.testing.assert_allclose(after.affine, canonical.affine, atol=1e-5)
    np.testing.assert_allclose(after.get_fdata(), canonical.get_fdata(), rtol=1e-6, atol=1e-6)
    assert nib.aff2axcodes(after.affine) == ("R", "A", "S")
    assert after.header["sform_code"] == 2
    again = voxpress.import_volumes(out, tmp_path / "again", synthetic=False, workers=1)
    first = voxpress.open(tmp_path / "store")
    assert again.manifest.specs["image"].affine == first.specs["image"].affine
    assert again.manifest.specs["image"].scale == first.specs["image"].scale
    np.testing.assert_array_equal(voxpress.open(tmp_path / "again").read(0), first.read(0))


def test_sessions_of_real_people_keep_their_labels(tmp_path, out) -> None:
    root = tmp_path / "bids"
    for subject, session, age in (("01", "a", 50), ("01", "b", 52), ("02", "a", 61)):
        files.write(root / f"sub-{subject}/ses-{session}/anat/sub-{subject}_ses-{session}_T1w.nii.gz", files.head(age))
    (root / "visits.tsv").write_text(
        "participant_id\tsession_id\tage\tsex\nsub-01\tses-a\t50\tF\nsub-01\tses-b\t52\tF\nsub-02\tses-a\t61\tM\n"
    )
    voxpress.import_volumes(root, tmp_path / "store", synthetic=False, table=root / "visits.tsv", workers=1)
    voxpress.export(tmp_path / "store", out, layout="bids", suffix="T1w", workers=1)
    assert (out / "sub-01/ses-b/anat/sub-01_ses-b_T1w.nii.gz").is_file()
    people = (out / "participants.tsv").read_text().splitlines()
    assert [line.split("\t")[0] for line in people] == ["participant_id", "sub-01", "sub-02"]
    assert "age" not in people[0].split("\t")
    assert "sex" in people[0].split("\t")
    table = out / "phenotype/samples.tsv"
    voxpress.import_volumes(out, tmp_path / "again", synthetic=False, table=table, workers=1)
    first, again = (voxpress.open(tmp_path / name) for name in ("store", "again"))
    same = ["sample_id", "age", "sex", "subject", "image_sha256"]
    assert first.table.select(same).equals(again.table.select(same))
    assert json.loads((out / "dataset_description.json").read_bytes())["SyntheticData"] is False
    assert b"SYNTHETIC" not in bytes(nib.load(next(out.rglob("*.nii.gz"))).header["descrip"])


def test_it_goes_on_where_it_was_stopped_and_ends_the_same(sealed_store, out, tmp_path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        voxpress.export(sealed_store, out, workers=1, progress=stop)
    assert not (out / "export.json").exists()
    calls = []
    done = voxpress.export(sealed_store, out, workers=1, progress=lambda *call: calls.append(call))
    assert calls[0] == (8, 12)
    assert done.made == 4
    voxpress.export(sealed_store, tmp_path / "whole", workers=2)
    assert contents(out) == contents(tmp_path / "whole")
    assert voxpress.export(sealed_store, out).finished_before
    with pytest.raises(StoreExistsError, match="finished export of another order"):
        voxpress.export(sealed_store, out, split="train")


def test_what_cannot_be_exported(sealed_store, tiny_store, out) -> None:
    with pytest.raises(QueryError, match="no sample to export"):
        voxpress.export(sealed_store, out, where="age > 1000")
    with pytest.raises(QueryError, match="rows must be from 0 to 8, got 9"):
        voxpress.export(sealed_store, out, split="train", rows=[9])
    with pytest.raises(FormatError, match="give their BIDS suffix, such as --suffix T1w"):
        voxpress.export(sealed_store, out, layout="bids")
    with pytest.raises(FormatError, match="a BIDS suffix is letters and digits"):
        voxpress.export(sealed_store, out, layout="bids", suffix="T1-w")
    with pytest.raises(ValueError, match="layout must be one of"):
        voxpress.export(sealed_store, out, layout="dicom")
    with pytest.raises(StoreExistsError, match="lies in the data set"):
        voxpress.export(sealed_store, sealed_store / "out")
    shard = tiny_store / "volumes/train.zarr/image/c.0.0.0.0"
    shard.write_bytes(shard.read_bytes()[:-1])
    with pytest.raises(CorruptError):
        voxpress.export(tiny_store, out, workers=1)
    assert not (out / "export.json").exists()


def test_names_are_safe_and_their_own() -> None:
    assert plain_names(["a/b:c", "é", ".x"]) == ["a_b_c", "_", "x"]
    with pytest.raises(FormatError, match="one name of a file"):
        plain_names(["a b", "A_b"])
    assert [name.stem for name in bids_names(["x", "y"], [3, 12], synthetic=True)] == [
        "sub-synth000003",
        "sub-synth000012",
    ]
    real = bids_names(["sub-01_ses-a", "p-7"], [0, 1], synthetic=False)
    assert [name.stem for name in real] == ["sub-01_ses-a", "sub-p7"]
    with pytest.raises(FormatError, match="has no BIDS label of its own"):
        bids_names(["p-7", "p7"], [0, 1], synthetic=False)


def test_the_command_line(sealed_store, out, say) -> None:
    said = say(
        "export", sealed_store, "-o", out, "--format", "bids", "--suffix", "T1w", "--rows", "0,2", "--workers", 1
    )
    assert said.code == 0, said.err
    assert "2 samples, synthetic, in" in said.out
    assert say("export", sealed_store, "-o", out, "--rows", "a").code == 2
    assert say("export", sealed_store, "-o", out).code == 2
