"""Old pipelines on a store: equal to the same volumes as .nii.gz, under MONAI's own datasets and loaders."""

from __future__ import annotations

import json
import pickle

import monai
import nibabel
import numpy as np
import pytest
import tiny_store as tiny
import torch
from monai.data import CacheDataset, DataLoader, Dataset, PersistentDataset
from monai.transforms import (
    Compose,
    EnsureChannelFirstd,
    LoadImage,
    LoadImaged,
    Orientationd,
    RandCropByPosNegLabeld,
    ScaleIntensityd,
    Spacingd,
)

from voxpress import store
from voxpress.errors import CorruptError
from voxpress.loaders.monai_reader import VoxpressReader, data_list
from voxpress.loaders.volumes import VolumeDataset

KEYS = ("image", "label")


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store).select([11, 0, 4, 6])


@pytest.fixture(scope="module")
def nifti(cohort, tmp_path_factory):
    """The same volumes as old pipelines have them."""
    folder, rows = tmp_path_factory.mktemp("nifti"), []
    for row, index in enumerate(cohort.table["index"].to_pylist()):
        whole = VolumeDataset(cohort)[row]
        rows.append({"sample_id": f"tiny-{index:06d}"})
        for key in KEYS:
            rows[-1][key] = str(folder / f"{key}-{index}.nii.gz")
            nibabel.save(nibabel.Nifti1Image(whole[key][0].numpy(), np.array(tiny.AFFINE)), rows[-1][key])
    return rows


def pipeline(load, *more):
    return Compose(
        [
            load,
            EnsureChannelFirstd(keys=KEYS),
            Orientationd(keys=KEYS, axcodes="LPS", labels=None),
            Spacingd(keys=KEYS, pixdim=(1.5, 1.5, 1.5), mode=("bilinear", "nearest")),
            ScaleIntensityd(keys="image"),
            *more,
        ]
    )


def crop():
    return RandCropByPosNegLabeld(
        keys=KEYS, label_key="label", image_key="image", spatial_size=(6, 6, 6), pos=1, neg=1, num_samples=2
    )


def same(one, other):
    for key in KEYS:
        torch.testing.assert_close(one[key].as_tensor(), other[key].as_tensor().to(one[key].dtype), rtol=0, atol=0)
        torch.testing.assert_close(one[key].affine, other[key].affine, rtol=0, atol=0)


def test_one_changed_line_gives_what_the_nifti_files_gave(cohort, nifti):
    old = Dataset(nifti, pipeline(LoadImaged(keys=KEYS)))
    new = Dataset(data_list(cohort), pipeline(LoadImaged(keys=KEYS, reader=VoxpressReader)))
    for before, after in zip(old, new, strict=True):
        same(after, before)
        assert after["sample_id"] == before["sample_id"]


def test_the_voxels_are_those_of_the_store(cohort):
    load = LoadImaged(keys=KEYS, reader=VoxpressReader, ensure_channel_first=True)
    for row, names in enumerate(data_list(cohort)):
        same(load(names), VolumeDataset(cohort)[row])


@pytest.mark.parametrize(
    ("options", "dtype", "expected"),
    [
        ({}, np.float32, torch.float32),
        ({}, None, torch.float32),
        ({"physical": False}, None, torch.uint8),
        ({"physical": False}, np.float32, torch.float32),
    ],
)
def test_stored_integers_can_be_kept(cohort, options, dtype, expected):
    image = LoadImage(reader=VoxpressReader(**options), dtype=dtype)(data_list(cohort)[1]["image"])
    stored = cohort.read(1, "image")
    assert image.dtype == expected
    physical = stored.astype(np.float32) * np.float32(1 / 255)
    np.testing.assert_array_equal(image.numpy(), physical if not options else stored)


def test_the_metadata_say_where_what_and_synthetic(cohort):
    names = data_list(cohort)[2]
    item = LoadImaged(keys=KEYS, reader=VoxpressReader(), image_only=False)(names)
    meta = item["image_meta_dict"]
    np.testing.assert_array_equal(meta["affine"], np.array(tiny.AFFINE))
    assert meta["space"] == "RAS"
    assert meta["spacing_mm"] == (1.0, 1.5, 2.0)
    assert meta["synthetic"] is True
    assert meta["dataset_digest"] == cohort.manifest.digest
    assert meta["filename_or_obj"] == names["image"]
    assert item["label_meta_dict"]["labels"] == {0: "background", 1: "brain", 2: "ventricles"}
    assert "labels" not in meta


def test_several_volumes_become_channels(cohort):
    names = data_list(cohort)
    both = LoadImage(reader=VoxpressReader, ensure_channel_first=True)([names[0]["image"], names[1]["image"]])
    assert both.shape == (2, *tiny.SHAPE)
    np.testing.assert_array_equal(both[1].numpy(), VolumeDataset(cohort)[1]["image"][0].numpy())


def test_other_files_of_a_pipeline_are_read_as_before(cohort, nifti):
    mixed = {"image": data_list(cohort)[0]["image"], "label": nifti[0]["label"]}
    same(
        LoadImaged(keys=KEYS, reader=VoxpressReader, ensure_channel_first=True)(mixed),
        VolumeDataset(cohort)[0],
    )
    reader = VoxpressReader()
    assert reader.verify_suffix(mixed["image"])
    assert not reader.verify_suffix(mixed["label"])


@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", [0, 2])
def test_cached_in_memory_and_on_disk(cohort, nifti, workers, tmp_path):
    def batches(names, load, make):
        monai.utils.set_determinism(5)
        loader = DataLoader(make(names, pipeline(load, crop())), batch_size=2, num_workers=workers)
        return [batch for _ in range(2) for batch in loader]

    def cached(names, transform):
        return CacheDataset(names, transform, progress=False)

    def persistent(names, transform):
        return PersistentDataset(names, transform, tmp_path / "kept", track_meta=True, weights_only=False)

    try:
        expected = batches(nifti, LoadImaged(keys=KEYS), cached)
        for make in (cached, persistent):
            found = batches(data_list(cohort), LoadImaged(keys=KEYS, reader=VoxpressReader), make)
            assert len(found) == len(expected) == 4
            for one, other in zip(found, expected, strict=True):
                assert one["image"].shape == (4, 1, 6, 6, 6)
                same(one, other)
        assert len(list((tmp_path / "kept").iterdir())) == len(cohort)
    finally:
        monai.utils.set_determinism(None)


@pytest.mark.timeout(180)
def test_spawned_workers_read_it_too(cohort):
    load = LoadImaged(keys=KEYS, reader=VoxpressReader, ensure_channel_first=True)
    dataset = Dataset(data_list(cohort), load)
    loader = DataLoader(dataset, batch_size=1, num_workers=1, multiprocessing_context="spawn")
    found = [image for batch in loader for image in batch["image"]]
    assert len(found) == len(cohort)
    for row, image in enumerate(found):
        torch.testing.assert_close(image.as_tensor(), VolumeDataset(cohort)[row]["image"].as_tensor())


def test_a_list_is_text_that_json_and_pickle_keep(cohort):
    names = data_list(cohort)
    assert json.loads(json.dumps(names)) == names
    assert pickle.loads(pickle.dumps(names)) == names
    assert set(data_list(cohort, keys=("label",))[0]) == {"label", "sample_id"}


def test_a_list_of_another_version_is_refused_as_it_is(tiny_store, cohort):
    names = data_list(store.open(tiny_store))
    tiny.rewrite(tiny_store, version="1.0.1")
    with pytest.raises(CorruptError, match=r"tiny-brains 1\.0\.1.*make the list again"):
        LoadImaged(keys=KEYS, reader=VoxpressReader)(names[0])


def test_wrong_bytes_are_told_as_they_are(tiny_store):
    names = data_list(store.open(tiny_store))
    (tiny_store / store.shard_path("train", "image", 0)).unlink()
    with pytest.raises(CorruptError, match="tiny-000000"):
        LoadImaged(keys=KEYS, reader=VoxpressReader)(names[0])


def test_a_cohort_that_is_given_is_read_as_it_was_opened(cohort, monkeypatch):
    reader = VoxpressReader(cohort)
    copy = pickle.loads(pickle.dumps(reader))
    for each in (reader, copy):
        monkeypatch.setattr(each._reader, "_opened", None)
        assert LoadImage(reader=each)(data_list(cohort)[0]["label"]).shape == tiny.SHAPE


def test_an_array_that_is_not_there_cannot_be_listed(cohort):
    with pytest.raises(ValueError, match="'mask'"):
        data_list(cohort, keys=("mask",))
