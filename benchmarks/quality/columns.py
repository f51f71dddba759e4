"""The metrics that the table of faults shows, and from where on each warns and fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from voxpress.quality.sets import ratio_to_floor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from voxpress.quality.scores import Score


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of the table: how it is shown, and when it warns and fails (thresholds of `docs/quality.md`)."""

    head: str
    show: Callable[[dict[str, Score]], str]
    judge: Callable[[dict[str, Score]], int]


def times_floor(head: str, score_id: str, warn: float = 2, fail: float = 5) -> Column:
    """A distance: value ÷ floor, judged by the lower end of its interval."""

    def show(scores: dict[str, Score]) -> str:
        found = ratio_to_floor(scores[score_id])
        return "–" if found is None else f"{found[0]:.1f}"

    def judge(scores: dict[str, Score]) -> int:
        found = ratio_to_floor(scores[score_id])
        low = 0 if found is None else found[1][0]
        return int(low > warn) + int(low > fail)

    return Column(head=head, show=show, judge=judge)


def share_of_floor(head: str, score_id: str, low: float, high: float = np.inf) -> Column:
    """A share: value ÷ floor, which must stay in a range."""

    def show(scores: dict[str, Score]) -> str:
        found = ratio_to_floor(scores[score_id])
        return "–" if found is None else f"{found[0]:.2f}"

    def judge(scores: dict[str, Score]) -> int:
        found = ratio_to_floor(scores[score_id])
        return 0 if found is None else int(not low <= found[0] <= high)

    return Column(head=head, show=show, judge=judge)


def in_itself(head: str, score_id: str, inside: Callable[[float], int], digits: int = 2) -> Column:
    """A value that is judged as it is."""

    def value(scores: dict[str, Score]) -> float | None:
        return scores[score_id].value

    return Column(
        head=head,
        show=lambda scores: "–" if value(scores) is None else f"{value(scores):.{digits}f}",
        judge=lambda scores: 0 if value(scores) is None else inside(value(scores)),
    )


def worst_component(scores: dict[str, Score]) -> Score:
    """The component of morphometry that is shifted most."""
    return max((s for name, s in scores.items() if name.startswith("set.w1.morphometry.")), key=lambda s: s.value)


def above(warn: float, fail: float = np.inf) -> Callable[[float], int]:
    """1 above the one, 2 above the other."""
    return lambda value: int(value > warn) + int(value > fail)


DISTANCES = (
    times_floor("KID conv", "set.kid.random_conv"),
    times_floor("KID spectrum", "set.kid.spectrum"),
    times_floor("KID morph.", "set.kid.morphometry"),
    times_floor("KID DCT", "set.kid.copy_dct"),
    times_floor("Fréchet conv", "set.frechet.random_conv"),
    times_floor("Fréchet spectrum", "set.frechet.spectrum"),
    times_floor("Fréchet morph.", "set.frechet.morphometry"),
    times_floor("Fréchet DCT", "set.frechet.copy_dct"),
    times_floor("spectrum, dB", "set.spectrum_distance.spectrum", fail=np.inf),
    times_floor("sliced W₁ morph.", "set.sliced_w1.morphometry"),
)
OTHERS = (
    share_of_floor("coverage conv", "set.coverage.random_conv", 0.8),
    share_of_floor("coverage DCT", "set.coverage.copy_dct", 0.8),
    share_of_floor("density conv", "set.density.random_conv", 0.7, 1.3),
    share_of_floor("density DCT", "set.density.copy_dct", 0.7, 1.3),
    in_itself("Vendi conv", "set.vendi.random_conv", lambda v: int(v < 0.8)),
    in_itself("Vendi DCT", "set.vendi.copy_dct", lambda v: int(v < 0.8)),
    in_itself("ΔMS-SSIM", "set.ms_ssim_difference", lambda v: above(0.03, 0.08)(abs(v)), 3),
    in_itself("high share", "set.high_share.spectrum", lambda v: int(not 0.7 <= v <= 1.3)),
    Column(
        head="worst W₁, SD",
        show=lambda scores: f"{worst_component(scores).value:.2f} {worst_component(scores).id.split('.')[-1]}",
        judge=lambda scores: above(0.2, 0.4)(worst_component(scores).value),
    ),
    in_itself("C2ST conv", "set.c2st.random_conv", above(0.9)),
    in_itself("C2ST morph.", "set.c2st.morphometry", above(0.9)),
    in_itself("near dupl.", "set.duplicates_near", lambda v: 2 * int(v > 0.005), 3),
    in_itself("outliers conv", "set.outliers.random_conv", above(np.inf), 3),
)


def cell(column: Column, scores: dict[str, Score]) -> str:
    """The value; italic where it warns, bold where it fails."""
    return ("{}", "*{}*", "**{}**")[column.judge(scores)].format(column.show(scores))


def rows_of(columns: tuple[Column, ...], found: dict[str, dict[str, Score]]) -> Iterator[list[object]]:
    """One row a set."""
    for name, scores in found.items():
        yield [name, *(cell(column, scores) for column in columns)]


def fired(columns: tuple[Column, ...], found: dict[str, dict[str, Score]]) -> Iterator[list[object]]:
    """One row a set: what warned and what failed."""
    for name, scores in found.items():
        by_level = [[c.head for c in columns if c.judge(scores) == level] for level in (2, 1)]
        yield [name, *("; ".join(heads) or "–" for heads in by_level)]
