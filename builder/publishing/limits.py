"""What the Hugging Face Hub takes of a repository; pure.

The numbers are those of https://huggingface.co/docs/hub/storage-limits, in decimal units.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from ...errors import PublishError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MOST_COMMIT_FILES", "MOST_FILES", "MOST_FOLDER_ENTRIES", "check_hub_limits"]

MOST_FILES: Final = 100_000
MOST_FOLDER_ENTRIES: Final = 10_000
MOST_FILE_BYTES: Final = 500 * 10**9
ADVISED_FILE_BYTES: Final = 200 * 10**9
MOST_COMMIT_FILES: Final = 100


def check_hub_limits(sizes: Mapping[str, int]) -> tuple[str, ...]:
    """Hold a repository as it will be against the limits.

    Args:
        sizes: path → bytes, of all files that it will have.

    Returns:
        warnings.

    Raises:
        PublishError: it breaks a limit.
    """
    problems = []
    if len(sizes) > MOST_FILES:
        problems.append(f"{len(sizes):,} files, {MOST_FILES:,} is the limit of a repository: use larger shards")
    for folder, count in sorted(_entries(sizes).items()):
        if count > MOST_FOLDER_ENTRIES:
            where = folder or "the top folder"
            problems.append(f"{count:,} entries in {where}, {MOST_FOLDER_ENTRIES:,} is the limit: use larger shards")
    for path, size in sorted(sizes.items()):
        if size > MOST_FILE_BYTES:
            problems.append(f"{path} has {_gb(size)}, {_gb(MOST_FILE_BYTES)} is the limit: use smaller shards")
    if problems:
        msg = f"the Hub does not take this data set: {'; '.join(problems)} (voxpress recode --shard-samples N)"
        raise PublishError(msg)
    return tuple(
        f"{path} has {_gb(size)}; the Hub advises at most {_gb(ADVISED_FILE_BYTES)} a file"
        for path, size in sorted(sizes.items())
        if size > ADVISED_FILE_BYTES
    )


def _entries(sizes: Mapping[str, int]) -> Counter[str]:
    """Folder → files and folders that lie directly in it."""
    entries = set()
    for path in sizes:
        while path:
            folder = path.rpartition("/")[0]
            if (folder, path) in entries:
                break
            entries.add((folder, path))
            path = folder  # noqa: PLW2901 - up to the top
    return Counter(folder for folder, _ in entries)


def _gb(size: int) -> str:
    return f"{size / 1e9:,.1f} GB"
