from __future__ import annotations

import math
import pickle

import monai.data
import numpy as np
import pytest
import tiny_store as tiny
import torch
from monai.data.meta_tensor import MetaTensor
from monai.transforms import Compose, DivisiblePadd, Orientationd, RandFlipd, RandSpatialCropd, ToTensord
from torch.utils.data import DataLoader

from voxpress import store
from voxpress.loaders import VolumeDataset

KEYS = ("image", "label")


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store)


def physical(stored):
    return stored.astype(np.float32) * np.float32(1 / 255)


def augmentation():
    return Compose(
        [
            Orientationd(keys=KEYS, axcodes="LPS"),
            RandSpatialCropd(keys=KEYS, roi_size=(8, 9, 10), random_size=False),
            RandFlipd(keys=KEYS, prob=0.5, spatial_axis=0),
            DivisiblePadd(keys=KEYS, k=4),
        ]
    )


def test_voxels_are_those_of_the_store(cohort):
    dataset = VolumeDataset(cohort)
    assert len(dataset) == tiny.SAMPLES
    for item in (dataset[position] for position in range(len(dataset))):
        voxels = tiny.voxels(item["index"])
        assert item["image"].dtype == torch.float32
        assert item["label"].dtype == torch.uint8
        np.testing.assert_array_equal(item["image"][0].numpy(), physical(voxels["image"]))
        np.testing.assert_array_equal(item["label"][0].numpy(), voxels["label"])


def test_an_item_carries_affine_meta_conditions_and_measures(cohort):
    item = VolumeDataset(cohort)[2]
    image, label = item["image"], item["label"]
    assert isinstance(image, MetaTensor)
    assert image.shape == (1, *tiny.SHAPE)
    np.testing.assert_array_equal(image.affine.numpy(), np.array(tiny.AFFINE))
    np.testing.assert_allclose(image.pixdim.numpy(), (1, 1.5, 2))
    assert image.meta["spacing_mm"] == (1.0, 1.5, 2.0)
    assert image.meta["sample_id"] == item["sample_id"] == "tiny-000002"
    assert image.meta["synthetic"] is True
    assert label.meta["labels"] == {0: "background", 1: "brain", 2: "ventricles"}
    values = {name: value for name, value in item.items() if name not in KEYS}
    assert values == {
        "sample_id": "tiny-000002",
        "index": 2,
        "age": 56.0,
        "sex": "F",
        "diagnosis": "AD",
        "measured_brain_ml": tiny.row(2, "train", 2)["measured_brain_ml"],
    }


def test_stored_integers_can_be_kept(cohort):
    item = VolumeDataset(cohort, dtype=None)[0]
    assert item["image"].dtype == torch.uint8
    np.testing.assert_array_equal(item["image"][0].numpy(), tiny.voxels(0)["image"])


def test_half_precision_is_rounded_once(cohort):
    image = VolumeDataset(cohort, dtype=torch.float16)[0]["image"]
    assert image.dtype == torch.float16
    np.testing.assert_array_equal(image[0].numpy(), physical(tiny.voxels(0)["image"]).astype(np.float16))


def test_a_selection_counts_its_own_rows(cohort):
    women = cohort.where("sex == 'F'")
    dataset = VolumeDataset(women, keys=("label",))
    assert [item["index"] for item in dataset] == women.table["index"].to_pylist()
    assert "image" not in dataset[0]
    assert dataset[-1]["sample_id"] == dataset[len(dataset) - 1]["sample_id"]
    with pytest.raises(IndexError, match="out of range"):
        dataset[len(dataset)]


def test_a_patch_is_cut_from_the_volume_and_knows_where_it_was(cohort):
    dataset = VolumeDataset(cohort, patch=(6, 7, 8), dtype=None, seed=4)
    whole = tiny.voxels(0)
    item = dataset[0]
    start = np.linalg.solve(np.array(tiny.AFFINE), item["image"].affine.numpy()[:, 3])[:3]
    box = tuple(slice(round(s), round(s) + size) for s, size in zip(start, (6, 7, 8), strict=True))
    for key in KEYS:
        np.testing.assert_array_equal(item[key][0].numpy(), whole[key][box])
        np.testing.assert_array_equal(item[key].affine.numpy(), item["image"].affine.numpy())


def test_the_place_of_a_patch_depends_on_epoch_and_seed_alone(cohort):
    first, second = (VolumeDataset(cohort, patch=(6, 7, 8), seed=4) for _ in range(2))
    other = VolumeDataset(cohort.select([0]), patch=(6, 7, 8), seed=4)
    assert torch.equal(first[0]["image"].affine, second[0]["image"].affine)
    assert torch.equal(first[0]["image"].affine, other[0]["image"].affine)
    first.set_epoch(1)
    assert not torch.equal(first[0]["image"].affine, second[0]["image"].affine)


def test_the_transform_gets_the_item_and_gives_the_result(cohort):
    dataset = VolumeDataset(cohort, transform=lambda item: item["age"])
    assert dataset[1] == 53.0


def test_missing_values_can_be_collated(cohort):
    item = VolumeDataset(cohort).__getitem__(0)
    assert not math.isnan(item["age"])
    import pyarrow as pa

    from voxpress.loaders.values import Values

    table = pa.table({"age": pa.array([None], pa.float64()), "sex": pa.array([None], pa.string())})
    values = Values(table)
    assert math.isnan(values.row(0)["age"])
    assert values.row(0)["sex"] == ""
    batch = values.rows(np.array([0, 0]))
    assert batch["age"].isnan().all()
    assert batch["sex"] == ["", ""]


def test_monai_transforms_keep_image_and_label_together(cohort):
    dataset = VolumeDataset(cohort, transform=augmentation().set_random_state(3))
    item = dataset[0]
    assert item["image"].shape == (1, 8, 12, 12)
    assert item["image"].meta["space"] == "RAS"
    assert ((item["image"] > 0) == (item["label"] > 0)).all()
    # a voxel of the crop is, in millimetres, where it was in the volume
    crop = item["label"]
    for voxel in torch.nonzero(crop[0])[:: max(1, int((crop > 0).sum()) // 20)]:
        world = crop.affine.numpy() @ [*voxel.tolist(), 1]
        x, y, z = np.rint(np.linalg.solve(np.array(tiny.AFFINE), world)[:3]).astype(int)
        assert tiny.voxels(0)["label"][x, y, z] == crop[0][tuple(voxel)]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("loader", [DataLoader, monai.data.DataLoader], ids=["torch", "monai"])
@pytest.mark.parametrize(("workers", "start"), [(0, None), (2, "fork"), (2, "spawn")])
def test_loaders_give_batches(cohort, loader, workers, start):
    dataset = VolumeDataset(cohort, transform=DivisiblePadd(keys=KEYS, k=8))
    context = {"multiprocessing_context": start} if start else {}
    batches = list(loader(dataset, batch_size=5, num_workers=workers, **context))
    assert [len(batch["sample_id"]) for batch in batches] == [5, 5, 2]
    assert batches[0]["image"].shape == (5, 1, 16, 24, 24)
    assert batches[0]["label"].meta["labels"][2] == ["ventricles"] * 5
    indices = [int(index) for batch in batches for index in batch["index"]]
    assert indices == cohort.table["index"].to_pylist()
    expected = physical(tiny.voxels(0)["image"]).sum()
    assert batches[0]["image"].as_tensor()[0].sum().item() == pytest.approx(expected, rel=1e-5)


def test_it_can_be_pickled(cohort):
    dataset = VolumeDataset(cohort, transform=ToTensord(keys=KEYS))
    dataset[0]
    copy = pickle.loads(pickle.dumps(dataset))
    assert torch.equal(copy[3]["image"], dataset[3]["image"])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"keys": ("image", "mask")}, "'mask'"),
        ({"keys": ()}, "none"),
        ({"patch": (17, 1, 1)}, "larger than the volumes"),
        ({"dtype": torch.uint8}, "floating point"),
    ],
    ids=["key", "no key", "patch", "dtype"],
)
def test_what_cannot_be_read_is_refused_at_once(cohort, options, told):
    with pytest.raises(ValueError, match=told):
        VolumeDataset(cohort, **options)
