"""A data set is audited for copies: figures into the data set, who is close to whom into a private folder.

What is published holds aggregates alone. Whose image a sample is close to is in the private folder and nowhere else.
"""

from __future__ import annotations

import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import QualityError, StoreNotFoundError, VoxpressError
from .quality.audit import COPIES, NO_TRAINING_SET, audit_set, is_model, open_kept
from .quality.features.copy_dct import CopyDct
from .quality.features.table import read_features
from .quality.parts import Part, write_part
from .quality.quarantine import quarantine_of
from .quality.reference import open_real, open_reference
from .store import open as open_store
from .store import write_atomic
from .store.strict_yaml import MAX_BYTES, read_mapping
from .store.threads import available_cpus

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from .quality.audit import Audit
    from .quality.features import FeatureSet
    from .quality.reference import Reference
    from .store import Cohort

    AnyPath = str | os.PathLike[str]

__all__ = ["PAIRS_NAME", "QUARANTINE_NAME", "Audited", "audit"]

PAIRS_NAME: Final = "pairs.parquet"
QUARANTINE_NAME: Final = "quarantine.json"
_CACHE: Final = "computed"
_RECIPE: Final = "recipe.yaml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Audited:
    """What came of an audit.

    Attributes:
        cohort: the data set.
        audit: the findings; its `pairs` are private.
        part: what was written into the data set.
        private: folder with the pairs and the quarantine; None if none was asked for.
    """

    cohort: Cohort
    audit: Audit
    part: Part
    private: Path | None


def audit(
    path: AnyPath,
    *,
    train: AnyPath | None = None,
    holdout: AnyPath | None = None,
    train_table: AnyPath | None = None,
    holdout_table: AnyPath | None = None,
    private: AnyPath | None = None,
    copies: int = COPIES,
    seed: int = 0,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Audited:
    """Looks for copies of training subjects in a data set, and writes what it found to `quality/parts/audit.json`.

    Stopped at any time and called again, it goes on. Call it under ``if __name__ == "__main__"`` in a script: workers
    are new processes that import the script.

    Args:
        path: folder of the data set.
        train: what its generator was trained on, as for `open_reference`, or the folder of a model of `voxpress train`,
            which keeps what is needed; without it every score is NOT_RUN.
        holdout: subjects that the generator never saw, of the same population, in the same form; by default those that
            the model keeps.
        train_table: of the files, where `train` is a folder of them.
        holdout_table: the same of `holdout`.
        private: folder outside of the data set, for `pairs.parquet` (who is close to whom), `quarantine.json` (samples
            to be replaced), and what was computed from patients' volumes; without it, that goes to the user's cache.
        copies: of training volumes, planted to see that they are found.
        seed: of the planted copies.
        workers: processes; None for one a CPU.
        progress: told of the stage, of volumes done and of all.

    Raises:
        StoreNotFoundError: there is no data set, or no reference.
        QualityError: too few subjects, one in both sets, a volume that cannot be used, or a private folder that is not.
        FormatError, CorruptError: a file of them cannot be read; the message names it.

    Example:
        >>> found = audit("brains/", train="ukb/", holdout="ixi/", private="audit/")   # doctest: +SKIP
        >>> found.audit.scores                                                          # doctest: +SKIP
    """
    cohort = open_store(path)
    folder = None if private is None else _private_folder(Path(private).expanduser(), cohort)
    synthetic = open_reference(path)
    known, apart = _real_sets(cohort, (train, train_table), (holdout, holdout_table))
    found = audit_set(
        synthetic,
        known,
        apart,
        vectors=None if known is None else _vectors(cohort),
        copies=copies,
        seed=seed,
        cache=(_user_cache() if folder is None else folder) / _CACHE,
        workers=available_cpus() if workers is None else workers,
        tell=progress,
        without=_reason_without_training(cohort),
    )
    part = Part(
        name="audit",
        manifest_sha256=cohort.manifest.digest,
        scores=found.scores,
        tables={**found.tables, "audit.notes": {"columns": ["note"], "rows": [[note] for note in found.notes]}},
        figures=found.figures,
    )
    write_part(cohort.path, part)
    if folder is not None:
        _write_private(folder, cohort, found)
    return Audited(cohort=cohort, audit=found, part=part, private=folder)


def _real_sets(
    cohort: Cohort, train: tuple[AnyPath | None, AnyPath | None], holdout: tuple[AnyPath | None, AnyPath | None]
) -> tuple[Reference | None, Reference | None]:
    """The training set and the holdout, each given by a path and perhaps a table of its files."""
    apart = None if holdout[0] is None else open_real(holdout[0], cohort, table=holdout[1], done="audited")
    if train[0] is None:
        return None, apart
    if not is_model(train[0]):
        return open_real(train[0], cohort, table=train[1], done="audited"), apart
    if train[1] is not None:
        msg = f"{train[0]} is a model, which keeps its own training set; leave the table of training files out"
        raise QualityError(msg)
    kept = open_kept(train[0])
    return kept.train, kept.holdout if holdout[0] is None else apart


def _reason_without_training(cohort: Cohort) -> str:
    """What to do about a training set that was not given; of a model that keeps it, where it is."""
    if cohort.manifest.lock.get("backend", {}).get("name") != "trained":
        return NO_TRAINING_SET
    weights = _weights_of(cohort)
    where = "the folder of the model" if weights is None else weights
    return (
        "no training set was given, so nothing can be said about copies; the model that made the samples keeps what an "
        f"audit needs: give it as the training set (--train {where})"
    )


def _weights_of(cohort: Cohort) -> str | None:
    """Where the recipe says that the weights are; None if it cannot be read."""
    try:
        data = cohort.store.source.read_all(_RECIPE, most=MAX_BYTES)
        backend = read_mapping(data.decode(errors="replace"), source="the recipe").get("backend")
    except VoxpressError:
        return None
    weights = backend.get("weights") if isinstance(backend, dict) else None
    return weights if isinstance(weights, str) else None


def _vectors(cohort: Cohort) -> FeatureSet | None:
    """Those that were made with the samples; None if they were not."""
    try:
        return read_features(cohort, CopyDct())
    except StoreNotFoundError:
        return None


def _private_folder(folder: Path, cohort: Cohort) -> Path:
    """Sees that a folder is private, and makes it."""
    root, place = cohort.path.resolve(), folder.resolve()
    if place == root or place.is_relative_to(root):
        msg = f"the private folder {folder} lies in the data set {root}, which is published; give one outside of it"
        raise QualityError(msg)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    others = stat.S_IMODE(folder.stat().st_mode) & 0o077
    if os.name == "posix" and others:
        msg = f"the private folder {folder} can be read by others; run `chmod 700 {folder}`, or give another"
        raise QualityError(msg)
    return folder


def _user_cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voxpress" / "audit"


def _write_private(folder: Path, cohort: Cohort, found: Audit) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    ids = cohort.columns(["sample_id"])["sample_id"]
    quarantine = quarantine_of(cohort, {ids[each.row].as_py(): each.reasons for each in found.quarantine})
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist([asdict(pair) for pair in found.pairs], schema=_pairs_schema()), sink)
    for name, data in ((QUARANTINE_NAME, quarantine.to_bytes()), (PAIRS_NAME, sink.getvalue().to_pybytes())):
        write_atomic(folder / name, data, scratch=folder)


def _pairs_schema() -> pa.Schema:
    import pyarrow as pa

    text, number = pa.string(), pa.float64()
    types = {"sample_id": text, "train_id": text, "train_subject": text, "mirrored": pa.bool_()}
    types |= dict.fromkeys(("distance", "ratio", "p_distance", "p_ratio"), number)
    types |= {"hash_bits": pa.int64(), "correlation": number, "rules": pa.list_(text)}
    return pa.schema(list(types.items()), metadata={"private": "names training subjects; never publish"})
