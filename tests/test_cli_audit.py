"""`voxpress audit` over a real store and NIfTI files: what it finds, what it writes, and what it never writes there."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import head_store
import numpy as np
import pyarrow.parquet as pq
import pytest
from head_scans import scan

import voxpress
from voxpress.quality.audit.planting import COPY_KINDS, planted_copy
from voxpress.quality.parts import read_part
from voxpress.quality.quarantine import read_quarantine

if TYPE_CHECKING:
    from pathlib import Path

TRAIN = [f"secretperson{number:02d}" for number in range(24)]
HOLDOUT = [f"otherperson{number:02d}" for number in range(20)]
COPIED = {0: "noise", 1: "rigid", 2: "mirror", 3: "warp_1.5mm"}
"""Sample → how it was copied from the training subject of the same number."""


@pytest.fixture(scope="module")
def places(tmp_path_factory) -> Path:
    """A store with four copies among six new heads, and the files of the training set and the holdout."""
    root = tmp_path_factory.mktemp("audited")
    copies = [planted_copy(scan(row), kind, np.random.default_rng(row)) for row, kind in COPIED.items()]
    head_store.build(root / "store", [*copies, *(scan(number) for number in range(200, 206))])
    head_store.write_scans(root / "train", TRAIN, [scan(number) for number in range(len(TRAIN))])
    head_store.write_scans(root / "holdout", HOLDOUT, [scan(number) for number in range(100, 100 + len(HOLDOUT))])
    return root


@pytest.fixture(scope="module")
def audited(places) -> voxpress.memorisation.Audited:
    """The store is audited once."""
    return voxpress.audit(
        places / "store",
        train=places / "train",
        holdout=places / "holdout",
        private=places / "private",
        copies=2 * len(COPY_KINDS),
        workers=1,
    )


def test_copies_are_found_and_confirmed_and_new_heads_are_not_accused(audited, places):
    quarantine = read_quarantine(places / "private" / "quarantine.json")
    assert quarantine.manifest_sha256 == audited.cohort.manifest.digest
    assert [(each.sample_id, each.index, each.attempt) for each in quarantine.samples] == [
        (f"heads-{row:06d}", row, 2) for row in COPIED
    ]
    assert {each.reasons for each in quarantine.samples} == {("COPY_CONFIRMED",)}


def test_the_private_folder_names_who_was_copied_and_only_its_owner_reads_it(audited, places):
    pairs = pq.read_table(places / "private" / "pairs.parquet").to_pylist()
    assert [pair["train_id"] for pair in pairs] == TRAIN[: len(COPIED)]
    assert [pair["mirrored"] for pair in pairs] == [kind == "mirror" for kind in COPIED.values()]
    assert len(pairs) == len(audited.audit.pairs)
    if os.name == "posix":
        assert stat.S_IMODE((places / "private").stat().st_mode) == 0o700


def test_nothing_in_the_store_names_a_person_or_a_path(audited, places):
    secrets = ["secretperson", "otherperson", str(places / "train"), str(places / "holdout"), str(places / "private")]
    files = [path for path in audited.cohort.path.rglob("*") if path.is_file()]
    assert audited.cohort.path / "quality" / "parts" / "audit.json" in files
    for path in files:
        assert not [secret for secret in secrets if secret.encode() in path.read_bytes()], path


def test_the_part_holds_the_figures(audited):
    part = read_part(audited.cohort.path, "audit")
    assert part == audited.part
    assert part.manifest_sha256 == audited.cohort.manifest.digest
    scores = {score.id: score for score in part.scores}
    assert scores["audit.positive_control"].value == 1
    assert scores["audit.flagged_share"].value == scores["audit.confirmed_share"].value == 0.4
    assert scores["audit.copy_excess"].value > 0.3
    assert scores["audit.extractable_share"].value == pytest.approx(4 / 24)
    assert {figure["kind"] for figure in part.figures.values()} == {"histogram"}
    assert "needs 1999" in part.tables["audit.notes"]["rows"][0][0]


def test_the_command_goes_on_from_what_was_computed(audited, places, say, monkeypatch):
    def refuse(*_):
        raise AssertionError("everything was computed before")

    monkeypatch.setattr(voxpress.quality.features.copy_dct.CopyDct, "embed", refuse)
    sets = ("--train", places / "train", "--holdout", places / "holdout", "--private", places / "private")
    said = say("audit", audited.cohort.path, *sets, "--copies", 2 * len(COPY_KINDS), "--workers", 1)
    assert said.code == 1
    assert "4 too close to a training volume, 4 of them confirmed as copies" in said.out
    assert "needs 1999" in said.out
    assert "never publish it" in said.err
    assert "secretperson" not in said.out


def test_without_a_training_set_it_says_so(say, tiny_store):
    said = say("audit", tiny_store)
    assert said.code == 0, said.err
    assert "NOT_RUN: nothing is known about copies" in said.out
    part = json.loads((tiny_store / "quality" / "parts" / "audit.json").read_bytes())
    assert {score["value"] for score in part["scores"]} == {None}
    assert all("no training set was given" in score["reason"] for score in part["scores"])
    said = say("audit", tiny_store, "--json")
    assert json.loads(said.out)["quarantined"] == 0


def test_mistakes_are_told(say, places, tiny_store):
    sets = ("--train", places / "train", "--holdout", places / "holdout")
    inside = say("audit", tiny_store, *sets, "--private", tiny_store / "quality" / "private")
    assert inside.code == 2
    assert "which is published" in inside.err
    itself = say("audit", tiny_store, "--train", tiny_store)
    assert itself.code == 2
    assert "is the data set that is audited" in itself.err
    same = say("audit", tiny_store, "--train", places / "train", "--holdout", places / "train")
    assert same.code == 2
    assert "24 subjects are in the training set" in same.err
    assert not (tiny_store / "quality").exists()


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_a_private_folder_that_others_can_read_is_refused(say, places, tiny_store, tmp_path):
    tmp_path.chmod(0o755)
    said = say("audit", tiny_store, "--train", places / "train", "--private", tmp_path)
    assert said.code == 2
    assert "chmod 700" in said.err
