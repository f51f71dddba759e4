"""`voxpress generate --shards` and `--finish`, and the choice of an engine, on the command line."""

from __future__ import annotations

import pytest
from tiny_factory import contents

pytestmark = pytest.mark.timeout(120)


def test_shares_and_then_the_rest_make_the_data_set_of_a_single_run(say, recipe, brains, tmp_path) -> None:
    target = tmp_path / "brains"
    first = say("generate", recipe, "-o", target, "--workers", 1, "--shards", "1/2")
    assert first.code == 0, first.err
    told, after = first.out.splitlines()
    assert "share 1/2 is there" in told
    assert after == f"next: when all 2 shares are there, voxpress generate {recipe} -o {target} --finish"
    early = say("generate", recipe, "-o", target, "--finish")
    assert early.code == 1
    assert f"  voxpress generate {recipe} -o {target} --shards 2/2    (" in early.err
    assert say("generate", recipe, "-o", target, "--workers", 1, "--shards", "2/2").code == 0
    done = say("generate", recipe, "-o", target, "--finish")
    assert done.code == 0, done.err
    assert "digest" in done.out
    assert contents(target) == contents(brains)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--shards", "3/2"), "--shards: a share must be K/N with K from 1 to N, such as 3/64, got 3/2"),
        (("--shards", "all"), "--shards: a share must be K/N with K from 1 to N, such as 3/64, got 'all'"),
        (("--shards", "1/2", "--finish"), "--finish: not allowed with argument --shards"),
        (("--address", "auto"), "--address is of a Ray cluster, got 'auto'; add --engine ray"),
        (("--engine", "slurm"), "invalid choice: 'slurm'"),
    ],
)
def test_mistakes(say, recipe, tmp_path, words, said) -> None:
    answer = say("generate", recipe, "-o", tmp_path / "brains", *words)
    assert answer.code == 2
    assert said in answer.err
    assert not (tmp_path / "brains").exists()


def test_no_cluster(say, recipe, tmp_path) -> None:
    answer = say("generate", recipe, "-o", tmp_path / "brains", "--engine", "ray", "--address", "127.0.0.1:1")
    assert answer.code == 1
    assert "no Ray cluster answers at the address '127.0.0.1:1'" in answer.err
