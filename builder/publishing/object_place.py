"""A folder of versions in object storage: S3 and what speaks its protocol, Google Cloud Storage, Azure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .shelf import CLAIM_NAME

if TYPE_CHECKING:
    from ...store.bucket import Bucket
    from .contents import PublishedFile
    from .outcome import Teller
    from .shelf import Stamp

__all__ = ["ObjectPlace"]


@dataclass(frozen=True, slots=True)
class ObjectPlace:
    """Keeps the contract of `Place`.

    Attributes:
        bucket: with the folder.
    """

    bucket: Bucket

    @property
    def address(self) -> str:
        """``s3://bucket/name``."""
        return self.bucket.url

    @property
    def transfers(self) -> int:
        """Enough to fill a line with files of some MB; large ones are sent in parts, several at a time."""
        return 8

    def sizes(self, folder: str) -> dict[str, int]:
        """As `Place.sizes`."""
        found = self.bucket.sizes(folder)
        return {path: size for path, size in found.items() if not any(p.startswith(".") for p in path.split("/"))}

    def read(self, path: str, *, most: int) -> tuple[bytes, Stamp] | None:
        """As `Place.read`."""
        return self.bucket.read(path, most=most)

    def put(self, path: str, file: PublishedFile, teller: Teller) -> None:  # noqa: ARG002 - obstore tells nothing
        """As `Place.put`; the file was held against its record before, and its size is again afterwards."""
        self.bucket.put(path, file.place)

    def swap(self, path: str, data: bytes, stamp: Stamp | None) -> bool:
        """As `Place.swap`."""
        return self.bucket.swap(path, data, stamp)

    def clear(self, folder: str) -> None:
        """As `Place.clear`."""
        self.bucket.delete([f"{folder}/{CLAIM_NAME}"])
