"""Scores and a profile become verdicts, and a sentence that says why."""

from __future__ import annotations

import pytest

from voxpress.quality import Score, Verdict, not_run
from voxpress.quality.gate.judging import judge
from voxpress.quality.gate.origin import Origin
from voxpress.quality.gate.profile import SECTIONS, Profile, built_in

PASS, WARN, FAIL, NOT_RUN, INVALID = Verdict.PASS, Verdict.WARN, Verdict.FAIL, Verdict.NOT_RUN, Verdict.INVALID
REASON = "there is no reference; give one"


def _of(score_id: str, value: float, **fields) -> Score:
    return Score(id=score_id, value=value, **fields)


def _only(score: Score, profile: str, origin: Origin = Origin.TRAINED):
    """The entry of one score, as if everything had been measured."""
    judged = judge([score], built_in(profile), origin=origin, measured=SECTIONS)
    return next(entry for entry in judged.entries if entry.score is score)


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        pytest.param(_of("conditions.ccc.age", 0.95), PASS, id="ccc good"),
        pytest.param(_of("conditions.ccc.age", 0.85), WARN, id="ccc middling"),
        pytest.param(_of("conditions.ccc.age", 0.5), FAIL, id="ccc bad"),
        pytest.param(_of("conditions.ccc.age", 0.69, floor=0.72), PASS, id="ccc as good as the predictor can"),
        pytest.param(_of("conditions.slope.age", 0.55), FAIL, id="slope too flat"),
        pytest.param(_of("conditions.bias_sd.age", -0.15), WARN, id="bias of either sign"),
        pytest.param(_of("conditions.worst_subgroup_bias", 2.6, interval=(1.5, 3.7)), WARN, id="bias by chance"),
        pytest.param(_of("conditions.worst_subgroup_bias", 2.6, interval=(2.2, 3.0)), FAIL, id="bias proven"),
        pytest.param(_of("conditions.smallest_subgroup", 12.0), WARN, id="small cell"),
        pytest.param(_of("conditions.reject_rate", 0.3), FAIL, id="refused too often"),
        pytest.param(_of("set.kid.a", 0.77, interval=(0.7, 0.8), floor=0.01), FAIL, id="kid of blurred images"),
        pytest.param(_of("set.kid.a", 0.02, interval=(-0.01, 0.05), floor=0.01), PASS, id="kid of a holdout"),
        pytest.param(_of("set.coverage.a", 0.3, floor=0.96), FAIL, id="coverage of a collapse"),
        pytest.param(_of("set.c2st.a", 0.97), WARN, id="a classifier only warns"),
        pytest.param(_of("audit.positive_control", 0.5), INVALID, id="a blind audit"),
        pytest.param(_of("audit.positive_control", 0.99), PASS, id="an audit that sees"),
        pytest.param(_of("audit.copy_excess", 0.02, interval=(0.01, 0.03)), FAIL, id="copies"),
        pytest.param(_of("audit.copy_excess", 0.0015, interval=(0.001, 0.002)), PASS, id="a trace of an excess"),
        pytest.param(_of("audit.copy_excess", 0.01, interval=(-0.01, 0.03)), PASS, id="an excess that is not proven"),
        pytest.param(_of("release.synthetic_marks", 0.99), FAIL, id="one array without its mark"),
        pytest.param(_of("set.something_new", 1.0), None, id="no rule"),
        pytest.param(_of("set.kid.a", 0.5), NOT_RUN, id="kid without a floor"),
    ],
)
def test_research(score: Score, expected: Verdict | None) -> None:
    assert _only(score, "research").verdict == expected


@pytest.mark.parametrize(
    ("profile", "score_id", "origin", "counts"),
    [
        ("demo", "audit.copy_excess", Origin.PROCEDURAL, None),
        ("demo", "audit.copy_excess", Origin.TRAINED, WARN),
        ("research", "audit.copy_excess", Origin.PROCEDURAL, None),
        ("research", "audit.copy_excess", Origin.TRAINED, FAIL),
        ("research", "audit.copy_excess", Origin.UNDECLARED, FAIL),
        ("strict", "set.kid.a", Origin.PROCEDURAL, FAIL),
        ("research", "set.kid.a", Origin.PROCEDURAL, WARN),
        ("demo", "set.kid.a", Origin.UNDECLARED, None),
    ],
)
def test_what_was_not_run_is_never_passed_and_counts_as_the_profile_says(profile, score_id, origin, counts) -> None:
    entry = _only(not_run(score_id, REASON), profile, origin)
    assert entry.verdict == NOT_RUN
    assert entry.counts_as == counts
    nobody = score_id.startswith("audit") and origin is Origin.PROCEDURAL
    why = "what made this data set is declared as an algorithm that was not trained" if nobody else REASON
    assert entry.because.startswith(f"It was not run: {why}")


def test_a_sentence_says_what_was_found_and_what_was_asked() -> None:
    entry = _only(_of("conditions.ccc.age", 0.85, interval=(0.8, 0.9)), "research")
    assert entry.because == (
        "The value is 0.85; asked for is the value at least 0.9 or the value less the floor at least -0.1, and let "
        "through with a warning the value at least 0.8."
    )
    assert entry.asks.startswith("Does what the volumes show agree")
    assert entry.rule == "conditions.ccc.*"


def _judged(*scores: Score, profile: str = "demo", origin: Origin = Origin.PROCEDURAL, measured=("release",)):
    return judge(scores, built_in(profile), origin=origin, measured=measured)


GOOD = (_of("release.synthetic_marks", 1.0), _of("release.completeness", 1.0))


def test_the_whole_is_the_worst_of_what_counts() -> None:
    conditions = (_of("conditions.reject_rate", 0.01), _of("conditions.shortfall", 0.0))
    everything = ("conditions", "release")
    assert _judged(*GOOD, *conditions, measured=everything).verdict == PASS
    worse = _judged(*GOOD, *conditions, _of("conditions.bias_sd.age", 0.4), measured=everything)
    assert worse.verdict == WARN
    failed = _judged(*GOOD, *conditions, _of("conditions.ccc.age", 0.1), measured=everything)
    assert failed.verdict == FAIL
    assert failed.summary.startswith("FAIL by the profile 'demo'; 1 failed (conditions.ccc.age); 4 passed; ")
    blind = _judged(
        *GOOD, *conditions, _of("conditions.ccc.age", 0.1), _of("audit.positive_control", 0.2), measured=everything
    )
    assert blind.verdict == INVALID


def test_leaving_out_a_check_is_no_way_to_pass() -> None:
    judged = _judged(*GOOD)
    lacking = {entry.score.id: entry for entry in judged.sections["conditions"]}
    assert lacking["conditions.reject_rate"].verdict == NOT_RUN
    assert "nobody has measured it; run `voxpress gate`" in lacking["conditions.reject_rate"].because
    assert judged.verdict == FAIL
    assert "2 not run, which counts as FAIL (conditions.reject_rate, conditions.shortfall)" in judged.summary
    assert _judged(*GOOD, measured=("release", "conditions")).verdict == FAIL, "a part that leaves a figure out"


def test_a_pattern_without_a_score_is_no_lack_where_its_part_was_measured() -> None:
    judged = _judged(*GOOD, _of("conditions.reject_rate", 0.0), measured=("release", "conditions"))
    assert "conditions.accuracy.*" not in {entry.score.id for entry in judged.entries}
    assert "set.kid.*" in {entry.score.id for entry in judged.entries}


def test_what_has_learnt_from_nobody_has_nobody_to_copy() -> None:
    entries = {entry.score.id: entry for entry in _judged(*GOOD).sections["audit"]}
    assert "not trained" in entries["audit.copy_excess"].because
    entries = {entry.score.id: entry for entry in _judged(*GOOD, origin=Origin.UNDECLARED).sections["audit"]}
    assert "run `voxpress audit`" in entries["audit.copy_excess"].because


def test_nothing_judged_is_not_passed() -> None:
    nothing = Profile(name="nothing", about="judges nothing", rules=())
    assert judge([], nothing, origin=Origin.PROCEDURAL, measured=()).verdict == NOT_RUN
    assert judge(GOOD, nothing, origin=Origin.PROCEDURAL, measured=()).verdict == NOT_RUN


@pytest.mark.parametrize(
    ("scores", "said"),
    [((GOOD[0], GOOD[0]), "measured twice"), ((_of("quality.all", 1.0),), "must begin with one of")],
)
def test_scores_that_cannot_be_told_apart_are_refused(scores, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        _judged(*scores)
