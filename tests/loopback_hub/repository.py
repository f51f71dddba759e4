"""Repositories in a folder: commits with their files, branches, tags, and the bytes by their digest.

    <root>/<org>/<name>/settings.json  refs.json  commits/<sha>.json  blobs/<git sha1>  lfs/<sha256>

Files are replaced whole, and references come last, so that what is read is always something that was committed.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Commit", "File", "Refused", "Repository", "is_large", "pointer_size", "replace", "sha256_of"]

_LARGE_BYTES = 10 * 2**20


class Refused(Exception):  # noqa: N818 - it is an answer
    """What the Hub answers instead, with the code by which its clients know it."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.code, self.headers = status, code, headers


@dataclass(frozen=True, slots=True)
class File:
    """A file of a commit.

    Attributes:
        oid: git's sha1 of the file, or of the pointer of a large one.
        size: bytes.
        lfs: sha256 of a large file.
    """

    oid: str
    size: int
    lfs: str | None = None

    @property
    def etag(self) -> str:
        return self.lfs or self.oid


@dataclass(frozen=True, slots=True)
class Commit:
    sha: str
    parent: str | None
    title: str
    description: str
    date: str
    files: Mapping[str, File]


class Repository:
    """One data set.

    Args:
        folder: where it is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lock = threading.RLock()

    @classmethod
    def create(cls, folder: Path, *, private: bool = False, gated: bool = False) -> Repository:
        """With the commit that the Hub makes."""
        made = cls(folder)
        replace(folder / "refs.json", b'{"branches": {}, "tags": {}}')
        replace(folder / "settings.json", json.dumps({"private": private, "gated": gated}).encode())
        attributes = b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"
        made.commit("main", {".gitattributes": made.add_blob(attributes)}, title="initial commit")
        return made

    @property
    def exists(self) -> bool:
        return (self.folder / "settings.json").exists()

    @property
    def settings(self) -> dict[str, Any]:
        return _json(self.folder / "settings.json")

    def set(self, **changes: Any) -> None:
        with self.lock:
            replace(self.folder / "settings.json", json.dumps(self.settings | changes).encode())

    @property
    def refs(self) -> dict[str, dict[str, str]]:
        """Commits by name, of ``branches`` and of ``tags``."""
        return _json(self.folder / "refs.json")

    def set_ref(self, kind: str, name: str, sha: str | None) -> None:
        """Name a commit, or forget the name."""
        with self.lock:
            refs = self.refs
            if sha is None:
                del refs[kind][name]
            else:
                refs[kind][name] = sha
            replace(self.folder / "refs.json", json.dumps(refs).encode())

    def read(self, revision: str) -> Commit:
        """The commit of a branch, a tag, or a sha that may be abbreviated.

        Raises:
            Refused: there is none.
        """
        refs = self.refs
        sha = refs["branches"].get(revision) or refs["tags"].get(revision)
        if sha is None and re.fullmatch(r"[0-9a-f]{7,40}", revision):
            sha = next((path.stem for path in (self.folder / "commits").glob(f"{revision}*.json")), None)
        if sha is None:
            raise Refused(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        told = _json(self.folder / "commits" / f"{sha}.json")
        return Commit(**told | {"files": {path: File(**file) for path, file in told["files"].items()}})

    def history(self, revision: str) -> Iterator[Commit]:
        commit: Commit | None = self.read(revision)
        while commit is not None:
            yield commit
            commit = self.read(commit.parent) if commit.parent else None

    def commit(
        self, branch: str, files: Mapping[str, File], *, title: str, description: str = "", parent: str | None = None
    ) -> Commit:
        """Make a commit with exactly these files, and move the branch."""
        with self.lock:
            number = sum(1 for _ in self.history(parent)) if parent else 0
            date = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=number)
            told: dict[str, Any] = {
                "parent": parent,
                "title": title,
                "description": description,
                "date": date.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
                "files": {path: asdict(file) for path, file in sorted(files.items())},
            }
            told["sha"] = hashlib.sha1(json.dumps(told, sort_keys=True).encode()).hexdigest()
            replace(self.folder / "commits" / f"{told['sha']}.json", json.dumps(told).encode())
            self.set_ref("branches", branch, told["sha"])
            return self.read(told["sha"])

    # bytes

    def add(self, name: str, data: bytes) -> File:
        """Keep a file, among the large ones where the Hub would do so."""
        if not is_large(name, len(data), data[:512]):
            return self.add_blob(data)
        digest = sha256_of(data)
        replace(self.lfs_path(digest), data)
        return self.large(digest)

    def add_blob(self, data: bytes) -> File:
        oid = _git_sha1(data)
        replace(self.folder / "blobs" / oid, data)
        return File(oid, len(data))

    def lfs_path(self, sha256: str) -> Path:
        if not re.fullmatch("[0-9a-f]{64}", sha256):
            raise Refused(400, "BadRequest", f"no sha256: {sha256}")
        return self.folder / "lfs" / sha256

    def large(self, sha256: str) -> File:
        """A file that was uploaded before.

        Raises:
            Refused: it was not.
        """
        path = self.lfs_path(sha256)
        if not path.exists():
            raise Refused(400, "BadRequest", f"LFS pointer pointed to a file that does not exist: {sha256}")
        return File(_git_sha1(_pointer(sha256, path.stat().st_size)), path.stat().st_size, sha256)

    def bytes_of(self, file: File) -> bytes:
        return (self.lfs_path(file.lfs) if file.lfs else self.folder / "blobs" / file.oid).read_bytes()


def is_large(name: str, size: int, sample: bytes) -> bool:
    """Whether the Hub keeps a file in its storage rather than in git; an empty one never."""
    # a sample may end within a character
    text = b"\0" not in sample and "\ufffd" not in sample.decode(errors="replace")[:-3]
    return size > 0 and (name.endswith(".parquet") or size > _LARGE_BYTES or not text)


def _pointer(sha256: str, size: int) -> bytes:
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n".encode()


def pointer_size(file: File) -> int:
    """Bytes of the pointer of a large file."""
    return len(_pointer(file.etag, file.size))


def sha256_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def _json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


def replace(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    scratch.write_bytes(data)
    scratch.replace(path)
