"""A program that kills the factory before each of its renames in turn, resumes it, and tells what came of each.

Every file becomes visible by a rename, so these are all states that a crash can leave. It forks before anything but
imports has happened, which is quick and leaves no thread behind. With a second argument `next`, the run makes the next
version of a data set, and is killed before each link too.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from tiny_factory import balls, committed, contents, order, press

from voxpress import store
from voxpress.generation.next_version import make_next, plan_next


def first(target: Path, samples: int = 4) -> int:
    return press(order(f"samples={samples}", "splits={train: 1.0}"), target).made


def before(target: Path) -> int:
    return first(target, samples=2)


def following(target: Path) -> int:
    source = store.open(target.parent / "before")
    return make_next(plan_next(source, version="1.1.0", sets=["samples=4"], load=balls), target).made


def run(make, target: Path, *, kill_at: int | None = None) -> int | None:
    """Presses in a process of its own.

    Returns:
        samples that it made, or None where it was killed.
    """
    child = os.fork()
    if child == 0:
        if kill_at is not None:
            sys.addaudithook(_killer(kill_at))
        os._exit(make(target))
    _, status = os.waitpid(child, 0)
    return None if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _killer(kill_at: int):
    steps = iter(range(kill_at + 1))

    def hook(event: str, _: object) -> None:
        if event in {"os.rename", "os.link"} and next(steps) == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    return hook


def main(folder: Path, make=first) -> None:
    run(before, folder / "before")
    run(make, folder / "undisturbed")
    expected = contents(folder / "undisturbed")
    for number in range(100):
        target = folder / f"killed-{number}"
        if run(make, target, kill_at=number) is not None:
            break
        there = committed(target)
        finished = (target / "voxpress.json").exists()
        made = run(make, target)
        told = {"committed": there, "finished": finished, "made": made, "same": contents(target) == expected}
        print(json.dumps(told), flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]), following if sys.argv[2:] == ["next"] else first)
