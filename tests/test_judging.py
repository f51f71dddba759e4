"""A data set is judged beside a reference."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_store as tiny
from tiny_features import Scans

from voxpress.judging import judge
from voxpress.quality.features.iqm import ImageQuality
from voxpress.quality.features.spectrum import RadialSpectrum

EXTRACTORS = (RadialSpectrum(), ImageQuality())


@pytest.fixture
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_without_a_reference_few_samples_are_compared_with_nobody(tiny_store):
    judged = judge(tiny_store, extractors=EXTRACTORS, workers=1)
    scores = {score.id: score for score in judged.parts["samples"][0]}
    assert judged.reference is None
    assert scores["samples.reject_rate"].value == 0
    assert scores["samples.holes"].value == 1
    assert scores["samples.outlier_rate"].value is None
    assert len(judged.inspection.ids) == tiny.SAMPLES


@pytest.mark.usefixtures("private_cache")
def test_a_reference_of_another_kind_sets_every_sample_apart(tiny_store):
    told = []
    judged = judge(
        tiny_store, extractors=EXTRACTORS, reference=Scans(20), workers=1, progress=lambda *state: told.append(state)
    )
    scores, tables, figures = judged.parts["samples"]
    by_id = {score.id: score for score in scores}
    assert judged.reference is not None
    assert np.isfinite(judged.reference.features["iqm"].values).all()
    assert by_id["samples.outlier_rate"].value == 1
    assert by_id["samples.outlier_rate"].n == {"synthetic": tiny.SAMPLES, "reference": 20, "judged": tiny.SAMPLES}
    assert {what for what, _, _ in told} == {"inspecting", "reading the reference"}
    assert tables["quality"]["rows"][0][-1] is not None
    assert sum(figures["quality.efc"]["series"]["reference"]) == 20
