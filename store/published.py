"""Which files of a store are published, and in which order, so that nothing half there looks whole."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING

from .files import files_below
from .layout import CARD_NAME, MANIFEST_NAME, is_editable, is_spare
from .spare import expected_files

if TYPE_CHECKING:
    from pathlib import Path

    from .manifest import Manifest

__all__ = ["Phase", "is_unlisted", "phase_of", "published_files"]


class Phase(IntEnum):
    """When a file is published; what is of a later phase may refer to what is of an earlier one."""

    VOLUMES = 0
    TABLE = 1
    BESIDE = 2
    """Recipe, people, quality report and whatever else people read."""
    SPARE = 3
    """Spare copies: apart from what they are copies of, so that storage which knows that need not be sent it again."""
    SEAL = 4
    """Manifest and card: with them the version is there."""


def is_unlisted(relative: str) -> bool:
    """Whether a file belongs to a store though its manifest does not list it."""
    return is_editable(relative) or is_spare(relative)


def phase_of(relative: str) -> Phase:
    """Phase of a file of a store."""
    if relative in {MANIFEST_NAME, CARD_NAME}:
        return Phase.SEAL
    if is_spare(relative):
        return Phase.SPARE
    return {"volumes": Phase.VOLUMES, "metadata": Phase.TABLE}.get(relative.partition("/")[0], Phase.BESIDE)


def published_files(root: Path, manifest: Manifest) -> dict[str, Phase]:
    """All files of a store that a published version has → when they are published, in that order.

    These are the manifest, the files that it lists, the spare copies, and of what may be edited that which is there.

    Args:
        root: folder of the store.
        manifest: of the store.
    """
    paths = {*expected_files(manifest), *(path for path in files_below(root) if is_editable(path))}
    return {path: phase_of(path) for path in sorted(paths, key=lambda path: (phase_of(path), path))}
