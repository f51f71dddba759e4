"""What is published as one version: a store, or a folder of stores (a *collection*), file by file."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import CorruptError, PublishError, StoreNotFoundError
from ...store import MANIFEST_NAME, WORK_FOLDER, FileRecord, Manifest, hash_file, safe_path
from ...store import open as open_store
from ...store.files import files_below
from ...store.layout import is_editable
from ...store.published import Phase, phase_of, published_files
from ...store.spare import expected_files
from ...store.verify import verify
from ...store.versions import is_tag

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Mapping

    Progress = Callable[[int, int], None]

__all__ = ["Contents", "PublishedFile", "read_contents", "refuse_broken"]

_CONFIGURATION: Final = r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}"
_SEMANTIC_TAG: Final = r"v?(\d{1,9}\.\d{1,9}\.\d{1,9}([-+][0-9A-Za-z.+-]{1,90})?)"
_MOST_SHOWN: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class PublishedFile:
    """One file of a version.

    Attributes:
        path: in the version.
        record: size and sha256.
        phase: when it is published.
        listed: a manifest vouches for it; the others may be edited.
        place: where it is on this machine.
    """

    path: str
    record: FileRecord
    phase: Phase
    listed: bool
    place: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """A version before it is published.

    Attributes:
        root: folder on this machine.
        name: of the data set, or of the collection's folder.
        version: semantic.
        tag: that names it.
        stores: folder in the version (``""`` for that of a store alone) → manifest.
        files: by phase and path.
    """

    root: Path
    name: str
    version: str
    tag: str
    stores: Mapping[str, Manifest]
    files: tuple[PublishedFile, ...]

    @property
    def is_collection(self) -> bool:
        """Whether it is a folder of stores."""
        return "" not in self.stores

    @property
    def manifests(self) -> dict[str, str]:
        """Path of each manifest → its digest: what the version is."""
        return {_in(folder, MANIFEST_NAME): manifest.digest for folder, manifest in self.stores.items()}

    @property
    def bytes(self) -> int:
        """Of all files."""
        return sum(file.record.bytes for file in self.files)


def read_contents(path: str | os.PathLike[str], tag: str | None = None) -> Contents:
    """Look at what is to be published. Voxels are not read.

    Args:
        path: folder of a store, or of stores.
        tag: name of the version; None for ``v`` and the version that the manifests have.

    Raises:
        StoreNotFoundError: there is none, or one that is not finished.
        PublishError: the stores of a collection disagree on their version and there is no tag, or the tag is none.
        FormatError, UnsafePathError: as `open`.
        CorruptError: a file that the manifest lists is missing.
    """
    root = Path(path).expanduser()
    folders = [""] if (root / MANIFEST_NAME).is_file() or not root.is_dir() else _members(root)
    stores = {folder: open_store(root / folder).manifest for folder in folders}
    version, tag = _named(stores, tag)
    files = [file for folder, manifest in stores.items() for file in _files(root, folder, manifest)]
    if "" not in stores:
        beside = [name for name in files_below(root) if is_editable(name)]
        files += [_file(root, name, None) for name in beside]
    return Contents(
        root=root,
        name=stores[""].name if "" in stores else root.resolve().name,
        version=version,
        tag=tag,
        stores=stores,
        files=tuple(sorted(files, key=lambda file: (file.phase, file.path))),
    )


def refuse_broken(contents: Contents, progress: Progress | None = None) -> None:
    """Hold every byte against the manifests.

    Args:
        contents: to be published.
        progress: told bytes done and bytes in all.

    Raises:
        CorruptError: something is wrong; the message names the files.
    """
    total = sum(file.record.bytes for file in contents.files if file.listed)
    done = 0
    for folder in contents.stores:
        report = verify(contents.root / folder, progress=_after(done, total, progress))
        if report.problems:
            shown = "; ".join(problem.message for problem in report.problems[:_MOST_SHOWN])
            more = len(report.problems) - _MOST_SHOWN
            msg = (
                f"{contents.root / folder} is not sound, so it is not published: {shown}"
                f"{f' and {more} more problems' if more > 0 else ''}"
            )
            first = report.problems[0]
            raise CorruptError(msg, kind=first.kind, path=_in(folder, first.path), samples=first.samples)
        done += report.bytes


def _after(done: int, total: int, progress: Progress | None) -> Progress | None:
    """Progress of one store among several."""
    return progress and (lambda now, _: progress(done + now, total))


def _members(root: Path) -> list[str]:
    """Folders of the stores of a collection."""
    if (root / WORK_FOLDER).is_dir():
        return [""]
    found = sorted(folder.name for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    stores = [name for name in found if (root / name / MANIFEST_NAME).is_file()]
    if not stores:
        return [""]
    files = sorted(file.name for file in root.iterdir() if file.is_file() and not file.name.startswith("."))
    if strange := [name for name in files if not is_editable(name)]:
        msg = f"{root} is a collection, and {', '.join(strange[:3])} in it belongs to no data set; move it elsewhere"
        raise PublishError(msg)
    for name in found:
        if name not in stores and not is_editable(f"{name}/x"):
            unfinished = (root / name / WORK_FOLDER).is_dir()
            what = "unfinished; run the command that makes it again" if unfinished else "no data set; move it elsewhere"
            msg = f"{root} is a collection of the data sets {', '.join(stores)}, but {name} in it is {what}"
            raise StoreNotFoundError(msg)
        if name in stores and not re.fullmatch(_CONFIGURATION, name, flags=re.ASCII):
            msg = f"the folder {name!r} in {root} cannot be the name of a configuration: use letters, digits, . _ -"
            raise PublishError(msg)
    return stores


def _named(stores: Mapping[str, Manifest], tag: str | None) -> tuple[str, str]:
    """Version and tag."""
    found = sorted({manifest.version for manifest in stores.values()})
    if tag is None:
        if len(found) > 1:
            each = ", ".join(f"{folder} {manifest.version}" for folder, manifest in stores.items())
            msg = f"the data sets of the collection are of different versions ({each}); name the version with --tag"
            raise PublishError(msg)
        tag = f"v{found[0]}"
    if not is_tag(tag) or tag == "main":
        msg = f"a tag is at most 100 letters, digits and . _ + -, and not main, got {tag!r}; v{found[0]} would do"
        raise PublishError(msg)
    semantic = re.fullmatch(_SEMANTIC_TAG, tag, flags=re.ASCII)
    if len(found) > 1:
        if semantic is None:
            msg = f"the tag of a collection of different versions must be as v1.0.0, got {tag!r}"
            raise PublishError(msg)
        return semantic[1], tag
    if semantic is not None and semantic[1] != found[0]:
        msg = (
            f"the tag {tag} is not that of version {found[0]}, which the manifest has; leave out --tag, "
            "or make the data set again with that version in its recipe"
        )
        raise PublishError(msg)
    return found[0], tag


def _files(root: Path, folder: str, manifest: Manifest) -> Iterator[PublishedFile]:
    expected = expected_files(manifest)
    for path in published_files(root / folder, manifest):
        yield _file(root, _in(folder, path), expected.get(path), in_store=path)


def _file(root: Path, path: str, record: FileRecord | None, *, in_store: str | None = None) -> PublishedFile:
    place = safe_path(root, path)
    if record is not None and not place.is_file():
        msg = f"{path} is missing in {root}, so it is not published; `voxpress verify` tells what else is wrong"
        raise CorruptError(msg, kind="missing", path=path)
    return PublishedFile(
        path=path,
        record=hash_file(place) if record is None else record,
        phase=phase_of(in_store or path),
        listed=record is not None,
        place=place,
    )


def _in(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path
