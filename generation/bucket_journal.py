"""The journal of a run whose data set is made in object storage.

Workers put shards and their records there themselves, so a run goes on from any machine. All else is put together in a
folder of this machine, and sent when it is whole. Object storage has no locks: two runs of the same order do the same
work twice, with the same bytes.
"""

from __future__ import annotations

import platform
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final, Self

from ..errors import GenerationError, RemoteError, StoreExistsError
from ..store import MANIFEST_NAME, WORK_FOLDER
from ..store.files import files_below
from ..store.layout import is_editable
from ..store.published import phase_of
from ..store.threads import map_in_order
from ..store.work_folder import ORDER_NAME, as_json, check_order
from .elsewhere import check_software, made_apart
from .features import features_folder
from .journal import ShardRecord, record_name

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator, Mapping

    from ..quality.features.pieces import PieceFolder
    from ..store.bucket import Bucket
    from ..store.sources.objects import ObjectSource
    from .shard_maker import ShardJob, ShardMaker

__all__ = ["BucketJournal", "BucketMaker"]

_TRANSFERS: Final = 8
_SMALL_TRANSFERS: Final = 32
"""Of files of some kB, which take a round trip each."""
_ORDER: Final = f"{WORK_FOLDER}/{ORDER_NAME}"
_RECORDS: Final = f"{WORK_FOLDER}/shards"
_SHARES: Final = f"{WORK_FOLDER}/shares"
_FEATURES: Final = f"{WORK_FOLDER}/features"


class BucketJournal:
    """What `Journal` is for a folder. As a context manager it has a folder of this machine, gone afterwards.

    Args:
        bucket: with the data set.
        share: name of a share of a run; None for a whole run.
    """

    target: Path
    """Folder of this machine in which all that is no shard is put together."""
    scratch: Path
    """For temporary files."""

    def __init__(self, bucket: Bucket, *, share: str | None = None) -> None:
        self._bucket, self._share = bucket, share

    @property
    def address(self) -> str:
        """Of the target, for messages."""
        return self._bucket.url

    @property
    def source(self) -> ObjectSource:
        """Of the target."""
        return self._bucket.source

    def __enter__(self) -> Self:
        self._folder = TemporaryDirectory(prefix="voxpress-")
        self.target = Path(self._folder.name)
        self.scratch = self.target / WORK_FOLDER / "scratch"
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.cleanup()

    def refuse_foreign(self) -> None:
        """As `Journal.refuse_foreign`."""
        names = self._bucket.names()
        if names and not names & {MANIFEST_NAME, WORK_FOLDER}:
            msg = (
                f"the target {self.address} is not empty and holds no run of voxpress; "
                "give an address where nothing is yet"
            )
            raise StoreExistsError(msg)

    def begin(
        self, order: Mapping[str, Any], jobs: Iterable[ShardJob] | None = None
    ) -> dict[tuple[str, int], ShardRecord]:
        """As `Journal.begin`."""
        if not self._bucket.swap(_ORDER, as_json(order), None):
            check_order(self._read(_ORDER), order, self.address)
        if self._share:
            self._bucket.put(f"{_SHARES}/{self._share.replace('/', '-of-')}", b"")
        there = self._bucket.sizes(_RECORDS)
        wanted = there if jobs is None else {_record_path(job.split, job.number) for job in jobs}
        sizes = self._bucket.sizes("volumes") if there else {}
        paths = sorted(there.keys() & wanted)
        records = [ShardRecord.from_bytes(data) for data in map_in_order(self._read, paths, _SMALL_TRANSFERS)]
        return {
            (record.split, record.number): record
            for record in records
            if all(sizes.get(path) == file.bytes for path, file in record.files.items())
        }

    def commit(self, record: ShardRecord) -> None:
        """As `Journal.commit`."""
        _commit(self._bucket, record)

    def outfit(self, maker: ShardMaker, words: Mapping[str, Any]) -> BucketMaker:
        """As `Journal.outfit`."""
        return BucketMaker(maker, words, self._bucket)

    def taken(self, made: Generator[Any]) -> Iterator[ShardRecord]:
        """As `Journal.taken`; workers have committed them."""
        with closing(made):
            yield from made

    def divisions(self) -> list[int]:
        """As `Journal.divisions`."""
        return sorted({int(path.rpartition("-of-")[2]) for path in self._bucket.sizes(_SHARES)})

    def features(self) -> PieceFolder:
        """As `Journal.features`; they are brought here."""
        folder = features_folder(self.target / WORK_FOLDER)
        folder.folder.mkdir(parents=True, exist_ok=True)

        def fetch(path: str) -> None:
            if (read := self._bucket.read(path)) is not None:
                (self.target / path).write_bytes(read[0])

        for _ in map_in_order(fetch, sorted(self._bucket.sizes(_FEATURES)), _SMALL_TRANSFERS):
            pass
        return folder

    def end(self) -> None:
        """Sends what was put together here, the manifest last, and ends the run."""
        paths = sorted(files_below(self.target), key=lambda path: (path == MANIFEST_NAME, phase_of(path), path))
        _put_all(self._bucket, {path: self.target / path for path in paths[:-1]})
        self._bucket.put(MANIFEST_NAME, self.target / MANIFEST_NAME)
        self.clear()

    def clear(self) -> None:
        """Removes what was kept for the run, once the manifest is there."""
        self._bucket.delete(list(self._bucket.sizes(WORK_FOLDER)))

    def _read(self, path: str) -> bytes:
        read = self._bucket.read(path)
        if read is None:
            msg = f"{path} at {self.address} has just gone: another run has ended there; run the same command again"
            raise StoreExistsError(msg)
        return read[0]


class BucketMaker:
    """Makes shards on any machine, and puts them into a bucket; goes to its workers as it is.

    Args:
        maker: makes a shard in a folder.
        words: all that decides the bytes.
        bucket: with the data set.
    """

    def __init__(self, maker: ShardMaker, words: Mapping[str, Any], bucket: Bucket) -> None:
        self._maker, self._words, self._bucket = maker, words, bucket

    def make(self, job: ShardJob, *, on_sample: Callable[[], None]) -> ShardRecord:
        """As `ShardMaker.make`.

        Raises:
            RemoteError, StallError: the storage refuses, or cannot be reached.
        """
        with made_apart(self._maker, job, on_sample) as (record, files):
            _put_all(self._bucket, files)
        _commit(self._bucket, record)
        return record

    def check(self) -> None:
        """As `check_worker`."""
        check_software(self._maker, self._words["lock"])
        try:
            read = self._bucket.read(_ORDER)
        except RemoteError as error:
            msg = f"a worker on {platform.node()} cannot read what is ordered: {error}"
            raise RemoteError(msg) from error
        if read is None or read[0] != as_json(self._words):
            msg = (
                f"a worker on {platform.node()} does not see this run at {self._bucket.url}; give all nodes the same "
                "endpoint and region (AWS_ENDPOINT_URL, AWS_REGION)"
            )
            raise GenerationError(msg)


def _put_all(bucket: Bucket, files: Mapping[str, Path]) -> None:
    """Sends files, in their order; what people may have edited is left as it is there."""

    def put(path: str) -> None:
        if is_editable(path):
            bucket.swap(path, files[path].read_bytes(), None)
        else:
            bucket.put(path, files[path])

    for _ in map_in_order(put, files, _TRANSFERS):
        pass


def _commit(bucket: Bucket, record: ShardRecord) -> None:
    bucket.put(_record_path(record.split, record.number), record.to_bytes())


def _record_path(split: str, number: int) -> str:
    return f"{_RECORDS}/{record_name(split, number)}.json"
