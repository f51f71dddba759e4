"""The command line as tests use it."""

from __future__ import annotations

import subprocess
import sys
from typing import NamedTuple


class Said(NamedTuple):
    """What a command left: its exit code and its two outputs."""

    code: int
    out: str
    err: str


def start(*arguments: object, **options) -> subprocess.Popen[str]:
    """Starts a command in a process of its own."""
    command = [sys.executable, "-m", "voxpress.cli", *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def apart(*arguments: object) -> Said:
    """Runs a command in a process of its own."""
    process = start(*arguments)
    out, err = process.communicate(timeout=120)
    return Said(process.returncode, out, err)
