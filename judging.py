"""A finished data set is judged: sample by sample, as a set, by its conditions, and by the gate.

Each part measures; only the gate judges. The parts are apart on purpose: each says what it needs, and one that cannot
run says NOT_RUN and why.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .errors import StoreNotFoundError
from .quality.features.standard import standard_extractors
from .quality.features.table import read_features
from .quality.inspecting import inspect_store
from .quality.sample_scores import sample_scores
from .store import open as open_store
from .store.threads import available_cpus

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from .quality import Score
    from .quality.features import FeatureExtractor, FeatureSet
    from .quality.inspecting import Inspection
    from .store import Cohort

    Progress = Callable[[str, int, int], None]
    Measured = tuple[list[Score], dict[str, Any], dict[str, Any]]
    """Scores, tables and figures."""

__all__ = ["Judged", "judge"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What was measured of a data set.

    Attributes:
        cohort: the data set.
        inspection: of its samples.
        parts: name of a part → its scores, tables and figures.
    """

    cohort: Cohort
    inspection: Inspection
    parts: Mapping[str, Measured]


def judge(
    path: str | os.PathLike[str],
    *,
    extractors: Sequence[FeatureExtractor] | None = None,
    reference: Mapping[str, FeatureSet] | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
    again: bool = False,
) -> Judged:
    """Inspects every sample of a data set, and measures what there is to measure.

    Stopped at any time and called again, it goes on; called again on a data set that was inspected, it reads no voxel.

    Args:
        path: folder of the data set.
        extractors: of features; None for the built-in ones.
        reference: extractor → features of the reference.
        workers: processes; None for one a CPU.
        progress: told what is being done, samples done and in all.
        again: inspect anew what was inspected before.

    Raises:
        StoreNotFoundError: there is no data set, or it is not on this machine.
        CorruptError: bytes of it are wrong.
        GenerationError: a worker died.
    """
    cohort = open_store(path)
    extractors = standard_extractors(cohort.specs) if extractors is None else extractors

    def tell(done: int, total: int) -> None:
        if progress:
            progress("inspecting", done, total)

    inspection = inspect_store(
        cohort, extractors, workers=available_cpus() if workers is None else workers, progress=tell, again=again
    )
    parts = {"samples": _samples(cohort, inspection, extractors, reference or {})}
    # set: distances to the reference
    # conditions: ordered against measured
    # gate: verdicts by a profile
    return Judged(cohort=cohort, inspection=inspection, parts=parts)


def _samples(
    cohort: Cohort,
    inspection: Inspection,
    extractors: Sequence[FeatureExtractor],
    reference: Mapping[str, FeatureSet],
) -> Measured:
    """The part `samples`."""
    quality = None
    for extractor in extractors:
        if extractor.name == "iqm":
            try:
                quality = read_features(cohort, extractor)
            except StoreNotFoundError:  # a sample that has none; the inspection says which
                quality = None
    groups = cohort.table["contrast"].to_pylist() if "contrast" in cohort.conditions else None
    return sample_scores(
        inspection,
        rejected=len(cohort.manifest.rejected),
        quality=quality,
        reference=reference.get("iqm"),
        groups=groups,
    )
