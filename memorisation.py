"""A data set is audited for copies: figures into the data set, who is close to whom into a private folder.

What is published holds aggregates alone. Whose image a sample is close to is in the private folder and nowhere else.
"""

from __future__ import annotations

import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import QualityError, StoreNotFoundError
from .quality.audit import COPIES, audit_set
from .quality.features.copy_dct import CopyDct
from .quality.features.table import read_features
from .quality.parts import Part, write_part
from .quality.quarantine import quarantine_of
from .quality.reference import open_real, open_reference
from .store import open as open_store
from .store import write_atomic
from .store.threads import available_cpus

if TYPE_CHECKING:
    from collections.abc import Callable

    import pyarrow as pa

    from .quality.audit import Audit
    from .quality.features import FeatureSet
    from .store import Cohort

    AnyPath = str | os.PathLike[str]

__all__ = ["PAIRS_NAME", "QUARANTINE_NAME", "Audited", "audit"]

PAIRS_NAME: Final = "pairs.parquet"
QUARANTINE_NAME: Final = "quarantine.json"
_CACHE: Final = "computed"


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
        train: what its generator was trained on, as for `open_reference`; without it every score is NOT_RUN.
        holdout: subjects that the generator never saw, of the same population, in the same form.
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
    known = None if train is None else open_real(train, cohort, table=train_table, done="audited")
    apart = None if holdout is None else open_real(holdout, cohort, table=holdout_table, done="audited")
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
