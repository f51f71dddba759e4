"""Every artefact says that it is synthetic, wherever it may be separated from the rest."""

from __future__ import annotations

import json
import shutil

import nibabel as nib
import numpy as np
import pyarrow.parquet as pq
import pytest
import yaml
from PIL import Image

import voxpress
from voxpress import cli, store
from voxpress.cards import write_card
from voxpress.quality.gate import judge_store

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.fixture(scope="module")
def root(brains, tmp_path_factory):
    """A data set as it is made, judged and carded."""
    root = shutil.copytree(brains, tmp_path_factory.mktemp("marked") / "brains")
    judge_store(store.open(root), "demo")
    write_card(store.open(root))
    assert cli.main(["card", str(root), "--no-pictures"]) == 0
    return root


def test_every_group_and_array_of_zarr(root) -> None:
    documents = sorted((root / "volumes").rglob("zarr.json"))
    assert len(documents) == 6
    for path in documents:
        attributes = json.loads(path.read_bytes())["attributes"]
        assert attributes["synthetic"] is True, path
        assert attributes["not_for_clinical_use"] is True, path
        assert attributes["digital_source_type"].startswith(IPTC), path


def test_every_table(root) -> None:
    tables = sorted((root / "metadata").glob("*.parquet"))
    assert tables
    for path in tables:
        assert pq.read_schema(path).metadata[b"synthetic"] == b"true", path
        assert set(pq.read_table(path)["is_synthetic"].to_pylist()) == {True}, path


def test_the_manifest(root) -> None:
    assert json.loads((root / "voxpress.json").read_bytes())["synthetic"] is True


def test_the_card_in_its_header_and_its_first_lines(root) -> None:
    card = (root / "README.md").read_text()
    assert "synthetic" in yaml.safe_load(card.split("---\n")[1])["tags"]
    assert "samples of this data set are synthetic" in card.partition("## ")[0]
    assert "not for clinical use" in card


def test_croissant_in_three_ways(root) -> None:
    document = json.loads((root / "croissant.json").read_bytes())
    assert "synthetic" in document["keywords"]
    assert document["digitalSourceType"]["@id"].startswith(IPTC)
    assert document["rai:dataCollection"].startswith("Synthetic:")
    fields = {field["@id"] for field in document["recordSet"][0]["field"]}
    assert "samples/is_synthetic" in fields


def test_the_report_and_its_page(root) -> None:
    report = json.loads((root / "quality/report.json").read_bytes())
    assert all(each.startswith(IPTC) for each in report["dataset"]["digital_source_types"])
    assert report["dataset"]["digital_source_types"]
    page = (root / "quality/report.html").read_text()
    assert '<meta name="synthetic" content="true">' in page
    assert "synthetic data, not for clinical use" in page


@pytest.mark.parametrize("name", ["preview.png", "conditions.png"])
def test_every_picture(root, name) -> None:
    assert Image.open(root / "quality" / name).text["Description"].startswith("Synthetic data")


def test_the_page_to_look_through_samples(root, tmp_path) -> None:
    assert cli.main(["preview", str(root), "-o", str(tmp_path / "look.html"), "-n", "1"]) == 0
    page = (tmp_path / "look.html").read_text()
    assert '<meta name="synthetic" content="true">' in page
    assert "Synthetic data, not for clinical use" in page


def test_what_the_loaders_give(root) -> None:
    cohort = voxpress.open(root)
    item = voxpress.loaders.VolumeDataset(cohort, keys=("image", "label"))[0]
    assert [item[key].meta["synthetic"] for key in ("image", "label")] == [True, True]
    batch = next(iter(voxpress.loaders.VolumeStream(cohort, batch_size=2, keys=("image",))))
    assert np.all(np.asarray(batch["image"].meta["synthetic"]))
    (address, *_) = voxpress.loaders.data_list(cohort)
    _, meta = voxpress.loaders.VoxpressReader().get_data(voxpress.loaders.VoxpressReader().read(address["image"]))
    assert meta["synthetic"] is True


def test_nifti_files(recipe, tmp_path) -> None:
    path = tmp_path / "one.nii.gz"
    assert cli.main(["sample", str(recipe), "--index", "0", "-o", str(path)]) == 0
    files = sorted(tmp_path.glob("*.nii.gz"))
    assert len(files) == 2
    for each in files:
        assert bytes(nib.load(each).header["descrip"]).startswith(b"SYNTHETIC"), each


def test_exported_bids_folders(root, tmp_path) -> None:
    target = tmp_path / "bids"
    try:
        code = cli.main(["export", str(root), "--format", "bids", "-o", str(target)])
    except SystemExit:
        pytest.skip("this voxpress has no `export`")
    assert code == 0
    description = json.loads((target / "dataset_description.json").read_bytes())
    assert description["SyntheticData"] is True
    images = sorted(target.rglob("*.nii.gz"))
    assert images
    for each in images:
        assert bytes(nib.load(each).header["descrip"]).startswith(b"SYNTHETIC"), each
