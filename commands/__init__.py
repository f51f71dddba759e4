"""What the command line does, one file a command, each with `run(arguments)` that returns the exit code."""

from __future__ import annotations
