"""PNG files that say what they are."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .console import MistakeError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["check_folder", "png_path", "write_png"]


def png_path(output: str) -> Path:
    """Where a picture goes.

    Raises:
        MistakeError: the name is not that of a PNG, or its folder is not there.
    """
    path = Path(output)
    if path.suffix.lower() != ".png":
        msg = f"--output must end in .png, got {output}"
        raise MistakeError(msg)
    check_folder(path)
    return path


def check_folder(path: Path) -> None:
    """Tells of a missing folder before anything is made.

    Raises:
        MistakeError: the folder of the file is not there.
    """
    if not path.parent.is_dir():
        msg = f"the folder {path.parent} of --output is not there; make it first"
        raise MistakeError(msg)


def write_png(picture: Image, path: Path, *, synthetic: bool = True) -> None:
    """Writes a picture, marked as synthetic or not."""
    from PIL.PngImagePlugin import PngInfo

    marks = PngInfo()
    kind = "Synthetic data made by voxpress" if synthetic else "Scans of real people"
    marks.add_text("Description", f"{kind}, not for clinical use")
    picture.save(path, format="PNG", pnginfo=marks)
