"""How values become integers and volumes come to one grid, or why they do not."""

from __future__ import annotations

import nifti_files as files
import numpy as np
import pytest

import voxpress
from voxpress.builder.importing.grids import parse_grid
from voxpress.errors import FormatError


def run(folder, **options):
    given = {"synthetic": False, "workers": 1, "name": "values", **options}
    done = voxpress.import_volumes(folder, folder.parent / "out", **given)
    return voxpress.open(folder.parent / "out"), done


def physical(cohort, row: int) -> np.ndarray:
    spec = cohort.specs["image"]
    return cohort.read(row) * spec.scale + spec.offset


def write_all(folder, volumes, **options) -> None:
    for number, volume in enumerate(volumes):
        files.write(folder / f"v{number}.nii.gz", volume, **options)


@pytest.mark.parametrize(
    ("dtype", "most", "stored"),
    [("uint8", 200, "uint8"), ("int16", 30000, "int16"), ("uint16", 60000, "uint16"), ("int32", 60000, "uint16")],
)
def test_integers_are_kept(tmp_path, dtype, most, stored) -> None:
    volumes = [files.head(n, dtype, most) for n in range(2)]
    write_all(tmp_path / "in", volumes, slope=0.25)
    cohort, _ = run(tmp_path / "in")
    assert cohort.specs["image"].dtype == stored
    assert (cohort.specs["image"].scale, cohort.specs["image"].offset) == (0.25, 0.0)
    for row, volume in enumerate(volumes):
        np.testing.assert_array_equal(cohort.read(row), volume)


def test_floats_that_are_integers_are_kept_too(tmp_path) -> None:
    write_all(tmp_path / "in", [files.head(0, "int16", 900).astype("float32")])
    cohort, _ = run(tmp_path / "in")
    np.testing.assert_array_equal(cohort.read(0), files.head(0, "int16", 900))


def test_floats_are_rounded_within_one_window_and_nothing_becomes_background(tmp_path) -> None:
    volumes = [files.head(n, "float32") * (n + 1) for n in range(3)]
    volumes[0][volumes[0] > 0] += 1e-6
    volumes[2].flat[np.argmax(volumes[2])] = 50.0
    write_all(tmp_path / "in", volumes)
    cohort, done = run(tmp_path / "in")
    spec, lock = cohort.specs["image"], cohort.manifest.lock["imported"]
    assert (spec.dtype, spec.offset, lock["exact"]) == ("uint16", 0.0, False)
    low, high = lock["window"]
    assert low == 0.0
    assert high == max(float(np.percentile(volume, 99.9, method="higher")) for volume in volumes)
    assert lock["clipped_voxels"] == sum(int((volume > high).sum()) for volume in volumes) > 0
    for row, volume in enumerate(volumes):
        np.testing.assert_array_equal(cohort.read(row) == 0, volume == 0)
        inside = volume <= high
        assert np.abs(physical(cohort, row) - volume)[inside].max() <= spec.scale * 1.001
    assert any("of a scan is clipped" in note for note in done.notes)


def test_a_window_and_a_type_that_are_asked_for(tmp_path) -> None:
    air = np.float32(-1024)
    volume = np.where(files.head() > 0, files.head().astype("float32") - 400.5, air)
    write_all(tmp_path / "in", [volume])
    cohort, _ = run(tmp_path / "in", window=(-1024.0, 400.0), dtype="uint8", unit="HU")
    spec = cohort.specs["image"]
    assert (spec.dtype, spec.offset, spec.unit) == ("uint8", -1024.0, "HU")
    np.testing.assert_array_equal(cohort.read(0) == 0, volume == air)
    assert np.abs(physical(cohort, 0) - np.minimum(volume, 400)).max() <= spec.scale / 2 + 1e-3


def test_values_on_both_sides_of_their_background(tmp_path) -> None:
    inside = files.head() > 0
    volume = np.where(inside, np.random.default_rng(0).normal(size=files.SHAPE), 0).astype("float32")
    write_all(tmp_path / "in", [volume])
    with pytest.raises(FormatError, match="cannot be told which one lies outside the body"):
        run(tmp_path / "in")
    cohort, _ = run(tmp_path / "in", background=0.0)
    assert (cohort.specs["image"].dtype, cohort.specs["image"].offset) == ("int16", 0.0)
    np.testing.assert_array_equal(cohort.read(0) != 0, inside)
    np.testing.assert_array_equal(np.sign(cohort.read(0)), np.sign(volume))


def test_integers_of_ct_with_air_as_background(tmp_path) -> None:
    volume = np.where(files.head() > 0, files.head() - np.int16(400), np.int16(-1000)).astype("int16")
    write_all(tmp_path / "in", [volume])
    with pytest.raises(FormatError, match=r"--background -1000 if it is the lowest \(air in CT\)"):
        run(tmp_path / "in")
    cohort, _ = run(tmp_path / "in", background=-1000.0)
    np.testing.assert_array_equal(physical(cohort, 0), volume)
    assert cohort.specs["image"].offset == -1000
    np.testing.assert_array_equal(cohort.read(0) == 0, volume == -1000)


def test_integers_that_a_type_cannot_hold(tmp_path) -> None:
    write_all(tmp_path / "in", [files.head(0, "int16", 4000)])
    with pytest.raises(FormatError, match=r"uint8 cannot hold the integers of the scans, 0 to \d+"):
        run(tmp_path / "in", dtype="uint8")
    with pytest.raises(FormatError, match="must hold the background"):
        run(tmp_path / "in", window=(10.0, 20.0), background=0.0)


def test_scans_of_other_scales_are_rounded_together(tmp_path) -> None:
    files.write(tmp_path / "in/a.nii", files.head(0), slope=0.5)
    files.write(tmp_path / "in/b.nii", files.head(1), slope=2.0)
    cohort, _ = run(tmp_path / "in", window=(0.0, 2000.0))
    for row, factor in enumerate((0.5, 2.0)):
        error = np.abs(physical(cohort, row) - files.head(row) * factor)
        assert error.max() <= cohort.specs["image"].scale


def test_scans_on_several_grids_are_told_in_groups(tmp_path) -> None:
    write_all(tmp_path / "in", [files.head(n) for n in range(3)])
    moved = files.AFFINE.copy()
    moved[1, 3] += 5
    files.write(tmp_path / "in/w.nii", files.head(3), moved)
    files.write(tmp_path / "in/x.nii", files.head(4), files.OBLIQUE, axes="LAS", codes=(1, 0))
    files.write(tmp_path / "in/y.nii", files.head(5)[:, :, :-2])
    with pytest.raises(FormatError) as told:
        run(tmp_path / "in")
    text = str(told.value)
    assert "3 of 16 x 18 x 20 voxels, 2 x 1.5 x 1 mm, RAS in the file, first voxel at -15, -12.8, -9.5 mm" in text
    assert "1 of 16 x 18 x 18 voxels" in text
    assert "LAS in the file, oblique" in text
    assert "first voxel at -15, -7.8, -9.5 mm, such as w.nii" in text
    assert "--grid 16,18,20@2,1.5,1" in text


def test_resampling_keeps_places_and_labels(tmp_path) -> None:
    folder = tmp_path / "in"
    files.write(folder / "a.nii", files.head(0), files.OBLIQUE, axes="LAS", codes=(1, 0))
    files.write(folder / "a_seg.nii", files.regions(0), files.OBLIQUE, codes=(1, 0))
    files.write(folder / "b.nii", files.head(1))
    files.write(folder / "b_seg.nii", files.regions(1))
    cohort, _ = run(folder, labels="*_seg.nii", grid="40,40,40@1,1,1")
    lock = cohort.manifest.lock["imported"]
    assert lock["resampled"] == "images linear, labels nearest"
    assert lock["exact"] is False
    np.testing.assert_array_equal(cohort.affine[:3, 3], [-19.5] * 3)
    places = np.argwhere(cohort.read(0, "label") == 1) @ cohort.affine[:3, :3].T + cohort.affine[:3, 3]
    original = np.argwhere(files.regions(0) == 1) @ files.OBLIQUE[:3, :3].T + files.OBLIQUE[:3, 3]
    np.testing.assert_allclose(places.mean(axis=0), original.mean(axis=0), atol=0.15)
    volume = (cohort.read(0, "label") > 0).sum() / np.linalg.det(files.OBLIQUE[:3, :3])
    assert volume == pytest.approx((files.regions(0) > 0).sum(), rel=0.03)
    assert set(np.unique(cohort.read(0, "label"))) == {0, 1, 2}
    assert cohort.read(0).max() <= 1000
    again = parse_grid(str(cohort.path))
    assert again.shape == (40, 40, 40)
    np.testing.assert_array_equal(again.affine, cohort.affine)


def test_what_a_grid_cuts_off_is_told(tmp_path) -> None:
    write_all(tmp_path / "in", [files.head(0)])
    cohort, done = run(tmp_path / "in", grid="8,8,8@1,1,1")
    assert cohort.manifest.lock["imported"]["most_outside_of_a_scan"] > 0.5
    assert any("lies outside the grid and is lost" in note for note in done.notes)


def test_a_scan_that_is_on_the_grid_already_stays_as_it_is(tmp_path) -> None:
    write_all(tmp_path / "in", [files.head(0)], axes="LPS")
    x, y, z = files.AFFINE[:3, :3] @ (np.array(files.SHAPE) - 1) / 2 + files.AFFINE[:3, 3]
    cohort, _ = run(tmp_path / "in", grid=f"16,18,20@2,1.5,1@{x},{y},{z}")
    np.testing.assert_array_equal(cohort.read(0), files.head(0))
    assert cohort.manifest.lock["imported"]["exact"] is True


def test_label_maps_that_are_none(tmp_path) -> None:
    folder = tmp_path / "in"
    files.write(folder / "a.nii", files.head(0))
    files.write(folder / "a_seg.nii", files.head(0, "float32"))
    with pytest.raises(
        FormatError, match=r"a_seg.nii must be a label map of at most 4096 integers, got values that are"
    ):
        run(folder, labels="*_seg.nii")
    moved = files.AFFINE.copy()
    moved[0, 3] += 1
    files.write(folder / "a_seg.nii", files.regions(0), moved)
    with pytest.raises(FormatError, match=r"a_seg.nii is not on the grid of its image a.nii"):
        run(folder, labels="*_seg.nii")


def test_large_label_values_take_two_bytes(tmp_path) -> None:
    folder = tmp_path / "in"
    files.write(folder / "a.nii", files.head(0))
    files.write(folder / "a_seg.nii", files.regions(0).astype("int16") * 1011)
    cohort, _ = run(folder, labels="*_seg.nii", label_names={2022: "right cortex"})
    assert cohort.specs["label"].dtype == "uint16"
    assert cohort.specs["label"].labels == {0: "background", 1011: "label 1011", 2022: "right cortex"}
    np.testing.assert_array_equal(cohort.read(0, "label"), files.regions(0).astype("uint16") * 1011)
