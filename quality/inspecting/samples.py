"""`quality/samples.parquet`: what was found wrong with each sample, and its figures of image quality."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pyarrow as pa

from ...store import write_atomic
from ..checks.meanings import CHECKS_ID
from ..features.iqm import IQM, ImageQuality
from ..features.table import FeatureReader, feature_files, unpacked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from ...store import Cohort
    from ..features import FeatureExtractor

__all__ = ["SAMPLES_NAME", "identity", "read_reasons", "write_samples"]

SAMPLES_NAME: Final = "quality/samples.parquet"


def read_reasons(cohort: Cohort) -> dict[str, tuple[str, ...]] | None:
    """What the last inspection found: sample → codes, empty for a sound one. None if there was none like it."""
    import pyarrow.parquet as pq

    path = cohort.path / SAMPLES_NAME
    try:
        rows = pq.read_table(pa.BufferReader(path.read_bytes()), columns=["sample_id", "reasons"])
    except (OSError, pa.ArrowException, ValueError):
        return None
    if (rows.schema.metadata or {}).get(b"inspection", b"").decode() != identity(cohort):
        return None
    if rows["sample_id"].to_pylist() != cohort.store.columns(["sample_id"])["sample_id"].to_pylist():
        return None
    found = zip(rows["sample_id"].to_pylist(), rows["reasons"].to_pylist(), strict=True)
    return {sample_id: tuple(reasons) for sample_id, reasons in found}


def identity(cohort: Cohort) -> str:
    """What an inspection is of: these voxels, by these checks."""
    return json.dumps({"checks": CHECKS_ID, "manifest_sha256": cohort.manifest.digest}, sort_keys=True)


def write_samples(
    cohort: Cohort, found: Mapping[str, Sequence[str]], extractors: Sequence[FeatureExtractor], scratch: Path
) -> None:
    """One row a sample: its codes, and its figures of image quality, for people to sort by."""
    import pyarrow.parquet as pq

    ids = list(found)
    columns: dict[str, Any] = {
        "sample_id": pa.array(ids, pa.string()),
        "reasons": pa.array([list(found[name]) for name in ids], pa.list_(pa.string())),
    }
    for each in extractors:
        if each.name == ImageQuality.name:
            figures = _figures(cohort, each)
            columns |= {name: pa.array(figures[:, place]) for place, name in enumerate(IQM)}
    rows = pa.table(columns).replace_schema_metadata({"synthetic": "true", "inspection": identity(cohort)})
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd")
    write_atomic(cohort.path / SAMPLES_NAME, sink.getvalue().to_pybytes(), scratch=scratch)


def _figures(cohort: Cohort, extractor: FeatureExtractor) -> NDArray[np.float32]:
    """The figures of `IQM`, `(n, 7)`; NaN for a sample that has none."""
    reader, parts = FeatureReader(cohort, [extractor]), []
    for file in feature_files(cohort.manifest):
        rows = reader.rows(file)
        assert rows is not None
        values, there = unpacked(rows[extractor.name], extractor.width)
        values[~there] = np.nan
        parts.append(values[:, : len(IQM)])
    return np.concatenate(parts)
