"""Names and paths of a store; nothing here opens a file, except that `safe_path` follows links.

Paths are relative to the store, with ``/`` on every platform: the same text in the manifest, the table and on a server.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ..errors import UnsafePathError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "CARD_NAME",
    "CARD_PICTURES",
    "EDITABLE_FILES",
    "EDITABLE_FOLDERS",
    "MANIFEST_NAME",
    "SPARE_FOLDER",
    "WORK_FOLDER",
    "array_path",
    "array_zarr_json_path",
    "check_relative",
    "group_path",
    "group_zarr_json_path",
    "is_editable",
    "is_spare",
    "metadata_path",
    "parse_shard_path",
    "safe_path",
    "shard_path",
    "spare_manifest_digest",
    "spare_manifest_path",
    "spare_path",
    "split_and_name",
]

MANIFEST_NAME = "voxpress.json"
CARD_NAME = "README.md"
WORK_FOLDER = ".voxpress-work"
"""Scratch folder of an unfinished run, inside the store; its presence without a manifest means *resume*."""

SPARE_FOLDER = "spare"
"""Copies of whatever is no shard, each named by its digest, so that the copy itself says whether it is right."""

EDITABLE_FILES = frozenset({"CHANGELOG.md", CARD_NAME, "croissant.json"})
EDITABLE_FOLDERS = ("quality",)
CARD_PICTURES = ("quality/preview.png", "quality/conditions.png")
"""Samples, and what was ordered of them: what the card shows."""

_LONGEST_PATH = 1024
_UNSAFE_CHARACTERS = re.compile(r'[\x00-\x1f\x7f\\:*?"<>|]')


def group_path(split: str) -> str:
    """Folder of a split's Zarr group."""
    return f"volumes/{split}.zarr"


def group_zarr_json_path(split: str) -> str:
    """Metadata file of a split's Zarr group."""
    return f"{group_path(split)}/zarr.json"


def array_path(split: str, array: str) -> str:
    """Folder of an array; also its key in the manifest and the `path` of its rows."""
    return f"{group_path(split)}/{array}"


def split_and_name(path: str) -> tuple[str, str]:
    """Split and name of an array, from its folder."""
    split, _, name = path.removeprefix("volumes/").partition(".zarr/")
    return split, name


def array_zarr_json_path(split: str, array: str) -> str:
    """Metadata file of an array."""
    return f"{array_path(split, array)}/zarr.json"


def shard_path(split: str, array: str, number: int) -> str:
    """File of shard `number`, which holds slots ``number * K`` up to ``(number + 1) * K``."""
    return f"{array_path(split, array)}/c.{number}.0.0.0"


def metadata_path(split: str, number: int, count: int) -> str:
    """Parquet file `number` of the `count` files of a split, named as the Hugging Face Hub expects."""
    return f"metadata/{split}-{number:05d}-of-{count:05d}.parquet"


def parse_shard_path(relative: str) -> tuple[str, str, int] | None:
    """Split, array and number of a shard file; None for any other path."""
    match = re.fullmatch(r"volumes/([^/]+)\.zarr/([^/]+)/c\.(\d{1,18})\.0\.0\.0", relative, flags=re.ASCII)
    return (match[1], match[2], int(match[3])) if match else None


def spare_path(sha256: str) -> str:
    """Copy of the listed file that has this digest."""
    return f"{SPARE_FOLDER}/{sha256}"


def spare_manifest_path(digest: str) -> str:
    """Copy of the manifest that has this digest."""
    return f"{SPARE_FOLDER}/voxpress-{digest}.json"


def spare_manifest_digest(name: str) -> str | None:
    """Digest in the name of a copy of the manifest, without its folder; None for any other name."""
    match = re.fullmatch(r"voxpress-([0-9a-f]{64})\.json", name, flags=re.ASCII)
    return match[1] if match else None


def is_spare(relative: str) -> bool:
    """Whether a path is one of the copies, which are not listed in the manifest."""
    return relative.startswith(f"{SPARE_FOLDER}/")


def is_editable(relative: str) -> bool:
    """Whether a file may be added or edited after the manifest is written, and so is not listed in it."""
    first, _, rest = relative.partition("/")
    return relative in EDITABLE_FILES or (first in EDITABLE_FOLDERS and bool(rest))


def check_relative(relative: str) -> str:
    """Return `relative` if it is a plain path below the store.

    Raises:
        UnsafePathError: it is empty, absolute, too long, has an empty, ``.`` or ``..`` part, a backslash, a drive, or
            a character that some file system gives a meaning of its own.
    """
    if not relative or len(relative) > _LONGEST_PATH:
        fault = f"has {len(relative)} characters, not 1 to {_LONGEST_PATH}"
    elif _UNSAFE_CHARACTERS.search(relative):
        fault = "holds a backslash, a colon or another character that is not portable"
    elif any(part in {"", ".", ".."} for part in relative.split("/")):
        fault = "is absolute or has an empty, '.' or '..' part"
    else:
        return relative
    msg = f"the store names the path {relative[:200]!r}, which {fault}; do not trust this store"
    raise UnsafePathError(msg)


def safe_path(root: Path, relative: str) -> Path:
    """Return the real path of a file that the store names, which need not exist.

    Links may lead to other files of the store and, as the cache of `huggingface_hub` needs it, from
    ``snapshots/<revision>`` to the ``blobs`` beside it; nowhere else.

    Args:
        root: folder of the store.
        relative: path as the manifest or the table spells it.

    Raises:
        UnsafePathError: `relative` is not a plain relative path, or a link leads out of the store.
    """
    base = root.resolve()
    path = (base / check_relative(relative)).resolve()
    if any(path.is_relative_to(home) for home in _homes(base)):
        return path
    msg = (
        f"{relative!r} is a link that leads out of the store {root}, to {path}; "
        "do not trust this store, or copy it with its links resolved (cp -rL) if you made the link yourself"
    )
    raise UnsafePathError(msg)


def _homes(base: Path) -> tuple[Path, ...]:
    if base.parent.name == "snapshots":
        return base, base.parent.parent / "blobs"
    return (base,)
