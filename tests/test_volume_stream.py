from __future__ import annotations

import pickle
import threading
import time

import numpy as np
import pytest
import tiny_store as tiny
import torch
from monai.data import MetaTensor
from monai.data.utils import list_data_collate
from monai.transforms import Compose, RandFlipd, RandGaussianNoised
from torch.utils.data import DataLoader

from voxpress import CorruptError, StallError, store
from voxpress.loaders import Foreground, VolumeDataset, VolumeStream, order
from voxpress.loaders.patches.uniform import UniformPlacement
from voxpress.store.reader import Reader

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


def test_only_the_chunks_of_the_patch_are_read(cohort, monkeypatch):
    asked = []
    open_ = Reader.open

    def noted(self, shard, wanted):
        reads = open_(self, shard, wanted)
        asked.extend(span for read in reads for span in read.starts)
        return reads

    monkeypatch.setattr(Reader, "open", noted)
    list(VolumeStream(cohort.select([0, 1]), patch=(2, 20, 18), sampling=Foreground(), keys=("label",)))
    assert 1 <= len(asked) <= 4, "two patches of the thickness of a chunk, each in two chunks at most"


def test_patches_do_not_depend_on_what_else_is_selected(cohort):
    options = {"patch": PATCH, "patches_per_volume": 2, "seed": 3}
    everyone = places(VolumeStream(cohort, **options))
    few = places(VolumeStream(cohort.select([7, 2]), **options))
    assert few == [*everyone[14:16], *everyone[4:6]]


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize("world_size", [1, 2, 3])
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
            remainder="drop",
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
@pytest.mark.parametrize("start", ["fork", "spawn", "forkserver"])
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


@pytest.mark.parametrize(("remainder", "steps"), [("drop", 1), ("pad", 2), ("repeat", 2)])
def test_all_ranks_take_equally_many_steps(cohort, remainder, steps):
    options = {"batch_size": 2, "remainder": remainder, "world_size": 5, "keys": ("label",)}
    ranks = [list(VolumeStream(cohort, rank=rank, **options)) for rank in range(5)]
    assert [len(batches) for batches in ranks] == [steps] * 5
    assert all(len(batch["index"]) == 2 for batches in ranks for batch in batches)
    if remainder == "pad":
        real = [
            index
            for batches in ranks
            for batch in batches
            for index, padding in zip(batch["index"].tolist(), batch["is_padding"].tolist(), strict=True)
            if not padding
        ]
        assert sorted(real) == sorted(cohort.table["index"].to_pylist())
    else:
        assert all("is_padding" not in batch for batches in ranks for batch in batches)


def test_a_transform_that_gives_several_items_makes_larger_batches(cohort):
    stream = VolumeStream(cohort, batch_size=4, transform=lambda item: [item, item])
    assert [len(batch["index"]) for batch in stream] == [8, 8, 8]


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
        ({"rank": 2, "world_size": 2, "remainder": "drop"}, "rank must be 0 to 1"),
        ({"world_size": 2}, "choose 'drop', 'pad' or 'repeat'"),
        ({"remainder": "lose"}, "remainder must be one of"),
        ({"sampling": Foreground()}, "needs patch"),
        ({"shuffle": True, "order": order.sequential(12)}, "exclude each other"),
        ({"order": order.sequential(11)}, "made for 11 rows, but the cohort has 12"),
        ({"pin_memory": True}, "needs a GPU"),
        ({"threads": 0}, "threads must be at least 1"),
        ({"prefetch_bytes": 0}, "prefetch_bytes must be at least 1"),
        ({"timeout_s": 0}, "timeout_s must be more than 0"),
        ({"world_size": 0}, "world_size must be at least 1"),
        ({"seed": -1}, "seed must be"),
        ({"keys": ("images",)}, "'images'"),
    ],
    ids=lambda value: str(value) if isinstance(value, dict) else "",
)
def test_what_cannot_be_streamed_is_refused_at_once(cohort, options, told, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ValueError, match=told):
        VolumeStream(cohort, **options)


def test_a_cohort_without_rows_is_refused(cohort):
    with pytest.raises(ValueError, match="there is nothing to read"):
        VolumeStream(cohort.select([]), batch_size=2)


@pytest.mark.parametrize("patch", [None, PATCH], ids=["whole", "patch"])
@pytest.mark.parametrize("dtype", [None, torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_a_batch_is_what_monai_makes_of_the_items(cohort, patch, dtype):
    options = {"patch": patch, "dtype": dtype, "seed": 4}
    batch = next(iter(VolumeStream(cohort, batch_size=3, **options)))
    items = [item for item, _ in zip(VolumeStream(cohort, **options), range(3), strict=False)]
    expected = list_data_collate(items)
    assert set(batch) == set(expected)
    for name, value in expected.items():
        assert _same(batch[name], value), name
        if isinstance(value, MetaTensor):
            assert isinstance(batch[name], MetaTensor)
            assert _same(batch[name].meta, value.meta), name
            assert batch[name].is_batch
            assert batch[name].applied_operations == value.applied_operations


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_items_are_those_of_the_map_style_dataset(cohort, dtype):
    dataset = VolumeDataset(cohort, dtype=dtype, patch=PATCH, seed=4)
    for row, item in enumerate(VolumeStream(cohort, dtype=dtype, patch=PATCH, seed=4)):
        other = dataset[row]
        assert set(item) == set(other)
        for name, value in other.items():
            assert _same(item[name], value), name


def _same(one, other):
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(torch.as_tensor(one), torch.as_tensor(other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    return one == other


def test_batches_stay_what_they_were_while_somebody_holds_them(cohort):
    held = list(VolumeStream(cohort, batch_size=2, dtype=None, prefetch_bytes=1))
    for batch in held:
        for index, image in zip(batch["index"].tolist(), batch["image"], strict=True):
            np.testing.assert_array_equal(image[0].numpy(), tiny.voxels(index)["image"])


def test_memory_is_used_again_once_a_batch_is_gone(cohort):
    addresses = {batch["image"].data_ptr() for batch in VolumeStream(cohort, batch_size=1, prefetch_bytes=1)}
    assert len(addresses) < 12


def test_wrong_bytes_are_an_error_that_names_file_and_samples(tiny_store):
    shard = tiny_store / "volumes/train.zarr/image/c.1.0.0.0"
    data = bytearray(shard.read_bytes())
    data[3000] ^= 255
    shard.write_bytes(data)
    stream = VolumeStream(store.open(tiny_store), batch_size=2)
    given = []
    with pytest.raises(CorruptError) as caught:
        given.extend(stream)
    assert caught.value.path == "volumes/train.zarr/image/c.1.0.0.0"
    assert "tiny-000004" in caught.value.samples
    assert str(tiny_store) in str(caught.value)
    assert [batch["index"].tolist() for batch in given] == [[0, 1], [2, 3]]


def test_an_error_of_a_transform_comes_out(cohort):
    def fails(item):
        if item["index"] == 3:
            msg = "no such thing"
            raise KeyError(msg)
        return item

    with pytest.raises(KeyError, match="no such thing"):
        list(VolumeStream(cohort, batch_size=2, transform=fails))


@pytest.mark.parametrize("row", [0, 5, 11], ids=["first", "middle", "last"])
def test_an_error_of_a_placement_comes_out_at_its_batch(cohort, monkeypatch, row):
    place = UniformPlacement.box

    def failing(self, asked, words):
        if asked == row:
            msg = f"no place in {asked}"
            raise RuntimeError(msg)
        return place(self, asked, words)

    monkeypatch.setattr(UniformPlacement, "box", failing)
    given = []
    with pytest.raises(RuntimeError, match=f"no place in {row}"):
        given.extend(VolumeStream(cohort, batch_size=1, patch=PATCH))
    assert len(given) == row


@pytest.mark.timeout(60)
def test_a_stall_is_an_error_that_says_where(cohort):
    let_go = threading.Event()
    stream = VolumeStream(cohort, batch_size=2, transform=lambda _: let_go.wait(), timeout_s=0.2)
    with pytest.raises(StallError, match=r"no batch came within 0.2 s; its threads are busy with: a transform"):
        next(iter(stream))
    let_go.set()


@pytest.mark.parametrize(
    ("cpus", "options", "threads"),
    [
        (2, {}, 2),
        (16, {}, 4),
        (16, {"transform": noise()}, 16),
        (16, {"threads": 12}, 12),
        # 2^16 items of 16 · 20 · 18 voxels, five bytes each: 1.9 GB
        (16, {"batch_size": 2**16}, 16),
        (256, {"batch_size": 2**12}, 28),
    ],
)
def test_small_batches_get_few_threads(cohort, monkeypatch, cpus, options, threads):
    """More of them gain little, and hold up the loop that trains."""
    monkeypatch.setattr("voxpress.loaders.stream.available_cpus", lambda: cpus)
    assert VolumeStream(cohort, **options).ahead().threads == threads


def test_an_iterator_that_is_left_stops_its_threads(cohort):
    iterator = iter(VolumeStream(cohort, batch_size=1))
    next(iterator)
    iterator.close()
    deadline = time.monotonic() + 10
    while [thread for thread in threading.enumerate() if thread.name.startswith("voxpress_")]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_no_thread_is_started_before_the_first_batch(cohort):
    before = threading.active_count()
    iter(VolumeStream(cohort, batch_size=1))
    assert threading.active_count() == before


def test_the_first_batch_does_not_wait_for_the_plans_of_all(cohort, monkeypatch):
    planned = []
    orders_ = VolumeStream._orders

    def noted(self, *given):
        for make in orders_(self, *given):
            planned.append(make)
            yield make

    monkeypatch.setattr(VolumeStream, "_orders", noted)
    iterator = iter(VolumeStream(cohort, batch_size=1, threads=1))
    next(iterator)
    assert len(planned) == 3, "windows of 1 and 2, more than there are for one thread to do at once"
    assert len(list(iterator)) == len(cohort) - 1
    assert len(planned) == len(cohort)


@pytest.mark.parametrize("rows", [slice(0, 2), slice(-2, None)], ids=["first", "last"])
def test_all_threads_make_the_batches_at_the_ends_of_an_epoch(cohort, monkeypatch, rows):
    """They have nothing else to do: nobody would get on if each waited for the other in one thread."""
    stream = VolumeStream(cohort, keys=("image",), batch_size=2, threads=2)
    together = threading.Barrier(2, timeout=20)
    where = cohort.locations
    split, slots = where.splits[where.split[rows][0]], where.slot[rows].tolist()
    open_ = Reader.open

    def waiting(self, shard, wanted):
        if any(f"/{split}.zarr/" in one.path and one.slot in slots for one in wanted):
            together.wait()
        return open_(self, shard, wanted)

    monkeypatch.setattr(Reader, "open", waiting)
    assert len(list(stream)) == len(stream)
