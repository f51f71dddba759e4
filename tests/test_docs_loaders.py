"""The examples of docs/loaders.md run as they stand."""

import re
import shutil
from pathlib import Path

import pytest

DOCUMENT = Path(__file__).parent.parent / "docs" / "loaders.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", DOCUMENT.read_text(), flags=re.MULTILINE | re.DOTALL)


def test_examples_run_one_after_the_other(brains, tmp_path, monkeypatch):
    shutil.copytree(brains, tmp_path / "brains")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    assert len(BLOCKS) > 8
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"docs/loaders.md, example {number + 1}", "exec"), names)
    assert names["stream"].state_dict()["items"] == 2
    assert len(names["dataset"]) == len(names["train"]) > 0


@pytest.mark.parametrize("command", re.findall(r"^voxpress (\w+)", DOCUMENT.read_text(), flags=re.MULTILINE))
def test_commands_exist(command, say):
    assert say(command, "--help").code == 0
