"""The commands that make a data set again, and mend it: `regenerate`, `repair`, `verify --regenerate`."""

from __future__ import annotations

import json
import re
import shutil
from functools import partial

import pytest
import tiny_store as tiny
from altered_backend import AlteredBackend
from command_line import apart
from tiny_factory import contents

import voxpress
from voxpress import store
from voxpress.generation import regenerate as regenerating

SHARD = "volumes/train.zarr/label/c.1.0.0.0"


@pytest.fixture
def copy(brains, tmp_path):
    """A copy of the tiny brains, to be damaged."""
    return shutil.copytree(brains, tmp_path / "brains")


def data_of(root) -> dict[str, str]:
    """All that a manifest vouches for, and itself."""
    beside = ("README.md", "croissant.json", "quality/")
    return {path: digest for path, digest in contents(root).items() if not path.startswith(beside)}


def test_the_demo_in_another_process_folder_and_number_of_workers(brains, tmp_path) -> None:
    said = apart("regenerate", brains, "-o", tmp_path / "again", "--workers", 1)
    assert said.code == 0, said.err
    digest = voxpress.open(brains).manifest.digest
    assert said.out.splitlines() == [
        f"exact: 6 samples made again from the recipe of {brains} (6 exact)",
        f"{tmp_path / 'again'}: the same bytes",
    ]
    assert "making again: 100%" in said.err
    assert data_of(tmp_path / "again") == data_of(brains)
    assert voxpress.open(tmp_path / "again").manifest.digest == digest
    assert (tmp_path / "again/README.md").read_bytes() == (brains / "README.md").read_bytes()


def test_some_samples(say, brains) -> None:
    said = say("regenerate", brains, "--samples", "4, tiny-brains-0000001", "--workers", 1)
    assert (said.code, said.out) == (0, f"exact: 2 samples made again from the recipe of {brains} (2 exact)\n")


def test_the_exit_code_tells_the_level(say, pressed_balls, monkeypatch) -> None:
    """As if another release of the backend were installed."""
    for steps, voxels, level, code in ((1, 5, "close", 3), (40, 20, "different", 4)):
        fake = partial(_altered, steps=steps, voxels=voxels)
        monkeypatch.setattr(regenerating, "load_backend", fake)
        said = say("regenerate", pressed_balls, "--samples", "3,5", "--workers", 1)
        assert said.code == code
        head, image, why, *samples = said.out.splitlines()
        assert head.startswith(f"{level}: 2 samples made again")
        assert head.endswith(f"(2 {level})")
        assert re.match(rf"image: {2 * voxels} of 6,720 voxels differ .* at most by {steps} stored", image)
        assert why.startswith("why: the lock names nothing that has changed")
        assert [line.split()[:3] for line in samples] == [
            ["tiny-balls-0000003", "train", level],
            ["tiny-balls-0000005", "test", level],
        ]
        told = json.loads(say("regenerate", pressed_balls, "--samples", "3,5", "--workers", 1, "--json").out)
        assert (told["level"], told[level]) == (level, 2)


def _altered(name, options, grid, **changes) -> AlteredBackend:
    assert name == "spheres"
    return AlteredBackend(options, grid, **changes)


def test_verify_makes_some_again(say, pressed_balls, tmp_path, monkeypatch) -> None:
    made: list[list[str]] = []
    regenerate = regenerating.regenerate
    monkeypatch.setattr(regenerating, "load_backend", partial(_altered, steps=0))
    monkeypatch.setattr(
        regenerating,
        "regenerate",
        lambda *given, **options: made.append(options["samples"]) or regenerate(*given, **options),
    )
    for seed in (0, 0, 1):
        said = say("verify", pressed_balls, "--regenerate", 4, "--seed", seed, "--workers", 1)
        assert said.code == 0
        sound, level = said.out.splitlines()
        assert sound.startswith(f"{pressed_balls} is sound: ")
        assert level == f"exact: 4 samples made again from the recipe of {pressed_balls} (4 exact)"
    assert made[0] == made[1] != made[2]
    assert say("verify", pressed_balls, "--regenerate", 99, "--workers", 1).out.endswith("(14 exact)\n")
    monkeypatch.setattr(regenerating, "load_backend", partial(_altered, steps=1))
    assert say("verify", pressed_balls, "--regenerate", 1, "--workers", 1).code == 3
    copy = shutil.copytree(pressed_balls, tmp_path / "balls")
    (copy / "recipe.yaml").unlink()
    said = say("verify", copy, "--regenerate", 2)
    assert said.code == 1
    assert "made again" not in said.out


def test_repair_mends_and_tells(say, brains, copy) -> None:
    (copy / SHARD).write_bytes(b"x")
    (copy / "recipe.yaml").unlink()
    shown = say("repair", copy, "--dry-run")
    assert shown.code == 0
    assert shown.out.endswith(f"{copy}: 2 would be mended; nothing is left\n")
    assert not (copy / "recipe.yaml").exists()
    said = say("repair", copy, "--workers", 1)
    assert said.code == 0, said.out
    recipe, shard, summary = said.out.splitlines()
    assert re.fullmatch(r"copied: recipe\.yaml \(missing\): copied from spare/[0-9a-f]{64}", recipe)
    assert shard == f"made: {SHARD} (size): made again from the recipe"
    assert summary == f"{copy}: 2 mended; nothing is left"
    assert contents(copy) == contents(brains)
    assert say("repair", copy).out == f"{copy} is sound: there is nothing to mend\n"


def test_repair_fetches(say, brains, copy) -> None:
    (copy / SHARD).unlink()
    said = say("repair", copy, "--from", brains, "--json")
    assert said.code == 0
    [mend] = json.loads(said.out)["mends"]
    assert (mend["path"], mend["how"], mend["message"]) == (SHARD, "fetched", f"fetched from {brains}")
    assert contents(copy) == contents(brains)


def test_repair_says_what_is_left(say, copy) -> None:
    (copy / "notes").write_text("")
    (copy / "recipe.yaml").unlink()
    said = say("repair", copy)
    assert said.code == 1
    assert said.out.splitlines()[-1] == f"{copy}: 1 mended; 1 left"
    assert "left: notes (unlisted): " in said.out
    assert "remove it" in said.out


def test_mistakes(say, brains, tmp_path, tiny_store) -> None:
    other = tiny.build(tmp_path / "other")
    (tiny_store / SHARD).unlink()
    for command, text in (
        (("regenerate", tmp_path / "nothing"), "there is nothing at"),
        (("regenerate", brains, "--samples", "77"), "has no sample 77"),
        (("regenerate", brains, "-o", brains), "lies in the data set"),
        (("regenerate", other), "cannot be made again from its recipe"),
        (("repair", tmp_path / "nothing"), "there is nothing at"),
        (("repair", tiny_store, "--from", brains), "give a copy of this very version"),
    ):
        said = say(*command)
        assert said.code == 2, said
        assert text in said.err
    assert store.verify(brains).ok
