"""What is asked of a Hub for volumes: an index a shard, a range a volume, no listing; or whole shards, once."""

import noise_store as noise
import numpy as np
import pytest
from loopback_hub.troubles import RateLimit

import voxpress as vp
from voxpress.loaders import VolumeStream, order
from voxpress.store.cache import cache_of

NAME = "org/noise"
CHOSEN = [3, 14, 17, 30, 35, 41, 52, 63]
"""Of 64, two in each of four shards."""
INDEX_BYTES = noise.SHARD_SAMPLES * 8 * 16 + 4


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    return noise.build(tmp_path_factory.mktemp("noise") / "noise")


@pytest.fixture
def hub(loopback_hub, noisy):
    loopback_hub.add_folder(NAME, noisy, tag="v1.0.0")
    return loopback_hub


def forget(hub):
    hub.reset()
    hub.storage.reset()


def chunk_bytes(cohort):
    """Bytes of the chunks of the chosen samples, as their shards hold them."""
    reads = 0
    for index in CHOSEN:
        shard = cohort.store.reader.shard_of("volumes/train.zarr/image", index)
        size = cohort.manifest.files[shard].bytes - INDEX_BYTES
        reads += size // noise.SHARD_SAMPLES
    return reads


def check_requests(hub, cohort, *, most_bytes=1.05):
    stored = hub.storage.log
    assert len(stored) <= len(CHOSEN) + 4, "one a volume and one a shard for its index"
    assert all(request.span and request.status == 206 and not request.token for request in stored)
    # where a shard lies is asked of the Hub once; nothing is listed
    assert len(hub.log) <= 4
    assert all("/resolve/" in request.path and "volumes/" in request.path for request in hub.log)
    assert chunk_bytes(cohort) <= hub.storage.bytes_sent <= most_bytes * chunk_bytes(cohort)


def test_random_volumes_of_a_stream_of_rows(hub):
    cohort = vp.open(f"{NAME}@v1.0.0")
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0", streaming=True)
    found = {row["index"]: row["image"] for row in rows}
    found[CHOSEN[0]].spec  # noqa: B018 - opens the store
    forget(hub)
    for index in CHOSEN:
        np.testing.assert_array_equal(found[index].numpy(), noise.voxels(index))
    check_requests(hub, cohort)


def test_random_volumes_of_a_table(hub):
    cohort = vp.open(f"{NAME}@v1.0.0")
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0")
    rows[0]["image"].spec  # noqa: B018
    forget(hub)
    for index in CHOSEN:
        np.testing.assert_array_equal(rows[index]["image"].numpy(), noise.voxels(index))
    check_requests(hub, cohort)


def test_random_volumes_of_a_cohort(hub):
    cohort = vp.open(f"{NAME}@v1.0.0")
    forget(hub)
    for index in CHOSEN:
        np.testing.assert_array_equal(cohort.read(index), noise.voxels(index))
    check_requests(hub, cohort)


def test_random_volumes_of_batches(hub):
    cohort = vp.open(f"{NAME}@v1.0.0").select(CHOSEN)
    _ = cohort.table
    forget(hub)
    found = [
        index for batch in VolumeStream(cohort, keys=("image",), batch_size=4) for index in batch["index"].tolist()
    ]
    assert found == CHOSEN
    # what lies between two volumes of a batch is read too where that costs less than another request
    check_requests(hub, cohort, most_bytes=2)
    assert len(hub.storage.log) < len(CHOSEN) + 4


def test_in_order_whole_shards_are_fetched_ahead_and_once(hub, noisy, tmp_path):
    cohort = vp.open(f"{NAME}@v1.0.0", cache=cache_of(tmp_path / "cache", "10MB"))
    _ = cohort.table
    forget(hub)
    taken = order.shuffled_shards(cohort, window_shards=1)
    stream = VolumeStream(cohort, keys=("image",), batch_size=1, order=taken, dtype=None, prefetch_bytes=1)
    seen = []
    for batch in stream:
        for index, image in zip(batch["index"].tolist(), batch["image"], strict=True):
            np.testing.assert_array_equal(image[0].numpy(), noise.voxels(index))
            seen.append(index)
    assert sorted(seen) == list(range(noise.SAMPLES))
    whole = sum(path.stat().st_size for path in noisy.rglob("c.*"))
    # the first shard is wanted at once, volume by volume; each later one comes whole, ahead of its first volume
    at_once = [request for request in hub.storage.log if request.sent > whole / 4 * 0.9]
    assert len(at_once) >= 2
    assert len(hub.storage.log) <= 4 + noise.SHARD_SAMPLES + 3 * 4
    assert hub.storage.bytes_sent <= 1.5 * whole
    assert len(hub.log) <= 4 * 2
    forget(hub)
    stream.set_epoch(1)
    assert len([index for batch in stream for index in batch["index"]]) == noise.SAMPLES
    assert not hub.storage.log
    assert not hub.log


@pytest.mark.timeout(60)
def test_a_hub_that_limits_the_rate_is_waited_for(hub):
    cohort = vp.open(f"{NAME}@v1.0.0")
    forget(hub)
    hub.limit = RateLimit(requests=2, window_s=0.5)
    for index in CHOSEN:
        np.testing.assert_array_equal(cohort.read(index), noise.voxels(index))
    assert any(request.status == 429 for request in hub.log)


def test_an_address_that_expires_is_asked_for_again(hub):
    rows = vp.load_dataset(NAME, split="train", revision="v1.0.0")
    np.testing.assert_array_equal(rows[0]["image"].numpy(), noise.voxels(0))
    hub.storage.expire()
    forget(hub)
    np.testing.assert_array_equal(rows[1]["image"].numpy(), noise.voxels(1))
    assert [request.status for request in hub.storage.log] == [403, 206]
    assert len(hub.log) == 1
