"""What a trained model keeps of its training set for audits: vectors in place of scans.

`keeping` writes it, beside the weights, in the folder `audit/` of the model:

* `train.parquet`, and `holdout.parquet` if there was one: `sample_id`, `subject` and the vector of each volume;
* `control.parquet`: the vectors of copies that were planted, and how each was made;
* `source.json`: where the scans are, for what needs their voxels. Where they are gone, suspects are not confirmed.

A vector describes a person's head, so all of it is private: readable by its owner alone, and never published.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa

from ...errors import FormatError, QualityError, VoxpressError
from ..features.feature_set import FeatureSet
from ..features.table import unpacked
from ..reference import open_reference
from ..reference_rows import rows_with_ids

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from ..reference import Reference
    from ..volume import Volume

__all__ = [
    "AUDIT_FOLDER",
    "CONTROL_NAME",
    "KEPT_FORMAT",
    "MODEL_CARD_NAME",
    "SOURCE_NAME",
    "KeptControl",
    "KeptReference",
    "KeptSets",
    "is_model",
    "open_kept",
    "table_name",
]

MODEL_CARD_NAME: Final = "model.json"
"""A folder with it is a model that voxpress trained."""
AUDIT_FOLDER: Final = "audit"
CONTROL_NAME: Final = "control.parquet"
SOURCE_NAME: Final = "source.json"
KEPT_FORMAT: Final = "1"
_MOST_BYTES: Final = 8 * 2**30
"""A million vectors."""
_MOST_JSON_BYTES: Final = 2**16
_MOST_WIDTH: Final = 2**16


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptControl:
    """Planted copies of the training volumes.

    Attributes:
        vectors: of the copies.
        kinds: how each was made.
        seed: of what is random in them.
    """

    vectors: FeatureSet
    kinds: tuple[str, ...]
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptReference:
    """Volumes of which vectors are kept; see `Reference`. Their voxels can be read only where `scans` is there.

    Attributes:
        vectors: of the volumes.
        scans: the volumes themselves; None where they are gone.
        missing: why they are not there, and what to do.
        control: planted copies of them, if they are a training set.
    """

    source: str
    ids: tuple[str, ...]
    subjects: tuple[str, ...]
    digest: str
    vectors: FeatureSet
    scans: Reference | None
    missing: str
    control: KeptControl | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def readable(self) -> Reference:
        """The volumes themselves.

        Raises:
            QualityError: they are not there.
        """
        if self.scans is None:
            raise QualityError(self.missing)
        return self.scans

    def volume(self, row: int) -> Volume:
        """Reads one volume; see `Reference`."""
        return self.readable().volume(row)

    def volumes(self) -> Iterator[tuple[int, Volume]]:
        """Reads all; see `Reference`."""
        return self.readable().volumes()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeptSets:
    """What a model keeps: its training set, and the subjects that were held out, if there were any."""

    train: KeptReference
    holdout: KeptReference | None


def is_model(folder: str | os.PathLike[str]) -> bool:
    """Whether this is the folder of a model that voxpress trained."""
    return (Path(folder).expanduser() / MODEL_CARD_NAME).is_file()


def open_kept(model: str | os.PathLike[str]) -> KeptSets:
    """Opens what a model keeps for audits.

    Args:
        model: its folder.

    Raises:
        QualityError: it keeps nothing.
        FormatError: what it keeps cannot be read; the message names the file.
    """
    folder = Path(model).expanduser() / AUDIT_FOLDER
    if not (folder / table_name("train")).is_file():
        msg = (
            f"the model {model} keeps nothing of its training set ({folder / table_name('train')} is not there: it is "
            "private, and not part of a published model); give the scans that it was trained on"
        )
        raise QualityError(msg)
    sources = _sources(folder / SOURCE_NAME)
    train = _reference(folder, "train", sources, control=_control(folder / CONTROL_NAME))
    holdout = (folder / table_name("holdout")).is_file()
    return KeptSets(train=train, holdout=_reference(folder, "holdout", sources) if holdout else None)


def table_name(name: str) -> str:
    """File of the vectors of a set, `train` or `holdout`."""
    return f"{name}.parquet"


def _reference(
    folder: Path, name: str, sources: dict[str, Any], *, control: KeptControl | None = None
) -> KeptReference:
    path = folder / table_name(name)
    rows, told = _read(path, ("sample_id", "subject"))
    ids, subjects = (tuple(rows[column].to_pylist()) for column in ("sample_id", "subject"))
    if len(set(ids)) != len(ids):
        msg = f"{path} has an id twice; train again, or give the scans"
        raise FormatError(msg)
    scans, why = _scans(sources.get(name), ids)
    return KeptReference(
        source=str(path),
        ids=ids,
        subjects=subjects,
        digest=told["reference_sha256"],
        vectors=_vectors(path, rows, told, ids),
        scans=scans,
        missing=f"the scans of {path} are needed, and {why}; give them in place of the model",
        control=control,
    )


def _control(path: Path) -> KeptControl:
    rows, told = _read(path, ("kind",))
    kinds = tuple(rows["kind"].to_pylist())
    ids = tuple(f"{number} {kind}" for number, kind in enumerate(kinds))
    try:
        seed = int(told["seed"])
    except (KeyError, ValueError) as error:
        raise _damaged(path, error) from error
    return KeptControl(vectors=_vectors(path, rows, told, ids), kinds=kinds, seed=seed)


def _read(path: Path, columns: tuple[str, ...]) -> tuple[pa.Table, dict[str, str]]:
    """Rows and what the file tells of them, held against what `keeping` writes."""
    import pyarrow.parquet as pq

    try:
        if (size := path.stat().st_size) > _MOST_BYTES:
            msg = f"it has {size:,} bytes"
            raise ValueError(msg)
        rows = pq.read_table(path, partitioning=None)
    except (OSError, ValueError, pa.ArrowException) as error:
        raise _damaged(path, error) from error
    told = {
        key.decode(): value.decode() for key, value in (rows.schema.metadata or {}).items() if key != b"ARROW:schema"
    }
    if told.get("format") != KEPT_FORMAT:
        msg = f"{path} is of the format {told.get('format')!r}, and this voxpress reads {KEPT_FORMAT!r}"
        raise FormatError(msg)
    if not {"name", "feature_id", "reference_sha256"} <= told.keys() or told["name"] not in rows.column_names:
        raise _damaged(path, "it does not tell what its vectors are")
    if lacking := [name for name in columns if name not in rows.column_names or rows[name].type != pa.string()]:
        raise _damaged(path, f"it has no text {', '.join(lacking)}")
    if any(rows[name].null_count for name in rows.column_names):
        raise _damaged(path, "it has empty fields")
    return rows, told


def _vectors(path: Path, rows: pa.Table, told: dict[str, str], ids: tuple[str, ...]) -> FeatureSet:
    kind = rows.schema.field(told["name"]).type
    if not pa.types.is_fixed_size_list(kind) or kind.value_type != pa.float32() or kind.list_size > _MOST_WIDTH:
        raise _damaged(path, f"its vectors are {kind}")
    try:
        values = unpacked(rows[told["name"]], kind.list_size)[0]
        return FeatureSet(name=told["name"], feature_id=told["feature_id"], ids=ids, values=values)
    except ValueError as error:
        raise _damaged(path, error) from error


def _sources(path: Path) -> dict[str, Any]:
    """Set → where its scans were; nothing where the file is missing, since it does not travel with the model."""
    try:
        with path.open("rb") as file:
            found = json.loads(file.read(_MOST_JSON_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from error
    return found if isinstance(found, dict) else {}


def _scans(source: Any, ids: tuple[str, ...]) -> tuple[Reference | None, str]:
    """The volumes of a set where it was, if all of them still are there and none has changed; else why not."""
    fields = ("path", "sha256", "affine")
    if not isinstance(source, dict) or not all(isinstance(source.get(field), str) for field in fields):
        return None, "nothing says where they are"
    place, table = source["path"], source.get("table")
    # a file of a model must not make anybody's machine ask for addresses
    if not all(Path(each).is_absolute() and Path(each).exists() for each in (place, table) if each is not None):
        return None, f"they are not at {place} any more"
    try:
        whole = open_reference(place, table=table, affine=source["affine"])
    except (VoxpressError, OSError, ValueError) as error:
        return None, f"{place} cannot be opened ({str(error)[:300]})"
    chosen = rows_with_ids(whole, ids) if whole.digest == source["sha256"] else None
    return chosen, "" if chosen is not None else f"{place} has changed since"


def _damaged(path: Path, why: object) -> FormatError:
    return FormatError(
        f"{path} is not what `voxpress train` wrote ({str(why)[:300]}): it is damaged; train again, or give the scans "
        "in place of the model"
    )
