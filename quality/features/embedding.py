"""Volumes to vectors: one volume by all extractors, and a whole reference by many processes, kept for the next time."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pyarrow as pa

from ...errors import FormatError
from ...store.processes import in_processes
from .feature_set import FeatureSet
from .foreground import check_finite
from .pieces import PieceFolder, piece_rows
from .table import feature_columns, unpacked

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from numpy.typing import NDArray

    from ..volume import Volume
    from .extractor import FeatureExtractor

    Progress = Callable[[int, int], None]

__all__ = ["Embedded", "Volumes", "embed", "embed_volumes", "features_cache"]


class Volumes(Protocol):
    """Volumes to embed: a `Reference`, or anything else that has these and can be pickled."""

    @property
    def ids(self) -> tuple[str, ...]:
        """Of the volumes; for a file its path."""
        ...

    @property
    def digest(self) -> str:
        """Hex digest of what is read; features are kept by it."""
        ...

    def __len__(self) -> int: ...

    def volume(self, number: int, /) -> Volume:
        """One of them."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """What came of embedding many volumes.

    Attributes:
        features: extractor → vectors of all volumes.
        failed: extractor → why it has none: what it said of the first volume that it cannot take.
    """

    features: Mapping[str, FeatureSet]
    failed: Mapping[str, str]


def embed(
    volume: Volume, extractors: Sequence[FeatureExtractor]
) -> tuple[dict[str, NDArray[np.float32] | None], dict[str, str]]:
    """The vector of a volume by each extractor.

    Returns:
        extractor → vector, None where it can compute none; and extractor → why.
    """
    vectors: dict[str, NDArray[np.float32] | None] = {}
    failed: dict[str, str] = {}
    for extractor in extractors:
        try:
            vectors[extractor.name] = _checked(extractor, extractor.embed(volume))
        except ValueError as error:
            vectors[extractor.name], failed[extractor.name] = None, str(error)
    return vectors, failed


def embed_volumes(
    volumes: Volumes,
    extractors: Sequence[FeatureExtractor],
    *,
    workers: int = 1,
    progress: Progress | None = None,
    cache: Path | None = None,
) -> Embedded:
    """The vectors of many volumes; what was made before, by this or an earlier run, is not made again.

    At any time, a few volumes a process are in memory. Stopped and called again, it goes on from what is done.

    Args:
        volumes: to embed.
        extractors: to embed them by.
        workers: processes.
        progress: called with volumes done and in all.
        cache: folder to keep features in; None for that of the user. Features of people's scans are personal data: the
            folder is readable by its owner alone, and nothing is ever written beside the volumes.

    Raises:
        FormatError: a volume has a voxel that is NaN or infinite; it names the volume.
        GenerationError: a worker died.
    """
    home = _private(cache or features_cache()) / volumes.digest[:32]
    kept = {each.name: PieceFolder(home / "whole") for each in extractors}
    missing = [each for each in extractors if _key(each) not in kept[each.name]]
    if missing:
        _make(volumes, missing, home, workers=workers, progress=progress)
    features: dict[str, FeatureSet] = {}
    failed: dict[str, str] = {}
    for each in extractors:
        rows = kept[each.name].read(_key(each))
        if reason := (rows.schema.metadata or {}).get(b"failed", b"").decode():
            failed[each.name] = reason
        else:
            values, _ = unpacked(rows[each.name], each.width)
            features[each.name] = FeatureSet(
                name=each.name,
                feature_id=each.feature_id,
                ids=tuple(rows["sample_id"].to_pylist()),
                values=values,
            )
    return Embedded(features=features, failed=failed)


def features_cache() -> Path:
    """``~/.cache/voxpress/features``, or the same below ``$XDG_CACHE_HOME``. It may be deleted at any time."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(home) if Path(home).is_absolute() else Path.home() / ".cache"
    return base / "voxpress" / "features"


def _private(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    return folder


def _key(*extractors: FeatureExtractor) -> str:
    """Name of a file of features: ids hold slashes, and a user's own may hold anything."""
    return hashlib.sha256("\n".join(each.feature_id for each in extractors).encode()).hexdigest()[:32]


def _checked(extractor: FeatureExtractor, vector: NDArray[np.float32]) -> NDArray[np.float32]:
    found = np.asarray(vector, np.float32)
    if found.shape != (extractor.width,):
        msg = f"{extractor.feature_id} must give {extractor.width} numbers, got an array of {found.shape}"
        raise ValueError(msg)
    if not np.isfinite(found).all():
        msg = f"{extractor.feature_id} gave {np.count_nonzero(~np.isfinite(found))} numbers that are not finite"
        raise ValueError(msg)
    return found


def _make(
    volumes: Volumes,
    extractors: Sequence[FeatureExtractor],
    home: Path,
    *,
    workers: int,
    progress: Progress | None,
) -> None:
    size = piece_rows(volumes.volume(0).image.size) if len(volumes) else 1
    work = _Piece(volumes, tuple(extractors), size, PieceFolder(home / f"pieces-{_key(*extractors)}-{size}"))
    pieces = range(-(-len(volumes) // size))
    left = [piece for piece in pieces if str(piece) not in work.folder]
    done = sum(len(work.rows(piece)) for piece in pieces) - sum(len(work.rows(piece)) for piece in left)
    if progress:
        progress(done, len(volumes))
    for count in in_processes(work, left, workers=workers):
        done += count
        if progress:
            progress(done, len(volumes))
    whole = PieceFolder(home / "whole")
    tables = [work.folder.read(str(piece)) for piece in pieces]
    for each in extractors:
        whole.write(_key(each), _whole(tables, each))
    work.folder.clear()


def _whole(tables: Sequence[pa.Table], extractor: FeatureExtractor) -> pa.Table:
    reasons = [(table.schema.metadata or {}).get(extractor.name.encode(), b"").decode() for table in tables]
    if failed := next(filter(None, reasons), ""):
        return pa.table({"sample_id": pa.array([], pa.string())}).replace_schema_metadata({"failed": failed})
    if not tables:
        return feature_columns((), {}, [extractor])
    return pa.concat_tables(
        [table.select(["sample_id", extractor.name]).replace_schema_metadata(None) for table in tables]
    )


class _Piece:
    """Embeds a few volumes; goes to worker processes as it is."""

    def __init__(
        self, volumes: Volumes, extractors: tuple[FeatureExtractor, ...], size: int, folder: PieceFolder
    ) -> None:
        self.volumes, self.extractors, self.size, self.folder = volumes, extractors, size, folder

    def rows(self, piece: int) -> range:
        """Volumes of a piece."""
        return range(piece * self.size, min((piece + 1) * self.size, len(self.volumes)))

    def __call__(self, piece: int) -> int:
        rows = self.rows(piece)
        vectors: dict[str, list[NDArray[np.float32] | None]] = {each.name: [] for each in self.extractors}
        failed: dict[str, str] = {}
        for row in rows:
            name = self.volumes.ids[row]
            found, reasons = embed(self._volume(row), self.extractors)
            for each, vector in found.items():
                vectors[each].append(vector)
            failed = {each: f"{name}: {reason}" for each, reason in reasons.items()} | failed
        table = feature_columns([self.volumes.ids[row] for row in rows], vectors, self.extractors)
        self.folder.write(str(piece), table.replace_schema_metadata(failed or None))
        return len(rows)

    def _volume(self, row: int) -> Volume:
        volume = self.volumes.volume(row)
        try:
            check_finite(volume)
        except ValueError as error:
            msg = f"{self.volumes.ids[row]}: {error}"
            raise FormatError(msg) from error
        return volume
