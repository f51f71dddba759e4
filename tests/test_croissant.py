"""`croissant.json`: valid for others' reader, and the table can be read with it."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from tiny_people import HUMAN

from voxpress import store
from voxpress.cards import write_card
from voxpress.store.files import hash_file

# of rdflib's own, on this release of pyparsing
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(scope="module")
def root(sealed_store, tmp_path_factory):
    import shutil

    root = shutil.copytree(sealed_store, tmp_path_factory.mktemp("croissant") / "tiny-brains")
    write_card(store.open(root), human=HUMAN, pictures=False)
    return root


@pytest.fixture(scope="module")
def document(root) -> dict:
    return json.loads((root / "croissant.json").read_text())


@pytest.fixture(scope="module")
def dataset(root):
    import mlcroissant

    return mlcroissant.Dataset(jsonld=str(root / "croissant.json"))


def test_it_is_valid_without_warnings(root, caplog) -> None:
    import mlcroissant

    with caplog.at_level(logging.WARNING):
        read = mlcroissant.Dataset(jsonld=str(root / "croissant.json"))
    issues = read.metadata.ctx.issues
    assert (list(issues.errors), list(issues.warnings)) == ([], [])
    assert caplog.records == []


def test_the_table_is_read_with_it(root, dataset) -> None:
    cohort = store.open(root)
    records = list(dataset.records("samples"))
    rows = cohort.table.to_pylist()
    assert len(records) == len(rows) == 12
    by_id = {record["samples/sample_id"].decode(): record for record in records}
    for row in rows:
        record = by_id[row["sample_id"]]
        assert record["samples/age"] == row["age"]
        assert record["samples/sex"].decode() == row["sex"]
        assert record["samples/is_synthetic"] is True
        assert record["samples/measured_brain_ml"] == row["measured_brain_ml"]
        assert record["samples/image"]["samples/image/path"].decode() == row["image"]["path"]
        assert record["samples/image"]["samples/image/index"] == row["image"]["index"]
        assert list(record["samples/image_box"]) == row["image_box"]


def test_every_single_file_has_its_digest(root, document) -> None:
    files = {each["contentUrl"]: each for each in document["distribution"] if each["@type"] == "cr:FileObject"}
    assert set(files) == {
        "voxpress.json",
        "recipe.yaml",
        "metadata/train-00000-of-00001.parquet",
        "metadata/validation-00000-of-00001.parquet",
    }
    for path, each in files.items():
        record = hash_file(root / path)
        assert each["sha256"] == record.sha256
        assert each["contentSize"] == f"{record.bytes} B"


def test_the_volumes_are_file_sets_that_match_their_files(root, document) -> None:
    from fnmatch import fnmatch

    sets = {each["@id"]: each["includes"] for each in document["distribution"] if each["@type"] == "cr:FileSet"}
    files = [path.relative_to(root).as_posix() for path in Path(root).rglob("*") if path.is_file()]
    for split in ("train", "validation"):
        folder = f"volumes/{split}.zarr"
        matched = {path for path in files if fnmatch(path, sets[folder])}
        assert matched == {path for path in files if path.startswith(f"{folder}/")}
        assert matched


def test_it_says_what_the_data_are(root, document) -> None:
    manifest = store.open(root).manifest
    assert document["conformsTo"] == [
        "http://mlcommons.org/croissant/1.1",
        "http://mlcommons.org/croissant/RAI/1.0",
    ]
    assert document["version"] == "1.0.0"
    assert manifest.digest in document["citeAs"]
    assert document["license"] == "https://creativecommons.org/licenses/by/4.0/"
    assert "synthetic" in document["keywords"]
    assert document["digitalSourceType"] == {"@id": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"}
    assert document["rai:dataUseCases"] == HUMAN.answers["intended_use"]
    assert document["rai:dataBiases"] == HUMAN.answers["known_biases"]
    assert document["rai:dataCollection"].startswith("Synthetic:")
    assert document["prov:wasGeneratedBy"]["prov:used"][0] == f"recipe.yaml sha256:{manifest.recipe_sha256}"


def test_what_nobody_answered_is_left_out_and_the_day_stays(tiny_store) -> None:
    write_card(store.open(tiny_store), pictures=False)
    path = tiny_store / "croissant.json"
    document = json.loads(path.read_text())
    assert "rai:dataUseCases" not in document
    path.write_text(json.dumps(document | {"datePublished": "2024-02-29"}))
    write_card(store.open(tiny_store), pictures=False)
    assert json.loads(path.read_text())["datePublished"] == "2024-02-29"
