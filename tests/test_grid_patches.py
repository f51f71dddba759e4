from __future__ import annotations

import pickle

import numpy as np
import pytest
import tiny_store as tiny
import torch
from monai.inferers import AvgMerger, PatchInferer
from monai.transforms import ScaleIntensityRanged
from torch.utils.data import DataLoader

from voxpress import store
from voxpress.loaders.grid_patches import GridPatches
from voxpress.loaders.volumes import VolumeDataset

PATCH, OVERLAP = (6, 7, 8), (2, 3, 0)


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store).select([7, 0, 3])


@pytest.mark.parametrize(("workers", "batch_size"), [(0, 1), (0, 5), (2, 5)])
def test_batches_that_are_merged_give_the_volumes_back(cohort, workers, batch_size):
    patches = GridPatches(cohort, patch=PATCH, overlap=OVERLAP, dtype=None)
    mergers = [AvgMerger(merged_shape=(1, 1, *patches.shape)) for _ in range(len(cohort))]
    for batch in DataLoader(patches, batch_size=batch_size, num_workers=workers):
        predictions = batch["image"].as_tensor().float()
        for prediction, row, location in zip(predictions, batch["row"], batch["location"], strict=True):
            mergers[row].aggregate(prediction[None], location.tolist())
    for row, merger in enumerate(mergers):
        # sums and quotients of small integers are exact
        np.testing.assert_array_equal(merger.finalize()[0, 0].numpy(), cohort.read(row, "image"))


@pytest.mark.parametrize("overlap", [(0, 0, 0), OVERLAP, (5, 6, 7)], ids=str)
def test_the_inferer_of_monai_takes_the_patches_of_a_volume(cohort, overlap):
    patches = GridPatches(cohort, patch=PATCH, overlap=overlap)
    inferer = PatchInferer(batch_size=4, merged_shape=(1, 1, *patches.shape), count_dtype=torch.int32)
    for row in range(len(cohort)):
        merged = inferer(patches.of_volume(row), lambda patch: 2 * patch)
        whole = VolumeDataset(cohort)[row]["image"]
        torch.testing.assert_close(merged[0], 2 * whole.as_tensor(), rtol=1e-5, atol=0)


def test_labels_can_be_merged_too(cohort):
    patches = GridPatches(cohort, keys=("image", "label"), patch=PATCH)
    inferer = PatchInferer(merged_shape=(1, 1, *patches.shape))
    merged = inferer(patches.of_volume(1, "label"), lambda patch: patch.float())
    np.testing.assert_array_equal(merged[0, 0].numpy(), cohort.read(1, "label"))


def test_an_item_knows_where_it_is(cohort):
    patches = GridPatches(cohort, patch=PATCH, overlap=OVERLAP, dtype=None)
    assert len(patches) == len(cohort) * len(patches.boxes)
    for number in (0, 1, len(patches.boxes), len(patches) - 1):
        item = patches[number]
        box = patches.boxes[number % len(patches.boxes)]
        row = number // len(patches.boxes)
        assert item["row"] == row
        assert item["location"].tolist() == [start for start, _ in box]
        assert item["index"] == cohort.table["index"][row].as_py()
        for key in ("image", "label"):
            np.testing.assert_array_equal(item[key][0].numpy(), cohort.read(row, key, box))
            centre = item[key].affine.numpy() @ [0, 0, 0, 1]
            np.testing.assert_allclose(centre, np.array(tiny.AFFINE) @ [*item["location"].tolist(), 1])


def test_a_patch_is_a_copy(cohort):
    patches = GridPatches(cohort, patch=PATCH, overlap=OVERLAP, dtype=None)
    patches[0]["image"].zero_()
    np.testing.assert_array_equal(patches[1]["image"][0].numpy(), cohort.read(0, "image", patches.boxes[1]))


def test_a_volume_is_read_once(cohort, monkeypatch):
    patches = GridPatches(cohort, patch=PATCH)
    seen = []
    whole = VolumeDataset.__getitem__
    monkeypatch.setattr(VolumeDataset, "__getitem__", lambda self, row: seen.append(row) or whole(self, row))
    for _ in patches:
        pass
    assert seen == [0, 1, 2]


def test_it_can_be_pickled_and_transformed(cohort):
    scale = ScaleIntensityRanged(keys="image", a_min=0, a_max=1, b_min=0, b_max=2)
    patches = GridPatches(cohort, patch=PATCH, transform=scale)
    plain = GridPatches(cohort, patch=PATCH)
    before = len(pickle.dumps(patches))
    patches[0]
    # the volume that is held stays behind
    assert len(pickle.dumps(patches)) == pytest.approx(before, abs=2000)
    copy = pickle.loads(pickle.dumps(patches))
    torch.testing.assert_close(copy[-1]["image"].as_tensor(), 2 * plain[len(plain) - 1]["image"].as_tensor())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"patch": (17, 1, 1)}, "larger than the volumes"),
        ({"patch": PATCH, "overlap": PATCH}, "overlap must be"),
        ({"patch": PATCH, "keys": ("mask",)}, "'mask'"),
    ],
)
def test_what_cannot_be_cut_is_refused(cohort, options, told):
    with pytest.raises(ValueError, match=told):
        GridPatches(cohort, **options)


def test_a_patch_that_is_not_there_is_refused(cohort):
    patches = GridPatches(cohort, patch=PATCH)
    with pytest.raises(IndexError, match="out of range"):
        patches[len(patches)]
