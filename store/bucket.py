"""Writes to a folder of a bucket: S3 and what speaks its protocol, Google Cloud Storage, Azure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ..errors import CorruptError, RemoteError
from .layout import MANIFEST_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .sources.objects import ObjectSource

__all__ = ["MOST_SMALL_BYTES", "Bucket"]

MOST_SMALL_BYTES: Final = 256 * 2**20
_PART_BYTES: Final = 8 * 2**20
_MOST_PARTS: Final = 9_000
"""Below the 10,000 of S3."""
_MOST_DELETED: Final = 1_000
"""By one request of S3."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A folder of a bucket that is written to: an upload appears when it is finished, and conditions keep others out.

    Every method raises RemoteError or StallError where the storage refuses or cannot be reached.

    Attributes:
        source: of the folder.
    """

    source: ObjectSource

    @property
    def url(self) -> str:
        """``s3://bucket/folder``."""
        return self.source.url.rstrip("/")

    def names(self) -> set[str]:
        """Of what is directly in the folder, files and folders alike.

        Raises:
            RemoteError: there is no such bucket.
        """
        try:
            found = self.source.request(
                MANIFEST_NAME, lambda obstore, store: obstore.list_with_delimiter(store), done="listed"
            )
        except CorruptError as error:
            msg = f"there is no bucket at {self.url}; make it first, or check its name, endpoint and region"
            raise RemoteError(msg) from error
        return {*found["common_prefixes"], *(entry["path"] for entry in found["objects"])}

    def sizes(self, folder: str) -> dict[str, int]:
        """Files below a folder of it → bytes; none where there is no such folder."""

        def ask(obstore: Any, store: Any) -> dict[str, int]:
            batches = obstore.list(store, prefix=folder)
            return {entry["path"]: entry["size"] for batch in batches for entry in batch}

        return self.source.request(folder, ask, done="listed")

    def read(self, path: str, *, most: int = MOST_SMALL_BYTES) -> tuple[bytes, object] | None:
        """Content of a small file, and what it is known by between reading and replacing it; None where it is not.

        Raises:
            CorruptError: it has more bytes than `most`.
        """

        def ask(obstore: Any, store: Any) -> tuple[int, bytes, dict[str, Any]]:
            got = obstore.get(store, path)
            size = got.meta["size"]
            data = bytes(got.bytes()) if size <= most else b""
            stamp = {"e_tag": got.meta["e_tag"], "version": got.meta["version"]}
            return size, data, {name: value for name, value in stamp.items() if value is not None}

        try:
            size, data, stamp = self.source.request(path, ask)
        except CorruptError as error:
            if error.kind == "missing":
                return None
            raise
        if size > most:
            msg = f"{path} at {self.url} has {size} bytes, the limit is {most}"
            raise CorruptError(msg, kind="size", path=path)
        return data, stamp

    def put(self, path: str, content: bytes | Path) -> None:
        """Write a file, large ones in parts, in place of one that is there.

        Args:
            path: in the folder.
            content: its bytes, or a file of this machine that has them.
        """
        size = content.stat().st_size if isinstance(content, Path) else len(content)
        part = max(_PART_BYTES, -(-size // _MOST_PARTS))
        self.source.request(
            path, lambda obstore, store: obstore.put(store, path, content, chunk_size=part), done="written"
        )

    def swap(self, path: str, data: bytes, stamp: object | None) -> bool:
        """Write a small file if it is still as it was read, or (None) still not there.

        Returns:
            False where somebody else was faster and wrote something else; nothing is written then.
        """
        mode: Any = "create" if stamp is None else stamp
        try:
            self.source.request(path, lambda obstore, store: obstore.put(store, path, data, mode=mode), done="written")
        except FileExistsError:
            # by somebody else, or by this process before an answer that was lost
            read = self.read(path)
            return read is not None and read[0] == data
        return True

    def delete(self, paths: Sequence[str]) -> None:
        """Remove files; one that is not there is none."""
        for start in range(0, len(paths), _MOST_DELETED):
            some = list(paths[start : start + _MOST_DELETED])
            try:
                self._delete(some)
            except CorruptError:
                # others than S3 tell of one that has gone, and may leave those after it
                for path in some:
                    with suppress(CorruptError):
                        self._delete([path])

    def _delete(self, paths: list[str]) -> None:
        self.source.request(paths[0], lambda obstore, store: obstore.delete(store, paths), done="deleted")
