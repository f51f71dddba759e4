"""`voxpress next` as it is typed, with the atlas: the same bytes as a fresh run, a changelog, a card."""

from __future__ import annotations

import os
import shutil
import signal
import time

import pytest
import tiny_brains as tiny
from command_line import start
from tiny_factory import contents

import voxpress
from voxpress import press
from voxpress.quality.quarantine import Quarantine, Quarantined

EDITABLE = {"README.md", "CHANGELOG.md"}


def sealed(root) -> dict[str, str]:
    """All that the manifest vouches for, and the manifest."""
    return {path: digest for path, digest in contents(root).items() if path not in EDITABLE}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    target = tmp_path_factory.mktemp("fresh") / "brains"
    voxpress.generate({**tiny.RECIPE, "version": "1.1.0", "samples": 9}, target, workers=1)
    return target


def test_it_is_the_same_as_made_from_nothing(more_brains, fresh, brains) -> None:
    assert sealed(more_brains) == sealed(fresh)
    assert voxpress.verify(more_brains).ok
    shard = "volumes/train.zarr/image/c.0.0.0.0"
    assert (more_brains / shard).samefile(brains / shard)


def test_the_command_says_what_is_reused(say, more_brains, brains, tmp_path) -> None:
    said = say("next", brains, "--set", "samples=9", "--version", "1.1.0", "-o", tmp_path / "b", "--workers", 1)
    assert said.code == 0
    assert "2 of 5 shards are those of 1.0.0: 4 samples are reused, 5 are made" in said.err
    assert "tiny-brains 1.1.0, 9 samples (train 7, validation 2)" in said.out
    assert f"voxpress diff {brains} {tmp_path / 'b'}" in said.out
    assert contents(tmp_path / "b") == contents(more_brains)
    again = say("next", brains, "--set", "samples=9", "--version", "1.1.0", "-o", tmp_path / "b", "--copy")
    assert again.code == 0
    assert "was finished before; there was nothing to make" in again.err


def test_changelog_and_card(say, more_brains, brains, tmp_path) -> None:
    text = (more_brains / "CHANGELOG.md").read_text()
    entry = say("diff", brains, more_brains, "--changelog")
    assert entry.code == 1
    assert entry.out in text
    assert "3 samples added (train 2, validation 1)" in text
    assert "[CHANGELOG.md](CHANGELOG.md)" in (more_brains / "README.md").read_text()
    third = voxpress.next_version(more_brains, tmp_path / "c", version="2.0.0", sets=["samples=7"], workers=1)
    log = (third.path / "CHANGELOG.md").read_text()
    headings = [line for line in log.splitlines() if line.startswith("## ")]
    assert headings == ["## 2.0.0", "## 1.1.0", "## 1.0.0"]
    assert entry.out in log
    assert voxpress.verify(third.path).ok


def test_a_changelog_that_was_edited_stays(more_brains, brains, tmp_path) -> None:
    copy = shutil.copytree(more_brains, tmp_path / "b")
    (copy / "CHANGELOG.md").write_text("mine")
    (copy / "README.md").unlink()
    voxpress.next_version(brains, copy, version="1.1.0", sets=["samples=9"])
    assert (copy / "CHANGELOG.md").read_text() == "mine"
    # the changes of a version are told from its changelog, and this one tells of none
    assert "## Changes" in (more_brains / "README.md").read_text()
    assert "## Changes" not in (copy / "README.md").read_text()


def test_another_range_of_a_condition(say, brains, tmp_path) -> None:
    change = "age={range: [70, 90]}"
    said = say("next", brains, "--set", change, "--version", "2.0.0", "-o", tmp_path / "b", "--workers", 1)
    assert said.code == 0
    assert "0 of 4 shards are those of 1.0.0: 0 samples are reused, 6 are made" in said.err
    assert all(70 <= age <= 90 for age in voxpress.open(tmp_path / "b").table["age"].to_pylist())


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--version", "1.0.0"], "must be greater than 1.0.0"),
        (["--version", "1.1.0", "--set", "name=x"], "must stay 'tiny-brains'"),
        (["--version", "1.1.0", "--set", "agee=70"], "is not a condition of"),
        (["--version", "1.1.0", "--people", "nobody.csv"], "nobody.csv cannot be read"),
        ([], "the following arguments are required: --version"),
        (["--version", "1.1.0", "--if-lock-differs", "maybe"], "invalid choice"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(say, brains, tmp_path, options, said) -> None:
    done = say("next", brains, "-o", tmp_path / "b", *options)
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "b").exists()


def test_refused_samples_are_replaced(say, brains, tmp_path) -> None:
    row = voxpress.open(brains).where("index == 3").table.to_pylist()[0]
    quarantine = Quarantine(
        manifest_sha256=voxpress.open(brains).manifest.digest,
        samples=(Quarantined(sample_id=row["sample_id"], index=3, attempt=row["attempt"], reasons=("DUP_NEAR",)),),
    )
    (tmp_path / "quarantine.json").write_bytes(quarantine.to_bytes())
    options = ("--version", "1.0.1", "--refuse", tmp_path / "quarantine.json", "--workers", 1)
    said = say("next", brains, "-o", tmp_path / "b", *options)
    assert said.code == 0
    assert "1 sample is refused" in said.err
    assert "3 of 4 shards are those of 1.0.0: 4 samples are reused, 2 are made" in said.err
    new = voxpress.open(tmp_path / "b").where("index == 3").table.to_pylist()[0]
    assert new["attempt"] > row["attempt"]
    assert new["age"] == row["age"]
    assert "1 sample changed" in (tmp_path / "b" / "CHANGELOG.md").read_text()
    # what it was made from is all that is needed
    voxpress.generate(tmp_path / "b" / "recipe.yaml", tmp_path / "fresh", workers=1)
    assert sealed(tmp_path / "fresh") == sealed(tmp_path / "b")
    proof = press.sample(tmp_path / "b" / "recipe.yaml", 3, row["attempt"])
    assert proof.reasons == ("DUP_NEAR",)
    stale = say("next", tmp_path / "b", "-o", tmp_path / "c", *options[2:], "--version", "1.0.2")
    assert stale.code == 2
    assert "judges the data set with the digest" in stale.err


@pytest.mark.skipif(os.name != "posix", reason="sends signals to a group of processes")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_stopped_and_resumed(how, more_brains, brains, tmp_path) -> None:
    arguments = ("next", brains, "--set", "samples=9", "--version", "1.1.0", "-o", tmp_path / "b", "--workers", 1)
    process = start(*arguments, start_new_session=True)
    while process.poll() is None and len(list(tmp_path.glob("b/.voxpress-work/shards/*.json"))) < 3:
        time.sleep(0.02)
    os.killpg(process.pid, how)
    _, err = process.communicate(timeout=60)
    assert process.returncode == (130 if how == signal.SIGINT else -how), err
    if how == signal.SIGINT:
        assert err.endswith("voxpress: stopped; run the same command again to resume\n")
    assert not (tmp_path / "b" / "voxpress.json").exists()
    voxpress.next_version(brains, tmp_path / "b", version="1.1.0", sets=["samples=9"], workers=1)
    assert contents(tmp_path / "b") == contents(more_brains)
