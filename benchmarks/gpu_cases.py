"""The command of a benchmark that needs a GPU and measures one model after the other."""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from report import write_section

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"


def run(
    about: str | None,
    section: str,
    cases: Sequence[tuple[Any, ...]],
    measured: Callable[..., dict],
    words: Callable[[list[dict], str], str],
) -> None:
    """Measures and tells.

    Args:
        about: help of the command.
        section: of the document.
        cases: the model's name and what else `measured` takes, before a folder.
        measured: plain data of one case.
        words: the section, of all rows and the name of the device.
    """
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="*", default=[name for name, *_ in cases])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    args = parser.parse_args()
    if not torch.cuda.is_available():
        print("Not run: it needs a GPU.")
        return
    with tempfile.TemporaryDirectory() as name:
        rows = []
        for case in cases:
            if case[0] in args.models:
                rows.append(measured(*case, Path(name)))
                print(json.dumps(rows[-1]), flush=True)
                if args.json:
                    args.json.write_text(json.dumps(rows, indent=2) + "\n")
    text = words(rows, torch.cuda.get_device_name())
    print(text)
    if args.write:
        write_section(DOCUMENT, section, text)
