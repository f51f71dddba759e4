"""The report of a store: valid by its schema, bound to its manifest, and seen to be stale or edited."""

from __future__ import annotations

import copy
import json
import shutil
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import tiny_store as tiny

from voxpress import store
from voxpress.quality import Score, Verdict, not_run
from voxpress.quality.conditions import Intervention
from voxpress.quality.gate import REPORT_NAME, Report, State, check_report, judge_store, standing_of
from voxpress.quality.gate.profile import built_in
from voxpress.quality.gate.store_gate import write_report
from voxpress.quality.parts import Part, write_part

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = json.loads(files("voxpress.quality.gate").joinpath("report.schema.json").read_text())


def _set_part(manifest_sha256: str, *scores: Score) -> Part:
    return Part(
        name="set",
        manifest_sha256=manifest_sha256,
        scores=scores,
        tables={"nearest": {"columns": ["sample", "distance"], "rows": [["tiny-000001", 0.5], ["tiny-000002", None]]}},
        figures={"distances": {"kind": "histogram", "edges": [0.0, 1.0], "synthetic": [12]}},
    )


KID = Score(
    id="set.kid.random_conv",
    value=0.01,
    interval=(-0.01, 0.03),
    floor=0.02,
    floor_interval=(0.01, 0.03),
    n={"synthetic": 12, "reference": 12},
    feature_id="random_conv/1/seed0/3mm",
)


@pytest.fixture(scope="module")
def once(sealed_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a part of a set measured, and its report; a test must not write to it."""
    root = shutil.copytree(sealed_store, tmp_path_factory.mktemp("judged") / "tiny-brains")
    digest = store.open(root).manifest.digest
    write_part(root, _set_part(digest, KID, not_run("set.c2st.random_conv", "too few samples; 100 are needed")))
    judge_store(store.open(root), "demo")
    return root


@pytest.fixture
def judged(once: Path, tmp_path: Path) -> Path:
    """A copy of it, for a test to change."""
    return shutil.copytree(once, tmp_path / "tiny-brains")


def _standing(root: Path):
    return check_report(root, store.open(root).manifest)


def _document(root: Path) -> dict[str, Any]:
    return json.loads((root / REPORT_NAME).read_text(encoding="utf-8"))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("profile", ["demo", "research", "strict"])
def test_a_report_is_valid_by_its_schema(judged: Path, profile: str) -> None:
    judge_store(store.open(judged), profile)
    jsonschema.validate(_document(judged), SCHEMA)


def test_a_report_says_what_it_is_about_and_what_was_asked(once: Path) -> None:
    document = _document(once)
    manifest = store.open(once).manifest
    assert document["dataset"] == {
        "name": "tiny-brains",
        "version": "1.0.0",
        "manifest_sha256": manifest.digest,
        "samples": tiny.SAMPLES,
        "digital_source_types": [tiny.ATTRS["digital_source_type"]],
        "origin": "procedural",
    }
    assert document["features"] == ["random_conv/1/seed0/3mm"]
    assert [rule["id"] for rule in document["profile"]["rules"]] == [rule.id for rule in built_in("demo").rules]
    ccc = next(rule for rule in document["profile"]["rules"] if rule["id"] == "conditions.ccc.*")
    assert ccc["pass"] == "value >= 0.8 or difference >= -0.1"
    sections = {section["name"]: section for section in document["sections"]}
    assert list(sections) == ["samples", "set", "conditions", "audit", "release"]
    assert sections["set"]["tables"]["nearest"]["rows"][0] == ["tiny-000001", 0.5]
    entries = {entry["id"]: entry for entry in sections["set"]["entries"]}
    assert entries["set.kid.random_conv"]["verdict"] == "PASS"
    assert entries["set.c2st.random_conv"]["verdict"] == "NOT_RUN"
    assert document["rejects"]["by_reason"]["rows"] == [["too small", 1]]
    assert any(row[0] == "sex F" for row in document["rejects"]["by_subgroup"]["rows"])


def test_the_demo_is_passed_without_any_reference(tiny_store: Path) -> None:
    standing = judge_store(store.open(tiny_store), "demo")
    assert (standing.state, standing.verdict, standing.profile) == (State.SOUND, Verdict.PASS, "demo")
    assert standing.may_be_published
    assert standing.sentence.startswith("PASS by the profile 'demo'; ")


def test_the_same_measurements_give_the_same_bytes(judged: Path) -> None:
    before = (judged / REPORT_NAME).read_bytes()
    judge_store(store.open(judged), "demo")
    assert (judged / REPORT_NAME).read_bytes() == before


def _sabotaged(root: Path, change) -> Any:
    """How a store stands whose measured values somebody changed, with a manifest that fits."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted((root / "metadata").iterdir()):
        table = pq.read_table(path)
        values = change(table)
        column = table.schema.get_field_index("measured_brain_ml")
        table = table.set_column(column, pa.field("measured_age", pa.float64()), pa.array(values, pa.float64()))
        size = [group.num_rows for group in _groups(path)]
        starts = [sum(size[:row]) for row in range(len(size))]
        groups = [table.slice(start, rows) for start, rows in zip(starts, size, strict=True)]
        store.write_rows(path, groups, scratch=root / ".scratch")
    tiny.rewrite(root)
    return judge_store(store.open(root), "demo")


def _groups(path: Path):
    import pyarrow.parquet as pq

    metadata = pq.ParquetFile(path).metadata
    return [metadata.row_group(row) for row in range(metadata.num_row_groups)]


def _failed(standing) -> set[str]:
    entries = [entry for section in standing.report.document["sections"] for entry in section["entries"]]
    return {entry["id"] for entry in entries if entry["counts_as"] == "FAIL"}


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        pytest.param(lambda table: table["age"].to_pylist(), set(), id="as ordered"),
        pytest.param(
            # a permutation within each split: as old on average, but not those who were ordered so
            lambda table: [table["age"].to_pylist()[(5 * row + 2) % table.num_rows] for row in range(table.num_rows)],
            {"conditions.ccc.age"},
            id="whatever was ordered",
        ),
        pytest.param(
            lambda table: [age + 30 for age in table["age"].to_pylist()],
            {"conditions.ccc.age", "conditions.bias_sd.age"},
            id="always too old",
        ),
    ],
)
def test_sabotaged_conditions_fail_for_the_right_reason(tiny_store: Path, change, failed: set[str]) -> None:
    standing = _sabotaged(tiny_store, change)
    assert _failed(standing) == failed
    assert standing.may_be_published == (not failed)


def test_a_value_that_is_missing_is_counted(tiny_store: Path) -> None:
    standing = _sabotaged(tiny_store, lambda table: [None, *table["age"].to_pylist()[1:]])
    (release,) = (each for each in standing.report.document["sections"] if each["name"] == "release")
    entry = next(entry for entry in release["entries"] if entry["id"] == "release.completeness")
    assert entry["n"] == {"cells": 48, "missing": 2}
    assert entry["verdict"] == "WARN"


def test_an_array_that_does_not_say_it_is_synthetic_fails(tiny_store: Path) -> None:
    path = tiny_store / store.array_zarr_json_path("train", "image")
    document = json.loads(path.read_text())
    del document["attributes"]["synthetic"]
    path.write_bytes(store.document_bytes(document))
    tiny.rewrite(tiny_store)
    standing = judge_store(store.open(tiny_store), "demo")
    assert standing.verdict == Verdict.FAIL
    assert _failed(standing) == {"release.synthetic_marks"}


def test_a_blind_audit_makes_the_whole_invalid(judged: Path) -> None:
    digest = store.open(judged).manifest.digest
    scores = (Score(id="audit.positive_control", value=0.4), Score(id="audit.copy_excess", value=0.0, interval=(0, 0)))
    write_part(judged, Part(name="audit", manifest_sha256=digest, scores=scores))
    standing = judge_store(store.open(judged), "demo")
    assert standing.verdict == Verdict.INVALID
    assert "1 invalid (audit.positive_control)" in standing.sentence


def test_a_data_set_without_a_report_says_what_to_run(tiny_store: Path) -> None:
    standing = _standing(tiny_store)
    assert (standing.state, standing.verdict) == (State.MISSING, Verdict.NOT_RUN)
    assert "voxpress gate" in standing.sentence
    assert not standing.may_be_published


def test_a_report_of_another_version_is_stale(judged: Path) -> None:
    tiny.rewrite(judged, version="1.0.1")
    standing = _standing(judged)
    assert (standing.state, standing.verdict) == (State.STALE, Verdict.INVALID)
    assert "about other data (tiny-brains 1.0.0" in standing.sentence


def test_a_part_of_another_version_does_not_count(judged: Path) -> None:
    tiny.rewrite(judged, version="1.0.1")
    standing = judge_store(store.open(judged), "demo")
    entries = {entry["id"]: entry for entry in standing.report.document["sections"][1]["entries"]}
    assert "set.kid.random_conv" not in entries
    assert "measured of other data" in entries["set.kid.*"]["because"]


def test_a_part_that_was_measured_again_makes_the_report_stale(judged: Path) -> None:
    write_part(judged, _set_part(store.open(judged).manifest.digest))
    standing = _standing(judged)
    assert standing.state == State.STALE
    assert "newer than the quality report: set;" in standing.sentence
    write_report(store.open(judged), built_in("demo"))
    assert _standing(judged).state == State.SOUND


def test_leakage_that_was_measured_stays_when_the_rest_is_judged_again(tiny_store: Path) -> None:
    def pair(condition: str, row: int, moved: float) -> Intervention:
        base = {"brain_ml": 10.0 + row}
        return Intervention(condition=condition, change=1.0, base=base, changed={"brain_ml": 10.0 + row + moved})

    pairs = [pair(name, row, 0.5) for name in ("age", "brain_ml") for row in range(6)]
    for given in (pairs, None):
        standing = judge_store(store.open(tiny_store), "demo", pairs=given)
        entries = {entry["id"]: entry for entry in standing.report.document["sections"][2]["entries"]}
        assert entries["conditions.leakage"]["value"] > 0
    tiny.rewrite(tiny_store, version="1.0.1")
    standing = judge_store(store.open(tiny_store), "demo")
    entries = {entry["id"]: entry for entry in standing.report.document["sections"][2]["entries"]}
    assert entries["conditions.leakage"]["value"] is None


def _digit(text: str) -> str:
    assert '"value": 0.01' in text
    return text.replace('"value": 0.01', '"value": 0.02', 1)


@pytest.mark.parametrize(
    "edit",
    [
        pytest.param(_digit, id="one digit"),
        pytest.param(lambda text: text.replace('"verdict": "NOT_RUN"', '"verdict": "PASS"', 1), id="a verdict"),
        pytest.param(lambda text: text.replace("value >= 0.8", "value >= 0.1", 1), id="a threshold"),
        pytest.param(lambda text: text + "\n", id="a blank line"),
        pytest.param(lambda text: text[:-40], id="cut short"),
        pytest.param(lambda _: "{}", id="emptied"),
        pytest.param(lambda _: "", id="nothing"),
        pytest.param(lambda text: text.replace('"report_version": 1', '"report_version": 2'), id="a newer version"),
        pytest.param(lambda text: text.replace('"verdict": "PASS"', '"verdict": "GOOD"'), id="no verdict"),
        pytest.param(lambda _: "[" * 100_000, id="nested without end"),
    ],
)
def test_a_report_that_was_edited_does_not_hold(once: Path, edit) -> None:
    before = (once / REPORT_NAME).read_text(encoding="utf-8")
    after = edit(before)
    assert after != before
    standing = standing_of(after.encode(), store.open(once).manifest)
    assert (standing.state, standing.verdict, standing.report) == (State.EDITED, Verdict.INVALID, None)
    assert "edited or damaged" in standing.sentence
    assert not standing.may_be_published


def test_a_report_is_checked_without_a_store(once: Path) -> None:
    manifest = store.open(once).manifest
    data = (once / REPORT_NAME).read_bytes()
    assert standing_of(data, manifest).state == State.SOUND
    assert standing_of(None, manifest).state == State.MISSING
    assert Report.from_bytes(data, "there").to_bytes() == data


def _at(document: dict[str, Any], *path: Any) -> Any:
    for step in path:
        document = document[step]
    return document


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((), {"more": 1}),
        (("dataset",), {"manifest_sha256": "abc"}),
        (("dataset",), {"origin": "guessed"}),
        (("sections", 1), {"name": "sets"}),
        (("sections", 1), {"verdict": None}),
        (("sections", 1, "entries", 0), {"verdict": "GOOD"}),
        (("sections", 1, "entries", 0), {"value": None}),
        (("sections", 1, "entries", 0), {"value": "0.01"}),
        (("sections", 1, "entries", 0), {"interval": [1.0]}),
        (("sections", 1, "tables", "nearest"), {"rows": [[["nested"]]]}),
        (("sections", 1, "figures", "distances"), {"kind": 3}),
        (("profile", "rules", 0), {"not_run": "PASS"}),
        (("parts",), {"others": "0" * 64}),
    ],
    ids=str,
)
def test_the_schema_refuses_what_is_no_report(once: Path, path: tuple[Any, ...], value: dict[str, Any]) -> None:
    document = copy.deepcopy(_document(once))
    jsonschema.validate(document, SCHEMA)
    _at(document, *path).update(value)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document, SCHEMA)
