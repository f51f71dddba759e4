"""Keeps what audits need of a training set beside the model; `kept` says what, and reads it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ...errors import QualityError
from ...store import write_atomic
from ..features.copy_dct import CopyDct
from ..features.table import packed
from ..reference import open_reference
from ..reference_rows import rows_with_ids
from .control import COPIES, planted_copies
from .embedding import embedded
from .kept import AUDIT_FOLDER, CONTROL_NAME, KEPT_FORMAT, SOURCE_NAME, table_name
from .kept_rows import private_folder
from .sets import check_sets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..features.feature_set import FeatureSet
    from ..reference import Reference
    from .space import CopyExtractor

    Tell = Callable[[str, int, int], None]

__all__ = ["ScanSource", "keep_for_audit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanSource:
    """Where scans can be read again: arguments of `open_reference`.

    Attributes:
        path: a folder or a file of this machine.
        table: of the files, where the path is a folder of them.
        affine: for NIfTI files whose two affines differ: which counts.
    """

    path: str | os.PathLike[str]
    table: str | os.PathLike[str] | None = None
    affine: str = "agreed"


def keep_for_audit(
    model: Path,
    train: Reference,
    holdout: Reference | None = None,
    *,
    train_source: ScanSource | None = None,
    holdout_source: ScanSource | None = None,
    extractor: CopyExtractor | None = None,
    copies: int = COPIES,
    seed: int = 0,
    cache: Path | None = None,
    workers: int = 1,
    tell: Tell | None = None,
) -> Path:
    """Embeds the training set, the holdout and planted copies, and keeps the vectors in the folder of a model.

    Stopped at any time and called again with the same cache, it goes on.

    Args:
        model: folder of the model.
        train: the volumes that it was trained on, all of them.
        holdout: subjects that it never saw, of the same population.
        train_source: where the volumes of `train` can be read again; None if they cannot.
        holdout_source: the same of `holdout`.
        extractor: by default `CopyDct`.
        copies: planted for the positive control.
        seed: of the planted copies.
        cache: private folder for what was computed so far; None to keep nothing.
        workers: processes.
        tell: told of the stage, of volumes done and of all.

    Returns:
        the folder that was written, private to its owner.

    Raises:
        QualityError: too few subjects for an audit, one in both sets, a volume that cannot be used, or a source that
            does not have the volumes.
    """
    check_sets(train, holdout)
    extractor = extractor or CopyDct()
    sets = {"train": (train, train_source)}
    if holdout is not None:
        sets["holdout"] = (holdout, holdout_source)
    sources = {name: _source(*each) for name, each in sets.items() if each[1] is not None}
    planted = planted_copies(train, count=copies, seed=seed)
    stages = {name: each[0] for name, each in sets.items()} | {"control": planted}
    vectors = {
        name: embedded(each, extractor, cache=cache, workers=workers, tell=_told(tell, name))
        for name, each in stages.items()
    }
    folder = private_folder(model / AUDIT_FOLDER)
    if os.name == "posix":
        folder.chmod(0o700)
    # nothing is kept unless train.parquet is there, so that it goes first and comes last
    for name in ("train", "holdout"):
        (folder / table_name(name)).unlink(missing_ok=True)
    _write_private(folder / SOURCE_NAME, (json.dumps(sources, indent=1, sort_keys=True) + "\n").encode())
    _write(folder / CONTROL_NAME, vectors["control"], planted.digest, {"kind": planted.kinds}, seed=str(seed))
    for name, (reference, _) in reversed(sets.items()):
        columns = {"sample_id": reference.ids, "subject": reference.subjects}
        _write(folder / table_name(name), vectors[name], reference.digest, columns)
    return folder


def _write_private(path: Path, data: bytes) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    write_atomic(path, data, scratch=path.parent)
    if os.name == "posix":
        path.chmod(0o600)


def _told(tell: Tell | None, name: str) -> Callable[[int, int], None] | None:
    stage = {"train": "training set", "holdout": "holdout", "control": "planted copies"}[name]
    return None if tell is None else lambda done, total: tell(stage, done, total)


def _source(reference: Reference, source: ScanSource | None) -> dict[str, Any]:
    """What is written of a source, once it is sure that it has the volumes."""
    assert source is not None
    place = Path(source.path).expanduser().absolute()
    table = None if source.table is None else Path(source.table).expanduser().absolute()
    whole = open_reference(place, table=table, affine=source.affine)
    if rows_with_ids(whole, reference.ids) is None:
        msg = f"{place} lacks volumes of the set that is kept, such as {reference.ids[0]!r}; give where they are"
        raise QualityError(msg)
    told = {"path": str(place), "affine": source.affine, "sha256": whole.digest}
    return told if table is None else {**told, "table": str(table)}


def _write(path: Path, vectors: FeatureSet, digest: str, texts: Mapping[str, tuple[str, ...]], **more: str) -> None:
    import pyarrow.parquet as pq

    columns: dict[str, Any] = {name: pa.array(values, pa.string()) for name, values in texts.items()}
    columns[vectors.name] = packed(vectors.values, np.ones(len(vectors), bool))
    told = {"format": KEPT_FORMAT, "name": vectors.name, "feature_id": vectors.feature_id, "reference_sha256": digest}
    told |= {"private": "describes training subjects; never publish", **more}
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table(columns).replace_schema_metadata(told),
        sink,
        compression="zstd",
        use_dictionary=list(texts),
        use_byte_stream_split=[f"{vectors.name}.list.element"],
    )
    _write_private(path, sink.getvalue().to_pybytes())
