"""Data sets that are made in object storage: the bytes of one made in a folder, whoever is killed and goes on."""

from __future__ import annotations

import json
import os
import signal

import pytest
from command_line import apart
from s3_server import objects
from tiny_factory import SAMPLES, SHARDS, contents, finish, order, press, press_share, spawn, until
from tiny_features import Tones
from troubled_backend import Trouble

import voxpress
from voxpress.builder.fetching import fetch
from voxpress.errors import GenerationError, PublishError, RemoteError, StoreExistsError, StoreNotFoundError
from voxpress.generation import bucket_journal
from voxpress.generation.bucket_journal import BucketJournal
from voxpress.store.bucket import Bucket
from voxpress.store.sources.objects import ObjectSource

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def target(bucket):
    return f"{bucket}/data/balls"


def there(target: str) -> Bucket:
    return Bucket(ObjectSource(target))


def committed(target: str) -> int:
    """Shards that an unfinished run has committed."""
    return len(there(target).sizes(".voxpress-work/shards"))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bucket_has_the_bytes_of_a_folder(target, pressed_balls, workers) -> None:
    told = []
    assert press(order(), target, workers=workers, progress=told.append).made == SAMPLES
    assert told[-1].done == SAMPLES
    assert objects(target) == contents(pressed_balls)
    assert press(order(), target).made == 0


def test_features_come_with_it(target, tmp_path) -> None:
    press(order(), tmp_path / "folder", extractors=[Tones()])
    press(order(), target, workers=2, extractors=[Tones()])
    assert objects(target) == contents(tmp_path / "folder")


def test_a_run_goes_on_from_what_is_committed(target, pressed_balls) -> None:
    with pytest.raises(GenerationError, match="failed at tiny-balls-0000009"):
        press(order(), target, Trouble(kind="raise", at=9))
    left = SHARDS - committed(target)
    assert 0 < left < SHARDS
    with pytest.raises(StoreNotFoundError):
        voxpress.open(target)
    lost = next(iter(there(target).sizes("volumes/train.zarr/image")))
    there(target).delete([lost])
    assert press(order(), target).made in {2 * left + 2, 2 * left + 1, 2 * left}
    assert objects(target) == contents(pressed_balls)


def test_killed_in_the_middle_it_goes_on_elsewhere(target, pressed_balls) -> None:
    run = spawn(target, trouble={"kind": "pause"}, workers=2)
    until(lambda: committed(target) >= 2)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    made = press(order(), target).made
    assert 0 < made < SAMPLES
    assert objects(target) == contents(pressed_balls)


def test_shares_need_no_folder_in_common(target, pressed_balls) -> None:
    press_share("1/3", target)
    press_share("3/3", target)
    assert press_share("3/3", target).made == 0
    with pytest.raises(GenerationError, match=r"s3://.*/balls is not complete: . of 8 shards .* of 1 of 3 shares: 2\."):
        finish(target, command="press me")
    press_share("2/3", target)
    finish(target)
    assert objects(target) == contents(pressed_balls)
    assert press_share("2/3", target).made == 0
    assert finish(target).made == 0


def test_another_order_is_refused(target) -> None:
    with pytest.raises(GenerationError):
        press(order(), target, Trouble(kind="raise", at=9))
    with pytest.raises(StoreExistsError, match=r"unfinished run of another order .*seed: 7 there, seed: 8 ordered"):
        press(order("seed=8"), target)
    press(order(), target)
    digest = voxpress.open(target).manifest.digest
    with pytest.raises(StoreExistsError, match=r"finished data set of another order .*seed: 7 there, seed: 8 ordered"):
        press(order("seed=8"), target)
    assert voxpress.open(target).manifest.digest == digest


def test_what_is_not_ours_is_left_alone(target) -> None:
    there(target).put("notes.txt", b"mine")
    with pytest.raises(StoreExistsError, match="is not empty and holds no run of voxpress"):
        press(order(), target)
    assert there(target).names() == {"notes.txt"}


def test_a_run_that_another_has_finished_meanwhile_changes_nothing(target, tmp_path) -> None:
    def finished_by_another(jobs):
        press(order(), target, extractors=[Tones()])
        return jobs

    press(order(), tmp_path / "folder", extractors=[Tones()])
    press(order(), target, extractors=[Tones()], arrange=finished_by_another)
    assert objects(target) == contents(tmp_path / "folder")


@pytest.mark.parametrize("point", range(0, 30, 2))
def test_stopped_while_the_rest_is_sent_it_is_finished_by_the_same_command(
    target, pressed_balls, monkeypatch, point
) -> None:
    sent = []

    def put(self, path, content):
        if not path.startswith(".voxpress-work") and "/c." not in path:
            sent.append(path)
            if len(sent) > point:
                raise KeyboardInterrupt
        plain(self, path, content)

    plain = Bucket.put
    monkeypatch.setattr(Bucket, "put", put)
    monkeypatch.setattr(bucket_journal, "_TRANSFERS", 1)
    try:
        press(order(), target)
    except KeyboardInterrupt:
        with pytest.raises(StoreNotFoundError):
            voxpress.open(target)
        monkeypatch.setattr(Bucket, "put", plain)
        assert press(order(), target).made == 0
    else:
        assert point >= len(sent)
    assert objects(target) == contents(pressed_balls)


def test_the_card_is_there_with_the_manifest_and_is_not_written_again(target, tmp_path) -> None:
    recipe = {"name": "brains", "samples": 2, "image": {"shape": [16, 16, 16], "spacing_mm": [12, 14, 12]}}
    cohort = voxpress.generate(recipe, target, workers=1)
    card = there(target).read("README.md")[0].decode()
    voxpress.generate(recipe, tmp_path / "brains", workers=1)
    assert card == (tmp_path / "brains" / "README.md").read_text()
    assert json.loads(there(target).read("croissant.json")[0])["name"]
    assert cohort[0]["image"].shape == (16, 16, 16)
    there(target).put("README.md", b"mine")
    voxpress.generate(recipe, target)
    assert there(target).read("README.md")[0] == b"mine"


def test_a_bucket_that_is_not_there_is_told(s3, monkeypatch) -> None:
    s3.set(monkeypatch)
    with pytest.raises(RemoteError, match="there is no bucket at s3://nowhere-at-all/balls; make it first"):
        press(order(), "s3://nowhere-at-all/balls")


def test_from_the_command_line(target, tmp_path) -> None:
    (tmp_path / "recipe.yaml").write_text(
        "name: brains\nsamples: 3\nimage: {shape: [16, 16, 16], spacing_mm: [12, 14, 12]}\nshards: {samples: 1}\n"
    )
    make = ("generate", tmp_path / "recipe.yaml", "-o", target)
    share = apart(*make, "--shards", "1/2", "--workers", "1")
    assert f"next: when all 2 shares are there, voxpress generate {make[1]} -o {target} --finish" in share.out
    unfinished = apart(*make, "--finish")
    assert unfinished.code == 1
    assert f"{make[1]} -o {target} --shards 2/2    (1 of 1 shards missing)" in unfinished.err
    made = apart(*make, "--workers", "1")
    assert f"next: voxpress fetch {target} -o DIR, to judge and publish it · voxpress preview {target} -o" in made.out
    assert len(voxpress.open(target)) == 3
    fetched = apart("fetch", target, "-o", tmp_path / "brains")
    assert "(the same as the source)" in fetched.out
    assert apart("verify", tmp_path / "brains").code == 0


@pytest.mark.parametrize("target", ["https://host/balls", "hf://datasets/org/name", "sftp://host/balls"])
def test_other_addresses_are_refused(target) -> None:
    with pytest.raises(PublishError, match=r"must be a folder or an address of s3://, gs:// or az://, got "):
        press(order(), target)


@pytest.mark.parametrize("path", ["s3://bucket/balls", "https://host/balls"])
def test_what_is_made_in_a_folder_takes_no_address(pressed_balls, path) -> None:
    with pytest.raises(PublishError, match=r"is an address, and this is made in a folder"):
        fetch(pressed_balls, path)


def test_a_worker_that_sees_another_bucket_does_not_begin(target) -> None:
    class Elsewhere:
        def run(self, maker, jobs, *, on_sample, needs, ready):
            there(target).put(".voxpress-work/order.json", b"{}")
            ready(maker)
            yield

    with pytest.raises(GenerationError, match=r"does not see this run at s3://.*AWS_ENDPOINT_URL"):
        press(order(), target, engine=Elsewhere())


def test_a_worker_that_may_not_read_says_where_it_is(target, monkeypatch) -> None:
    maker = BucketJournal(there(target)).outfit(None, {"lock": {}})
    monkeypatch.setattr(bucket_journal, "check_software", lambda *_: None)

    def refuse(self, path, most=0):
        raise RemoteError("no")

    monkeypatch.setattr(Bucket, "read", refuse)
    with pytest.raises(RemoteError, match=r"a worker on .* cannot read what is ordered: no"):
        maker.check()
