"""The contract between those who read a store and the places that it may be in."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

__all__ = ["Source"]


@runtime_checkable
class Source(Protocol):
    """Where the files of one store are.

    Contract:

    - A source is a value: small, hashable, equal to another source of the same place, and picklable. It holds no
      connection and no open file, and the Hub's token is never part of it.
    - Files and connections are opened by the first read in each process, so that a source made before a fork, or
      used before it, can be used after it. (Object storage is the exception: `ObjectSource` says how.)
    - Every method may be called from many threads at once, and releases the GIL while it waits.
    - Paths are relative to the store with ``/`` between parts, and are vetted: `UnsafePathError` for all others.
    - It may have `read_parts` too, which fills several buffers, as `LocalSource` and `HttpSource` do. Readers do
      without where it has none, and where `fills_parts` of a remote one says that it is no gain.
    - A read gives all the bytes that were asked for, or raises. Whether they are the right bytes is for the reader
      to check, with the checksums of the manifest and of the chunks.
    """

    @property
    def url(self) -> str:
        """Address for messages: passwords and signatures are masked."""
        ...

    @property
    def remote(self) -> bool:
        """Whether a read goes over a network, so that few large reads beat many small ones and a cache is worth it."""
        ...

    def below(self, folder: str) -> Source:
        """Source of the store in a folder of this place.

        Raises:
            UnsafePathError: the folder is not a plain relative path.
        """
        ...

    def read_into(self, path: str, start: int, out: memoryview) -> None:
        """Fill `out` with the bytes of a file from `start` on.

        Args:
            path: the file.
            start: first byte, from the start of the file.
            out: writable, contiguous, of bytes; its content is undefined after an error.

        Raises:
            CorruptError: the file is not there (`missing`) or ends before `out` is full (`size`).
            RemoteError: the server could not be reached, or refused, after all attempts.
            StallError: too little came within the time-out, after all attempts.
        """
        ...

    def read_all(self, path: str, *, most: int) -> bytes:
        """Read a small file whole.

        Args:
            path: the file.
            most: bytes that it may have; a larger one is refused before it is read.

        Raises:
            CorruptError: not there, or larger than `most`.
            RemoteError, StallError: as `read_into`.
        """
        ...

    def state(self, path: str, size: int) -> tuple[int, ...]:
        """Something that differs after the file was replaced or changed; meant to be called before a file is read.

        A remote source gives ``()`` and checks nothing: there a short answer is an error of the read itself.

        Args:
            path: the file.
            size: bytes that it must have.

        Raises:
            CorruptError: not there, or of another size.
        """
        ...
