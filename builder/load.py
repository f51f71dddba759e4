"""A voxpress data set as a Hugging Face data set whose volumes are read when they are used."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import datasets

from ..errors import QueryError
from ..store.sources.hub import given_token
from .handles import keep_cache
from .places import place_of
from .table_files import table_files
from .volume import REFERENCE, Volume

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from ..store.cache import Cache
    from .places import Place

    AnyDataset: TypeAlias = (
        datasets.Dataset | datasets.IterableDataset | datasets.DatasetDict | datasets.IterableDatasetDict
    )

__all__ = ["load_dataset"]


def load_dataset(
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    split: str | None = None,
    revision: str | None = None,
    streaming: bool = False,
    columns: Sequence[str] | None = None,
    filters: Any = None,
    token: str | bool | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    cache: Cache | None = None,
) -> AnyDataset:
    """Load a data set; its volume columns give `LazyVolume`.

    The table is a plain one of `datasets`: the Parquet files that the manifest names, of the same commit as the voxels.

    Args:
        path: folder; ``org/name``, ``org/name@v1.0.0`` or ``hf://datasets/org/name@v1.0.0`` on the Hub; or an address
            of a store on a server or in object storage, as `voxpress.open` takes it.
        name: of one of several data sets there, for example ``"2mm"``.
        split: for example ``"train"`` or ``"train[:10]"``; None for all, in a dictionary.
        revision: branch, tag or commit on the Hub; resolved once, for table and voxels.
        streaming: read rows as they come instead of preparing a table.
        columns: read only these.
        filters: rows to keep, pushed down to Parquet: ``[("age", ">", 70)]`` or a `pyarrow.dataset.Expression`.
        token: for the Hub, in place of `HF_TOKEN` or the login; False for none. It is kept in memory only; processes
            that are forked, or spawned with the data set, read with it too.
        cache_dir: where `datasets` keeps the prepared table.
        cache: keeps what is read of remote volumes on this machine; `voxpress.store.cache.cache_of` makes one.

    Raises:
        QueryError: there is no such split or column, or no row matches the filters.
        StoreNotFoundError: there is no such data set, revision or configuration.
        CorruptError: the table is not the one that the manifest names.
        FormatError, UnsafePathError, RemoteError: as `voxpress.open`.
        ValueError: a revision of what has none.

    Example:
        >>> rows = load_dataset("brains/", split="train", filters=[("age", ">", 70)])   # doctest: +SKIP
        >>> rows[0]["image"].numpy().shape                                              # doctest: +SKIP
        (160, 224, 160)
    """
    place = place_of(path, name, revision=revision, token=token)
    _check_split(split, place)
    kept_in = Path(datasets.config.HF_DATASETS_CACHE if cache_dir is None else cache_dir).expanduser()
    options: dict[str, Any] = {
        "columns": None if columns is None else list(columns),
        "filters": filters,
        # the one of `HF_TOKEN` or the login it finds itself
        "token": given_token(place.hub.name) if place.hub else None,
    }
    builder = datasets.load_dataset_builder(
        "parquet",
        data_files=table_files(place, kept_in),
        cache_dir=str(kept_in),
        **{option: value for option, value in options.items() if value is not None},
    )
    try:
        if streaming:
            rows = builder.as_streaming_dataset(split=split)
        else:
            builder.download_and_prepare()
            rows = _prepared(builder, split, filters)
    except datasets.exceptions.DatasetGenerationError:
        _check_columns(options["columns"], builder)
        raise
    _check_columns(options["columns"], builder)
    keep_cache(place.root, cache)
    loaded: AnyDataset = _with_volumes(rows, place.root)
    return loaded


def _check_columns(columns: list[str] | None, builder: datasets.DatasetBuilder) -> None:
    """Refuse columns that the table does not have; `datasets` would say so row by row, or not at all."""
    known = builder.info.features
    if unknown := [name for name in columns or () if known is not None and name not in known]:
        msg = f"there is no column {', '.join(unknown)} in the table; load it without `columns` to see what there is"
        raise QueryError(msg)


def _check_split(split: str | None, place: Place) -> None:
    """Refuse what names no split before anything is fetched."""
    known = place.cohort.manifest.split_names
    for part in split.split("+") if isinstance(split, str) else ():
        if (name := re.sub(r"\[.*", "", part).strip()) not in (*known, "all"):
            msg = f"there is no split {name!r} in {place.root}; the splits are {', '.join(known)}"
            raise QueryError(msg)


def _prepared(builder: datasets.DatasetBuilder, split: str | None, filters: Any) -> Any:
    """The table that was prepared, with empty splits where a filter leaves nothing of some."""
    sizes = {part: info.num_examples for part, info in builder.info.splits.items()}
    if filters is None:
        return builder.as_dataset(split=split)
    if not any(sizes.values()):
        raise QueryError(_nothing(filters, "the data set"))
    if split is None:
        parts = {part: builder.as_dataset(split=part) if size else _empty(builder.info) for part, size in sizes.items()}
        return datasets.DatasetDict(parts)
    try:
        return builder.as_dataset(split=split)
    except ValueError as error:
        if "corresponds to no data" not in str(error):
            raise
        raise QueryError(_nothing(filters, f"split {split!r}")) from error


def _empty(info: datasets.DatasetInfo) -> datasets.Dataset:
    return datasets.Dataset.from_dict({column: [] for column in info.features}, features=info.features)


def _nothing(filters: Any, where: str) -> str:
    return (
        f"no row of {where} matches the filters {str(filters)[:500]}; widen them, or look at the column's values first"
    )


def _with_volumes(rows: Any, root: str) -> Any:
    if isinstance(rows, dict):
        return type(rows)({split: _with_volumes(part, root) for split, part in rows.items()})
    if rows.features is None:
        rows = rows._resolve_features()  # noqa: SLF001 - datasets has no public name for it
    for column, feature in dict(rows.features).items():
        if feature == REFERENCE:
            rows = rows.cast_column(column, Volume(root=root))
    return rows
