"""A program that kills the factory before each of its renames in turn, resumes it, and tells what came of each.

Every file becomes visible by a rename, so these are all states that a crash can leave. It forks before anything but
imports has happened, which is quick and leaves no thread behind.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from tiny_factory import committed, contents, order, press


def run(target: Path, *, kill_at: int | None = None) -> int | None:
    """Presses in a process of its own.

    Returns:
        samples that it made, or None where it was killed.
    """
    child = os.fork()
    if child == 0:
        if kill_at is not None:
            sys.addaudithook(_killer(kill_at))
        os._exit(press(order("samples=4", "splits={train: 1.0}"), target).made)
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _killer(kill_at: int):
    renames = iter(range(kill_at + 1))

    def hook(event: str, _: object) -> None:
        if event == "os.rename" and next(renames) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def main(folder: Path) -> None:
    run(folder / "undisturbed")
    expected = contents(folder / "undisturbed")
    for number in range(100):
        target = folder / f"killed-{number}"
        if run(target, kill_at=number) is not None:
            break
        there = committed(target)
        finished = (target / "voxpress.json").exists()
        made = run(target)
        told = {"committed": there, "finished": finished, "made": made, "same": contents(target) == expected}
        print(json.dumps(told), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
