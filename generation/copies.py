"""Files of a data set got from where the same bytes are: beside it, as spare copies, or at another place."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from ..errors import CorruptError, UnsafePathError, VoxpressError
from ..store import MANIFEST_NAME, hash_file, safe_path
from ..store.files import check_record, file_size, read_whole
from ..store.layout import spare_manifest_path
from ..store.spare import expected_files

if TYPE_CHECKING:
    from ..store import Cohort
    from ..store.sources import LocalSource

__all__ = ["Copies", "SparedSource"]


class Copies:
    """Where the bytes of each file are twice.

    Args:
        cohort: of the damaged data set.
        origin: of a sound copy of it, if somebody named one.
    """

    def __init__(self, cohort: Cohort, origin: Cohort | None) -> None:
        self._cohort, self._origin = cohort, origin
        self._expected = expected_files(cohort.manifest)
        self._same: dict[str, list[str]] = defaultdict(list)
        for path, record in self._expected.items():
            self._same[record.sha256].append(path)

    def beside(self, path: str) -> tuple[str, bytes] | None:
        """Where in the data set the bytes are that a file should have, and these; None where they are nowhere in it."""
        record, manifest = self._expected[path], self._cohort.manifest
        if record.sha256 == manifest.digest:
            other = MANIFEST_NAME if path != MANIFEST_NAME else spare_manifest_path(manifest.digest)
            return other, manifest.to_bytes()
        for twin in self._same[record.sha256]:
            if twin != path and self.is_sound(twin):
                return twin, read_whole(safe_path(self._cohort.path, twin), twin, most=record.bytes, record=record)
        return None

    def fetched(self, path: str) -> bytes:
        """The bytes that a file should have, from the other place.

        Raises:
            CorruptError: they are missing there, or not what the manifest says.
            RemoteError, StallError: the server failed for good.
        """
        assert self._origin is not None
        record, source = self._expected[path], self._origin.store.source
        wrong: VoxpressError | None = None
        for twin in [path, *(twin for twin in self._same[record.sha256] if twin != path)]:
            data = bytearray(record.bytes)
            try:
                if data:
                    source.read_into(twin, 0, memoryview(data))
                check_record(bytes(data), twin, record)
            except CorruptError as error:
                wrong = wrong or error
                continue
            return bytes(data)
        assert wrong is not None
        raise wrong

    def is_sound(self, path: str) -> bool:
        """Whether a file is what the manifest says."""
        record = self._expected[path]
        try:
            file = safe_path(self._cohort.path, path)
            return file_size(file, path) == record.bytes and hash_file(file) == record
        except (CorruptError, UnsafePathError, OSError):
            return False


class SparedSource:
    """A damaged data set read as if its spare copies were back in place already; shards are as they are.

    Args:
        source: of the data set.
        copies: of its files.
    """

    remote = False

    def __init__(self, source: LocalSource, copies: Copies) -> None:
        self._source, self._copies = source, copies
        self.read_into, self.state = source.read_into, source.state

    @property
    def url(self) -> str:
        """The folder."""
        return self._source.url

    def below(self, folder: str) -> LocalSource:
        """A folder in it; as `Source.below`."""
        return self._source.below(folder)

    def read_all(self, path: str, *, most: int) -> bytes:
        """Read a small file whole; as `Source.read_all`."""
        copy = None if self._copies.is_sound(path) else self._copies.beside(path)
        return self._source.read_all(path, most=most) if copy is None else copy[1]
