"""Judges a store: gathers what was measured of it, measures what the tables alone tell, and writes the report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..conditions import condition_scores
from ..parts import PARTS, Part, read_part, write_beside, write_part
from .judging import judge
from .origin import declared_types, origin_of
from .profile import Profile, load_profile
from .release_scores import release_scores
from .report import REPORT_NAME, report_of
from .standing import check_report, part_digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pyarrow as pa

    from ...store import Cohort, Manifest
    from ..conditions import Intervention
    from ..parts import Tables
    from ..scores import Score
    from .standing import Standing

__all__ = ["Gathered", "gather", "judge_store", "measure_conditions", "write_report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The parts of a store.

    Attributes:
        parts: name → of this version.
        missing: name → why one that is there does not count.
    """

    parts: Mapping[str, Part]
    missing: Mapping[str, str]


def judge_store(
    cohort: Cohort,
    profile: Profile | str = "research",
    *,
    reference: pa.Table | None = None,
    units: Mapping[str, str] | None = None,
    pairs: Iterable[Intervention] | None = None,
    release: Iterable[Score] = (),
    keep: bool = True,
) -> Standing:
    """Judge what was measured of a data set, and write `quality/report.json`.

    The part `conditions` needs the table only, so it is measured here; the others are taken as they are.

    Args:
        cohort: the whole data set, on this machine.
        profile: a profile, the name of a built-in one, or the path of a file.
        reference: people of the reference, as for `condition_scores`.
        units: of the conditions, likewise.
        pairs: of the intervention test, likewise.
        release: more scores of the section `release`, such as those of the card.
        keep: as for `measure_conditions`.

    Returns:
        how the data set stands now.

    Raises:
        QualityError: there is no such profile.
        FormatError: a part is no part; delete it and run the command that makes it.
        CorruptError: metadata or table of the data set are damaged.
        DiskFullError, OSError: as `write_atomic`.
    """
    profile = load_profile(profile) if isinstance(profile, str) else profile
    measure_conditions(cohort, reference=reference, units=units, pairs=pairs, keep=keep)
    write_report(cohort, profile, release=release)
    return check_report(cohort.path, cohort.manifest)


def measure_conditions(
    cohort: Cohort,
    *,
    reference: pa.Table | None = None,
    units: Mapping[str, str] | None = None,
    pairs: Iterable[Intervention] | None = None,
    keep: bool = True,
) -> Part:
    """Measure the part `conditions` and write it.

    Without pairs, the leakage that was measured of the same data before stays.

    Args:
        cohort: as for `condition_scores`.
        reference: likewise.
        units: likewise.
        pairs: likewise.
        keep: what was measured of the same data beside a reference stays where none is given now: whoever only judges
            again need not have it.
    """
    older = read_part(cohort.path, "conditions")
    older = older if older is not None and older.manifest_sha256 == cohort.manifest.digest else None
    if keep and reference is None and pairs is None and older is not None and _knew_people(older):
        return older
    scores, tables, figures = condition_scores(
        cohort, reference=reference, units=units, pairs=None if pairs is None else tuple(pairs)
    )
    if pairs is None:
        scores, tables = _with_older_leakage(older, scores, tables)
    part = Part(
        name="conditions",
        manifest_sha256=cohort.manifest.digest,
        scores=scores,
        tables=tables,
        figures=figures,
    )
    write_part(cohort.path, part)
    return part


def _knew_people(part: Part) -> bool:
    """Whether it was measured beside real people."""
    return any(
        score.floor is not None or (score.id == "conditions.extrapolation" and score.value is not None)
        for score in part.scores
    )


def _with_older_leakage(
    older: Part | None, scores: tuple[Score, ...], tables: Tables
) -> tuple[tuple[Score, ...], Tables]:
    if older is None or "leakage" not in older.tables:
        return scores, tables
    found = {score.id: score for score in older.scores if score.id == "conditions.leakage"}
    kept = tuple(found.get(score.id, score) for score in scores)
    return kept, {**tables, "leakage": older.tables["leakage"]}


def gather(cohort: Cohort) -> Gathered:
    """The parts of a store that are about this version.

    Raises:
        FormatError, CorruptError: a file is no part.
    """
    parts, missing = {}, {}
    for name in PARTS:
        part = read_part(cohort.path, name)
        if part is None:
            continue
        if part.manifest_sha256 == cohort.manifest.digest:
            parts[name] = part
        else:
            missing[name] = _of_another(part, cohort.manifest)
    return Gathered(parts=parts, missing=missing)


def write_report(cohort: Cohort, profile: Profile, *, release: Iterable[Score] = ()) -> None:
    """Judge the parts that are there, and write the report over an older one; raises as `judge_store`."""
    found = gather(cohort)
    types = declared_types(cohort)
    scores = [score for part in found.parts.values() for score in part.scores]
    judged = judge(
        [*scores, *release_scores(cohort), *release],
        profile,
        origin=origin_of(types, cohort.manifest.lock),
        measured=[*found.parts, "release"],
        missing=found.missing,
    )
    report = report_of(
        cohort.manifest,
        judged,
        found.parts,
        digital_source_types=types,
        part_digests=part_digests(cohort.path),
    )
    write_beside(cohort.path, REPORT_NAME, report.to_bytes())


def _of_another(part: Part, manifest: Manifest) -> str:
    return (
        f"what is there was measured of other data (manifest {part.manifest_sha256[:12]}, not "
        f"{manifest.digest[:12]}); measure this version"
    )
