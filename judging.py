"""A finished data set is judged: sample by sample, as a set beside real samples, by its conditions, and by the gate.

Each part measures and leaves what it found in `quality/parts/`; only the gate judges. A part that cannot run says
NOT_RUN and why.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .cards import write_report_page
from .errors import QualityError, StoreNotFoundError
from .quality.conditions.alike import groups_alike
from .quality.conditions.leakage import interventions_of
from .quality.features.copy_dct import CopyDct
from .quality.features.embedding import embed_volumes
from .quality.features.morphometry import LabelVolumes
from .quality.features.sign_hash import SignHash, sign_hashes
from .quality.features.standard import standard_extractors
from .quality.features.table import read_features
from .quality.gate import judge_store
from .quality.inspecting import inspect_store
from .quality.parts import Part, write_part
from .quality.quarantine import quarantine_of
from .quality.reference import open_real, people_of
from .quality.sample_scores import sample_scores
from .quality.sets import ms_ssim_scores, set_scores, subgroup_scores
from .quality.volume import volume_of
from .store import open as open_store
from .store.threads import available_cpus

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from .quality import Reference, Score, Volume
    from .quality.conditions import Intervention
    from .quality.features import FeatureExtractor, FeatureSet
    from .quality.gate import Standing
    from .quality.inspecting import Inspection
    from .quality.quarantine import Quarantine
    from .store import Cohort

    AnyPath = str | os.PathLike[str]
    Progress = Callable[[str, int, int], None]
    Features = Mapping[str, FeatureSet]
    Measured = tuple[Sequence[Score], Mapping[str, Any], Mapping[str, Any]]
    """Scores, tables and figures."""

__all__ = ["Judged", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was found of a data set.

    Attributes:
        cohort: the data set.
        inspection: of its samples.
        failed: extractor → why the reference has no such features.
        quarantine: samples that broke a limit, repeat another one, or lie far from all real ones; `voxpress next
            --refuse` replaces them.
        standing: the verdict, and the report.
    """

    cohort: Cohort
    inspection: Inspection
    failed: Mapping[str, str]
    quarantine: Quarantine
    standing: Standing


def judge(
    path: AnyPath,
    *,
    profile: str = "research",
    reference: AnyPath | None = None,
    reference_table: AnyPath | None = None,
    extractors: Sequence[FeatureExtractor] | None = None,
    leakage: int = 0,
    pairs: int | None = None,
    seed: int = 0,
    workers: int | None = None,
    progress: Progress | None = None,
    again: bool = False,
) -> Judged:
    """Inspects every sample of a data set, measures what there is to measure, and writes the quality report.

    Stopped at any time and called again, it goes on; called again on a data set that was inspected, it reads of its
    voxels only those of the random pairs. Call it under ``if __name__ == "__main__"`` in a script: workers are new
    processes that import the script.

    Args:
        path: folder of the data set.
        profile: `demo`, `research`, `strict`, or the path of a profile.
        reference: real samples to compare with, as for `quality.reference.open_reference`; without them, distances to
            real data are NOT_RUN.
        reference_table: of the reference's files and people, where `reference` is a folder of files.
        extractors: of features; None for the built-in ones.
        leakage: so many samples are made again, each once more with every condition changed that varies, to see what a
            condition moves beside itself; 0 for none.
        pairs: random pairs of which MS-SSIM measures diversity, in the data set and in the reference; None for five a
            sample, at most 1,000.
        seed: of what is drawn: halves of the reference, resamples, pairs.
        workers: processes; None for one a CPU.
        progress: told what is being done, how much of it is done, and how much there is.
        again: inspect anew what was inspected before.

    Raises:
        StoreNotFoundError: there is no data set, or it is not on this machine, or there is no reference.
        QualityError: there is no such profile; the reference is the data set; or leakage without a recipe.
        CorruptError: bytes of it are wrong.
        FormatError: a volume of the reference cannot be read, or is not finite; it names the volume.
        GenerationError: a worker died.

    Example:
        >>> judge("brains/", profile="demo").standing.verdict   # doctest: +SKIP
    """
    cohort = open_store(path)
    known = None if reference is None else open_real(reference, cohort, table=reference_table, done="judged")
    extractors = standard_extractors(cohort.specs) if extractors is None else extractors
    workers = available_cpus() if workers is None else workers

    def telling(what: str) -> Callable[[int, int], None]:
        return lambda done, total: progress(what, done, total) if progress else None

    inspection = inspect_store(cohort, extractors, workers=workers, progress=telling("inspecting"), again=again)
    real: Features = {}
    failed: Mapping[str, str] = {}
    if known is not None:
        embedded = embed_volumes(known, extractors, workers=workers, progress=telling("reading the reference"))
        real, failed = embedded.features, embedded.failed
    features = _features(cohort, extractors, inspection)
    _keep(cohort, "samples", _samples(cohort, inspection, features, real))
    measured = _set(cohort, extractors, features, known, real, pairs=pairs, seed=seed, telling=telling)
    _keep(cohort, "set", measured)
    standing = judge_store(
        cohort,
        profile,
        reference=None if known is None else people_of(known),
        keep=False,
        pairs=_interventions(cohort, leakage, workers, telling("changing conditions")) if leakage else None,
    )
    write_report_page(cohort)
    quarantine = quarantine_of(cohort, _refused(inspection, measured[1]))
    return Judged(cohort=cohort, inspection=inspection, failed=failed, quarantine=quarantine, standing=standing)


def _features(cohort: Cohort, extractors: Sequence[FeatureExtractor], inspection: Inspection) -> Features:
    """What every sample has."""
    found = {}
    for extractor in extractors:
        if extractor.name not in inspection.failed:
            try:
                found[extractor.name] = read_features(cohort, extractor)
            except StoreNotFoundError:  # a sample that has none; the inspection says which
                continue
    return found


def _with_hashes(features: Features) -> Features:
    """Hashes follow from the copy embedding."""
    embedding = features.get(CopyDct.name)
    if embedding is None or embedding.feature_id != CopyDct.feature_id:
        return features
    values = sign_hashes(embedding.values).astype("float32")
    hashes = replace(embedding, name=SignHash.name, feature_id=SignHash.feature_id, values=values)
    return {**features, SignHash.name: hashes}


def _samples(cohort: Cohort, inspection: Inspection, features: Features, real: Features) -> Measured:
    """The part `samples`."""
    return sample_scores(
        inspection,
        rejected=len(cohort.manifest.rejected),
        quality=features.get("iqm"),
        reference=real.get("iqm"),
        groups=cohort.table["contrast"].to_pylist() if "contrast" in cohort.conditions else None,
    )


def _set(
    cohort: Cohort,
    extractors: Sequence[FeatureExtractor],
    features: Features,
    reference: Reference | None,
    real: Features,
    *,
    pairs: int | None,
    seed: int,
    telling: Callable[[str], Callable[[int, int], None]],
) -> Measured:
    """The part `set`."""
    tell = telling("measuring the set")
    first = next(iter(cohort.specs))
    scores, tables, figures = set_scores(
        _with_hashes(features),
        None if reference is None else _with_hashes(real),
        seed=seed,
        digests=cohort.columns([f"{first}_sha256"])[f"{first}_sha256"].to_pylist(),
        components={each.name: each.components for each in extractors if isinstance(each, LabelVolumes)},
        progress=lambda done, total, _: tell(done, total),
    )
    subgroups, by_subgroup = _subgroups(
        cohort, features, reference, real, seed=seed, tell=telling("measuring subgroups")
    )
    diversity = ms_ssim_scores(
        lambda row: _volume(cohort, row),
        len(cohort),
        None if reference is None else reference.volume,
        0 if reference is None else len(reference),
        pairs=pairs,
        seed=seed,
        progress=telling("comparing pairs"),
    )
    return [*scores, *subgroups, *diversity], {**tables, **by_subgroup}, figures


def _subgroups(
    cohort: Cohort,
    features: Features,
    reference: Reference | None,
    real: Features,
    *,
    seed: int,
    tell: Callable[[int, int], None],
) -> tuple[list[Score], Mapping[str, Any]]:
    """Density and coverage where both sets say who is in them."""
    people = None if reference is None else people_of(reference)
    groups = [] if people is None else groups_alike(cohort.table, people, cohort.conditions)
    reason = ""
    if reference is None:
        reason = "there is no reference; give real samples, with a table of their people"
    elif not groups:
        reason = (
            f"{reference.source} does not say who its people are in the words of the conditions "
            f"({', '.join(cohort.conditions)}); give a table that does"
        )
    return subgroup_scores(features, real, groups, reason=reason, seed=seed, progress=tell)


def _refused(inspection: Inspection, tables: Mapping[str, Any]) -> dict[str, list[str]]:
    """Sample → codes."""
    found = {name: list(codes) for name, codes in inspection.reasons.items()}
    for kind, sample, *_ in tables["duplicates"]["rows"]:
        found.setdefault(sample, []).append(f"DUP_{kind.upper()}")
    for name, table in tables.items():
        if name.startswith("outliers."):
            for sample, *_ in table["rows"]:
                found.setdefault(sample, []).append("EMB_OUTLIER")
    return found


def _volume(cohort: Cohort, row: int) -> Volume:
    stored: dict[str, NDArray[np.integer[Any]]] = {name: cohort.read(row, name) for name in cohort.specs}
    return volume_of(stored, cohort.specs)


def _interventions(
    cohort: Cohort, pairs: int, workers: int, tell: Callable[[int, int], None]
) -> tuple[Intervention, ...]:
    from .generation.factory import RECIPE_NAME
    from .generation.intervention import paired_interventions
    from .generation.recipe import load_recipe

    path = cohort.path / RECIPE_NAME
    if not path.exists():
        msg = f"{cohort.path} has no {RECIPE_NAME}, so no sample of it can be made again; leave out the leakage test"
        raise QualityError(msg)
    made = paired_interventions(
        load_recipe(path),
        pairs=pairs,
        people_folder=cohort.path,
        workers=workers,
        progress=lambda now: tell(now.done, now.samples),
    )
    return interventions_of(made)


def _keep(cohort: Cohort, name: str, measured: Measured) -> None:
    scores, tables, figures = measured
    part = Part(name=name, manifest_sha256=cohort.manifest.digest, scores=tuple(scores), tables=tables, figures=figures)
    write_part(cohort.path, part)
