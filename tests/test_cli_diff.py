"""`voxpress diff` as it is typed."""

from __future__ import annotations

import json
import re
import shutil

import pyarrow.parquet as pq
import pytest
import tiny_store as tiny
from tiny_factory import order, press

from voxpress.store import open as open_store


@pytest.fixture(scope="module")
def later(tmp_path_factory):
    target = tmp_path_factory.mktemp("later") / "balls"
    press(order("version=1.1.0", "samples=18", "tone=dark", "backend.fail={3: 9}"), target)
    return target


def test_the_same_is_0(say, pressed_balls, tmp_path) -> None:
    copy = shutil.copytree(pressed_balls, tmp_path / "copy")
    said = say("diff", pressed_balls, copy)
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("the same: tiny-balls 1.0.0, 14 samples, digest ")


def test_different_is_1_and_said_in_lines(say, pressed_balls, later) -> None:
    said = say("diff", pressed_balls, later)
    assert (said.code, said.err) == (1, "")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[0].startswith("old tiny-balls 1.0.0 ")
    assert lines[1].startswith("new tiny-balls 1.1.0 ")
    assert "samples all train test" in lines
    old = open_store(pressed_balls).manifest.splits
    assert f"old 14 {old['train'].samples} {old['test'].samples}" in lines
    assert "removed 1 1 0" in lines
    assert any(line.startswith("added 4 ") for line in lines)
    assert "removed: tiny-balls-0000003" in lines
    darker = open_store(pressed_balls).where("tone == 'bright' and sample_id != 'tiny-balls-0000003'")
    first = darker.table["sample_id"][0].as_py()
    assert f"tone condition {len(darker)} {first}: bright → dark" in lines
    assert "recipe: samples 14 → 18" in lines
    assert "recipe: conditions.tone nothing → dark" in lines
    assert "rejected: 1 more that no attempt made well enough" in lines
    assert any(line.startswith("files: ") for line in lines)


def test_so_many_of_each(say, pressed_balls, later) -> None:
    assert "and 3 more" in say("diff", pressed_balls, later, "-n", 1).out
    assert "and 4 more" in say("diff", pressed_balls, later, "-n", 0).out
    assert " more" not in say("diff", pressed_balls, later, "-n", 9).out.partition("rejected")[0]


def test_json(say, pressed_balls, later) -> None:
    said = say("diff", pressed_balls, later, "--json", "-n", 2)
    assert said.code == 1
    found = json.loads(said.out, parse_constant=pytest.fail)
    assert found["same"] is False
    assert found["samples"]["added"] == 4
    assert len(found["samples"]["first"]["added"]) == 2
    assert found["samples"]["by_split"]["removed"] == {"train": 1, "test": 0}
    (tone, voxels) = found["samples"]["columns"]
    assert (tone["column"], tone["kind"], voxels["kind"]) == ("tone", "condition", "voxels")
    assert {"name": "samples", "old": 14, "new": 18} in found["recipe"]
    assert found["rejected"]["added"][0]["sample_id"] == "tiny-balls-0000003"


def test_json_has_no_nan(say, tiny_store, sealed_store) -> None:
    path = next(tiny_store.glob("metadata/train-*.parquet"))
    table = pq.read_table(path)
    column = table.column_names.index("age")
    pq.write_table(table.set_column(column, "age", [[float("nan")] * len(table)]), path)
    tiny.rewrite(tiny_store)
    found = json.loads(say("diff", sealed_store, tiny_store, "--json").out, parse_constant=pytest.fail)
    assert found["samples"]["columns"][0]["examples"][0]["new"] == "nan"


def test_parquet(say, pressed_balls, later, tmp_path) -> None:
    assert say("diff", pressed_balls, later, "--parquet", tmp_path / "changes.parquet").code == 1
    table = pq.read_table(tmp_path / "changes.parquet")
    assert sorted(set(table["change"].to_pylist())) == ["added", "changed", "removed"]
    assert say("diff", pressed_balls, pressed_balls, "--parquet", tmp_path / "none.parquet").code == 0
    assert pq.read_table(tmp_path / "none.parquet").num_rows == 0


def test_moved_samples_are_named_with_their_places(say, pressed_balls, tmp_path) -> None:
    press(order("splits={train: 0.5, test: 0.5}"), tmp_path / "balls")
    out = say("diff", pressed_balls, tmp_path / "balls", "-n", 20).out
    assert re.search(r"moved: .*tiny-balls-\d{7} \(train \d+ → test \d+\)", out)
    assert "recipe: splits.train  0.7 → 0.5" in out


def test_trouble_is_2_so_that_it_is_no_difference(say, pressed_balls, later, tmp_path) -> None:
    assert say("diff", pressed_balls, tmp_path / "nothing").code == 2
    broken = shutil.copytree(later, tmp_path / "broken")
    next(broken.glob("metadata/*")).write_bytes(b"PAR1")
    said = say("diff", pressed_balls, broken)
    assert said.code == 2
    assert said.err.startswith("voxpress: metadata/")
    assert say("diff", pressed_balls, later, "--parquet", tmp_path / "no" / "folder.parquet").code == 2


def test_control_characters_from_data_do_not_reach_the_terminal(say, tiny_store, sealed_store) -> None:
    (tiny_store / "recipe.yaml").write_text('name: "tiny\\e[31m"\n')
    tiny.rewrite(tiny_store)
    out = say("diff", sealed_store, tiny_store).out
    assert "\x1b" not in out
    assert "[31m" in out
