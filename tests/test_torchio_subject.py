"""Subjects under the real TorchIO: datasets, transforms, the queue and its workers."""

from __future__ import annotations

import copy
import importlib
import math
import pickle
import sys

import numpy as np
import pytest
import tiny_store as tiny
import torch

from voxpress import store

torchio = pytest.importorskip("torchio")

from voxpress.loaders.torchio_subject import subject, subjects  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning:torchio.*", "ignore::UserWarning:torchio.*")


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store).select([11, 0, 4, 6])


def physical(cohort, row):
    return cohort.read(row, "image").astype(np.float32) * np.float32(1 / 255)


def test_a_subject_has_the_voxels_their_place_and_the_values(cohort):
    sample = subject(cohort, 2)
    assert isinstance(sample["image"], torchio.ScalarImage)
    assert isinstance(sample["label"], torchio.LabelMap)
    np.testing.assert_array_equal(sample["image"].numpy()[0], physical(cohort, 2))
    np.testing.assert_array_equal(sample["label"].numpy()[0], cohort.read(2, "label"))
    np.testing.assert_array_equal(sample["image"].affine, np.array(tiny.AFFINE))
    assert sample["image"].orientation_str == "RAS"
    assert sample.spacing == (1.0, 1.5, 2.0)
    assert sample["sample_id"] == "tiny-000004"
    assert (sample["age"], sample["sex"], sample["diagnosis"]) == (62.0, "F", "MCI")
    assert math.isfinite(sample["measured_brain_ml"])


@pytest.mark.parametrize(("dtype", "expected"), [(torch.float32, torch.float32), (None, torch.uint8)])
def test_stored_integers_can_be_kept(cohort, dtype, expected):
    assert subject(cohort, 0, ("image",), dtype=dtype)["image"].data.dtype == expected


def test_subjects_are_not_read_before_they_are_loaded(tiny_store):
    cohort = store.open(tiny_store)
    listed = subjects(cohort)
    dataset = torchio.SubjectsDataset(listed)
    for name in ("image", "label"):
        (tiny_store / store.shard_path("train", name, 0)).unlink()
    assert [sample["index"] for sample in listed] == cohort.table["index"].to_pylist()
    assert str(listed[0]["image"].path).endswith("tiny-brains/volumes/train.zarr/image#0")
    assert dataset[4]["image"].shape == (1, *tiny.SHAPE)
    with pytest.raises(OSError, match="tiny-000000"):
        dataset[0]


def test_it_is_a_sequence(cohort):
    listed = subjects(cohort)
    assert len(listed) == len(cohort)
    assert listed[-1]["sample_id"] == listed[3]["sample_id"]
    assert [sample["index"] for sample in listed[1:3]] == [0, 4]
    with pytest.raises(IndexError, match="row 4 of 4"):
        listed[4]


def test_transforms_work_before_and_after_loading(cohort):
    flip = torchio.RandomFlip(axes=(0,), flip_probability=1)
    lazy = subjects(cohort)[0]
    for sample in (flip(lazy), flip(subject(cohort, 0)), torchio.SubjectsDataset(subjects(cohort), flip)[0]):
        np.testing.assert_array_equal(sample["image"].numpy()[0], physical(cohort, 0)[::-1])
        np.testing.assert_array_equal(sample["label"].numpy()[0], cohort.read(0, "label")[::-1])
    resampled = torchio.Resample(2)(subject(cohort, 1))
    assert resampled.spacing == (2.0, 2.0, 2.0)
    assert set(np.unique(resampled["label"].numpy())) <= {0, 1, 2}


def test_copies_are_lazy_or_loaded_as_what_they_were_made_of(cohort):
    lazy = subjects(cohort)[1]
    for image in (copy.copy(lazy["image"]), copy.deepcopy(lazy)["image"]):
        assert not image._loaded
        np.testing.assert_array_equal(image.numpy()[0], physical(cohort, 1))
        np.testing.assert_array_equal(copy.copy(image).numpy()[0], physical(cohort, 1))
    assert not lazy["image"]._loaded


def test_a_loaded_subject_is_sent_without_the_data_set(cohort):
    lazy, loaded = subjects(cohort)[1], subject(cohort, 1)
    voxels = 5 * math.prod(tiny.SHAPE)
    assert len(pickle.dumps(loaded)) < voxels + 4000
    assert len(pickle.dumps(lazy)) > len(pickle.dumps(loaded)) - voxels
    sent = pickle.loads(pickle.dumps(loaded))
    assert torch.equal(sent["image"].data, loaded["image"].data)
    assert torch.equal(pickle.loads(pickle.dumps(lazy))["image"].data, loaded["image"].data)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("workers", [0, 2])
def test_the_queue_and_its_loader_give_patches(cohort, workers):
    dataset = torchio.SubjectsDataset(subjects(cohort))
    sampler = torchio.UniformSampler((6, 7, 8))
    queue = torchio.Queue(dataset, max_length=6, samples_per_volume=3, sampler=sampler, num_workers=workers)
    batches = list(torchio.SubjectsLoader(queue, batch_size=4, num_workers=0))
    assert [len(batch["sample_id"]) for batch in batches] == [4, 4, 4]
    seen = [name for batch in batches for name in batch["sample_id"]]
    assert sorted(seen) == sorted(3 * cohort.table["sample_id"].to_pylist())
    for batch in batches:
        assert batch["image"]["data"].shape == (4, 1, 6, 7, 8)
        # image and label come from one place
        assert torch.equal(batch["image"]["data"] > 0, batch["label"]["data"] > 0)


def test_grids_come_together_again(cohort):
    sample = subject(cohort, 0, dtype=None)
    sampler = torchio.GridSampler(sample, (6, 7, 8), (2, 4, 0))
    aggregator = torchio.GridAggregator(sampler)
    for batch in torchio.SubjectsLoader(sampler, batch_size=4):
        aggregator.add_batch(batch["image"]["data"], batch["location"])
    np.testing.assert_array_equal(aggregator.get_output_tensor()[0].numpy(), cohort.read(0, "image"))


def test_an_array_that_is_not_there_is_refused(cohort):
    with pytest.raises(ValueError, match="got 'mask'"):
        subjects(cohort, ("image", "mask"))


def test_without_torchio_the_error_says_how_to_get_it(monkeypatch):
    for name in ("torchio",):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "voxpress.loaders.torchio_subject")
    with pytest.raises(ImportError, match=r"pip install 'voxpress\[torchio\]'"):
        importlib.import_module("voxpress.loaders.torchio_subject")
