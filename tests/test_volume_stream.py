from __future__ import annotations

import pickle

import numpy as np
import pytest
import tiny_store as tiny
import torch
from monai.transforms import Compose, RandFlipd, RandGaussianNoised
from torch.utils.data import DataLoader

from voxpress import store
from voxpress.loaders import VolumeStream

KEYS = ("image", "label")
PATCH = (6, 7, 8)


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store)


def noise():
    return Compose([RandFlipd(keys=KEYS, prob=0.5), RandGaussianNoised(keys="image", prob=1.0, std=0.1)])


def load(stream, workers=0, start=None):
    options = {"multiprocessing_context": start} if workers else {}
    return list(DataLoader(stream, batch_size=None, num_workers=workers, **options))


def places(items):
    """What and where each patch is: enough to tell two streams apart."""
    return [(item["index"], *item["image"].affine[:3, 3].tolist()) for item in items]


def test_whole_volumes_in_the_order_of_the_cohort(cohort):
    items = list(VolumeStream(cohort, dtype=None))
    assert [item["index"] for item in items] == cohort.table["index"].to_pylist()
    for item in items:
        for key in KEYS:
            np.testing.assert_array_equal(item[key][0].numpy(), tiny.voxels(item["index"])[key])


def test_each_epoch_shuffles_anew_and_the_same_way_every_time(cohort):
    def indices(seed, epoch):
        stream = VolumeStream(cohort, keys=("label",), shuffle=True, seed=seed)
        stream.set_epoch(epoch)
        return [item["index"] for item in stream]

    everyone = sorted(cohort.table["index"].to_pylist())
    orders = [indices(seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(sorted(order) == everyone for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert indices(1, 1) == orders[3]


def test_patches_are_cut_from_the_volume_and_know_where_they_were(cohort):
    stream = VolumeStream(cohort, patch=PATCH, patches_per_volume=3, dtype=None, seed=8)
    items = list(stream)
    assert len(items) == len(stream) == 3 * tiny.SAMPLES
    for item in items:
        whole = tiny.voxels(item["index"])
        start = np.rint(np.linalg.solve(np.array(tiny.AFFINE), item["image"].affine.numpy()[:, 3])[:3]).astype(int)
        box = tuple(slice(s, s + size) for s, size in zip(start, PATCH, strict=True))
        for key in KEYS:
            np.testing.assert_array_equal(item[key][0].numpy(), whole[key][box])
            assert torch.equal(item[key].affine, item["image"].affine)
    assert len(set(places(items))) == len(items)


def test_only_the_patch_is_asked_of_the_store(cohort, monkeypatch):
    asked = []
    read = store.Cohort.read

    def noted(self, row, name="image", box=None):
        asked.append(box)
        return read(self, row, name, box)

    monkeypatch.setattr(store.Cohort, "read", noted)
    list(VolumeStream(cohort.select([0, 1]), patch=PATCH))
    assert [tuple(stop - start for start, stop in box) for box in asked] == [PATCH] * 4


def test_patches_do_not_depend_on_what_else_is_selected(cohort):
    options = {"patch": PATCH, "patches_per_volume": 2, "seed": 3}
    everyone = places(VolumeStream(cohort, **options))
    few = places(VolumeStream(cohort.select([7, 2]), **options))
    assert few == [*everyone[14:16], *everyone[4:6]]


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("world_size", [1, 2, 5])
def test_ranks_read_each_patch_once(cohort, world_size, batch_size):
    def rank_items(rank):
        stream = VolumeStream(
            cohort,
            keys=("image",),
            patch=PATCH,
            patches_per_volume=2,
            batch_size=batch_size,
            shuffle=True,
            rank=rank,
            world_size=world_size,
        )
        steps = list(stream)
        assert len(steps) == len(stream)
        if batch_size is None:
            return places(steps)
        affines = (affine for step in steps for affine in step["image"].affine)
        return [
            (int(index), *affine[:3, 3].tolist())
            for index, affine in zip((i for step in steps for i in step["index"]), affines, strict=True)
        ]

    together = [place for rank in range(world_size) for place in rank_items(rank)]
    alone = places(VolumeStream(cohort, patch=PATCH, patches_per_volume=2))
    assert sorted(together) == sorted(alone)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_change_nothing(cohort, start):
    stream = VolumeStream(
        cohort, patch=PATCH, patches_per_volume=3, batch_size=4, transform=noise(), shuffle=True, seed=5
    )
    stream.set_epoch(2)
    alone, shared = load(stream), load(stream, workers=2, start=start)
    assert len(alone) == len(shared) == len(stream) == 9
    for one, other in zip(alone, shared, strict=True):
        assert one["sample_id"] == other["sample_id"]
        for key in KEYS:
            assert torch.equal(one[key].as_tensor(), other[key].as_tensor())
            assert torch.equal(one[key].affine, other[key].affine)
        assert one["image"].meta["synthetic"].all()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_workers_that_live_on_see_the_epoch(cohort, start):
    stream = VolumeStream(cohort, keys=("label",), batch_size=3, shuffle=True)
    loader = DataLoader(stream, batch_size=None, num_workers=2, persistent_workers=True, multiprocessing_context=start)
    for epoch in (0, 3):
        stream.set_epoch(epoch)
        expected = [batch["sample_id"] for batch in stream]
        assert [batch["sample_id"] for batch in loader] == expected


def test_augmentation_depends_on_the_sample_not_on_what_came_before(cohort):
    def image_of(rows, wanted, epoch=0):
        stream = VolumeStream(cohort.select(rows), transform=noise(), seed=1)
        stream.set_epoch(epoch)
        return next(item["image"].as_tensor() for item in stream if item["index"] == wanted)

    after_others, alone = image_of([3, 1, 0], 0), image_of([0], 0)
    assert torch.equal(after_others, alone)
    assert not torch.equal(alone, image_of([0], 0, epoch=1))


def test_drop_last_makes_all_ranks_equally_long(cohort):
    streams = [
        VolumeStream(cohort, batch_size=2, drop_last=True, rank=rank, world_size=5, keys=("label",))
        for rank in range(5)
    ]
    assert [len(list(stream)) for stream in streams] == [len(stream) for stream in streams] == [1] * 5
    assert all(len(batch["index"]) == 2 for stream in streams for batch in stream)


def test_a_transform_that_gives_several_items_makes_larger_batches(cohort):
    stream = VolumeStream(cohort, batch_size=4, transform=lambda item: [item, item])
    assert [len(batch["index"]) for batch in stream] == [8, 8, 8]


def test_an_empty_cohort_gives_nothing(cohort):
    stream = VolumeStream(cohort.select([]), batch_size=2, shuffle=True)
    assert list(stream) == []
    assert len(stream) == 0


def test_it_can_be_pickled(cohort):
    stream = VolumeStream(cohort, batch_size=4, patch=PATCH, shuffle=True)
    stream.set_epoch(6)
    copy = pickle.loads(pickle.dumps(stream))
    assert [batch["sample_id"] for batch in copy] == [batch["sample_id"] for batch in stream]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"patch": (16, 21, 18)}, r"patch \(16, 21, 18\) is larger than the volumes, which have \(16, 20, 18\)"),
        ({"patch": (4, 0, 4)}, "at least 1 voxel"),
        ({"patches_per_volume": 2}, "needs patch"),
        ({"patches_per_volume": 0, "patch": PATCH}, "patches_per_volume must be at least 1"),
        ({"batch_size": 0}, "batch_size must be at least 1"),
        ({"rank": 2, "world_size": 2}, "rank must be 0 to 1"),
        ({"world_size": 0}, "world_size must be at least 1"),
        ({"seed": -1}, "seed must be"),
        ({"keys": ("images",)}, "'images'"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_streamed_is_refused_at_once(cohort, options, told):
    with pytest.raises(ValueError, match=told):
        VolumeStream(cohort, **options)
