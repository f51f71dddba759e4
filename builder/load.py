"""A voxpress data set as a Hugging Face data set whose volumes are read when they are used."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import datasets

from ..errors import QueryError
from ..store import MANIFEST_NAME
from ..store import open as open_store
from .handles import is_remote
from .volume import REFERENCE, Volume

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

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
) -> AnyDataset:
    """Load a data set; its volume columns give `LazyVolume`.

    `datasets` finds the files and resolves the revision, once for table and voxels; the cache that it fills is shared
    with plain `datasets.load_dataset`. Voxels can be read where the data set is a local folder.

    Args:
        path: folder, ``org/name`` on the Hub, or ``hf://datasets/org/name``.
        name: configuration; None for the default.
        split: for example ``"train"`` or ``"train[:10]"``; None for all, in a dictionary.
        revision: branch, tag or commit on the Hub.
        streaming: read rows as they come instead of preparing a table.
        columns: read only these.
        filters: rows to keep, pushed down to Parquet: ``[("age", ">", 70)]`` or a `pyarrow.dataset.Expression`.
        token: for the Hub; used to read the table and never stored with it.
        cache_dir: where `datasets` keeps the prepared table.

    Raises:
        QueryError: no row matches the filters.
        FileNotFoundError, ValueError: what `datasets` raises for a path, name or split that is not there.

    Example:
        >>> rows = load_dataset("brains/", split="train", filters=[("age", ">", 70)])   # doctest: +SKIP
        >>> rows[0]["image"].numpy().shape                                              # doctest: +SKIP
        (160, 224, 160)
    """
    options = {
        "cache_dir": None if cache_dir is None else str(cache_dir),
        "columns": None if columns is None else list(columns),
        "data_files": _own_files(Path(path)),
        "filters": filters,
        "revision": revision,
        "token": token,
    }
    given = {option: value for option, value in options.items() if value is not None}
    builder = datasets.load_dataset_builder(str(path), name, **given)
    if streaming:
        rows = builder.as_streaming_dataset(split=split)
    else:
        # the sizes in the card are those without a filter
        builder.download_and_prepare(verification_mode=None if filters is None else "no_checks")
        rows = _prepared(builder, split, filters)
    loaded: AnyDataset = _with_volumes(rows, _root(builder.base_path))
    return loaded


def _own_files(folder: Path) -> dict[str, list[str]] | None:
    """The table's files of a store without a card, which `datasets` would take for something else."""
    if not (folder / MANIFEST_NAME).is_file() or (folder / "README.md").exists():
        return None
    manifest = open_store(folder).manifest
    return {split: files for split in manifest.split_names if (files := manifest.metadata_files(split))}


def _root(base_path: str) -> str:
    """Absolute, as workers and later sessions may stand in another folder."""
    return base_path if is_remote(base_path) else str(Path(base_path).expanduser().absolute())


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
