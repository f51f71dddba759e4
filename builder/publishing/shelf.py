"""Publishes a version beside others, to a folder or to object storage: `TARGET/v1.0.0/…` and `TARGET/versions.json`.

The manifest of a version is written last, so that a version without it is not there; then `versions.json` names it. A
*claim*, a hidden file that is written first, says whose files an unfinished version has: what is there then need not be
sent again, and two publishers cannot mix two data sets under one name.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Final, Protocol

from ...errors import PublishError, RemoteError, StoreExistsError
from ...store import MANIFEST_NAME
from ...store.bucket import MOST_SMALL_BYTES
from ...store.published import Phase
from ...store.threads import map_in_order
from ...store.versions import VERSIONS_NAME, Version, Versions
from .card_check import check_card
from .contents import refuse_broken
from .gate_check import check_gate
from .outcome import Published, Step, Teller

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from .contents import Contents, PublishedFile
    from .outcome import Tell

__all__ = ["CLAIM_NAME", "Place", "Stamp", "publish_on_shelf"]

CLAIM_NAME: Final = ".voxpress-claim.json"

_MOST_ROUNDS: Final = 20
_MOST_SHOWN: Final = 5

Stamp = object
"""What a file is known by between reading and replacing it."""


class Place(Protocol):
    """A folder that many may read while it is written to.

    Contract: a file appears whole or not at all; paths are relative, with ``/``.
    """

    @property
    def address(self) -> str:
        """For messages and for `open`."""
        ...

    @property
    def transfers(self) -> int:
        """Files that are best written at a time."""
        ...

    def sizes(self, folder: str) -> dict[str, int]:
        """Files below a folder that are not hidden → bytes; none where there is no such folder."""
        ...

    def read(self, path: str, *, most: int) -> tuple[bytes, Stamp] | None:
        """Content of a small file; None where it is not."""
        ...

    def put(self, path: str, file: PublishedFile, teller: Teller) -> None:
        """Write a file of this machine.

        Raises:
            CorruptError: it is not as its record says.
        """
        ...

    def swap(self, path: str, data: bytes, stamp: Stamp | None) -> bool:
        """Write a small file if it is still as it was read, or (None) still not there.

        Returns:
            False where somebody else was faster; nothing is written then.
        """
        ...

    def clear(self, folder: str) -> None:
        """Remove the claim, and what an earlier run may have left half-written."""
        ...


def publish_on_shelf(
    contents: Contents, place: Place, *, dry_run: bool, override: str | None, tell: Tell | None
) -> Published:
    """Publish; see the module.

    Args:
        contents: the version.
        place: the folder of all versions.
        dry_run: only look.
        override: reason to publish against the quality gate.
        tell: told of progress.

    Raises:
        PublishError, CorruptError: the data set cannot be published as it is, or not there.
        StoreExistsError: there is another version of that name.
        RemoteError: the server refuses, or cannot be reached.
    """
    shelf = _Shelf(contents, place, tell)
    there = shelf.there()
    if shelf.is_whole(there):
        done = shelf.register(dry_run=dry_run)
        if not dry_run:
            place.clear(contents.tag)
        return shelf.outcome((), finished_before=done, for_show=dry_run)
    notes = (*check_card(contents), *check_gate(contents, override, dry_run=dry_run))
    shelf.refuse_claimed(there)
    missing = shelf.missing(there)
    if not dry_run:
        refuse_broken(contents, tell and (lambda now, total: tell(_verifying(now, total))))
        shelf.claim()
        shelf.send(missing)
        shelf.register(dry_run=False)
        place.clear(contents.tag)
    return shelf.outcome(missing, finished_before=False, for_show=dry_run, notes=notes)


def _verifying(done: int, total: int) -> Step:
    return Step(doing="verifying", bytes_done=done, bytes_total=total)


class _Shelf:
    def __init__(self, contents: Contents, place: Place, tell: Tell | None) -> None:
        self._contents = contents
        self._place = place
        self._tell = tell

    def inside(self, path: str) -> str:
        """Path of a file of the version."""
        return f"{self._contents.tag}/{path}"

    def there(self) -> dict[str, int]:
        """What there is of the version: path in it → bytes."""
        start = f"{self._contents.tag}/"
        return {path.removeprefix(start): size for path, size in self._place.sizes(self._contents.tag).items()}

    def is_whole(self, there: Mapping[str, int]) -> bool:
        """Whether the version is there.

        Raises:
            StoreExistsError: another one is, at least in part.
            PublishError: a data set lies where versions would.
        """
        if self._place.read(MANIFEST_NAME, most=MOST_SMALL_BYTES) is not None:
            msg = f"{self._place.address} is a data set itself; publish to a folder beside it"
            raise PublishError(msg)
        found = [path for path in self._contents.manifests if path in there]
        foreign = [path for path in there if _is_manifest(path) and path not in self._contents.manifests]
        for path in found:
            read = self._place.read(self.inside(path), most=MOST_SMALL_BYTES)
            if read is None or hashlib.sha256(read[0]).hexdigest() != self._contents.manifests[path]:
                raise self._taken()
        if foreign:
            raise self._taken()
        return len(found) == len(self._contents.manifests)

    def refuse_claimed(self, there: Mapping[str, int]) -> None:
        """See that an unfinished version is this one.

        Raises:
            StoreExistsError: it is another one's, or nobody knows whose.
        """
        claim = self._place.read(self.inside(CLAIM_NAME), most=MOST_SMALL_BYTES)
        where = f"{self._place.address}/{self._contents.tag}"
        if claim is not None and claim[0] != self._claim():
            msg = (
                f"{where} is unfinished and of another data set: somebody is publishing it, or was stopped; "
                "publish that one again to finish it, or delete the folder"
            )
            raise StoreExistsError(msg)
        ours = {file.path for file in self._contents.files}
        strange = sorted(path for path in there if path not in ours)
        if strange or (there and claim is None):
            shown = ", ".join((strange or sorted(there))[:_MOST_SHOWN])
            msg = f"{where} is not empty, and holds no unfinished version of voxpress ({shown}); delete it"
            raise StoreExistsError(msg)

    def missing(self, there: Mapping[str, int]) -> tuple[PublishedFile, ...]:
        """Files that have to be sent. What is claimed and has the right size is right: it appeared whole."""
        return tuple(file for file in self._contents.files if not self._has(file, there))

    def _has(self, file: PublishedFile, there: Mapping[str, int]) -> bool:
        if there.get(file.path) != file.record.bytes:
            return False
        if file.listed:
            return True
        # it may have been edited between two runs
        read = self._place.read(self.inside(file.path), most=MOST_SMALL_BYTES)
        return read is not None and hashlib.sha256(read[0]).hexdigest() == file.record.sha256

    def claim(self) -> None:
        """Write down whose the version is, before any of its files."""
        if not self._place.swap(self.inside(CLAIM_NAME), self._claim(), None):
            self.refuse_claimed({})

    def send(self, missing: Sequence[PublishedFile]) -> None:
        """Send files by phase; the manifests last of all."""
        teller = Teller(tuple(missing), self._tell)
        card = [file for file in missing if file.phase == Phase.SEAL and not _is_manifest(file.path)]
        for phase in sorted(set(Phase) - {Phase.SEAL}):
            self._send([file for file in missing if file.phase == phase], teller)
        self._send(card, teller)
        self._check(self.there())
        self._send([file for file in missing if _is_manifest(file.path)], teller)

    def _send(self, files: Iterable[PublishedFile], teller: Teller) -> None:
        def put(file: PublishedFile) -> PublishedFile:
            self._place.put(self.inside(file.path), file, teller)
            return file

        for file in map_in_order(put, files, self._place.transfers):
            teller.settled(file.record.bytes, 1)

    def _check(self, there: Mapping[str, int]) -> None:
        """Before the manifest says that they are there, see that they are."""
        wrong = [
            file.path
            for file in self._contents.files
            if not _is_manifest(file.path) and there.get(file.path) != file.record.bytes
        ]
        if wrong:
            shown = ", ".join(wrong[:_MOST_SHOWN])
            msg = (
                f"{self._place.address}/{self._contents.tag} does not have {shown} as they were sent; "
                "look whether somebody else is at work there, and run the same command again"
            )
            raise RemoteError(msg)

    def register(self, *, dry_run: bool) -> bool:
        """Name the version in `versions.json`.

        Returns:
            whether it was named already.

        Raises:
            StoreExistsError: another data set has that name.
        """
        mine = Version(version=self._contents.version, manifests=self._contents.manifests)
        for _ in range(_MOST_ROUNDS):
            read = self._place.read(VERSIONS_NAME, most=MOST_SMALL_BYTES)
            if read is None:
                versions, stamp = Versions(name=self._contents.name, versions={}), None
            else:
                versions = Versions.from_bytes(read[0], f"{self._place.address}/{VERSIONS_NAME}")
                stamp = read[1]
            known = versions.versions.get(self._contents.tag)
            if known is not None and dict(known.manifests) != mine.manifests:
                raise self._taken()
            if known is not None:
                return True
            data = versions.with_version(self._contents.tag, mine).to_bytes()
            if dry_run or self._place.swap(VERSIONS_NAME, data, stamp):
                return False
        msg = f"{self._place.address}/{VERSIONS_NAME} keeps changing; run the same command again"
        raise RemoteError(msg)

    def outcome(
        self, missing: tuple[PublishedFile, ...], *, finished_before: bool, for_show: bool, notes: tuple[str, ...] = ()
    ) -> Published:
        """What came of it."""
        return Published(
            address=f"{self._place.address}@{self._contents.tag}",
            contents=self._contents,
            missing=missing,
            finished_before=finished_before,
            for_show=for_show,
            notes=notes,
        )

    def _claim(self) -> bytes:
        return json.dumps({"manifests": self._contents.manifests}, sort_keys=True).encode()

    def _taken(self) -> StoreExistsError:
        msg = (
            f"{self._place.address} has a version {self._contents.tag} already, and it is another data set; a version "
            "never changes: give this one a new version number in its recipe (`voxpress next`), or another target"
        )
        return StoreExistsError(msg)


def _is_manifest(path: str) -> bool:
    return path.rpartition("/")[2] == MANIFEST_NAME
