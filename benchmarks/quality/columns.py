"""The metrics that the table of faults shows, judged by the gate's profile `research`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from voxpress.quality import Verdict
from voxpress.quality.gate import load_profile
from voxpress.quality.gate.judging import judge
from voxpress.quality.gate.origin import Origin
from voxpress.quality.sets import ratio_to_floor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from voxpress.quality import Score

    Scores = Mapping[str, Score]

_WORST = (Verdict.FAIL, Verdict.WARN)
_MARKS = {Verdict.FAIL: "**{}**", Verdict.WARN: "*{}*"}


@dataclass(frozen=True, kw_only=True)
class Column:
    """One metric of the table, or the worst of several whose ids begin alike: how it is shown."""

    head: str
    score_id: str
    show: Callable[[Score], str]

    def scores(self, scores: Scores) -> list[Score]:
        """Those that it stands for, the largest first."""
        found = [score for name, score in scores.items() if name.startswith(self.score_id) and score.value is not None]
        return sorted(found, key=lambda score: -score.value)

    def cell(self, scores: Scores) -> str:
        """The figure; italic where it warns, bold where it fails."""
        if not (found := self.scores(scores)):
            return "–"
        return _MARKS.get(self.verdict(scores), "{}").format(self.show(found[0]))

    def verdict(self, scores: Scores) -> Verdict | None:
        """The worst of what the gate says; None where it does not judge."""
        judged = judge(
            self.scores(scores), load_profile("research"), origin=Origin.PROCEDURAL, measured=["set", "conditions"]
        )
        said = {entry.verdict for entry in judged.entries if entry.score.value is not None}
        return next((verdict for verdict in _WORST if verdict in said), None)


def times_floor(head: str, score_id: str, digits: int = 1) -> Column:
    """Value ÷ floor."""

    def show(score: Score) -> str:
        found = ratio_to_floor(score)
        return "–" if found is None else f"{found[0]:.{digits}f}"

    return Column(head=head, score_id=score_id, show=show)


def in_itself(head: str, score_id: str, digits: int = 2) -> Column:
    """A value as it is."""
    return Column(head=head, score_id=score_id, show=lambda score: f"{score.value:.{digits}f}")


DISTANCES = (
    times_floor("KID conv", "set.kid.random_conv"),
    times_floor("KID spectrum", "set.kid.spectrum"),
    times_floor("KID morph.", "set.kid.morphometry"),
    times_floor("KID DCT", "set.kid.copy_dct"),
    times_floor("Fréchet conv", "set.frechet.random_conv"),
    times_floor("Fréchet spectrum", "set.frechet.spectrum"),
    times_floor("Fréchet morph.", "set.frechet.morphometry"),
    times_floor("Fréchet DCT", "set.frechet.copy_dct"),
    times_floor("spectrum, dB", "set.spectrum_distance.spectrum"),
    times_floor("sliced W₁ morph.", "set.sliced_w1.morphometry"),
)
OTHERS = (
    times_floor("coverage conv", "set.coverage.random_conv", 2),
    times_floor("coverage DCT", "set.coverage.copy_dct", 2),
    times_floor("density conv", "set.density.random_conv", 2),
    times_floor("density DCT", "set.density.copy_dct", 2),
    in_itself("Vendi conv", "set.vendi.random_conv"),
    in_itself("Vendi DCT", "set.vendi.copy_dct"),
    in_itself("ΔMS-SSIM", "set.ms_ssim_difference", 3),
    in_itself("high share", "set.high_share.spectrum"),
    Column(
        head="worst W₁, SD",
        score_id="set.w1.morphometry.",
        show=lambda score: f"{score.value:.2f} {score.id.split('.')[-1]}",
    ),
    Column(
        head="worst W₁ labels, SD",
        score_id="set.w1.label_volumes.",
        show=lambda score: f"{score.value:.2f} {score.id.split('.')[-1]}",
    ),
    in_itself("C2ST conv", "set.c2st.random_conv"),
    in_itself("C2ST morph.", "set.c2st.morphometry"),
    in_itself("near dupl.", "set.duplicates_near", 3),
    in_itself("outliers conv", "set.outliers.random_conv", 3),
)


CONDITIONS = (
    in_itself("CCC ventricles", "conditions.ccc.ventricular_volume_ml"),
    in_itself("bias of ventricles, SD", "conditions.bias_sd.ventricular_volume_ml"),
    in_itself("share not there", "conditions.shortfall"),
    in_itself("who is not there: sex", "conditions.coverage.sex"),
    in_itself("who is not there: ventricles", "conditions.coverage.ventricular_volume_ml"),
    in_itself("who is not there: all", "conditions.coverage_joint"),
)


def rows_of(columns: tuple[Column, ...], found: Mapping[str, Scores]) -> Iterator[list[object]]:
    """One row a set."""
    for name, scores in found.items():
        yield [name, *(column.cell(scores) for column in columns)]


def fired(columns: tuple[Column, ...], found: Mapping[str, Scores]) -> Iterator[list[object]]:
    """One row a set: what failed and what warned."""
    for name, scores in found.items():
        verdicts = {column.head: column.verdict(scores) for column in columns}
        by_level = [[head for head, verdict in verdicts.items() if verdict is level] for level in _WORST]
        yield [name, *("; ".join(heads) or "–" for heads in by_level)]
