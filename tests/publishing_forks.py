"""A program that runs `voxpress` commands in processes of their own, quickly: it imports everything once, and forks.

    with Forks(environment) as forks:
        run = forks.start("publish", path, "org/name")     # a process
        run.pid                                            # to kill
        run.wait()                                         # how it ended

It forks before anything but imports has happened, so that no thread is left behind.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Ended", "Forks", "Run"]


@dataclass(frozen=True)
class Ended:
    """How a process ended: its exit code, or minus the signal, and what it wrote."""

    code: int
    text: str


class Run:
    """A process that was started."""

    def __init__(self, forks: Forks, pid: int, log: Path) -> None:
        self._forks, self.pid, self._log = forks, pid, log

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)

    def wait(self) -> Ended:
        code = self._forks.read()["code"]
        return Ended(code, self._log.read_text())


class Forks:
    """Starts one process at a time.

    Args:
        environment: of the program.
        folder: for what the processes write.
    """

    def __init__(self, environment: Mapping[str, str], folder: Path) -> None:
        self._environment, self._folder, self._number = dict(environment), folder, 0

    def __enter__(self) -> Self:
        self._program = subprocess.Popen(
            [sys.executable, "-m", "publishing_forks"],
            cwd=Path(__file__).parent,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.read() == {"ready": True}
        return self

    def __exit__(self, *_: object) -> None:
        self._program.stdin.close()
        self._program.wait(20)
        self._program.stdout.close()

    def start(self, *arguments: object, kill_at: tuple[str, int] | None = None) -> Run:
        """Start a command.

        Args:
            arguments: of `voxpress`.
            kill_at: ``("rename", n)`` or ``("object", n)``: before the n-th rename, or request to object storage.
        """
        self._number += 1
        log = self._folder / f"said-{self._number}"
        told = {"arguments": [str(each) for each in arguments], "log": str(log), "kill_at": kill_at}
        print(json.dumps(told), file=self._program.stdin, flush=True)
        return Run(self, self.read()["pid"], log)

    def read(self) -> dict:
        return json.loads(self._program.stdout.readline() or '{"code": "the program of the forks died"}')


def main() -> None:
    _import_all()
    _tell(ready=True)
    for line in sys.stdin:
        told = json.loads(line)
        child = os.fork()
        if child == 0:
            _run(told)
        _tell(pid=child)
        _, status = os.waitpid(child, 0)
        _tell(code=os.waitstatus_to_exitcode(status))


def _tell(**what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


def _run(told: dict) -> None:
    log = os.open(told["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    if told["kill_at"]:
        _kill_at(*told["kill_at"])
    code = 99
    try:
        from voxpress import cli

        code = cli.main(told["arguments"])
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - told
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _kill_at(event: str, number: int) -> None:
    left = iter(range(number))

    def strike() -> None:
        if next(left, None) is None:
            os.kill(os.getpid(), signal.SIGKILL)

    if event == "rename":
        sys.addaudithook(lambda name, _: strike() if name == "os.rename" else None)
        return
    from voxpress.store.sources.objects import ObjectSource

    request = ObjectSource.request

    def counted(*args, **options):
        strike()
        return request(*args, **options)

    ObjectSource.request = counted


def _import_all() -> None:
    import importlib

    for name in (
        "datasets",
        "datasets.data_files",
        "huggingface_hub",
        "huggingface_hub.hf_api",
        "huggingface_hub._commit_api",
        "filelock",
        "obstore",
        "pyarrow.parquet",
        "tqdm",
        "voxpress.release",
        "voxpress.commands.publish",
        "voxpress.commands.fetch",
        "voxpress.builder.fetching",
        "voxpress.store.table",
        "voxpress.store.where",
        "voxpress.store.sources.http",
        "voxpress.store.sources.objects",
    ):
        importlib.import_module(name)
    from voxpress.builder.publishing import hub_plan

    # so that a small data set takes several commits
    hub_plan.MOST_COMMIT_FILES = 4


if __name__ == "__main__":
    main()
