"""Publishing that is killed anywhere: readers see the old version or none, and the same command finishes the job."""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import threading
from dataclasses import dataclass, field

import pytest
from loopback_hub import LoopbackHub, Trouble
from loopback_hub.in_process import point_at
from loopback_hub.users import READER, WRITER
from published_stores import carded, next_version
from publishing_forks import Forks
from tiny_factory import contents

from voxpress import store
from voxpress.errors import StoreNotFoundError

pytestmark = [pytest.mark.timeout(240), pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")]

CRASHES = 50


@dataclass
class Count:
    """Requests of the publisher, to both servers of the Hub."""

    seen: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@dataclass(kw_only=True)
class Kill(Trouble):
    """Kills the publisher at one of its requests.

    Attributes:
        count: shared with the other server.
        known: set when `pid` is.
    """

    count: Count
    known: threading.Event = field(default_factory=threading.Event)
    pid: int = 0

    def strikes(self, call) -> bool:
        if READER in call.headers.get("authorization", ""):
            return False
        with self.count.lock:
            self.count.seen += 1
            return self.count.seen == self.after + 1

    def __post_init__(self) -> None:
        self.call = self.strike

    def strike(self, _: object) -> None:
        assert self.known.wait(20)
        os.kill(self.pid, signal.SIGKILL)


@pytest.fixture(scope="module")
def stores(sealed_store, tmp_path_factory):
    """Two versions."""
    folder = tmp_path_factory.mktemp("versions")
    first = carded(shutil.copytree(sealed_store, folder / "first"))
    return first, next_version(first, folder / "second")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    with LoopbackHub(tmp_path_factory.mktemp("hub")) as hub, pytest.MonkeyPatch.context() as patch:
        # whoever reads meanwhile is known by another token
        point_at(hub, tmp_path_factory.mktemp("home"), patch, token=READER)
        yield hub


@pytest.fixture(scope="module")
def forks(hub, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forks")
    with Forks(hub.environment(folder / "home", token=WRITER), folder) as forks:
        yield forks


def files_of(root) -> dict[str, str]:
    return contents(root)


def held(hub, name: str, commit) -> dict[str, str]:
    """What a commit has, by the bytes that a reader gets."""
    repository = hub.repository(name)
    return {
        path: hashlib.sha256(repository.bytes_of(file)).hexdigest()
        for path, file in commit.files.items()
        if not path.startswith(".")
    }


def check_what_was_to_be_seen(hub, name: str, *versions: dict[str, str]) -> None:
    """Every commit that `main` or a tag ever named is nothing or a whole version."""
    repository = hub.repository(name)
    if not repository.exists:
        return
    for commit in repository.history("main"):
        assert held(hub, name, commit) in ({}, *versions)
    for tag in repository.refs["tags"]:
        assert held(hub, name, repository.read(tag)) in versions


def killed(hub, forks, point: int, *arguments: object, done: tuple[bool, bool] = (False, False)):
    """Runs a command that is killed at a request.

    Args:
        point: number of the request.
        done: whether the Hub, and its storage, carry out the request all the same.
    """
    count = Count()
    kills = [Kill(after=point, count=count, status=0, done=each) for each in done]
    hub.troubles, hub.storage.troubles = [kills[0]], [kills[1]]
    run = forks.start(*arguments)
    for kill in kills:
        kill.pid = run.pid
        kill.known.set()
    ended = run.wait()
    hub.troubles, hub.storage.troubles = [], []
    return ended


class Reader(threading.Thread):
    """Reads the main branch and the tag again and again, over HTTP, until it is told to stop."""

    def __init__(self, name: str) -> None:
        super().__init__(daemon=True)
        self.name_of = name
        self.stop = threading.Event()
        self.seen: list[str] = []
        self.failed: list[BaseException] = []

    def run(self) -> None:
        while not self.stop.wait(0.02):
            for address in (self.name_of, f"{self.name_of}@v2.0.0"):
                try:
                    cohort = store.open(address)
                    row = cohort[0]
                    assert row["image"].any()
                    self.seen.append(cohort.manifest.version)
                except StoreNotFoundError:
                    self.seen.append("none")
                except BaseException as error:  # noqa: BLE001 - told at the end
                    self.failed.append(error)
                    return


@pytest.fixture(scope="module")
def requests(hub, forks, stores):
    """Requests of an undisturbed publication: of the first version, and of the second."""
    counts = []
    for root in stores:
        hub.reset(), hub.storage.reset()
        ended = forks.start("publish", root, "org/undisturbed").wait()
        assert ended.code == 0, ended.text
        counts.append(hub.requests + hub.storage.requests)
    assert hub.repository("org/undisturbed").refs["branches"].keys() == {"main"}
    return counts


@pytest.mark.parametrize("seed", range(CRASHES))
def test_killed_at_any_request_it_is_finished_by_the_same_command(hub, forks, stores, requests, seed) -> None:
    rng = random.Random(seed)
    first, second = stores
    name, again = f"org/crash-{seed}", bool(seed % 2)
    if again:
        hub.add_folder(name, first, tag="v1.0.0")
    root = second if again else first
    versions = [files_of(first), files_of(second)][: 1 + again]
    done = rng.random() < 0.5, rng.random() < 0.5
    ended = killed(hub, forks, rng.randrange(requests[again]), "publish", root, name, done=done)
    assert ended.code == -signal.SIGKILL, ended.text
    check_what_was_to_be_seen(hub, name, *versions)
    there = {path.name for path in (hub.folder / name / "lfs").glob("*")}
    hub.storage.reset()
    ended = forks.start("publish", root, name).wait()
    assert ended.code == 0, ended.text
    sent = [request.path.rpartition("/")[2] for request in hub.storage.log if request.method == "PUT"]
    assert not there & set(sent)
    assert len(sent) == len(set(sent))
    check_what_was_to_be_seen(hub, name, *versions)
    repository = hub.repository(name)
    tag = "v2.0.0" if again else "v1.0.0"
    for revision in ("main", tag):
        assert held(hub, name, repository.read(revision)) == versions[-1]
    assert set(repository.refs["branches"]) == {"main"}
    if again:
        assert held(hub, name, repository.read("v1.0.0")) == versions[0]
    hub.reset()
    ended = forks.start("publish", root, name).wait()
    assert ended.code == 0
    assert "was published before; there was nothing to do" in ended.text
    assert {request.method for request in hub.log} == {"GET"}


def test_a_reader_sees_the_old_version_until_it_sees_the_new_one(hub, forks, stores, requests) -> None:
    first, second = stores
    name = "org/read-meanwhile"
    hub.add_folder(name, first, tag="v1.0.0")
    reader = Reader(name)
    reader.start()
    for point in range(0, requests[1], 4):
        killed(hub, forks, point, "publish", second, name)
    ended = forks.start("publish", second, name).wait()
    assert ended.code == 0, ended.text
    for _ in range(200):
        if reader.seen[-2:] == ["2.0.0", "2.0.0"] or reader.failed:
            break
        reader.join(0.05)
    reader.stop.set()
    reader.join(20)
    assert not reader.failed, reader.failed
    main, tag = reader.seen[::2], reader.seen[1::2]
    assert main == sorted(main)
    assert set(main) == {"1.0.0", "2.0.0"}
    assert tag == sorted(tag, reverse=True, key=lambda seen: seen == "none")
    assert set(tag) == {"none", "2.0.0"}


def test_killed_at_each_rename_a_folder_is_finished_by_the_same_command(forks, stores, tmp_path) -> None:
    first, second = stores
    expected = files_of(second)
    base = tmp_path / "shelf"
    assert forks.start("publish", first, base).wait().code == 0
    points = 0
    for point in range(100):
        target = tmp_path / f"shelf-{point}"
        shutil.copytree(base, target)
        ended = forks.start("publish", second, target, kill_at=("rename", point)).wait()
        if ended.code == 0:
            break
        points += 1
        assert ended.code == -signal.SIGKILL, ended.text
        assert store.open(str(target)).manifest.version == "1.0.0"
        with pytest.raises(StoreNotFoundError):
            store.open(f"{target}@v2.0.0")
        there = {
            path: (target / "v2.0.0" / path).stat().st_ino for path in expected if (target / "v2.0.0" / path).exists()
        }
        ended = forks.start("publish", second, target).wait()
        assert ended.code == 0, ended.text
        assert {path: (target / "v2.0.0" / path).stat().st_ino for path in there} == there
        assert files_of(target / "v2.0.0") == expected
        assert files_of(target / "v1.0.0") == files_of(first)
        assert store.open(str(target)).manifest.version == "2.0.0"
    # the claim, every file, the list of versions
    assert points == 1 + len(expected) + 1
