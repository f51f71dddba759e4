"""The audit against what a trained model keeps of its training set: with the scans at hand, and without them."""

from __future__ import annotations

import json
import os
import shutil
import stat

import head_store
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_trained
from head_scans import Scans, scan

import voxpress
from voxpress.errors import FormatError, QualityError
from voxpress.quality.audit import ScanSource, audit_set, keep_for_audit, open_kept
from voxpress.quality.audit.planting import COPY_KINDS, planted_copy
from voxpress.quality.reference import open_reference
from voxpress.quality.reference_rows import ReferenceRows, rows_with_ids

TRAIN = [f"secretperson{number:02d}" for number in range(24)]
HOLDOUT = [f"otherperson{number:02d}" for number in range(20)]
COPIED = {0: "noise", 1: "mirror"}
COPIES = len(COPY_KINDS)


@pytest.fixture(scope="module")
def places(tmp_path_factory):
    """A store with two copies among six heads, files of all subjects, and a model that keeps those that it has seen."""
    root = tmp_path_factory.mktemp("kept")
    copies = [planted_copy(scan(row), kind, np.random.default_rng(row)) for row, kind in COPIED.items()]
    head_store.build(root / "store", [*copies, *(scan(number) for number in range(200, 204))])
    volumes = [*(scan(number) for number in range(24)), *(scan(number) for number in range(100, 120))]
    head_store.write_scans(root / "scans", [*TRAIN, *HOLDOUT], volumes)
    (root / "model").mkdir()
    (root / "private").mkdir(mode=0o700)
    (root / "model" / "model.json").write_text("{}")
    whole, source = open_reference(root / "scans"), ScanSource(path=root / "scans")
    keep_for_audit(
        root / "model",
        rows_with_ids(whole, TRAIN),
        rows_with_ids(whole, HOLDOUT),
        train_source=source,
        holdout_source=source,
        copies=COPIES,
        cache=root / "private" / "computed",
    )
    return root


@pytest.fixture
def far(places, tmp_path):
    """The model elsewhere, without its sources: the scans are not within reach."""
    shutil.copytree(places / "model", tmp_path / "model")
    (tmp_path / "model" / "audit" / "source.json").unlink()
    return tmp_path / "model"


def scores_of(audited):
    return {score.id: score for score in audited.audit.scores}


def test_copies_are_caught_and_confirmed_through_the_model(places):
    private = places / "private"
    done = voxpress.audit(places / "store", train=places / "model", private=private, copies=COPIES, workers=1)
    scores = scores_of(done)
    assert scores["audit.positive_control"].value == 1
    assert scores["audit.flagged_share"].value == scores["audit.confirmed_share"].value == pytest.approx(2 / 6)
    assert scores["audit.membership_auc"].value is not None
    pairs = pq.read_table(private / "pairs.parquet").to_pylist()
    assert [pair["train_id"] for pair in pairs] == TRAIN[:2]
    assert [pair["mirrored"] for pair in pairs] == [False, True]


def test_it_is_the_audit_of_the_scans_themselves(places):
    whole, cache = open_reference(places / "scans"), places / "private" / "computed"
    kept = open_kept(places / "model")
    samples = Scans((200, 201, 3, 202), again=1)
    by_scans = audit_set(
        samples, rows_with_ids(whole, TRAIN), rows_with_ids(whole, HOLDOUT), copies=COPIES, cache=cache
    )
    by_model = audit_set(samples, kept.train, kept.holdout, copies=COPIES, cache=cache)
    assert by_model.scores == by_scans.scores
    assert by_model.pairs == by_scans.pairs
    assert [each.row for each in by_model.quarantine] == [2]


def test_without_the_scans_copies_are_caught_but_not_confirmed(places, far, tmp_path):
    done = voxpress.audit(places / "store", train=far, private=tmp_path / "private", copies=COPIES, workers=1)
    scores = scores_of(done)
    assert scores["audit.positive_control"].value == 1
    assert scores["audit.flagged_share"].value == pytest.approx(2 / 6)
    assert scores["audit.confirmed_share"].value is None
    assert "not within reach" in scores["audit.confirmed_share"].reason
    assert {each.reasons for each in done.audit.quarantine} == {("COPY_SUSPECT",)}
    assert pq.read_table(tmp_path / "private" / "pairs.parquet")["correlation"].to_pylist() == [None, None]
    assert any("not confirmed" in note for note in done.audit.notes)
    assert str(far) not in (places / "store" / "quality" / "parts" / "audit.json").read_text()


def test_a_holdout_of_ones_own_counts(places, far):
    done = voxpress.audit(
        places / "store", train=far, holdout=places / "scans", holdout_table=table_of(places, HOLDOUT[:20]),
        copies=COPIES, workers=1,
    )  # fmt: skip
    assert scores_of(done)["audit.flagged_share"].n == {"synthetic": 6}
    assert scores_of(done)["audit.copy_excess"].n == {"synthetic": 6, "train": 24, "held_out": 20}


def table_of(places, names):
    table = places / "table.csv"
    table.write_text("\n".join(["path", *(f"{name}.nii.gz" for name in names)]) + "\n")
    return table


def test_scans_that_have_changed_are_not_taken_for_those_of_the_training(places, far):
    shutil.copytree(places / "scans", far / "scans")
    whole = open_reference(far / "scans")
    source = {"path": str(far / "scans"), "affine": "agreed", "sha256": whole.digest}
    (far / "audit" / "source.json").write_text(json.dumps({"train": source, "holdout": source}))
    assert open_kept(far).train.scans is not None
    (far / "scans" / "another.nii.gz").write_bytes((far / "scans" / f"{TRAIN[0]}.nii.gz").read_bytes())
    train = open_kept(far).train
    assert train.scans is None
    with pytest.raises(QualityError, match="has changed since; give them in place of the model"):
        train.volume(0)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ({"path": "/no/such/place", "affine": "agreed", "sha256": "0"}, "not at /no/such/place any more"),
        ({"path": "http://127.0.0.1:9/scans", "affine": "agreed", "sha256": "0"}, "not at http://127"),
        ({"path": "relative", "affine": "agreed", "sha256": "0"}, "not at relative"),
        ({"path": 3}, "nothing says where they are"),
        (None, "nothing says where they are"),
    ],
)
def test_sources_that_lead_nowhere(source, why, far):
    (far / "audit" / "source.json").write_text(json.dumps({"train": source}))
    with pytest.raises(QualityError, match=why):
        open_kept(far).train.volume(0)


def test_another_control_needs_the_scans(places, far):
    assert len(open_kept(far).train.control.kinds) == COPIES
    with pytest.raises(QualityError, match="a control of 6 planted copies of the seed 0, and 12 of the seed 0 need"):
        voxpress.audit(places / "store", train=far, copies=2 * COPIES, workers=1)
    samples = Scans((200, 201))
    found = audit_set(samples, open_kept(places / "model").train, copies=2 * COPIES)
    assert {score.id: score for score in found.scores}["audit.positive_control"].n == {"planted": 12}


@pytest.mark.skipif(os.name != "posix", reason="modes are those of POSIX")
def test_only_its_owner_reads_what_is_kept(places):
    folder = places / "model" / "audit"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert [file.name for file in files] == ["control.parquet", "holdout.parquet", "source.json", "train.parquet"]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert b"never publish" in pq.read_schema(folder / "train.parquet").metadata[b"private"]


def test_kept_again_without_a_holdout(tmp_path):
    train = Scans(tuple(range(21)))
    for holdout in (Scans(tuple(range(100, 120)), name="other"), None):
        keep_for_audit(tmp_path, train, holdout, copies=COPIES, seed=3, cache=tmp_path / "cache")
    kept = open_kept(tmp_path)
    assert kept.holdout is None
    assert (kept.train.ids, kept.train.subjects, kept.train.digest) == (train.ids, train.subjects, train.digest)
    assert kept.train.control.seed == 3


def test_too_few_people_are_refused_before_anything_is_read(tmp_path):
    with pytest.raises(QualityError, match="an audit needs at least 21"):
        keep_for_audit(tmp_path, Scans((1, 2, 3)))
    assert not (tmp_path / "audit").exists()


def test_a_source_must_have_the_volumes(places, tmp_path):
    with pytest.raises(QualityError, match="lacks volumes of the set that is kept, such as 'patient-0000-scan'"):
        keep_for_audit(tmp_path, Scans(tuple(range(21))), train_source=ScanSource(path=places / "scans"))


# --- what is damaged


def _rewritten(path, **changes):
    table = pq.read_table(path)
    metadata = {**table.schema.metadata, **{name.encode(): value for name, value in changes.items()}}
    pq.write_table(table.replace_schema_metadata(metadata), path)


@pytest.mark.parametrize("name", ["train", "holdout", "control"])
def test_files_that_are_damaged(name, far):
    path = far / "audit" / f"{name}.parquet"
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(FormatError, match=rf"{name}\.parquet is not what `voxpress train` wrote"):
        open_kept(far)
    path.write_bytes(data)
    _rewritten(path, format=b"9")
    with pytest.raises(FormatError, match="is of the format '9', and this voxpress reads '1'"):
        open_kept(far)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda table: table.drop_columns("subject"), "it has no text subject"),
        (lambda table: table.drop_columns("copy_dct"), "does not tell what its vectors are"),
        (lambda table: table.set_column(0, "sample_id", pa.array(["one"] * 24)), "has an id twice"),
        (lambda table: table.set_column(0, "sample_id", pa.array([None, *TRAIN[1:]])), "it has empty fields"),
        (
            lambda table: table.set_column(2, "copy_dct", pa.array([[np.nan]] * 24, pa.list_(pa.float32(), 1))),
            "is not finite",
        ),
        (lambda table: table.set_column(2, "copy_dct", pa.array(["x"] * 24)), "its vectors are string"),
    ],
    ids=["no-subject", "no-vectors", "twice", "empty", "nan", "text"],
)
def test_tables_that_are_wrong(change, said, far):
    path = far / "audit" / "train.parquet"
    table = pq.read_table(path)
    pq.write_table(change(table).replace_schema_metadata(table.schema.metadata), path)
    with pytest.raises(FormatError, match=said):
        open_kept(far)


def test_vectors_of_another_extractor_need_the_scans(places, far):
    for name in ("train", "holdout", "control"):
        _rewritten(far / "audit" / f"{name}.parquet", feature_id=b"copy_dct/0")
    with pytest.raises(QualityError, match=r"the scans of .* are needed, and nothing says where they are"):
        voxpress.audit(places / "store", train=far, copies=COPIES, workers=1)


# --- the command


def test_a_model_that_keeps_nothing(say, places, tmp_path):
    (tmp_path / "model.json").write_text("{}")
    said = say("audit", places / "store", "--train", tmp_path)
    assert said.code == 2
    assert "keeps nothing of its training set" in said.err
    said = say("audit", places / "store", "--train", places / "model", "--train-table", places / "table.csv")
    assert said.code == 2
    assert "leave the table of training files out" in said.err


def test_the_command(say, places, far):
    said = say("audit", places / "store", "--train", far, "--copies", COPIES, "--workers", 1)
    assert said.code == 1
    assert "2 too close to a training volume, 0 of them confirmed" in said.out
    assert "Suspects are not confirmed" in said.out
    assert "secretperson" not in said.out


def test_a_data_set_of_a_trained_model_says_where_its_training_set_is(say, tmp_path):
    weights = tiny_trained.model()
    recipe = {
        "name": "heads", "samples": 2, "shards": {"samples": 2}, "splits": {"train": 1},
        "backend": {"name": "trained", "weights": str(weights)},
        "image": {"shape": list(tiny_trained.SHAPE), "spacing_mm": list(tiny_trained.GRID.spacing_mm)},
    }  # fmt: skip
    voxpress.generation.factory.generate(
        voxpress.generation.recipe.recipe_from(recipe), tmp_path / "store", load=tiny_trained.Load("flow")
    )
    said = say("audit", tmp_path / "store")
    assert said.code == 0, said.err
    assert "NOT_RUN: nothing is known about copies" in said.out
    assert f"(--train {weights})" in said.out


# --- rows of a reference


def test_rows_of_a_reference():
    whole = Scans((5, 6, 7, 8))
    some = rows_with_ids(whole, [whole.ids[3], whole.ids[1]])
    assert (some.ids, some.subjects, len(some)) == (
        (whole.ids[3], whole.ids[1]),
        (whole.subjects[3], whole.subjects[1]),
        2,
    )
    assert [row for row, _ in some.volumes()] == [0, 1]
    assert (some.volume(0).image == whole.volume(3).image).all()
    assert some.digest != ReferenceRows(whole=whole, rows=(1, 3)).digest
    assert rows_with_ids(whole, ["nobody"]) is None
    with pytest.raises(IndexError, match="volume 2 of 2"):
        some.volume(2)
