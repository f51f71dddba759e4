"""Spare copies: a second copy, beside the data, of whatever is no shard.

Shards are nearly all of a data set's bytes, and each can be made again from the recipe. Everything else is small, and
some of it cannot be made again at all: the order itself, the manifest, and the table wherever other versions of
packages would write other bytes. So a store holds it twice. Each copy is named by the digest of its content, so that it
says itself whether it is right, even where the manifest is damaged.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CorruptError
from .files import FileRecord, read_whole, write_atomic
from .layout import (
    MANIFEST_NAME,
    SPARE_FOLDER,
    parse_shard_path,
    safe_path,
    spare_manifest_digest,
    spare_manifest_path,
    spare_path,
)
from .manifest_json import FIRST_WITH_SPARES

if TYPE_CHECKING:
    from pathlib import Path

    from .manifest import Manifest

__all__ = ["check_manifest_is_spared", "expected_files", "seal", "spare_files", "spared", "spared_manifests"]


def spared(manifest: Manifest) -> tuple[str, ...]:
    """The listed files that a store has a copy of: all that are no shard."""
    if manifest.format_version < FIRST_WITH_SPARES:
        return ()
    return tuple(sorted(path for path in manifest.files if parse_shard_path(path) is None))


def spare_files(manifest: Manifest) -> dict[str, FileRecord]:
    """The copies that a store has: path → size and digest; that of the manifest included. Pure."""
    if manifest.format_version < FIRST_WITH_SPARES:
        return {}
    copies = {spare_path(manifest.files[path].sha256): manifest.files[path] for path in spared(manifest)}
    return copies | {spare_manifest_path(manifest.digest): FileRecord(len(manifest.to_bytes()), manifest.digest)}


def expected_files(manifest: Manifest) -> dict[str, FileRecord]:
    """Every file that a data set should have, its manifest and the spare copies included: path → size and digest."""
    itself = FileRecord(len(manifest.to_bytes()), manifest.digest)
    return {MANIFEST_NAME: itself, **manifest.files, **spare_files(manifest)}


def seal(target: Path, manifest: Manifest, *, scratch: Path) -> None:
    """Finish a data set whose listed files are there: the copies, then the manifest, which makes it one.

    Args:
        target: folder of the data set.
        manifest: of it.
        scratch: as in `write_atomic`.

    Raises:
        CorruptError: a file that is to be copied is not what the manifest says.
        DiskFullError: no room.
    """
    for path in spared(manifest):
        record = manifest.files[path]
        data = read_whole(safe_path(target, path), path, most=record.bytes, record=record)
        write_atomic(target / spare_path(record.sha256), data, scratch=scratch)
    data = manifest.to_bytes()
    if manifest.format_version >= FIRST_WITH_SPARES:
        write_atomic(target / spare_manifest_path(manifest.digest), data, scratch=scratch)
    write_atomic(target / MANIFEST_NAME, data, scratch=scratch)


def spared_manifests(root: Path) -> tuple[str, ...]:
    """Digests of the manifests that a folder has copies of, by their names; nothing is read."""
    try:
        names = sorted(path.name for path in (root / SPARE_FOLDER).iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return tuple(digest for name in names if (digest := spare_manifest_digest(name)))


def check_manifest_is_spared(root: Path, manifest: Manifest) -> None:
    """Hold a manifest against the name of its copy, which finds what JSON alone cannot: a changed digit.

    A folder without any copy, such as an incomplete download, or one of an older format, passes.

    Raises:
        CorruptError: there are copies, but of other manifests.
    """
    digests = spared_manifests(root)
    if digests and manifest.digest not in digests:
        msg = (
            f"{MANIFEST_NAME} in {root} is not the file that {spare_manifest_path(digests[0])} is a copy of, so it was "
            "edited or damaged; mend it with `voxpress repair`, or get it again from its source"
        )
        raise CorruptError(msg, kind="checksum", path=MANIFEST_NAME)
