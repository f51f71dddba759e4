"""The command line: what can be asked, and how problems are told.

What each command does is in `commands`, one file each; nothing but `argparse` is imported before one is chosen.

Exit codes: 0 done; 1 something failed, or `verify`, `qa`, `audit` or `gate` found problems, or `repair` left some; 2 a
mistake in what was asked; 3 and 4 what was made again is only close, or different; 130 stopped by Ctrl-C. `diff` has
those of diff(1): 0 the same, 1 different, 2 something failed.
"""

from __future__ import annotations

import argparse
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING

from . import __version__
from .commands.arguments import judging, making, moving, reading, training
from .commands.console import MistakeError, printable
from .errors import (
    PublishError,
    QualityError,
    QueryError,
    RecipeError,
    StoreExistsError,
    StoreNotFoundError,
    VoxpressError,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_MISTAKES = (MistakeError, PublishError, QualityError, QueryError, RecipeError, StoreExistsError, StoreNotFoundError)
_MODULES = {"import": "import_"}
"""Where a command is called like a keyword of Python."""

_RESUMABLE = (
    "audit",
    "export",
    "fetch",
    "generate",
    "import",
    "next",
    "publish",
    "qa",
    "recode",
    "regenerate",
    "repair",
    "train",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: as typed after `voxpress`; None for those of this process.

    Returns:
        the exit code.
    """
    asked = _parser().parse_args(arguments)
    try:
        module = _MODULES.get(asked.command, asked.command)
        code: int = import_module(f".commands.{module}", __package__).run(asked)
        sys.stdout.flush()
    except (VoxpressError, MistakeError) as error:
        _tell(str(error))
        return 2 if isinstance(error, _MISTAKES) else _trouble(asked)
    except BrokenPipeError:
        # whoever read the output has seen enough; what is still buffered must not be written at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        _tell(str(error))
        return _trouble(asked)
    except KeyboardInterrupt:
        # without a folder of its own, nothing is kept
        resumable = asked.command in _RESUMABLE and getattr(asked, "output", "") is not None
        _tell("stopped" + ("; run the same command again to resume" if resumable else ""))
        return 130
    return code


def _trouble(asked: argparse.Namespace) -> int:
    return 2 if asked.command == "diff" else 1


def _tell(problem: str) -> None:
    first, *more = problem.splitlines() or [""]
    print(f"voxpress: {printable(first)}", *map(printable, more), sep="\n", file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="voxpress",
        description="Makes, judges and reads synthetic 3D medical data sets.",
        epilog="Start with: voxpress generate -o brains && voxpress preview brains -o look.png",
    )
    parser.add_argument("--version", action="version", version=f"voxpress {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", title="commands")
    for group in (making, training, reading, judging, moving):
        group.add(commands)
    return parser


if __name__ == "__main__":
    sys.exit(main())
