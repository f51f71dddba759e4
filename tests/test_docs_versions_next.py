"""The examples of docs/versions.md on `diff`, `next` and replacing run as they stand; its commands are understood."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from voxpress import cli

TEXT = (Path(__file__).parent.parent / "docs" / "versions.md").read_text()
SECTIONS = "".join(
    re.findall(r"^## (?:diff|next|Replacing samples)\n.*?(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)
)
BLOCKS = re.findall(r"^```python\n(.*?)^```$", SECTIONS, flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r"^voxpress (.+)$", SECTIONS, flags=re.MULTILINE)


def test_examples_run_one_after_the_other(brains, more_brains, tmp_path, monkeypatch) -> None:
    (tmp_path / "brains").symlink_to(brains)
    (tmp_path / "brains-1.1").symlink_to(more_brains)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    assert len(BLOCKS) == 3
    for number, block in enumerate(BLOCKS):
        exec(compile(block, f"docs/versions.md, example {number + 1}", "exec"), names)
    found = names["found"]
    assert not found.same
    assert found.samples.by_split["added"] == {"train": 2, "validation": 1}
    assert len(names["more"]) == 9
    assert names["table"].total.samples == 6


@pytest.mark.parametrize("command", COMMANDS)
def test_commands_are_understood(command) -> None:
    asked = cli._parser().parse_args(shlex.split(command, comments=True))
    assert asked.command in {"diff", "next"}
