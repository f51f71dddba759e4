"""What the inspection of all samples comes to."""

from __future__ import annotations

import json

import pytest
from test_quality_outliers import quality

from voxpress.quality.features.iqm import IQM
from voxpress.quality.inspecting import Inspection
from voxpress.quality.sample_scores import sample_scores


def inspection(count: int, reasons: dict[str, tuple[str, ...]]) -> Inspection:
    return Inspection(ids=tuple(f"s{number}" for number in range(count)), reasons=reasons, read=count, failed={})


def by_id(scores):
    return {score.id: score for score in scores}


def test_shares_and_counts_are_those_of_the_samples():
    figures = quality(40)
    figures.values[9, IQM.index("cnr")] *= 0.2
    found = inspection(40, {"s1": ("CHECKER", "FOV_CUT"), "s2": ("CHECKER",)})
    scores, tables, drawn = sample_scores(found, rejected=3, quality=figures)
    known = by_id(scores)
    assert known["samples.reject_rate"].value == 2 / 40
    assert known["samples.reject_rate"].interval == pytest.approx((0.0138, 0.1650), abs=1e-3)
    assert known["samples.checker"].value == 2
    assert known["samples.fov_cut"].value == 1
    assert known["samples.lr_mirror"].value == 0
    assert known["samples.holes"].value == 3
    assert known["samples.low_cnr"].value == 1
    assert known["samples.low_cnr"].feature_id.endswith("self-referenced")
    assert known["samples.outlier_rate"].value == 1 / 40
    assert tables["samples"]["rows"] == [["s1", "CHECKER, FOV_CUT", ""], ["s2", "CHECKER", ""], ["s9", "", "LOW_CNR"]]
    assert [row[0] for row in tables["reasons"]["rows"]] == ["CHECKER", "FOV_CUT", "LOW_CNR"]
    assert sum(drawn["quality.cnr"]["series"]["synthetic"]) == 40
    json.dumps([tables, drawn], allow_nan=False)


def test_a_reference_is_shown_beside():
    scores, tables, drawn = sample_scores(inspection(40, {}), rejected=0, quality=quality(40), reference=quality(30, 1))
    assert by_id(scores)["samples.low_cnr"].n == {"synthetic": 40, "reference": 30, "judged": 40}
    assert not by_id(scores)["samples.low_cnr"].feature_id.endswith("self-referenced")
    assert sum(drawn["quality.cnr"]["series"]["reference"]) == 30
    assert tables["quality"]["rows"][0][-1] is not None


def test_what_could_not_be_judged_says_why():
    few = by_id(sample_scores(inspection(3, {}), rejected=0, quality=quality(3))[0])
    assert few["samples.outlier_rate"].value is None
    assert "at least 20 others" in few["samples.outlier_rate"].reason
    none = by_id(sample_scores(inspection(3, {}), rejected=0)[0])
    assert "could not be embedded" in none["samples.hist_outlier"].reason
    empty = by_id(sample_scores(inspection(0, {}), rejected=0)[0])
    assert empty["samples.reject_rate"].reason == "the data set has no samples"
