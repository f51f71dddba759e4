"""What the machine's part of a card tells beside the manifest: plain values, gathered by `gathering`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...generation.backend import Condition, Measure
    from ..report.document import Judged

__all__ = ["CardFacts", "Counts", "Refused", "Spread"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """A condition that is a number, over all samples.

    Attributes:
        name: column of what was ordered.
        unit: of it.
        ordered: minimum, mean, maximum.
        measured: the same of what the volumes show; None where that is not measured.
        mae: mean absolute difference of the two.
        bias: mean difference, measured less ordered.
    """

    name: str
    unit: str
    ordered: tuple[float, float, float]
    measured: tuple[float, float, float] | None = None
    mae: float | None = None
    bias: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """A condition that is a category: value → samples, the most frequent first."""

    name: str
    counts: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Attempts that a check refused.

    Attributes:
        reasons: reason code → attempts; one attempt may have several.
        groups: subgroup, such as `sex F` → (attempts refused, samples).
    """

    reasons: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, tuple[int, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFacts:
    """All of it. The defaults are what is known of a data set before anybody looked.

    Attributes:
        backend: its name; that of the lock if empty.
        conditions: what could be ordered, with unit and meaning.
        measures: what was measured.
        spreads, counts: what was ordered and measured, over all samples.
        people: a table of sex by decade of age, header first; empty where one of them is not known.
        retried: samples that needed more than one attempt.
        refused: attempts that a check refused; None where that was not recorded.
        judged: the quality report; None if there is none that holds.
        unjudged: why there is none; empty where nobody looked.
        pictures: paths of pictures that lie beside the card.
        changes: since the version before, as `changelog.change_points` tells them; there is then a `CHANGELOG.md`.
        repository: `org/name` on the Hub, if it is known, for the examples.
        source_type: IPTC's word for how the voxels came to be, as the volumes have it; empty if they have none.
        licence: chosen for the data set: name and link; the name is empty if none was chosen.
    """

    backend: str = ""
    conditions: tuple[Condition, ...] = ()
    measures: tuple[Measure, ...] = ()
    spreads: tuple[Spread, ...] = ()
    counts: tuple[Counts, ...] = ()
    people: tuple[tuple[str, ...], ...] = ()
    retried: int = 0
    refused: Refused | None = None
    judged: Judged | None = None
    unjudged: str = ""
    pictures: tuple[str, ...] = ()
    changes: str = ""
    repository: str = ""
    source_type: str = ""
    licence: tuple[str, str] = ("", "")
