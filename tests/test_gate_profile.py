"""Bounds and profiles: what is written is what is asked, and what is not well formed is refused with the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from voxpress import QualityError
from voxpress.quality import Score, Verdict
from voxpress.quality.gate.bounds import bounds_text, parse_bounds, statistic_of
from voxpress.quality.gate.origin import Origin, origin_of
from voxpress.quality.gate.profile import BUILT_IN, built_in, load_profile

if TYPE_CHECKING:
    from pathlib import Path

SCORE = Score(id="set.kid.a", value=-6.0, interval=(-8.0, -4.0), floor=2.0, floor_interval=(1.0, 3.0))


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        ("value", -6), ("magnitude", 6), ("lower", -8), ("upper", -4), ("ratio", -3), ("lower_ratio", -4),
        ("difference", -8), ("distance", 8),
    ],
)  # fmt: skip
def test_what_may_be_asked_of_a_score(statistic: str, expected: float) -> None:
    assert statistic_of(SCORE, statistic) == expected


@pytest.mark.parametrize("statistic", ["lower", "upper", "ratio", "lower_ratio", "difference", "distance"])
def test_what_a_score_lacks_is_none(statistic: str) -> None:
    assert statistic_of(Score(id="set.kid.a", value=1.0), statistic) is None


@pytest.mark.parametrize("floor", [0.0, -0.1])
def test_there_is_no_ratio_to_a_floor_of_nothing(floor: float) -> None:
    score = Score(id="set.kid.a", value=1.0, interval=(0.5, 1.5), floor=floor)
    assert statistic_of(score, "ratio") is None
    assert statistic_of(score, "lower_ratio") is None
    assert statistic_of(score, "difference") == 1 - floor


@pytest.mark.parametrize(
    ("text", "value", "holds"),
    [
        ("value >= 0.9", 0.9, True), ("value >= 0.9", 0.89, False), ("value <= -0.5", -0.5, True),
        ("0.9 <= value <= 1.1", 1.1, True), ("0.9 <= value <= 1.1", 1.2, False), ("magnitude <= 0.1", -0.2, False),
        ("ratio >= 1", 0.9, None),
    ],
)  # fmt: skip
def test_bounds_hold_at_their_ends(text: str, value: float, holds: object) -> None:
    (bound,) = parse_bounds(text)
    assert bound.holds(Score(id="set.kid.a", value=value)) is holds


def test_bounds_are_told_in_words() -> None:
    text = bounds_text(parse_bounds("lower <= 0 or 0.5 <= value <= 2"))
    assert text == "the lower end of its interval at most 0 or the value from 0.5 to 2"


@pytest.mark.parametrize(
    "text",
    [
        "", "value", "value > 0.9", "value >= ", "score >= 1", "value >= nan", "1 <= value",
        "value >= 1 and value <= 2", "2 <= value <= 1", "value >= 1e9", "__import__('os') >= 1", "0.9 >= value >= 0.1",
    ],
)  # fmt: skip
def test_what_is_no_bound_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"a bound must be|a range must begin"):
        parse_bounds(text)


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_profile_is_whole(name: str) -> None:
    profile = built_in(name)
    assert profile.name == name
    assert len({rule.id for rule in profile.rules}) == len(profile.rules) > 20
    assert all(rule.asks.endswith("?") and rule.source for rule in profile.rules)
    assert {rule.section for rule in profile.rules} == {"samples", "set", "conditions", "audit", "release"}


def test_a_blind_audit_is_invalid_in_every_profile() -> None:
    for name in BUILT_IN:
        rule = built_in(name).rule_for("audit.positive_control")
        assert rule is not None
        assert rule.judgement is not None
        assert rule.judgement.otherwise == Verdict.INVALID


def test_a_trained_generator_must_be_audited_but_in_the_demo() -> None:
    counts = {}
    for name in BUILT_IN:
        rule = built_in(name).rule_for("audit.copy_excess")
        assert rule is not None
        assert rule.judgement is not None
        counts[name] = [rule.judgement.not_run[origin] for origin in Origin]
    assert counts["demo"] == [None, Verdict.WARN, Verdict.WARN]
    assert counts["research"] == counts["strict"] == [None, Verdict.FAIL, Verdict.FAIL]


OWN = """\
name: our-lab
about: As research, but stricter with the ventricles.
extends: research
rules:
- id: conditions.ccc.ventricular_volume_ml
  asks: Do the ventricles follow the order?
  pass: value >= 0.98
  not_run: FAIL
- id: conditions.reject_rate
  pass: value <= 0.5
"""


def test_a_file_of_ones_own_changes_a_profile(tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(OWN, encoding="utf-8")
    profile = load_profile(str(path))
    base = built_in("research")
    assert profile.name == "our-lab"
    assert len(profile.rules) == len(base.rules) + 1
    ventricles, cortex = (profile.rule_for(f"conditions.ccc.{name}_volume_ml") for name in ("ventricular", "cortical"))
    assert ventricles.judgement.passes[0].low == 0.98
    assert cortex == base.rule_for("conditions.ccc.cortical_volume_ml")
    changed, kept = profile.rule_for("conditions.reject_rate"), base.rule_for("conditions.reject_rate")
    assert (changed.judgement.passes[0].high, changed.asks, changed.source) == (0.5, kept.asks, "the publisher's own")
    assert [rule.id for rule in profile.rules][1:] == [rule.id for rule in base.rules]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("name: our-lab", "name: strict", "name must be letters"),
        ("name: our-lab", "name: [1]", "name must be letters"),
        ("extends: research", "extends: best", "there is no profile 'best'"),
        ("extends: research", "base: research", "unknown fields: base"),
        ("pass: value <= 0.5", "passes: value <= 0.5", "unknown fields: passes"),
        ("pass: value <= 0.5", "warn: value <= 0.5", "pass must be a bound"),
        ("pass: value <= 0.5", "pass: value < 0.5", r"rules\[1\]: a bound must be as"),
        ("pass: value <= 0.5", "pass: 0.5", "pass must be a text"),
        ("pass: value <= 0.5", "reported: true\n  pass: value <= 0.5", "reported: true alone"),
        ("not_run: FAIL", "not_run: PASS", "not_run must be one of"),
        ("not_run: FAIL", "not_run: {trained: FAIL}", "not_run must be one of"),
        ("not_run: FAIL", "otherwise: PASS", "otherwise must be one of"),
        ("asks: Do the ventricles follow the order?", "optional: maybe", "optional must be true or false"),
        (OWN[OWN.index("- id") : OWN.index("  pass")], "- id: samples.new\n", "asks must be a text"),
        ("id: conditions.reject_rate", "id: quality.reject_rate", "must be the id of a score"),
        ("id: conditions.reject_rate", "id: conditions.ccc.ventricular_volume_ml", "must be given once"),
        ("rules:", "rules: 3 #", "cannot be read|must be a list"),
        ("name: our-lab", "name: our-lab\nname: twice", "given twice"),
        (OWN, "- a list\n", "must be a YAML mapping"),
    ],
)
def test_a_file_that_is_not_well_formed_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    path = tmp_path / "ours.yaml"
    assert before in OWN
    path.write_text(OWN.replace(before, after), encoding="utf-8")
    with pytest.raises(QualityError, match=said):
        load_profile(str(path))


@pytest.mark.parametrize("name", ["best", "nowhere.yaml", "Demo", ""])
def test_a_profile_that_is_not_there_is_told(name: str) -> None:
    with pytest.raises(QualityError, match="profile"):
        load_profile(name)


IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"


@pytest.mark.parametrize(
    ("types", "lock", "expected"),
    [
        pytest.param([f"{IPTC}algorithmicMedia"], {"backend": {"name": "atlas"}}, Origin.PROCEDURAL, id="atlas"),
        pytest.param([f"{IPTC}trainedAlgorithmicMedia"], {}, Origin.TRAINED, id="a diffusion model"),
        pytest.param(
            [f"{IPTC}algorithmicMedia"],
            {"backend": {"name": "x", "weights_sha256": "0"}},
            Origin.UNDECLARED,
            id="the lock names weights",
        ),
        pytest.param(
            [f"{IPTC}algorithmicMedia", f"{IPTC}trainedAlgorithmicMedia"], {}, Origin.UNDECLARED, id="splits differ"
        ),
        pytest.param([f"{IPTC}digitalCapture"], {}, Origin.UNDECLARED, id="another type"),
        pytest.param([""], {}, Origin.UNDECLARED, id="not declared"),
        pytest.param([], {}, Origin.UNDECLARED, id="nothing there"),
    ],
)
def test_the_origin_is_what_is_declared(types, lock, expected) -> None:
    assert origin_of(types, lock) is expected
