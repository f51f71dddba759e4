"""All scores of a set beside their floors, and what is said where there can be none."""

import json

import numpy as np
import pytest

from voxpress.quality.features import FeatureSet
from voxpress.quality.features.morphometry import MORPHOMETRY
from voxpress.quality.features.spectrum import SPECTRUM_EDGES
from voxpress.quality.sets import ratio_to_floor, set_scores

RANDOM = np.random.default_rng(14)
WIDTHS = {"random_conv": 40, "spectrum": len(SPECTRUM_EDGES) - 1, "morphometry": len(MORPHOMETRY)}
FAST = {"resamples": 40, "splits": 5}


def _features(name, rows, seed, shift=0.0, width=None, feature_id=None):
    values = np.random.default_rng([seed, len(name)]).normal(shift, 1, (rows, width or WIDTHS[name]))
    if name == "spectrum":
        values = values / 10 - np.arange(WIDTHS[name]) / 2
    ids = tuple(f"s{row:04}" for row in range(rows))
    return FeatureSet(name=name, feature_id=feature_id or f"{name}/1", ids=ids, values=np.asarray(values, np.float32))


def _sets(rows, seed, **shifts):
    return {name: _features(name, rows, seed, shifts.get(name, 0.0)) for name in WIDTHS}


def _by_id(scores):
    assert len({score.id for score in scores}) == len(scores)
    return {score.id: score for score in scores}


@pytest.fixture(scope="module")
def reference():
    return _sets(160, 1)


@pytest.fixture(scope="module")
def same(reference):
    return set_scores(_sets(100, 2), reference, **FAST)


def test_every_score_has_a_floor_an_interval_a_count_and_the_id_of_its_features(same):
    scores = _by_id(same[0])
    measured = {name: score for name, score in scores.items() if score.value is not None}
    assert {"set.kid.random_conv", "set.frechet.spectrum", "set.w1.morphometry.deep_dark_ml"} <= measured.keys()
    assert {"set.spectrum_distance.spectrum", "set.high_share.spectrum", "set.vendi.random_conv"} <= measured.keys()
    assert {"set.coverage.random_conv", "set.c2st.morphometry", "set.outliers.random_conv"} <= measured.keys()
    for name, score in measured.items():
        assert score.feature_id.startswith(name.split(".")[2])
        assert score.n["synthetic"] == score.n["reference"] == 80
        if ".mmd" not in name:
            assert score.floor is not None
            assert score.floor_interval is not None
            assert score.interval[0] <= score.value <= score.interval[1]


def test_a_set_of_the_same_population_is_near_its_floors(same):
    for score in same[0]:
        if score.id.split(".")[1] in {"kid", "frechet", "sliced_w1", "spectrum_distance"}:
            ratio, interval = ratio_to_floor(score)
            assert interval[0] < 2, score
            assert ratio < 5, score
    assert _by_id(same[0])["set.c2st.random_conv"].value == pytest.approx(0.5, abs=0.2)


def test_a_shift_shows_in_the_features_that_were_shifted_and_in_no_others(reference):
    scores = _by_id(set_scores(_sets(100, 3, random_conv=2.0), reference, **FAST)[0])
    for metric in ("kid", "frechet"):
        assert ratio_to_floor(scores[f"set.{metric}.random_conv"])[1][0] > 5
        assert ratio_to_floor(scores[f"set.{metric}.morphometry"])[1][0] < 2
    assert scores["set.mmd_p.random_conv"].value < 0.05
    assert scores["set.c2st.random_conv"].value > 0.9


def test_the_frechet_distance_says_to_how_many_axes_it_was_reduced(same):
    assert _by_id(same[0])["set.frechet.random_conv"].feature_id == "random_conv/1+z+pca8"
    assert _by_id(same[0])["set.kid.random_conv"].feature_id == "random_conv/1+z"


def test_the_same_seed_gives_the_same_report(reference, same):
    assert set_scores(_sets(100, 2), reference, **FAST) == same
    assert set_scores(_sets(100, 2), reference, seed=1, **FAST)[0] != same[0]


def test_tables_and_figures_are_plain_numbers(same):
    _, tables, figures = same
    json.dumps([tables, figures], allow_nan=False)
    assert {"set", "duplicates", "outliers.random_conv"} <= tables.keys()
    for table in tables.values():
        assert all(len(row) == len(table["columns"]) for row in table["rows"])
    assert figures["set_ratios"]["kind"] == "bars"
    assert figures["spectrum"]["kind"] == "curve"
    assert figures["morphometry.deep_dark_ml"]["kind"] == "histogram"
    for shares in figures["morphometry.deep_dark_ml"]["series"].values():
        assert sum(shares) == pytest.approx(1)
    assert figures["outliers.random_conv"]["limits"]["limit"] > 0
    assert len(figures["spectrum"]["series"]["synthetic"]) == len(figures["spectrum"]["x"])


def test_without_a_reference_everything_says_why_it_was_not_run(same):
    found = set_scores(_sets(40, 2), None)[0]
    assert {score.id for score in found} == {score.id for score in same[0]}
    for score in found:
        assert score.value is None
        assert "reference" in score.reason or "duplicates" in score.id


@pytest.mark.parametrize(("synthetic", "real"), [(29, 200), (200, 59)])
def test_too_few_samples_say_how_many_are_needed(synthetic, real):
    sets = [{"random_conv": _features("random_conv", rows, 1)} for rows in (synthetic, real)]
    for score in set_scores(*sets)[0][:5]:
        assert score.value is None
        assert f"{synthetic} synthetic samples and {real} of the reference" in score.reason
        assert "at least 30 and 60 are needed" in score.reason
        assert score.n == {"synthetic": synthetic, "reference": real}


def test_constant_features_are_not_run_and_the_others_are(reference):
    broken = dict(reference, morphometry=_features("morphometry", 160, 5))
    broken["morphometry"].values[:] = 3
    scores = _by_id(set_scores(_sets(100, 2), broken, **FAST)[0])
    assert "every feature is constant" in scores["set.kid.morphometry"].reason
    assert scores["set.kid.random_conv"].value is not None


def test_bins_that_no_grid_of_either_set_has_are_left_out(reference):
    sets = [_sets(100, 2), dict(reference)]
    for features in sets:
        values = features["spectrum"].values.copy()
        values[:, 16:] = np.log(1e-12)
        spectrum = features["spectrum"]
        features["spectrum"] = FeatureSet(name="spectrum", feature_id="spectrum/1", ids=spectrum.ids, values=values)
    scores, _, figures = set_scores(*sets, **FAST)
    assert _by_id(scores)["set.kid.spectrum"].feature_id == "spectrum/1+z16of24"
    assert len(figures["spectrum"]["x"]) == 16


@pytest.mark.parametrize(
    ("change", "message"), [({"feature_id": "random_conv/2"}, "do not compare"), ({"width": 41}, "41 numbers a sample")]
)
def test_features_that_do_not_compare_are_refused(reference, change, message):
    other = {"random_conv": _features("random_conv", 100, 1, **change)}
    with pytest.raises(ValueError, match=message):
        set_scores(other, reference)


def test_a_missing_kind_of_features_in_the_reference_is_told():
    scores = set_scores(_sets(40, 2), {"spectrum": _features("spectrum", 80, 1)}, **FAST)[0]
    assert "no real samples have these features" in _by_id(scores)["set.kid.random_conv"].reason


def test_a_network_of_the_user_gets_the_metrics_of_features(reference):
    sets = [{"med3d": _features("med3d", rows, rows, width=20)} for rows in (60, 120)]
    scores = _by_id(set_scores(*sets, **FAST)[0])
    assert scores["set.frechet.med3d"].feature_id == "med3d/1+z+pca6"


def test_duplicates_are_counted_with_an_exact_interval():
    rows = 80
    embeddings = _features("copy_dct", rows, 1, width=300)
    embeddings.values[5] = embeddings.values[2]
    signs = FeatureSet(
        name="sign_hash",
        feature_id="sign_hash/1",
        ids=embeddings.ids,
        values=np.packbits(embeddings.values[:, :256] > 0, axis=1).astype(np.float32),
    )
    digests = [str(row) for row in range(rows)]
    digests[9] = digests[3]
    scores, tables, _ = set_scores({"copy_dct": embeddings, "sign_hash": signs}, None, digests=digests)
    found = _by_id(scores)
    for kind in ("exact", "near"):
        score = found[f"set.duplicates_{kind}"]
        assert score.value == 1 / rows
        assert score.interval == pytest.approx((0.000316, 0.0677), rel=0.01)
    assert [row[:3] for row in tables["duplicates"]["rows"]] == [
        ["exact", "s0009", "s0003"],
        ["near", "s0005", "s0002"],
    ]


def test_progress_names_each_kind_of_features(reference):
    told = []
    set_scores(_sets(20, 2), reference, progress=lambda *step: told.append(step))
    assert told == [(0, 3, "random_conv"), (1, 3, "spectrum"), (2, 3, "morphometry"), (3, 3, "")]
