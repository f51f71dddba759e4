"""The commands that read a data set: `info`, `verify`, `preview`."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import tiny_brains as tiny
from PIL import Image

import voxpress
from voxpress import store
from voxpress.commands.card import spread


def test_info_tells_people_what_there_is(say, brains) -> None:
    said = say("info", brains)
    assert said.code == 0
    for line in (
        r"tiny-brains 1.0.0: synthetic data, not for clinical use",
        rf"digest +{voxpress.open(brains).manifest.digest}",
        r"backend +atlas",
        r"samples +6: train 5, validation 1",
        r"image +uint8, 24×30×26 voxels of 6.5×6.5×6.5 mm, value = stored × 0.00392157 \+ 0",
        r"labels +0 background, 1 lateral ventricles",
        r"rejected none",
        r"age +6\d.* to 7\d.*, mean",
        r"diagnosis +(CN|AD) \d, (CN|AD) \d",
        r"ventricular_volume_ml +[\d.]+ to [\d.]+, mean [\d.]+  +[\d.]+ to",
    ):
        assert re.search(line, said.out), line


def test_info_tells_programs_the_same(say, brains) -> None:
    facts = json.loads(say("info", brains, "--json").out)
    cohort = voxpress.open(brains)
    assert facts["digest"] == cohort.manifest.digest
    assert facts["samples"] == 6
    assert facts["splits"] == {"train": 5, "validation": 1}
    assert facts["arrays"]["image"]["shape"] == list(tiny.SHAPE)
    assert facts["conditions"]["age"]["min"] == min(cohort.table["age"].to_pylist())
    assert sum(facts["conditions"]["sex"]["counts"].values()) == 6
    assert "ventricular_volume_ml" in facts["measured"]
    assert not {"seed", "attempt", "image_sha256", "image", "split"} & facts["conditions"].keys()
    assert facts["rejected"] == []


def test_info_names_what_was_rejected(say, tiny_store) -> None:
    assert "tiny-000005: too small" in say("info", tiny_store).out
    assert json.loads(say("info", tiny_store, "--json").out)["rejected"] == [
        {"sample_id": "tiny-000005", "reasons": ["too small"]}
    ]


def test_verify_says_that_all_is_well(say, brains) -> None:
    said = say("verify", brains)
    assert said.code == 0
    assert "is sound: " in said.out
    assert "verifying: 100%" in said.err


@pytest.mark.parametrize("damage", ["truncated", "altered", "missing"])
def test_verify_names_the_file_and_the_samples(say, brains, tmp_path, damage) -> None:
    copy = shutil.copytree(brains, tmp_path / "brains")
    shard = copy / "volumes/train.zarr/image/c.1.0.0.0"
    data = shard.read_bytes()
    match damage:
        case "truncated":
            shard.write_bytes(data[:-7])
        case "altered":
            shard.write_bytes(bytes([data[0] ^ 1]) + data[1:])
        case "missing":
            shard.unlink()
    said = say("verify", copy)
    assert said.code == 1
    problem, summary = said.out.splitlines()
    ids = voxpress.open(brains).split("train").table["sample_id"].to_pylist()[2:4]
    assert "volumes/train.zarr/image/c.1.0.0.0" in problem
    assert problem.endswith(f"(samples: {', '.join(ids)})")
    manifest = voxpress.open(brains).manifest
    files = len(manifest.files) + len(store.spare_files(manifest))
    assert summary == f"{copy} is not sound: 1 problem among {files} files"


def test_one_line_a_problem(say, brains, tmp_path) -> None:
    copy = shutil.copytree(brains, tmp_path / "brains")
    for name in ("image", "label"):
        (copy / f"volumes/validation.zarr/{name}/c.0.0.0.0").unlink()
    (copy / "evil\x1b[31m\nname").write_text("")
    said = say("verify", copy)
    assert said.code == 1
    assert len(said.out.splitlines()) == 4
    assert "\x1b" not in said.out


def test_a_manifest_of_a_newer_version_is_told(say, tiny_store) -> None:
    shutil.rmtree(tiny_store / store.SPARE_FOLDER)
    path = tiny_store / "voxpress.json"
    path.write_text(path.read_text().replace('"format_version": 3', '"format_version": 5'))
    for command in (("verify",), ("info",), ("preview", "-o", "x.png")):
        said = say(*command, tiny_store)
        assert said.code == 1
        assert "format version 5; this voxpress reads up to 4: upgrade voxpress" in said.err


def test_a_path_that_leaves_the_store_is_refused(say, tiny_store) -> None:
    shutil.rmtree(tiny_store / store.SPARE_FOLDER)
    path = tiny_store / "voxpress.json"
    path.write_text(path.read_text().replace('"recipe.yaml"', '"../recipe.yaml"'))
    said = say("verify", tiny_store)
    assert said.code == 1
    assert "../recipe.yaml" in said.err


def test_a_shard_that_leads_out_of_the_store_is_told(say, tiny_store, tmp_path) -> None:
    shard = tiny_store / "volumes/train.zarr/image/c.0.0.0.0"
    shard.rename(tmp_path / "elsewhere")
    shard.symlink_to(tmp_path / "elsewhere")
    said = say("verify", tiny_store)
    assert said.code == 1
    assert "unsafe: " in said.out
    assert "tiny-000000" in said.out


@pytest.mark.parametrize("command", [("info",), ("verify",), ("preview", "-o", "x.png")], ids=lambda each: each[0])
def test_a_folder_that_is_no_data_set_is_a_mistake(say, tmp_path, command) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        said = say(*command, path)
        assert said.code == 2
        assert str(path) in said.err


def test_preview_draws_the_rows_asked_for(say, brains, tmp_path) -> None:
    def picture(*more: object) -> bytes:
        said = say("preview", brains, "-o", tmp_path / "look.png", *more)
        assert said.code == 0
        with Image.open(tmp_path / "look.png") as image:
            assert "Synthetic" in image.text["Description"]
            return image.tobytes()

    assert picture("-n", 6) == picture() == picture("--rows", "0,1,2,3,4,5")
    assert picture("--rows", "5") != picture("--rows", "4")
    assert picture("-n", 2, "--no-overlay") != picture("-n", 2)
    wanted = voxpress.open(brains).table["index"].to_pylist()[3]
    assert picture("--where", f"index == {wanted}") == picture("--rows", "3")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "x.jpg"], "must end in .png, got x.jpg"),
        (["-o", "no/x.png"], "the folder no of --output is not there"),
        (["-o", "x.png", "--rows", "0,6"], "--rows must be from 0 to 5, .*got 6"),
        (["-o", "x.png", "--rows", "one"], "must be whole numbers with commas between.*got 'one'"),
        (["-o", "x.png", "--where", "age > 1000"], "has no sample for which age > 1000"),
        (["-o", "x.png", "--where", "aeg > 10"], "no column 'aeg'; did you mean 'age'"),
        (["-o", "x.png", "--where", "__import__('os')"], "__import__|cannot|must"),
        (["-o", "x.png", "-n", "0"], "must be at least 1, got 0"),
        (["-o", "x.png", "-n", "1", "--rows", "1"], "not allowed with"),
    ],
)
def test_preview_tells_of_mistakes(say, brains, arguments, message) -> None:
    said = say("preview", brains, *arguments)
    assert said.code == 2
    assert re.search(message, said.err)


@pytest.mark.parametrize(
    ("wanted", "there", "rows"),
    [(8, 3, [0, 1, 2]), (1, 9, [0]), (2, 9, [0, 8]), (3, 9, [0, 4, 8]), (8, 1, [0]), (4, 4, [0, 1, 2, 3])],
)
def test_rows_are_spread_evenly(wanted, there, rows) -> None:
    assert spread(wanted, there) == rows
