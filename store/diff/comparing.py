"""Compares two data sets: reads manifests, recipes and tables, and nothing else."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from ...errors import RecipeError
from ..cohort import Cohort
from ..files import check_record
from ..opening import open as open_store
from ..strict_yaml import MAX_BYTES, read_mapping
from ..table import load_table
from .fields import FieldChange, field_changes
from .manifests import array_changes, file_changes, rejected_changes
from .result import Diff, Side
from .samples import Rows, compare_rows

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    import pyarrow as pa

__all__ = ["diff"]

_RECIPE = "recipe.yaml"
_REFUSED = "refused.csv"
_MOST_REFUSED_BYTES = 256 * 2**20


def diff(
    old: str | os.PathLike[str] | Cohort,
    new: str | os.PathLike[str] | Cohort,
    *,
    examples: int = 5,
    on_changes: Callable[[pa.Table], None] | None = None,
) -> Diff:
    """Say what differs between two data sets, or versions of one; no voxel is read.

    Of a local data set some columns are held at a time; the table of a remote one is fetched whole, once.

    Args:
        old: as for `voxpress.open`, or open; the whole data set is compared, whatever rows are selected.
        new: as `old`.
        examples: how many differing values, and moved samples, to keep of each kind.
        on_changes: given all that differs as it is found; `ChangesFile.add` writes it to a Parquet file.

    Raises:
        StoreNotFoundError, FormatError, UnsafePathError, RemoteError: as `voxpress.open`.
        CorruptError: a table or recipe is missing or differs from its manifest.

    Example:
        >>> diff("brains-1.0.0/", "brains-1.1.0/").samples.added.to_pylist()  # doctest: +SKIP
        ['brains-0000016', 'brains-0000017']
    """
    a, b = (given if isinstance(given, Cohort) else open_store(given) for given in (old, new))
    return Diff(
        old=_side(a),
        new=_side(b),
        samples=compare_rows(_rows(a), _rows(b), examples=examples, on_changes=on_changes),
        schema=field_changes(_types(a.store.schema), _types(b.store.schema)),
        arrays=array_changes(a.manifest, b.manifest),
        recipe=_recipe_changes(a, b),
        lock=field_changes(a.manifest.lock, b.manifest.lock),
        rejected=rejected_changes(a.manifest, b.manifest),
        files=file_changes(a.manifest, b.manifest),
    )


def _side(cohort: Cohort) -> Side:
    manifest = cohort.manifest
    return Side(
        url=cohort.url,
        name=manifest.name,
        version=manifest.version,
        digest=manifest.digest,
        format_version=manifest.format_version,
        splits={name: manifest.splits[name].samples for name in manifest.split_names},
    )


def _rows(cohort: Cohort) -> Rows:
    store = cohort.store

    def read(names: Sequence[str]) -> pa.Table:
        # a handle keeps the columns that it has read, and all of them together may be too much
        if store.source.remote:
            return store.table.select(list(names))
        return load_table(store.source, store.manifest, columns=names)

    arrays = {name: spec.kind for name, spec in cohort.specs.items()}
    return Rows(schema=store.schema, arrays=arrays, where=store.locations, read=read)


def _types(schema: pa.Schema) -> dict[str, str]:
    return {field.name: str(field.type) for field in schema}


def _recipe_changes(old: Cohort, new: Cohort) -> tuple[FieldChange, ...]:
    before, after = (each.manifest.files.get(_RECIPE) for each in (old, new))
    if before == after:
        return ()
    try:
        return field_changes(_recipe(old), _recipe(new), ordered=True)
    except RecipeError:
        # not written by voxpress: all that can be said is that the files differ
        return (FieldChange(name=_RECIPE, old=before and before.sha256, new=after and after.sha256),)


def _recipe(cohort: Cohort) -> dict[Any, Any]:
    record = cohort.manifest.files.get(_RECIPE)
    if record is None:
        return {}
    data = cohort.store.source.read_all(_RECIPE, most=min(record.bytes, MAX_BYTES))
    check_record(data, _RECIPE, record)
    recipe = read_mapping(data.decode(errors="replace"), source=f"the recipe of {cohort.url}")
    if "refused" in recipe and (listed := cohort.manifest.files.get(_REFUSED)) is not None:
        lines = cohort.store.source.read_all(_REFUSED, most=min(listed.bytes, _MOST_REFUSED_BYTES))
        check_record(lines, _REFUSED, listed)
        # its digest alone would say nothing to people
        counts = Counter(re.findall(rb"^[0-9]+,[0-9]+,([A-Z][A-Z0-9_]{0,63})$", lines, flags=re.MULTILINE))
        recipe["refused"] = {code.decode(): counts[code] for code in sorted(counts)} | {"sha256": listed.sha256}
    return recipe
