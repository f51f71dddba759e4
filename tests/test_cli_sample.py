"""`voxpress sample`: one sample of a recipe alone."""

from __future__ import annotations

import dataclasses
import re

import nibabel as nib
import numpy as np
import pytest
import tiny_brains as tiny
from PIL import Image

import voxpress
from voxpress import press
from voxpress.commands import sample


def test_sample_writes_nifti_that_equals_the_data_set(say, recipe, brains, tmp_path) -> None:
    said = say("sample", recipe, "--index", 4, "-o", tmp_path / "look.nii.gz")
    assert said.code == 0
    assert "tiny-brains-0000004" in said.out
    assert re.search(r"ventricular_volume_ml +[\d.]+ +[\d.]+\n", said.out)
    whole = voxpress.open(brains).where("index == 4")
    spec = whole.specs["image"]
    for name, file in (("image", "look.nii.gz"), ("label", "look_label.nii.gz")):
        volume = nib.load(tmp_path / file)
        np.testing.assert_array_equal(volume.dataobj.get_unscaled(), whole[0][name])
        np.testing.assert_array_equal(volume.affine, whole.affine)
        assert volume.get_data_dtype() == whole[0][name].dtype
        assert b"SYNTHETIC" in bytes(volume.header["descrip"])
        assert volume.header.get_xyzt_units()[0] == "mm"
        assert volume.header["qform_code"] == volume.header["sform_code"] == 2
    image = nib.load(tmp_path / "look.nii.gz")
    np.testing.assert_allclose(image.get_fdata(), whole[0]["image"] * spec.scale + spec.offset, rtol=1e-6)


def test_sample_draws_a_picture(say, recipe, tmp_path) -> None:
    said = say("sample", recipe, "--index", 1, "--attempt", 1, "-o", tmp_path / "look.png")
    assert said.code == 0
    with Image.open(tmp_path / "look.png") as picture:
        assert "Synthetic" in picture.text["Description"]
        assert picture.getbbox() is not None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--index", 6, "-o", "x.png"], "--index must be from 0 to 5, .*got 6"),
        (["--index", -1, "-o", "x.png"], "--index must be from 0 to 5, .*got -1"),
        (["--index", 0, "--attempt", -1, "-o", "x.png"], "--attempt must be 0 or more, got -1"),
        (["--index", 0, "-o", "x.jpg"], "must end in .png, .nii or .nii.gz, got x.jpg"),
        (["--index", 0, "-o", "no/x.nii"], "the folder no of --output is not there"),
    ],
)
def test_sample_tells_of_mistakes(say, recipe, arguments, message) -> None:
    said = say("sample", recipe, *arguments)
    assert said.code == 2
    assert re.search(message, said.err)


def test_an_attempt_that_a_data_set_would_refuse_is_told_of() -> None:
    proof = press.sample(tiny.RECIPE, 0)
    assert sample._doubts(proof) == []
    (doubt,) = sample._doubts(dataclasses.replace(proof, reasons=("FOV_CUT",)))
    assert doubt.startswith("a data set would not hold this attempt: FOV_CUT (")
    assert doubt.endswith("; look at --attempt 1")
