"""`voxpress gate`, and what `info` and `publish` say of its report."""

from __future__ import annotations

import json

import pyarrow as pa
import pyarrow.parquet as pq
from published_stores import carded

from voxpress.quality.gate import REPORT_NAME


def test_judged_and_told(say, tiny_store) -> None:
    assert "there is no quality report" in say("info", tiny_store).out
    done = say("gate", tiny_store, "--profile", "demo")
    assert done.code == 0, done.err
    assert "PASS by the profile 'demo'" in done.out
    assert "conditions.ccc.age" in done.out
    assert "measured_age" in done.out
    assert "PASS by the profile 'demo'" in say("info", tiny_store).out
    facts = json.loads(say("info", tiny_store, "--json").out)
    assert facts["quality"]["verdict"] == "PASS"
    assert facts["quality"]["report"] == "sound"


def test_what_may_not_be_published_has_exit_code_1(say, tiny_store) -> None:
    done = say("gate", tiny_store, "--profile", "strict", "--json")
    assert done.code == 1
    assert json.loads(done.out)["verdict"] == "FAIL"
    assert done.out.encode() == (tiny_store / REPORT_NAME).read_bytes()
    refused = say("publish", carded_without_report(tiny_store), "./shelf")
    assert refused.code == 2
    assert "does not pass the quality gate" in refused.err


def carded_without_report(root):
    carded(root)
    (root / REPORT_NAME).unlink()
    return root


def test_a_dry_run_tells_the_verdict(say, tiny_store, tmp_path) -> None:
    shown = say("publish", carded(tiny_store), tmp_path / "shelf", "--dry-run")
    assert shown.code == 0, shown.err
    assert "quality: PASS by the profile 'demo'" in shown.err


def test_an_override_is_taken_on_the_command_line(say, tiny_store, tmp_path) -> None:
    root = carded_without_report(tiny_store)
    done = say("publish", root, tmp_path / "shelf", "--override", "only the loader is tested here")
    assert done.code == 0, done.err
    assert "Published all the same: only the loader is tested here" in done.err
    short = say("publish", root, tmp_path / "other", "--override", "no")
    assert short.code == 2
    assert "must be a sentence" in short.err


def test_a_table_of_real_people_is_compared_with(say, tiny_store, tmp_path) -> None:
    path = tmp_path / "people.parquet"
    pq.write_table(pa.table({"age": [50.0, 60.0, 70.0] * 5}), path)
    done = say("gate", tiny_store, "--profile", "research", "--reference-table", path)
    assert "conditions.extrapolation" in done.out
    # judged again without the table, what it told stays
    again = json.loads(say("gate", tiny_store, "--profile", "research", "--json").out)
    entries = [entry for section in again["sections"] for entry in section["entries"]]
    assert {entry["id"]: entry["value"] for entry in entries}["conditions.extrapolation"] is not None
    (tmp_path / "people.csv").write_text("age\n", encoding="utf-8")
    assert say("gate", tiny_store, "--reference-table", tmp_path / "nowhere.csv").code == 2


def test_mistakes_are_told(say, tiny_store, tmp_path) -> None:
    assert "there is no profile 'best'" in say("gate", tiny_store, "--profile", "best").err
    assert say("gate", tiny_store, "--profile", "best").code == 2
    assert say("gate", tmp_path / "nowhere").code == 2
    assert not (tiny_store / "quality").exists()
