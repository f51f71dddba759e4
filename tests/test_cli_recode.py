"""`voxpress recode` as it is typed."""

from __future__ import annotations

import pytest
import tiny_store as tiny

from voxpress import store


def test_a_copy_is_made_and_told_of(say, sealed_store, tmp_path) -> None:
    said = say("recode", sealed_store, tmp_path / "copy", "--chunk", "4,5,6", "--shard-samples", 2, "--threads", 2)
    assert said.code == 0
    copy = store.open(tmp_path / "copy")
    assert f"tiny-brains 1.0.0, {tiny.SAMPLES} samples" in said.out
    assert f"digest {copy.manifest.digest}" in said.out
    assert "copying" in said.err
    assert copy.specs["image"].chunk == (4, 5, 6)
    assert copy.specs["image"].shard_samples == 2
    again = say("recode", sealed_store, tmp_path / "copy", "--chunk", "4,5,6", "--shard-samples", 2)
    assert again.code == 0
    assert "was finished before; there was nothing to copy" in again.err


def test_some_samples(say, sealed_store, tmp_path) -> None:
    assert say("recode", sealed_store, tmp_path / "copy", "--where", "sex == 'F'").code == 0
    assert set(store.open(tmp_path / "copy").table["sex"].to_pylist()) == {"F"}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--chunk", "3,20,18"], "three divisors of the shape (16, 20, 18), got (3, 20, 18)"),
        (["--chunk", "ball"], "slab, patch, same, or three sizes"),
        (["--codec", "gzip"], "invalid choice"),
        (["--shard-samples", "0"], "at least 1"),
        (["--where", "age >"], "age >"),
        (["--where", "age > 200"], "no sample"),
    ],
)
def test_mistakes_are_told_before_anything_is_written(say, sealed_store, tmp_path, options, said) -> None:
    done = say("recode", sealed_store, tmp_path / "copy", *options)
    assert done.code == 2
    assert said in done.err
    assert not (tmp_path / "copy").exists()


def test_a_source_that_is_not_there(say, tmp_path) -> None:
    done = say("recode", tmp_path / "nothing", tmp_path / "copy")
    assert done.code == 2
    assert "nothing" in done.err
