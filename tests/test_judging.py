"""A data set is judged as a whole: all parts measured, against real samples where there are any, and reported."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
import tiny_brains
from head_scans import scan
from head_store import build, write_scans

import voxpress
from voxpress import QualityError, store
from voxpress.quality.gate import check_report

if TYPE_CHECKING:
    from pathlib import Path

SUBJECTS, REAL = 32, 60


@pytest.fixture(scope="module")
def heads(tmp_path_factory) -> tuple[Path, Path]:
    """Samples of which the last repeats the first, and a folder with scans of others."""
    root = tmp_path_factory.mktemp("judged")
    volumes = [scan(subject) for subject in range(SUBJECTS - 1)]
    real = [scan(1000 + subject) for subject in range(REAL)]
    names = [f"sub-{number:03d}" for number in range(REAL)]
    return build(root / "heads", [*volumes, volumes[0]]), write_scans(root / "scans", names, real)


@pytest.fixture(scope="module", autouse=True)
def _own_cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="module")
def judged(heads):
    return voxpress.judge(heads[0], profile="demo", reference=heads[1], pairs=20, workers=1)


def _entries(root: Path) -> dict[str, dict]:
    document = json.loads((root / "quality/report.json").read_text(encoding="utf-8"))
    return {entry["id"]: entry for section in document["sections"] for entry in section["entries"]}


@pytest.mark.slow
def test_every_distance_stands_beside_its_floor(heads, judged) -> None:
    entries = _entries(heads[0])
    for name in ("kid.random_conv", "spectrum_distance.spectrum", "coverage.random_conv", "ms_ssim"):
        entry = entries[f"set.{name}"]
        assert entry["value"] is not None, entry["reason"]
        assert entry["floor"] is not None
        assert entry["feature_id"]
    assert judged.failed == {}
    assert "quality/report.html" in {path.relative_to(heads[0]).as_posix() for path in heads[0].rglob("*.html")}
    assert check_report(heads[0], judged.cohort.manifest).verdict == judged.standing.verdict


@pytest.mark.slow
def test_a_repeated_sample_fails_and_is_named_for_replacement(heads, judged) -> None:
    assert judged.standing.verdict == "FAIL"
    assert _entries(heads[0])["set.duplicates_exact"]["verdict"] == "FAIL"
    repeated = {each.sample_id: each.reasons for each in judged.quarantine.samples}
    assert set(repeated[f"heads-{SUBJECTS - 1:06d}"]) >= {"DUP_EXACT", "DUP_NEAR"}
    assert "heads-000000" not in repeated


@pytest.mark.slow
def test_judged_again_no_volume_is_inspected_and_the_figures_are_the_same(heads, judged) -> None:
    before = (heads[0] / "quality/report.json").read_bytes()
    again = voxpress.judge(heads[0], profile="demo", reference=heads[1], pairs=20, workers=1)
    assert again.inspection.read == 0
    assert (heads[0] / "quality/report.json").read_bytes() == before


@pytest.mark.slow
def test_no_name_of_a_real_scan_is_written_into_the_data_set(heads, judged) -> None:
    for path in (heads[0] / "quality").rglob("*"):
        if path.is_file():
            assert b"sub-0" not in path.read_bytes(), path


def test_a_data_set_is_no_reference_for_itself(tiny_store) -> None:
    with pytest.raises(QualityError, match="is the data set that is judged"):
        voxpress.judge(tiny_store, reference=tiny_store)


def test_leakage_needs_the_order(heads, tmp_path) -> None:
    root = shutil.copytree(heads[0], tmp_path / "heads", ignore=shutil.ignore_patterns("recipe.yaml"))
    with pytest.raises((QualityError, OSError), match=r"recipe\.yaml"):
        voxpress.judge(root, leakage=5, workers=1)


@pytest.mark.slow
def test_conditions_are_changed_one_by_one(tmp_path) -> None:
    fixed = {"intracranial_volume_ml": 1500, "cortical_volume_ml": 450, "wmh_volume_ml": 2, "noise": 0.01}
    fixed |= {"contrast": "T1w", "bias_field": 0.1, "resolution_mm": 1, "sex": "F", "diagnosis": "CN"}
    varied = {"age": {"range": [60, 80]}, "ventricular_volume_ml": {"range": [20, 50]}}
    recipe = tiny_brains.RECIPE | {"splits": {"train": 1}, "conditions": {**fixed, **varied}}
    cohort = voxpress.generate(recipe, tmp_path / "brains", workers=1)
    voxpress.judge(cohort.path, profile="demo", leakage=5, workers=1)
    entry = _entries(cohort.path)["conditions.leakage"]
    assert entry["value"] is not None, entry["reason"]
    assert entry["value"] < 0.1, "the atlas orders volumes one by one"
    tables = json.loads((cohort.path / "quality/parts/conditions.json").read_text(encoding="utf-8"))["tables"]
    effects = {(row[0], row[1]): row[2] for row in tables["leakage"]["rows"]}
    assert effects["ventricular_volume_ml", "ventricular_volume_ml"] == pytest.approx(1, abs=0.1)
    assert store.verify(cohort.path).ok
