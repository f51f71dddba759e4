"""Parts of the quality report on disk: what is written is read again, and what is no part is refused."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from voxpress import FormatError
from voxpress.quality import Score, not_run
from voxpress.quality.parts import Part, part_path, read_part, write_part

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = "a" * 64
KID = Score(
    id="set.kid.random_conv",
    value=0.25,
    interval=(0.125, 0.5),
    floor=0.0625,
    floor_interval=(0.0, 0.125),
    n={"synthetic": 400, "reference": 400},
    feature_id="random_conv/1/seed0/3mm",
)
PART = Part(
    name="set",
    manifest_sha256=DIGEST,
    scores=(KID, not_run("set.c2st.auc", "there is no reference; give one with --reference")),
    tables={"faults": {"columns": ["what", "how many"], "rows": [["blur", 3], ["none", None]]}},
    figures={"distances": {"kind": "histogram", "edges": [0.0, 1.0, 2.0], "synthetic": [1, 2]}},
)


def test_a_part_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_part(tmp_path, PART)
    assert read_part(tmp_path, "set") == PART
    assert not [path for path in (tmp_path / "quality").iterdir() if path.name.startswith(".")], "no scratch is left"


def test_a_part_that_was_not_measured_is_none(tmp_path: Path) -> None:
    assert read_part(tmp_path, "audit") is None


def test_a_part_under_another_name_is_refused(tmp_path: Path) -> None:
    write_part(tmp_path, PART)
    (tmp_path / part_path("set")).rename(tmp_path / part_path("audit"))
    with pytest.raises(FormatError, match="holds the part 'set'"):
        read_part(tmp_path, "audit")


def _broken(**fields: Any) -> dict[str, Any]:
    return PART.to_json() | fields


def _score(**fields: Any) -> dict[str, Any]:
    return _broken(scores=[PART.to_json()["scores"][0] | fields])


@pytest.mark.parametrize(
    ("value", "said"),
    [
        pytest.param([], "must be an object", id="a list"),
        pytest.param(_broken(more=1), "unknown fields: more", id="an unknown field"),
        pytest.param(_broken(part="sets"), "must be one of", id="an unknown part"),
        pytest.param(_broken(scores=PART.to_json()["scores"] * 2), "twice", id="a score twice"),
        pytest.param(_score(value=None), "a value, or a reason", id="neither value nor reason"),
        pytest.param(_score(value="0.25"), "a finite number", id="a number in quotes"),
        pytest.param(_score(interval=[0.1]), "two numbers", id="half an interval"),
        pytest.param(_score(n={"synthetic": -1}), "an integer of 0", id="a negative count"),
        pytest.param(
            _broken(tables={"t": {"columns": ["a"], "rows": [[1, 2]]}}), "one plain value", id="a ragged table"
        ),
        pytest.param(_broken(figures={"f": {"edges": [1.0]}}), "with a kind", id="a figure without a kind"),
    ],
)
def test_what_is_no_part_is_refused(tmp_path: Path, value: Any, said: str) -> None:
    path = tmp_path / part_path("set")
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(value), encoding="utf-8")
    with pytest.raises(FormatError, match=said):
        read_part(tmp_path, "set")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"1", {1: 2}], ids=str)
def test_a_figure_holds_only_what_json_has(value: Any) -> None:
    with pytest.raises(ValueError, match="must hold plain strings, finite numbers"):
        Part(name="set", manifest_sha256=DIGEST, scores=(), figures={"f": {"kind": "curve", "x": [value]}})


def test_a_score_that_is_not_finite_is_not_written(tmp_path: Path) -> None:
    part = Part(name="set", manifest_sha256=DIGEST, scores=(Score(id="set.kid.random_conv", value=float("nan")),))
    with pytest.raises(ValueError, match="must be finite"):
        write_part(tmp_path, part)
    assert not (tmp_path / part_path("set")).exists()
