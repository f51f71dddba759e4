"""Tokens reach tables and volumes, in every process, and are kept nowhere."""

import pickle

import datasets
import dill
import numpy as np
import pytest
import tiny_store as tiny
from datasets.fingerprint import Hasher
from loopback_hub.users import READER, STRANGER, WRITER
from torch.utils.data import DataLoader

import voxpress as vp
from voxpress.loaders import VolumeStream

NAME = "org/private"
TRAIN = [index for index in range(10) if index != tiny.HOLE]
both = pytest.mark.parametrize("streaming", [False, True], ids=["map", "stream"])


@pytest.fixture
def private(loopback_hub, carded_store, monkeypatch):
    """A private data set, and nobody logged in."""
    loopback_hub.add_folder(NAME, carded_store, tag="v1.0.0", private=True)
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr("voxpress.store.sources.secrets._KEPT", {})
    datasets.disable_progress_bars()
    return loopback_hub


@both
def test_a_token_that_is_given_reads_volumes(private, streaming):
    rows = vp.load_dataset(NAME, split="train", token=READER, streaming=streaming)
    for row in rows:
        np.testing.assert_array_equal(row["image"].numpy(), tiny.voxels(row["index"])["image"])
    assert {request.token for request in private.log if "volumes/" in request.path} == {READER}
    assert not any(request.token for request in private.storage.log)


def test_the_token_of_the_environment_reads_volumes(private, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", READER)
    rows = vp.load_dataset(NAME, split="train")
    np.testing.assert_array_equal(rows[0]["image"].numpy(), tiny.voxels(0)["image"])


def test_a_token_that_is_given_opens_a_cohort(private):
    cohort = vp.open(NAME, token=READER)
    np.testing.assert_array_equal(cohort[0]["image"], tiny.voxels(0)["image"])
    assert READER.encode() not in pickle.dumps(cohort)
    assert len(vp.pin(NAME, token=READER)) == 40


def test_no_token_can_be_asked_for(loopback_hub, carded_store):
    loopback_hub.add_folder("org/public", carded_store)
    rows = vp.load_dataset("org/public", split="train", token=False)
    rows[0]["image"].numpy()
    ours = [request for request in loopback_hub.log if "org/public" in request.path]
    assert ours
    assert not any(request.token for request in ours)


@both
@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_read_with_the_token_that_was_given(private, streaming, start):
    rows = vp.load_dataset(NAME, split="train", token=READER, streaming=streaming, columns=["index", "image"])
    loader = DataLoader(rows, batch_size=4, num_workers=1, multiprocessing_context=start)
    for batch in loader:
        for index, image in zip(batch["index"].tolist(), batch["image"], strict=True):
            np.testing.assert_array_equal(image.numpy(), tiny.voxels(index)["image"])


@pytest.mark.timeout(120)
def test_spawned_workers_of_a_stream_read_with_it_too(private):
    stream = VolumeStream(vp.open(NAME, token=READER), batch_size=4, dtype=None)
    loader = DataLoader(stream, batch_size=None, num_workers=1, multiprocessing_context="spawn")
    assert sorted(index for batch in loader for index in batch["index"].tolist()) == [*TRAIN, 10, 11, 12]


@both
def test_a_token_is_kept_nowhere(private, streaming, tmp_path, caplog, capfd):
    caplog.set_level("DEBUG")
    rows = vp.load_dataset(NAME, split="train", token=READER, streaming=streaming)
    next(iter(rows))["image"].numpy()
    derived = rows.map(lambda row: {"decade": row["age"] // 10}).filter(lambda row: row["age"] > 60)
    next(iter(derived))["image"].numpy()
    for made in (pickle.dumps(rows), dill.dumps(derived), pickle.dumps(rows.features)):
        assert READER.encode() not in made
    said = (
        repr(rows) + repr(rows.features) + repr(next(iter(rows))["image"]) + caplog.text + "".join(capfd.readouterr())
    )
    assert READER not in said
    if not streaming:
        derived.save_to_disk(tmp_path / "saved")
    assert any(path.suffix in {".parquet", ".arrow", ".json"} for path in tmp_path.rglob("*"))
    assert not [
        path for path in (tmp_path / "home").rglob("*") if path.is_file() and READER.encode() in path.read_bytes()
    ]


def test_the_users_own_token_counts_again_when_asked_for(private, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", READER)
    with pytest.raises(vp.StoreNotFoundError):
        vp.load_dataset(NAME, token=False)
    with pytest.raises(vp.StoreNotFoundError):
        vp.load_dataset(NAME)
    assert len(vp.load_dataset(NAME, split="train", token=True)) == 9


def test_a_token_changes_no_fingerprint(private):
    with_one = vp.load_dataset(NAME, split="train", token=READER)
    with_other = vp.load_dataset(NAME, split="train", token=WRITER)
    assert with_one._fingerprint == with_other._fingerprint
    assert Hasher.hash(with_one.features) == Hasher.hash(with_other.features)


@pytest.mark.parametrize(
    ("token", "error", "said"),
    [
        (None, vp.StoreNotFoundError, "no data set 'org/private' on the Hub .*or it is private.* HF_TOKEN"),
        (STRANGER, vp.StoreNotFoundError, "no data set 'org/private' on the Hub .*or it is private"),
        ("hf_" + "x" * 34, vp.RemoteError, r"does not know the token that was sent for org/private; give another"),
    ],
    ids=["none", "somebody else's", "wrong"],
)
def test_who_may_not_read_is_told_what_to_do(private, token, error, said):
    with pytest.raises(error, match=said) as caught:
        vp.load_dataset(NAME, token=token)
    assert token is None or token not in str(caught.value)


@pytest.mark.parametrize(("token", "status"), [(None, 401), (STRANGER, 403)])
def test_the_terms_of_a_gated_data_set_are_told(loopback_hub, carded_store, monkeypatch, token, status):
    monkeypatch.delenv("HF_TOKEN")
    loopback_hub.add_folder("org/gated", carded_store, gated=True)
    said = rf"answered {status} .*accept its terms at {loopback_hub.endpoint}/datasets/org/gated, and give the token"
    with pytest.raises(vp.RemoteError, match=said):
        vp.load_dataset("org/gated", token=token)
    assert len(vp.load_dataset("org/gated", split="train", token=READER)) == 9


def test_a_token_that_is_taken_back_is_told_when_volumes_are_read(private):
    rows = vp.load_dataset(NAME, split="train", token=READER)
    del private.users.by_token[READER]
    with pytest.raises(vp.RemoteError, match=r"answered 401 .*HF_TOKEN") as caught:
        rows[0]["image"].numpy()
    assert READER not in str(caught.value)
