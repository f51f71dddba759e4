"""Versions of a data set beside each other in one folder, on a file server or in object storage.

`voxpress publish` lays them out so::

    TARGET/versions.json        which versions there are, and which is the latest; written last
    TARGET/v1.0.0/…             a store, or a folder of stores, as it was when it was published; never changed

so that ``TARGET@v1.0.0`` names a version and ``TARGET`` the latest.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit, urlunsplit

from ..errors import CorruptError, FormatError, StoreNotFoundError
from .parsing import as_int, as_mapping, as_str, canonical_json, parse_json, refuse_unknown
from .sources import source_of
from .sources.hub import hub_name
from .version_order import is_prerelease, precedence

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .sources import Source

__all__ = ["VERSIONS_NAME", "Version", "Versions", "address_of_latest", "address_of_version", "is_newer", "is_tag"]

VERSIONS_NAME: Final = "versions.json"

_FORMAT: Final = 1
_MOST_BYTES: Final = 16 * 2**20
_MOST_VERSIONS: Final = 10_000
_TAG: Final = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}"
_SEMANTIC: Final = r"\d{1,9}\.\d{1,9}\.\d{1,9}(?:-[0-9A-Za-z.-]+)?(?:\+[0-9A-Za-z.-]+)?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One version.

    Attributes:
        version: semantic, `1.0.0`.
        manifests: path below the folder of the version → sha256 of each manifest: its identity.
    """

    version: str
    manifests: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """What `versions.json` says.

    Attributes:
        name: of the data set.
        versions: tag (`v1.0.0`) → version.
    """

    name: str
    versions: Mapping[str, Version]

    @property
    def latest(self) -> str:
        """Tag of the newest version; a pre-release only where there is nothing else."""
        released = [tag for tag in self.versions if not is_prerelease(self.versions[tag].version)]
        return max(sorted(released or self.versions), key=lambda tag: precedence(self.versions[tag].version))

    def with_version(self, tag: str, version: Version) -> Versions:
        """The same with one more."""
        return replace(self, versions={**self.versions, tag: version})

    def to_bytes(self) -> bytes:
        """Content of the file, in the canonical form of a manifest."""
        versions = {
            tag: {"manifests": dict(each.manifests), "version": each.version} for tag, each in self.versions.items()
        }
        document = {"format_version": _FORMAT, "latest": self.latest, "name": self.name, "versions": versions}
        return canonical_json(document)

    @classmethod
    def from_bytes(cls, data: bytes, where: str) -> Versions:
        """Parse a file that is not trusted.

        Raises:
            FormatError: it is something else, or of a newer format.
        """
        fields = as_mapping(parse_json(data, where), where)
        if as_int(fields.get("format_version"), f"{where}: format_version") != _FORMAT:
            msg = f"{where} has format version {fields['format_version']}, this voxpress reads {_FORMAT}; upgrade it"
            raise FormatError(msg)
        refuse_unknown(fields, ("format_version", "latest", "name", "versions"), where)
        entries = as_mapping(fields["versions"], f"{where}: versions")
        if not 0 < len(entries) <= _MOST_VERSIONS:
            msg = f"{where}: versions must name 1 to {_MOST_VERSIONS} versions, got {len(entries)}"
            raise FormatError(msg)
        versions = {_tag(tag, where): _version(entry, f"{where}: {tag[:100]}") for tag, entry in entries.items()}
        return cls(name=as_str(fields["name"], f"{where}: name"), versions=versions)


def is_tag(text: str) -> bool:
    """Whether a text may name a version."""
    return bool(re.fullmatch(_TAG, text, flags=re.ASCII)) and text != VERSIONS_NAME


def is_newer(version: str, other: str) -> bool:
    """Whether a semantic version comes after another, by the precedence of semver.org 2.0.0, §11.

    >>> is_newer("1.10.0", "1.9.0"), is_newer("1.0.0", "1.0.0-rc.1"), is_newer("1.0.0+b", "1.0.0+a")
    (True, True, False)
    """
    return precedence(version) > precedence(other)


def address_of_version(path: str | os.PathLike[str]) -> str | os.PathLike[str]:
    """Address of the store or collection that ``folder@tag`` names; anything else as it is.

    Args:
        path: as for `open`. What the Hub answers for is left to it, and a folder that has the ``@`` in its own name to
            itself.

    Raises:
        StoreNotFoundError: there are versions at that place, but not this one.
        FormatError: what says which versions there are is damaged.
    """
    if not isinstance(path, str) or (parted := _parted(path)) is None:
        return path
    folder, tag = parted
    if "://" not in path:
        if Path(path).exists() or not (Path(folder) / VERSIONS_NAME).is_file():
            return path
    elif hub_name(path) is not None:
        return path
    if (versions := _read(source_of(folder))) is None:
        return path
    if tag not in versions.versions:
        msg = f"there is no version {tag!r} at {folder}; its versions are {', '.join(sorted(versions.versions))}"
        raise StoreNotFoundError(msg)
    return _below(folder, tag)


def address_of_latest(path: str | os.PathLike[str], source: Source) -> str | None:
    """Address of the latest version in a folder of versions; None for any other place.

    Args:
        path: as for `open`.
        source: of it.
    """
    if getattr(source, "hub", False) or (versions := _read(source)) is None:
        return None
    return _below(os.fspath(path), versions.latest)


def _parted(text: str) -> tuple[str, str] | None:
    """Folder and tag of ``folder@tag``."""
    parts = urlsplit(text) if "://" in text else None
    path = text if parts is None else parts.path
    folder, mark, tag = path.rpartition("@")
    if not mark or not folder.rpartition("/")[2] or not is_tag(tag):
        return None
    return (folder if parts is None else urlunsplit(parts._replace(path=folder))), tag


def _below(text: str, folder: str) -> str:
    if "://" not in text:
        return f"{text.rstrip('/')}/{folder}"
    parts = urlsplit(text)
    return urlunsplit(parts._replace(path=f"{parts.path.rstrip('/')}/{folder}"))


def _read(source: Source) -> Versions | None:
    try:
        data = source.read_all(VERSIONS_NAME, most=_MOST_BYTES)
    except CorruptError as error:
        if error.kind == "missing":
            return None
        raise
    return Versions.from_bytes(data, f"{source.url.rstrip('/')}/{VERSIONS_NAME}")


def _tag(text: str, where: str) -> str:
    if not is_tag(text):
        msg = f"{where} names the version {text[:100]!r}, which must match {_TAG}"
        raise FormatError(msg)
    return text


def _version(value: Any, where: str) -> Version:
    fields = as_mapping(value, where)
    refuse_unknown(fields, ("manifests", "version"), where)
    version = as_str(fields["version"], f"{where}: version")
    if not re.fullmatch(_SEMANTIC, version, flags=re.ASCII):
        msg = f"{where}: version must be semantic, such as 1.0.0, got {version[:100]!r}"
        raise FormatError(msg)
    manifests = as_mapping(fields["manifests"], f"{where}: manifests")
    return Version(version=version, manifests={path: as_str(digest, where) for path, digest in manifests.items()})
