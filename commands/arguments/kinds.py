"""What the arguments of several commands have in common."""

from __future__ import annotations

import argparse
from typing import TypeAlias

__all__ = ["SET", "Commands", "add_ordering", "add_path", "command", "natural", "positive", "seconds"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"  # noqa: SLF001 - it has no other name

SET = """\
changes of the recipe with --set NAME=VALUE, as often as needed:
  --set age=70:85 --set sex=F          a condition: a range, or one value
  --set diagnosis=CN*0.7,AD*0.3        a choice with weights; CN,AD for equal ones
  --set wmh_volume_ml=population       drawn from the published formula
  --set image.shape=80,112,80          any other field of the recipe, by its path"""
"""How changes of a recipe are written, for the end of a help."""


def command(commands: Commands, name: str, text: str, epilog: str = "") -> argparse.ArgumentParser:
    """Adds a command; the first line of its text stands in the list of all."""
    first, _, _ = text.partition("\n")
    return commands.add_parser(
        name,
        help=first.rstrip(".").lower(),
        description=text,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_ordering(parser: argparse.ArgumentParser) -> None:
    """A recipe, and what is changed of it."""
    parser.add_argument("recipe", nargs="?", metavar="RECIPE", help="YAML file; without it, eight brains")
    parser.add_argument("--samples", type=int, metavar="N", help="number of samples, in place of the recipe's")
    parser.add_argument("--seed", type=int, metavar="N", help="seed, in place of the recipe's")
    parser.add_argument("--set", action="append", default=[], dest="sets", metavar="NAME=VALUE", help="see below")


def add_path(parser: argparse.ArgumentParser) -> None:
    """A data set in a folder."""
    parser.add_argument("path", metavar="PATH", help="folder of the data set")


def positive(text: str) -> int:
    """A whole number from 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {number}")
    return number


def natural(text: str) -> int:
    """A whole number from 0."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be at least 0, got {number}")
    return number


def seconds(text: str) -> float:
    """A time of more than 0 s."""
    number = float(text)
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be more than 0 s, got {text}")
    return number
