"""What a data set must say of itself before others get it: whether it is synthetic, and a value in every cell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ...store import safe_path
from ...store.layout import array_zarr_json_path, group_zarr_json_path
from ...store.parsing import as_mapping, parse_json
from ..scores import Score, not_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...store import Cohort

__all__ = ["release_scores"]

_MOST_BYTES: Final = 16 * 2**20


def release_scores(cohort: Cohort) -> tuple[Score, ...]:
    """Scores of the `release` section; reads metadata and table, and no voxel.

    Args:
        cohort: the whole data set, on this machine.

    Raises:
        CorruptError, FormatError: its metadata or table are damaged.
    """
    marks = list(_marks(cohort))
    return (
        Score(
            id="release.synthetic_marks",
            value=sum(marks) / len(marks),
            n={"marked": sum(marks), "looked_at": len(marks)},
        ),
        _completeness(cohort),
    )


def _marks(cohort: Cohort) -> Iterator[bool]:
    """Of each Zarr group and array, of each Parquet file, and of the rows: whether they say what the manifest says."""
    import pyarrow.parquet as pq

    source, synthetic = cohort.store.source, cohort.manifest.synthetic
    for split in cohort.manifest.split_names:
        paths = [group_zarr_json_path(split), *(array_zarr_json_path(split, name) for name in cohort.specs)]
        for path in paths:
            document = as_mapping(parse_json(source.read_all(path, most=_MOST_BYTES), path), path)
            attributes: Any = document.get("attributes")
            yield isinstance(attributes, dict) and attributes.get("synthetic") is synthetic
        for path in cohort.manifest.metadata_files(split):
            # the table that a cohort has is without what its files say of themselves
            metadata = pq.read_schema(safe_path(cohort.path, path)).metadata or {}
            yield metadata.get(b"synthetic") == (b"true" if synthetic else b"false")
    if "is_synthetic" in cohort.store.schema.names:
        yield all(value is synthetic for value in cohort.columns(["is_synthetic"])["is_synthetic"].unique().to_pylist())
    else:
        yield False


def _completeness(cohort: Cohort) -> Score:
    import pyarrow.compute as pc

    names = [*cohort.conditions, *cohort.measures]
    table = cohort.columns(names) if names else None
    if table is None or not table.num_rows:
        return not_run("release.completeness", "the data set has no rows with conditions or measures")
    missing = sum(pc.sum(pc.is_null(table[name], nan_is_null=True)).as_py() for name in names)
    cells = table.num_rows * len(names)
    return Score(id="release.completeness", value=1 - missing / cells, n={"cells": cells, "missing": missing})
