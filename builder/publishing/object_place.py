"""A folder of versions in object storage: S3 and what speaks its protocol, Google Cloud Storage, Azure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from ...errors import CorruptError
from .shelf import CLAIM_NAME, MOST_SMALL_BYTES

if TYPE_CHECKING:
    from ...store.sources.objects import ObjectSource
    from .contents import PublishedFile
    from .outcome import Teller
    from .shelf import Stamp

__all__ = ["ObjectPlace"]

_PART_BYTES: Final = 8 * 2**20
_MOST_PARTS: Final = 9_000
"""Below the 10,000 of S3."""


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """Keeps the contract of `Place`: an upload appears when it is finished, and conditional writes keep others out.

    Attributes:
        source: of the folder.
    """

    source: ObjectSource

    @property
    def address(self) -> str:
        """``s3://bucket/name``."""
        return self.source.url.rstrip("/")

    @property
    def transfers(self) -> int:
        """Enough to fill a line with files of some MB; large ones are sent in parts, several at a time."""
        return 8

    def sizes(self, folder: str) -> dict[str, int]:
        """As `Place.sizes`."""

        def ask(obstore: Any, store: Any) -> dict[str, int]:
            batches = obstore.list(store, prefix=folder)
            return {entry["path"]: entry["size"] for batch in batches for entry in batch}

        found = self.source.request(folder, ask, done="listed")
        return {path: size for path, size in found.items() if not any(p.startswith(".") for p in path.split("/"))}

    def read(self, path: str, *, most: int) -> tuple[bytes, Stamp] | None:
        """As `Place.read`."""

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
            msg = f"{path} at {self.source.url} has {size} bytes, the limit is {most}"
            raise CorruptError(msg, kind="size", path=path)
        return data, stamp

    def put(self, path: str, file: PublishedFile, teller: Teller) -> None:  # noqa: ARG002 - obstore tells nothing
        """As `Place.put`; the file was held against its record before, and its size is again afterwards."""
        part = max(_PART_BYTES, -(-file.record.bytes // _MOST_PARTS))
        self.source.request(
            path, lambda obstore, store: obstore.put(store, path, file.place, chunk_size=part), done="written"
        )

    def swap(self, path: str, data: bytes, stamp: Stamp | None) -> bool:
        """As `Place.swap`."""
        mode = "create" if stamp is None else stamp
        try:
            self.source.request(path, lambda obstore, store: obstore.put(store, path, data, mode=mode), done="written")
        except FileExistsError:
            # by somebody else, or by this process before an answer that was lost
            read = self.read(path, most=MOST_SMALL_BYTES)
            return read is not None and read[0] == data
        return True

    def clear(self, folder: str) -> None:
        """As `Place.clear`."""
        path = f"{folder}/{CLAIM_NAME}"
        self.source.request(path, lambda obstore, store: obstore.delete(store, path), done="deleted")
