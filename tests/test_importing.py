"""NIfTI files become a data set that says what it is, voxel by voxel, or an error that names every file."""

from __future__ import annotations

import csv
import json
import re
import shutil

import nifti_files as files
import numpy as np
import pyarrow.parquet as pq
import pytest
from tiny_factory import contents

import voxpress
from voxpress import store
from voxpress.builder.importing import ImportOrder
from voxpress.errors import FormatError, PublishError, RecipeError, StoreExistsError

AXES = ["RAS", "LAS", "PSR", "LPI", "ASL"]
PEOPLE = "file,age,sex,site,note\np3,61.5,F,01,\np1,70,M,02,old\np0,55.25,F,01,\np4,80,M,02,\np2,,F,03,\n"


@pytest.fixture
def scans(tmp_path):
    """Five scans on one grid, in all directions, with label maps and a table."""
    folder = tmp_path / "scans"
    for number, axes in enumerate(AXES):
        files.write(folder / f"p{number}.nii.gz", files.head(number), axes=axes)
        files.write(folder / f"p{number}_seg.nii.gz", files.regions(number), axes=axes)
    (tmp_path / "people.csv").write_text(PEOPLE)
    return folder


def run(scans, folder="brains", **options):
    """An import of all of it."""
    given = {"synthetic": False, "table": scans.parent / "people.csv", "key": "file", "labels": "*_seg.nii.gz"}
    return voxpress.import_volumes(scans, scans.parent / folder, **{"workers": 1, **given, **options})


def test_voxels_affine_and_rows_are_those_of_the_files(scans) -> None:
    done = run(scans, shard_samples=2)
    cohort = voxpress.open(scans.parent / "brains")
    assert done.made == len(cohort) == 5
    assert voxpress.verify(cohort.path).problems == ()
    assert cohort.table["sample_id"].to_pylist() == ["p3", "p1", "p0", "p4", "p2"]
    assert cohort.table["age"].to_pylist() == [61.5, 70, 55.25, 80, None]
    assert cohort.table["site"].to_pylist() == ["01", "02", "01", "02", "03"]
    assert cohort.table["note"].to_pylist() == [None, "old", None, None, None]
    assert cohort.conditions == ("age", "sex", "site", "note")
    np.testing.assert_array_equal(cohort.affine, files.AFFINE)
    for row, number in enumerate([3, 1, 0, 4, 2]):
        np.testing.assert_array_equal(cohort.read(row), files.head(number))
        np.testing.assert_array_equal(cohort.read(row, "label"), files.regions(number))
    assert cohort.specs["image"].dtype == "int16"
    assert cohort.specs["label"].labels == {0: "background", 1: "label 1", 2: "label 2"}
    lock = cohort.manifest.lock["imported"]
    assert (lock["exact"], lock["resampled"], lock["clipped_voxels"]) == (True, "", 0)
    with (cohort.path / "sources.csv").open(newline="") as file:
        sources = {row["sample_id"]: row for row in csv.DictReader(file)}
    assert sources["p2"]["orientation"] == "PSR"
    assert sources["p2"]["label"] == "p2_seg.nii.gz"
    assert str(scans).encode() not in b"".join(
        (cohort.path / name).read_bytes() for name in ("voxpress.json", "import.yaml", "sources.csv")
    )


def test_the_bytes_do_not_depend_on_the_workers(scans) -> None:
    for workers in (1, 3):
        run(scans, f"by{workers}", shard_samples=2, name="brains", workers=workers, split="train=0.6,test=0.4")
    assert contents(scans.parent / "by1") == contents(scans.parent / "by3")


@pytest.mark.parametrize("synthetic", [True, False])
def test_every_part_says_whether_it_is_synthetic(scans, synthetic) -> None:
    run(scans, synthetic=synthetic)
    cohort = voxpress.open(scans.parent / "brains")
    assert cohort.manifest.synthetic is synthetic
    assert cohort.manifest.format_version == (3 if synthetic else 4)
    assert cohort.table["is_synthetic"].to_pylist() == [synthetic] * 5
    for path in cohort.path.rglob("zarr.json"):
        attributes = json.loads(path.read_bytes())["attributes"]
        assert attributes["synthetic"] is synthetic
        assert attributes["not_for_clinical_use"] is True
        source = attributes.get("digital_source_type", "")
        assert source.endswith("digitalCapture") is not synthetic
    for path in cohort.path.rglob("*.parquet"):
        assert pq.read_schema(path).metadata[b"synthetic"] == str(synthetic).lower().encode()
    item = voxpress.loaders.VolumeDataset(cohort)[0]
    assert item["image"].meta["synthetic"] is synthetic


def test_copies_of_real_people_stay_marked_and_are_published_only_with_consent(scans, say) -> None:
    run(scans)
    brains = scans.parent / "brains"
    store.recode(brains, scans.parent / "packed", where="age > 60")
    voxpress.fetch(brains, scans.parent / "fetched")
    for name in ("packed", "fetched"):
        copy = voxpress.open(scans.parent / name)
        assert copy.manifest.synthetic is False
        assert voxpress.verify(copy.path).ok
    with pytest.raises(PublishError, match="5 scans of real people; it is published only if they"):
        voxpress.publish(brains, scans.parent / "shelf")
    assert "scans of real people" in (brains / "README.md").read_text()
    reason = "Scans of the tests, whose ages are not all known."
    said = say("publish", brains, scans.parent / "shelf", "--real-data-consent", "--override", reason)
    assert said.code == 0, said.err
    assert voxpress.open(scans.parent / "shelf").manifest.synthetic is False
    assert "scans of real people, not for clinical use" in say("info", brains).out


def test_a_file_that_is_marked_is_not_taken_for_the_other(scans, sealed_store, tmp_path) -> None:
    voxpress.export(sealed_store, tmp_path / "out", rows=[0, 1], workers=1)
    with pytest.raises(FormatError, match="is marked as synthetic, and is imported as real"):
        voxpress.import_volumes(tmp_path / "out", tmp_path / "in", synthetic=False, labels="**/*_label.nii.gz")


def test_files_and_rows_that_belong_to_nothing_are_all_named(scans) -> None:
    (scans / "p1.nii.gz").rename(scans / "p9.nii.gz")
    (scans / "p4_seg.nii.gz").unlink()
    with pytest.raises(FormatError) as told:
        run(scans)
    for part in ("p9.nii.gz: no", "row p1: no file", "p1_seg.nii.gz: no image", "p4.nii.gz: no label map"):
        assert part in str(told.value)
    done = run(scans, skip_unmatched=True)
    assert sum(split.samples for split in done.manifest.splits.values()) == 3
    assert len(done.left_out) == 4
    text = (scans.parent / "brains/sources.csv").read_text()
    assert "p4.nii.gz,,,no label map" in text


def test_every_bad_file_is_named_and_the_others_are_kept(scans, monkeypatch) -> None:
    sound = (scans / "p2.nii.gz").read_bytes()
    (scans / "p2.nii.gz").write_bytes(sound[:100])
    files.write(scans / "p4.nii.gz", np.zeros(files.SHAPE, "int16"))
    with pytest.raises(FormatError) as told:
        run(scans)
    assert "2 files cannot be imported" in str(told.value)
    assert re.search(r"p2.nii.gz ends too early", str(told.value))
    assert re.search(r"p4.nii.gz holds the same value everywhere", str(told.value))
    (scans / "p2.nii.gz").write_bytes(sound)
    files.write(scans / "p4.nii.gz", files.head(4), axes="ASL")
    calls = []
    done = run(scans, progress=lambda *call: calls.append(call))
    assert calls[0] == ("reading", 8, 10)
    assert done.made == 5
    whole = contents(scans.parent / "brains")
    shutil.rmtree(scans.parent / "brains")
    run(scans)
    assert contents(scans.parent / "brains") == whole


def test_bad_files_are_left_out_where_that_is_asked_for(scans) -> None:
    (scans / "p2.nii.gz").write_bytes(b"")
    done = run(scans, skip_bad=True)
    assert list(done.left_out) == ["p2.nii.gz"]
    assert len(voxpress.open(scans.parent / "brains")) == 4


def test_a_run_that_was_stopped_goes_on(scans) -> None:
    class StopError(Exception):
        pass

    def stop(doing: str, done: int, total: int) -> None:
        if doing == "writing" and done == 3:
            raise StopError

    with pytest.raises(StopError):
        run(scans, shard_samples=2, progress=stop)
    # a file that has changed since is read again, and its shard is made again
    files.write(scans / "p3.nii.gz", files.head(33), axes="LPI")
    calls = []
    done = run(scans, shard_samples=2, progress=lambda *call: calls.append(call))
    assert ("reading", 9, 10) in calls
    assert done.made == 5
    np.testing.assert_array_equal(voxpress.open(scans.parent / "brains").read(0), files.head(33))
    assert run(scans, shard_samples=2).finished_before
    with pytest.raises(StoreExistsError, match="finished data set of another order"):
        run(scans, shard_samples=2, split="train=0.5,test=0.5")


def test_shards_of_a_larger_plan_do_not_stay(scans) -> None:
    def stop(doing: str, done: int, total: int) -> None:
        if doing == "writing" and done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(scans, shard_samples=1, progress=stop)
    (scans / "p2.nii.gz").write_bytes(b"")
    run(scans, shard_samples=1, skip_bad=True)
    assert voxpress.verify(scans.parent / "brains").problems == ()


def test_subjects_stay_together_and_are_named_where_somebody_is_there_twice(tmp_path) -> None:
    root = tmp_path / "bids"
    for subject in ("01", "02", "03", "04"):
        for session in ("a", "b"):
            name = f"sub-{subject}/ses-{session}/anat/sub-{subject}_ses-{session}"
            files.write(root / f"{name}_T1w.nii.gz", files.head(int(subject)))
            files.write(root / f"{name}_FLAIR.nii.gz", files.head(int(subject) + 10))
    (root / "participants.tsv").write_text(
        "participant_id\tage\n" + "".join(f"sub-{s}\t{50 + int(s)}\n" for s in ("01", "02", "03", "04"))
    )
    with pytest.raises(FormatError, match=r"several kinds, FLAIR, T1w; choose one, such as --suffix FLAIR"):
        voxpress.import_volumes(root, tmp_path / "a", synthetic=False, workers=1)
    voxpress.import_volumes(
        root, tmp_path / "b", synthetic=False, workers=1, suffix="T1w", split="train=0.5,validation=0.25,test=0.25"
    )
    table = voxpress.open(tmp_path / "b").table
    assert sorted(table["sample_id"].to_pylist())[:2] == ["sub-01_ses-a", "sub-01_ses-b"]
    where = {}
    for subject, split in zip(table["subject"].to_pylist(), table["split"].to_pylist(), strict=True):
        where.setdefault(subject, set()).add(split)
    assert sorted(len(splits) for splits in where.values()) == [1, 1, 1, 1]
    assert sorted(map(str, where.values())) == ["{'test'}", "{'train'}", "{'train'}", "{'validation'}"]
    reference = voxpress.quality.open_reference(tmp_path / "b")
    assert set(reference.subjects) == {"sub-01", "sub-02", "sub-03", "sub-04"}


def test_a_column_of_splits(scans) -> None:
    text = PEOPLE.splitlines()
    parts = ["part", "train", "test", "train", "dev", "test"]
    (scans.parent / "people.csv").write_text(
        "\n".join(f"{line},{part}" for line, part in zip(text, parts, strict=True))
    )
    done = run(scans, split="part")
    assert {name: split.samples for name, split in done.manifest.splits.items()} == {"train": 2, "test": 2, "dev": 1}
    assert "part" not in voxpress.open(scans.parent / "brains").conditions


@pytest.mark.parametrize(
    ("key", "values"),
    [
        pytest.param("path", [f"p{n}.nii.gz" for n in range(5)], id="paths"),
        pytest.param("name", [f"p{n}" for n in range(5)], id="names"),
    ],
)
def test_keys(scans, key, values) -> None:
    lines = [f"{key},age,sample_id", *(f"{value},{n},s{n}" for n, value in enumerate(values))]
    (scans.parent / "people.csv").write_text("\n".join(lines))
    run(scans, key=key, columns={"years": "age"})
    cohort = voxpress.open(scans.parent / "brains")
    assert cohort.table["sample_id"].to_pylist() == [f"s{n}" for n in range(5)]
    assert cohort.conditions == ("years",)


@pytest.mark.parametrize(
    ("text", "options", "match"),
    [
        ("a,b\np0,1\n", {"key": ""}, r"say which column of .*: --key COLUMN; the columns are 'a', 'b'"),
        ("a,b\np0,1\n", {"key": "file"}, "has no column 'file'"),
        ("file,b\np0,1\np0,2\n", {}, "has 'p0' in two rows, 1 and 2"),
        ("file,b\np0,1\n,2\n", {}, "has no 'file' in row 2"),
        ("file,Age (y)\np0,1\n", {"skip_unmatched": True}, r"no expression could name; .*--columns 'new_name=Age"),
        ("file,measured_x\np0,much\n", {"skip_unmatched": True}, "is a measure, so each cell must be a number"),
        ("file,b\np0,1\n", {"skip_unmatched": True, "columns": {"seed": "b"}}, "cannot be called 'seed'"),
        ("file,b\np0,1,2\n", {}, "line 2 must have 2 cells"),
        ("file,b\np0,1\n", {"skip_unmatched": True, "split": "c"}, "has no column 'c'"),
        ("file,b\np0,x y\n", {"skip_unmatched": True, "split": "b"}, "must hold the name of a split"),
    ],
)
def test_tables_that_cannot_be_used(scans, text, options, match) -> None:
    (scans.parent / "people.csv").write_text(text)
    with pytest.raises(FormatError, match=match):
        run(scans, **options)
    assert not (scans.parent / "brains/voxpress.json").exists()


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"dtype": "float32"}, "dtype must be one of"),
        ({"window": (2.0, 1.0)}, "window must be two finite numbers"),
        ({"split": "train=0.8,test=0.3"}, "split must be a column, or fractions that sum to 1"),
        ({"version": "1"}, "version must be semantic"),
        ({"name": "../x"}, "name must be letters"),
        ({"shard_samples": 0}, "shard_samples must be 1 to"),
        ({"grid": "10,10@1,1,1"}, "grid must be voxels and mm"),
        ({"columns": {"a b": "age"}}, "a condition's name must be"),
    ],
)
def test_orders_that_cannot_be(scans, options, match) -> None:
    with pytest.raises(RecipeError, match=match):
        run(scans, **options)


def test_an_order_is_plain_text() -> None:
    order = ImportOrder(synthetic=True, name="x", window=(0.0, 1.0), label_names={1: "left"}, columns={"a": "b"})
    assert json.loads(json.dumps(order.to_plain())) == order.to_plain()


def test_the_command_line_tells_what_came_of_it(scans, say, tmp_path) -> None:
    (tmp_path / "dseg.tsv").write_text("index\tname\n1\tright\n2\tleft\n")
    wanted = [
        "import",
        scans,
        "-o",
        tmp_path / "cli",
        "--real",
        "--table",
        scans.parent / "people.csv",
        "--key",
        "file",
    ]
    wanted += ["--labels", "*_seg.nii.gz", "--label-names", tmp_path / "dseg.tsv", "--workers", 1]
    said = say(*wanted)
    assert said.code == 0, said.err
    assert "cli 1.0.0, 5 samples (train 5), of real people" in said.out
    assert "integers are kept exactly as int16; 0 is the background" in said.err
    assert voxpress.open(tmp_path / "cli").specs["label"].labels == {0: "background", 1: "right", 2: "left"}
    assert "there was nothing to do" in say(*wanted).err
    assert say("import", scans, "-o", tmp_path / "x").code == 2
    (scans / "p1.nii.gz").write_bytes((scans / "p1.nii.gz").read_bytes()[:500])
    said = say(*wanted[:3], tmp_path / "bad", *wanted[4:])
    assert said.code == 1
    assert "p1.nii.gz ends too early" in said.err
    said = say("regenerate", tmp_path / "cli")
    assert said.code == 2
    assert "it was not made by voxpress generate" in said.err
