"""The file of samples that are refused afterwards: ids and codes, and nothing else."""

from __future__ import annotations

import json

import pytest

from voxpress.errors import FormatError
from voxpress.quality.quarantine import Quarantine, Quarantined, read_quarantine, reason_meanings

ONE = Quarantined(sample_id="a-0000002", index=2, attempt=0, reasons=("DUP_NEAR", "COPY_CONFIRMED"))
TWO = Quarantined(sample_id="a-0000001", index=1, attempt=3, reasons=("REVIEW",))


def test_it_is_read_as_it_was_written(tmp_path) -> None:
    path = tmp_path / "quarantine.json"
    path.write_bytes(Quarantine(manifest_sha256="0" * 64, samples=(ONE, TWO)).to_bytes())
    read = read_quarantine(path)
    assert read.manifest_sha256 == "0" * 64
    assert [each.sample_id for each in read.samples] == ["a-0000001", "a-0000002"]
    assert read.samples[1].reasons == ("COPY_CONFIRMED", "DUP_NEAR")
    assert read.to_bytes() == path.read_bytes()


def test_every_code_has_a_meaning_of_its_own() -> None:
    meanings = reason_meanings()
    assert len(set(meanings.values())) == len(meanings)


SAMPLE = {"sample_id": "a", "index": 1, "attempt": 0, "reasons": ["REVIEW"]}
WRONG = {
    "a list": ([], "must be an object"),
    "no digest": ({"samples": []}, "lacks the fields manifest_sha256"),
    "a private file": ({"manifest_sha256": "0", "samples": [], "pairs": []}, "unknown fields: pairs"),
    "a training id": ({"manifest_sha256": "0", "samples": [SAMPLE | {"nearest": "sub-1"}]}, "unknown fields: nearest"),
    "no attempt": ({"manifest_sha256": "0", "samples": [{**SAMPLE, "attempt": None}]}, "attempt must be an integer"),
    "no reason": ({"manifest_sha256": "0", "samples": [{**SAMPLE, "reasons": []}]}, "one or more of .* got none"),
    "a text": ({"manifest_sha256": "0", "samples": [{**SAMPLE, "reasons": ["like sub-1"]}]}, "got .'like sub-1'"),
    "twice": ({"manifest_sha256": "0", "samples": [SAMPLE, SAMPLE]}, "names the sample 'a' twice"),
}


@pytest.mark.parametrize(("content", "said"), WRONG.values(), ids=WRONG.keys())
def test_something_else_is_refused(tmp_path, content, said) -> None:
    path = tmp_path / "quarantine.json"
    path.write_text(json.dumps(content))
    with pytest.raises(FormatError, match=said):
        read_quarantine(path)


def test_no_file_and_no_json(tmp_path) -> None:
    with pytest.raises(FormatError, match=r"absent\.json cannot be read"):
        read_quarantine(tmp_path / "absent.json")
    (tmp_path / "text").write_text("NaN")
    with pytest.raises(FormatError, match="is not valid JSON"):
        read_quarantine(tmp_path / "text")
