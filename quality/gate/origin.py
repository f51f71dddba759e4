"""Whether what made a data set has learnt from patients, as the data set itself declares it; never guessed."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from ...store.layout import group_zarr_json_path
from ...store.parsing import as_mapping, parse_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ...store import Cohort

__all__ = ["Origin", "declared_types", "origin_of"]

_PROCEDURAL: Final = frozenset({"algorithmicMedia"})
_TRAINED: Final = frozenset({"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"})
_MOST_BYTES: Final = 16 * 2**20


class Origin(StrEnum):
    """By the IPTC digital source type that every array of the data set carries."""

    PROCEDURAL = "procedural"
    """`algorithmicMedia`: an algorithm that was not trained; there is no training set that it could have memorised."""
    TRAINED = "trained"
    """`trainedAlgorithmicMedia`: a model that has learnt from data of people."""
    UNDECLARED = "undeclared"
    """Another type, several, none, or one that the lock contradicts by naming weights."""


def declared_types(cohort: Cohort) -> tuple[str, ...]:
    """The digital source types of the splits' Zarr groups, each once, sorted; empty text where there is none."""
    source = cohort.store.source
    found = set()
    for split in cohort.manifest.split_names:
        path = group_zarr_json_path(split)
        document = as_mapping(parse_json(source.read_all(path, most=_MOST_BYTES), path), path)
        attributes = as_mapping(document.get("attributes", {}), f"{path}: attributes")
        found.add(str(attributes.get("digital_source_type", "")))
    return tuple(sorted(found))


def origin_of(types: Iterable[str], lock: Mapping[str, Mapping[str, Any]]) -> Origin:
    """What the declarations say together.

    Args:
        types: as `declared_types` gives them: URIs, of which the last part counts.
        lock: of the manifest: what the backend was.

    >>> origin_of(["http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"], {}).value
    'procedural'
    """
    names = {each.rstrip("/").rpartition("/")[2] for each in types}
    has_weights = any("weights" in name for name in lock.get("backend", {}))
    if names and names <= _TRAINED:
        return Origin.TRAINED
    if names and names <= _PROCEDURAL and not has_weights:
        return Origin.PROCEDURAL
    return Origin.UNDECLARED
