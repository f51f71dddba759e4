"""What has to be committed to a repository on the Hub, so that it becomes a version; pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ...store import MANIFEST_NAME
from ...store.published import Phase, is_unlisted
from .limits import MOST_COMMIT_FILES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from ...store import Manifest
    from .contents import PublishedFile

__all__ = ["CommitPlan", "RemoteFile", "files_of_versions", "is_there", "missing_files", "plan_commits", "stale_files"]

_COMMIT_BYTES: Final = 4 * 10**9
"""Of one commit: what a crash costs on a repository whose storage forgets what no commit names."""
_MOST_COMMITS: Final = 1000
"""The Hub becomes slow after some thousands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteFile:
    """A file of a commit on the Hub.

    Attributes:
        bytes: its size.
        blob_id: git's sha1 of it, or of what git has in its place.
        sha256: of a file that is kept in large-file storage; None for others.
    """

    bytes: int
    blob_id: str
    sha256: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitPlan:
    """One commit.

    Attributes:
        add: files to add or replace.
        delete: paths to delete.
    """

    add: tuple[PublishedFile, ...]
    delete: tuple[str, ...] = ()


def is_there(file: PublishedFile, remote: RemoteFile | None) -> bool:
    """Whether the Hub has a file, by the checksum that it reports."""
    if remote is None or remote.bytes != file.record.bytes:
        return False
    if remote.sha256 is not None:
        return remote.sha256 == file.record.sha256
    return remote.blob_id == _git_blob_id(file)


def missing_files(files: Iterable[PublishedFile], tree: Mapping[str, RemoteFile]) -> list[PublishedFile]:
    """Those that the Hub does not have, in the same order."""
    return [file for file in files if not is_there(file, tree.get(file.path))]


def files_of_versions(manifests: Mapping[str, Manifest], tree: Iterable[str]) -> set[str]:
    """Which files of a commit are of the data sets in it; the others are of the repository's owner.

    Args:
        manifests: folder (``""`` for the top) → manifest that lies there.
        tree: paths of the commit.
    """
    tree = set(tree)
    found = set()
    for folder, manifest in manifests.items():
        prefix = f"{folder}/" if folder else ""
        found |= {f"{prefix}{path}" for path in (*manifest.files, MANIFEST_NAME)}
        found |= {path for path in tree if path.startswith(prefix) and is_unlisted(path.removeprefix(prefix))}
    if manifests:
        found |= {path for path in tree if is_unlisted(path)}
    return found & tree


def stale_files(files: Iterable[PublishedFile], tree: Iterable[str], owned: Iterable[str]) -> list[str]:
    """What must go for a commit to be the version.

    Args:
        files: of the version.
        tree: paths of the commit.
        owned: paths that are the repository owner's, and stay.
    """
    stays = {file.path for file in files} | set(owned)
    return sorted(path for path in tree if path not in stays and not _is_hidden(path))


def plan_commits(
    files: Sequence[PublishedFile], tree: Mapping[str, RemoteFile], stale: Sequence[str]
) -> list[CommitPlan]:
    """Commits that make a branch the version: bounded ones, of which the last has manifest and card.

    While they are made the branch is no data set: the first one takes away the manifests of what was there before.

    Args:
        files: of the version, by phase.
        tree: of the branch.
        stale: paths that must go.
    """
    missing = missing_files(files, tree)
    if not missing and not stale:
        return []
    bound = max(_COMMIT_BYTES, sum(file.record.bytes for file in missing) // _MOST_COMMITS)
    body = _groups([file for file in missing if file.phase < Phase.SPARE], bound)
    body += _groups([file for file in missing if file.phase == Phase.SPARE], bound)
    seal = tuple(file for file in missing if file.phase == Phase.SEAL)
    commits = [CommitPlan(add=tuple(group)) for group in body]
    if commits:
        old = [path for path in tree if path.rpartition("/")[2] == MANIFEST_NAME and _is_manifest_of(path, seal, stale)]
        commits[0] = CommitPlan(add=commits[0].add, delete=tuple(sorted(old)))
    left = tuple(path for path in stale if not commits or path not in commits[0].delete)
    if seal or left:
        commits.append(CommitPlan(add=seal, delete=left))
    return commits


def _is_manifest_of(path: str, seal: Iterable[PublishedFile], stale: Iterable[str]) -> bool:
    """Whether a manifest on the branch is that of something else."""
    return path in stale or any(file.path == path for file in seal)


def _groups(files: Sequence[PublishedFile], most_bytes: int) -> list[list[PublishedFile]]:
    groups: list[list[PublishedFile]] = []
    size = 0
    for file in files:
        if not groups or len(groups[-1]) >= MOST_COMMIT_FILES or size + file.record.bytes > most_bytes:
            groups.append([])
            size = 0
        groups[-1].append(file)
        size += file.record.bytes
    return groups


def _git_blob_id(file: PublishedFile) -> str:
    """What git calls a file; it is small enough that the Hub keeps it in git."""
    digest = hashlib.sha1(b"blob %d\0" % file.record.bytes, usedforsecurity=False)
    with file.place.open("rb") as stream:
        while block := stream.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def _is_hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))
