"""A NIfTI file is read into RAS+ by reorientation alone, and one that means nothing certain is refused."""

from __future__ import annotations

import gzip
import os
import re

import nibabel as nib
import nifti_files as files
import numpy as np
import pytest

from voxpress.errors import CorruptError, FormatError
from voxpress.store import ArraySpec
from voxpress.store.nifti import NiftiMarks, nifti_bytes, read_scan, read_scan_header

AXES = ["RAS", "LAS", "LPS", "PSR", "AIL", "SPR"]


def _worlds(shape, affine):
    corners = np.array(np.meshgrid(*[(0, side - 1) for side in shape])).reshape(3, -1)
    return {tuple(point) for point in np.round((affine[:3, :3] @ corners + affine[:3, 3:]).T, 4)}


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
def test_axes_are_permuted_and_flipped_and_nothing_else(tmp_path, axes, dtype) -> None:
    voxels = files.head(dtype=dtype, most=200)
    scan = read_scan(files.write(tmp_path / "a.nii.gz", voxels, axes=axes))
    assert scan.header.orientation == axes
    assert scan.stored.dtype == dtype
    np.testing.assert_array_equal(scan.stored, voxels)
    np.testing.assert_array_equal(scan.header.affine, files.AFFINE)
    assert scan.header.shape == files.SHAPE
    assert scan.header.spacing_mm == files.SPACING_MM
    assert scan.stored.flags.c_contiguous


def test_an_oblique_affine_stays_oblique_and_says_so(tmp_path) -> None:
    voxels = files.head()
    path = files.write(tmp_path / "a.nii", voxels, files.OBLIQUE, axes="LSA", codes=(1, 0))
    scan = read_scan(path)
    np.testing.assert_array_equal(scan.stored, voxels)
    np.testing.assert_allclose(scan.header.affine, files.OBLIQUE, atol=1e-5)
    assert _worlds(files.SHAPE, scan.header.affine) == _worlds(files.SHAPE, files.OBLIQUE)


def test_big_endian_values_and_slope(tmp_path) -> None:
    voxels = files.head()
    path = files.write(tmp_path / "a.nii", voxels, slope=0.5, inter=-10)
    little = nib.load(path)
    swapped = nib.Nifti1Image(little.dataobj.get_unscaled(), little.affine, little.header.as_byteswapped(">"))
    swapped.header.set_slope_inter(0.5, -10)
    swapped.to_filename(tmp_path / "b.nii")
    for name in ("a.nii", "b.nii"):
        scan = read_scan(tmp_path / name)
        np.testing.assert_array_equal(scan.stored, voxels)
        assert (scan.header.scale, scan.header.offset) == (0.5, -10.0)
        np.testing.assert_array_equal(scan.values, voxels * np.float32(0.5) - np.float32(10))


def test_a_file_of_nifti_2(tmp_path) -> None:
    nib.Nifti2Image(files.head(), files.AFFINE).to_filename(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_scan(tmp_path / "a.nii.gz").stored, files.head())


def test_one_volume_of_four_axes_is_one_volume(tmp_path) -> None:
    nib.Nifti1Image(files.head()[..., None], files.AFFINE).to_filename(tmp_path / "a.nii.gz")
    assert read_scan(tmp_path / "a.nii.gz").stored.shape == files.SHAPE


def test_microns_become_millimetres(tmp_path) -> None:
    path = files.write(tmp_path / "a.nii.gz", files.head(), xyzt_units=3)
    np.testing.assert_allclose(read_scan_header(path).affine, np.diag([0.001] * 3 + [1]) @ files.AFFINE)


def test_what_voxpress_wrote_is_read_with_all_digits(tmp_path) -> None:
    affine = ((1 / 3, 0.0, 0.0, -1 / 7), (0.0, 0.1, 0.0, 2.0), (0.0, 0.0, 0.7, 3.1), (0.0, 0.0, 0.0, 1.0))
    spec = ArraySpec(
        name="image",
        kind="image",
        dtype="int16",
        shape=files.SHAPE,
        shard_samples=1,
        affine=affine,
        scale=1 / 255,
        offset=0.1,
    )
    marks = NiftiMarks(synthetic=True, writer="voxpress tests", sample_id="s-1")
    (tmp_path / "a.nii.gz").write_bytes(nifti_bytes(files.head(), spec, marks, compressed=True))
    scan = read_scan(tmp_path / "a.nii.gz")
    assert tuple(map(tuple, scan.header.affine.tolist())) == affine
    assert (scan.header.scale, scan.header.offset) == (1 / 255, 0.1)
    assert scan.header.said["synthetic"] is True
    assert scan.header.said["sample_id"] == "s-1"
    # a tool that has moved the image since is believed
    image = nib.load(tmp_path / "a.nii.gz")
    image.set_sform(files.AFFINE, code=1)
    image.set_qform(files.AFFINE, code=1)
    image.to_filename(tmp_path / "moved.nii")
    np.testing.assert_array_equal(read_scan_header(tmp_path / "moved.nii").affine, files.AFFINE)


def _refused(path, match: str, kind=FormatError) -> None:
    with pytest.raises(kind, match=match) as told:
        read_scan(path)
    assert str(path) in str(told.value)


def test_sform_and_qform_that_contradict_each_other_are_asked_about(tmp_path) -> None:
    path = files.write(tmp_path / "a.nii.gz", files.head())
    image = nib.load(path)
    moved = files.AFFINE.copy()
    moved[0, 3] += 40
    image.set_sform(moved, code=4)
    image.to_filename(path)
    _refused(path, r"sform \(code 4\) and qform \(code 1\) are 40 apart")
    np.testing.assert_array_equal(read_scan(path, affine="sform").header.affine, moved)
    np.testing.assert_array_equal(read_scan(path, affine="qform").header.affine, files.AFFINE)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        pytest.param({"codes": (0, 0)}, "does not say where its axes point", id="no affine"),
        pytest.param({"srow_x": [0, 0, 0, 0], "qform_code": 0}, "sform that cannot be inverted", id="singular"),
        pytest.param({"srow_x": [np.nan, 0, 0, 0], "qform_code": 0}, "sform that is not finite", id="nan affine"),
        pytest.param({"dim": [3, 16, 0, 20, 1, 1, 1, 1]}, "holds no voxel", id="no voxel"),
        pytest.param({"dim": [2, 16, 18, 1, 1, 1, 1, 1]}, "has 2 axes", id="flat"),
        pytest.param({"dim": [4, 16, 18, 20, 3, 1, 1, 1]}, "holds 3 volumes", id="four axes"),
        pytest.param({"dim": [3, 32000, 32000, 32000, 1, 1, 1, 1]}, "the limits are", id="huge"),
        pytest.param({"datatype": 32, "bitpix": 64}, "holds complex64", id="complex"),
        pytest.param({"datatype": 128, "bitpix": 24}, "holds colours", id="colours"),
        pytest.param({"datatype": 77}, "datatype that cannot be read", id="unknown type"),
        pytest.param({"magic": b"ni1"}, "convert it to .nii", id="pair"),
        pytest.param({"vox_offset": 1e9}, "voxels begin at byte 1e\\+09", id="far offset"),
    ],
)
def test_what_means_nothing_certain_is_refused(tmp_path, change, match) -> None:
    path = files.write(tmp_path / "a.nii", files.head(), codes=change.get("codes", (1, 1)))
    data = bytearray(path.read_bytes())
    header = nib.Nifti1Header(bytes(data[:348]), check=False)
    for name, value in change.items():
        if name != "codes":
            header[name] = value
    data[:348] = header.structarr.tobytes()
    path.write_bytes(data)
    _refused(path, match)


def test_values_that_are_no_numbers(tmp_path) -> None:
    voxels = files.head(dtype="float32")
    voxels[3, 3, 3], voxels[4, 4, 4] = np.nan, np.inf
    _refused(files.write(tmp_path / "a.nii.gz", voxels), "2 values that are NaN or infinite")


def test_files_that_are_cut_off_or_damaged(tmp_path) -> None:
    whole = files.write(tmp_path / "a.nii.gz", files.head()).read_bytes()
    plain = gzip.decompress(whole)
    broken = bytearray(whole)
    broken[-6] ^= 1  # in the checksum, after all voxels
    for name, data, match in (
        ("cut.nii.gz", whole[: len(whole) // 2], "ends too early"),
        ("sum.nii.gz", bytes(broken), "no sound gzip file"),
        ("text.nii.gz", b"not gzip at all", "no sound gzip file"),
        ("cut.nii", plain[:-100], r"ends after 11420 of 11520 bytes"),
        ("head.nii", plain[:350], "ends in its header"),
    ):
        (tmp_path / name).write_bytes(data)
        _refused(tmp_path / name, match, CorruptError)
    for name, data, match in (
        ("long.nii", plain + bytes(17 * 2**20), "goes on after its voxels"),
        ("tiny.nii", b"\x5c\x01\0\0", "does not begin as a NIfTI file does"),
        ("a.img", plain, "one half of a pair"),
        ("a.mgz", plain, "no .nii or .nii.gz file"),
    ):
        (tmp_path / name).write_bytes(data)
        _refused(tmp_path / name, re.escape(match))
    with pytest.raises(CorruptError, match="is missing"):
        read_scan(tmp_path / "nowhere.nii")
    os.mkfifo(tmp_path / "pipe.nii")
    with pytest.raises(CorruptError, match="not a plain file"):
        read_scan(tmp_path / "pipe.nii")
