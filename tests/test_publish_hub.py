"""Publishing to the Hub: what is there then, what is refused, and what troubles are outlasted."""

from __future__ import annotations

import dataclasses
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import datasets
import pytest
from loopback_hub import Trouble
from loopback_hub.in_process import point_at
from loopback_hub.troubles import RateLimit
from loopback_hub.users import READER, STRANGER, WRITER
from published_stores import SHARD, carded, collection, next_version
from tiny_factory import contents

from voxpress import store
from voxpress.builder.publishing import hub_plan, publish
from voxpress.errors import CorruptError, RemoteError, StoreExistsError
from voxpress.store.layout import spare_manifest_path
from voxpress.store.sources import Limits

pytestmark = pytest.mark.timeout(120)

NAME = "org/brains"
QUICK = Limits(connect_s=1, timeout_s=2, deadline_s=3, patience_s=3, first_delay_s=0.01, longest_delay_s=0.05)


@pytest.fixture(scope="module")
def stores(sealed_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp("versions")
    first = carded(shutil.copytree(sealed_store, folder / "first"))
    return first, next_version(first, folder / "second")


@pytest.fixture
def hub(loopback_hub, monkeypatch):
    monkeypatch.setattr("voxpress.builder.publishing.hub_api.Limits", lambda: QUICK)
    return loopback_hub


QUALITY = ("quality/parts/conditions.json", "quality/report.json")


def paths(hub, revision, name=NAME) -> set[str]:
    return {path for path in hub.repository(name).read(revision).files if not path.startswith(".")}


def spare_of(root) -> str:
    """The copy of the manifest."""
    return spare_manifest_path(store.open(root).manifest.digest)


def written(hub) -> list[str]:
    return [f"{request.method} {request.path}" for request in hub.log if request.method not in {"GET", "HEAD"}]


def test_a_version_is_on_its_tag_and_on_main(hub, stores) -> None:
    first, second = stores
    done = publish(first, NAME)
    assert (done.address, done.finished_before) == ("org/brains@v1.0.0", False)
    assert len(done.missing) == len(contents(first))
    assert paths(hub, "main") == paths(hub, "v1.0.0") == set(contents(first))
    done = publish(second, NAME)
    assert {file.path for file in done.missing} == {SHARD, spare_of(second), "README.md", "voxpress.json", *QUALITY}
    assert len({request.path for request in hub.storage.log if request.method == "PUT"}) == 11
    assert paths(hub, "main") == paths(hub, "v2.0.0") == set(contents(second))
    assert paths(hub, "v1.0.0") == set(contents(first))
    assert set(hub.repository(NAME).refs["branches"]) == {"main"}
    assert store.open(NAME).manifest.digest == store.open(second).manifest.digest
    assert store.open(f"{NAME}@v1.0.0")[3]["image"].any()


def test_datasets_alone_loads_what_was_published(hub, stores) -> None:
    publish(stores[0], NAME)
    rows = datasets.load_dataset(NAME, revision="v1.0.0")
    assert {split: len(part) for split, part in rows.items()} == {"train": 9, "validation": 3}


def test_published_again_nothing_is_written(hub, stores) -> None:
    publish(stores[0], NAME)
    hub.reset()
    again = publish(stores[0], NAME)
    assert again.finished_before
    assert written(hub) == []


def test_a_dry_run_writes_nothing(hub, stores) -> None:
    first, second = stores
    shown = publish(first, NAME, dry_run=True)
    assert [file.path for file in shown.missing] == [file.path for file in shown.contents.files]
    assert written(hub) == []
    publish(first, NAME)
    hub.reset()
    shown = publish(second, NAME, dry_run=True)
    assert {file.path for file in shown.missing} == {SHARD, spare_of(second), "README.md", "voxpress.json", *QUALITY}
    assert publish(first, NAME, dry_run=True).finished_before
    assert written(hub) == []


def test_several_commits_bring_manifest_and_card_last(hub, stores, monkeypatch) -> None:
    monkeypatch.setattr(hub_plan, "MOST_COMMIT_FILES", 5)
    hub.page = 7
    publish(stores[0], NAME)
    history = [set(commit.files) for commit in hub.repository(NAME).history("v1.0.0")][::-1]
    added = [sorted(after - before) for before, after in pairwise(history)]
    spares = sum(path.startswith("spare/") for path in contents(stores[0]))
    assert [len(files) for files in added] == [5, 5, 5, 4, 5, spares - 5, 2]
    assert added[-1] == ["README.md", "voxpress.json"]
    assert all(path.startswith("volumes/") for files in added[:2] for path in files)
    assert len(list(hub.repository(NAME).history("main"))) == 2


def test_files_of_the_owner_stay(hub, stores) -> None:
    for number, root in enumerate(stores):
        publish(root, NAME)
        if number == 0:
            repository = hub.repository(NAME)
            head = repository.read("main")
            extra = {"LICENSE": repository.add_blob(b"mine"), "images/a.svg": repository.add_blob(b"<svg/>")}
            repository.commit("main", {**head.files, **extra}, title="by hand", parent=head.sha)
    assert paths(hub, "main") == {*contents(stores[1]), "LICENSE", "images/a.svg"}


def test_main_does_not_go_back(hub, stores) -> None:
    first, second = stores
    publish(second, NAME)
    done = publish(first, NAME)
    assert done.notes[-1] == "main stays at 2.0.0, which is newer than 1.0.0"
    assert store.open(NAME).manifest.version == "2.0.0"
    assert paths(hub, "v1.0.0") == set(contents(first))
    assert publish(first, NAME).finished_before


def test_a_version_never_changes(hub, stores, tmp_path) -> None:
    publish(stores[0], NAME)
    hub.reset()
    other = next_version(stores[0], tmp_path / "other", "1.0.0", seed=5)
    with pytest.raises(StoreExistsError, match=r"has a version v1\.0\.0 already, .* a new version number"):
        publish(other, NAME)
    assert written(hub) == []


def test_what_another_attempt_at_the_version_left_does_not_get_into_it(hub, stores, tmp_path, monkeypatch) -> None:
    """Stopped, made anew with other voxels and other files, and published again."""
    monkeypatch.setattr(hub_plan, "MOST_COMMIT_FILES", 5)
    first, _ = stores
    hub.fail("POST", "/commit/", status=403, after=4, times=None)
    with pytest.raises(RemoteError, match="may not write"):
        publish(first, NAME)
    hub.troubles.clear()
    assert len(hub.repository(NAME).read("release-1.0.0").files) == 1 + 19
    other = next_version(first, tmp_path / "other", "1.0.0", seed=5)
    publish(other, NAME)
    assert paths(hub, "v1.0.0") == paths(hub, "main") == set(contents(other))
    assert store.open(NAME).manifest.digest == store.open(other).manifest.digest


def test_two_publishers_of_a_version_at_once(hub, stores, monkeypatch) -> None:
    monkeypatch.setattr(hub_plan, "MOST_COMMIT_FILES", 3)
    hub.delay_s = 0.01
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda root: publish(root, NAME), [stores[0]] * 2))
    assert paths(hub, "main") == paths(hub, "v1.0.0") == set(contents(stores[0]))
    assert set(hub.repository(NAME).refs["branches"]) == {"main"}


def test_private(hub, stores) -> None:
    publish(stores[0], NAME, private=True)
    assert hub.repository(NAME).settings["private"]
    assert "so --private did nothing" in publish(stores[1], NAME, private=True).notes[-1]


@pytest.mark.parametrize(
    ("token", "said"),
    [
        pytest.param(None, "the Hub does not know you; log in", id="none"),
        pytest.param("hf_" + "x" * 34, "the Hub does not know you; log in", id="of nobody"),
        pytest.param(READER, "your token may not write there", id="of a reader"),
    ],
)
def test_who_may_not_write_is_told_how_to(hub, stores, tmp_path, monkeypatch, token, said) -> None:
    point_at(hub, tmp_path / "home", monkeypatch, token=token)
    with pytest.raises(RemoteError, match=said) as caught:
        publish(stores[0], NAME)
    assert not hub.repository(NAME).exists
    assert "hf_" not in str(caught.value)


def test_a_private_repository_of_others_is_told(hub, stores, tmp_path, monkeypatch) -> None:
    hub.create(NAME, private=True)
    point_at(hub, tmp_path / "home", monkeypatch, token=STRANGER)
    with pytest.raises(RemoteError, match="may not write there"):
        publish(stores[0], NAME)


def test_a_token_that_is_given_is_used_and_never_told(hub, stores, tmp_path, monkeypatch, capsys) -> None:
    point_at(hub, tmp_path / "home", monkeypatch, token=READER)
    publish(stores[0], NAME, token=WRITER)
    assert {request.token for request in hub.log} == {WRITER}
    assert WRITER not in "".join(capsys.readouterr())


TROUBLES = {
    "a commit whose answer is lost": Trouble(method="POST", path="/commit/release", done=True, status=0),
    "the last commit's answer is lost": Trouble(method="POST", path="/commit/release", done=True, after=1, status=502),
    "the commit on main's answer is lost": Trouble(method="POST", path="/commit/main", done=True, status=0),
    "a commit that fails": Trouble(method="POST", path="/commit/", status=500, times=2),
    "a tag whose answer is lost": Trouble(method="POST", path="/tag/", done=True, status=0),
    "a repository whose answer is lost": Trouble(method="POST", path="/repos/create", done=True, status=504),
    "a branch whose answer is lost": Trouble(method="POST", path="/branch/", done=True, status=0),
    "a listing that fails": Trouble(method="GET", path="/tree/", status=503, headers={"Retry-After": "0"}),
    "the end of a branch that fails": Trouble(method="DELETE", path="/branch/", done=True, status=0),
}


@pytest.mark.parametrize("trouble", TROUBLES.values(), ids=TROUBLES.keys())
def test_a_trouble_that_passes_is_not_seen(hub, stores, trouble) -> None:
    trouble.seen = 0
    hub.troubles.append(trouble)
    done = publish(stores[0], NAME)
    assert trouble.seen > trouble.after
    assert not done.finished_before
    assert paths(hub, "main") == paths(hub, "v1.0.0") == set(contents(stores[0]))
    assert len(list(hub.repository(NAME).history("main"))) == 2
    stored = [request.path for request in hub.storage.log if request.method == "PUT"]
    assert len(stored) == len(set(stored))


def test_a_storage_that_refuses_an_address_gives_another(hub, stores) -> None:
    hub.storage.troubles.append(Trouble(method="PUT", status=403))
    publish(stores[0], NAME)
    assert paths(hub, "main") == set(contents(stores[0]))


def test_a_rate_limit_is_waited_for(hub, stores, monkeypatch) -> None:
    # the client itself waits for seconds at a time, and asks for two dozen small files in one attempt at `main`
    patient = dataclasses.replace(QUICK, deadline_s=40, patience_s=40)
    monkeypatch.setattr("voxpress.builder.publishing.hub_api.Limits", lambda: patient)
    hub.limit = RateLimit(requests=25, window_s=1.0)
    publish(stores[0], NAME)
    assert 429 in {request.status for request in hub.log}
    assert paths(hub, "main") == set(contents(stores[0]))


def test_a_hub_that_stays_broken_is_told(hub, stores) -> None:
    hub.fail("POST", "/tag/", status=500, times=None)
    with pytest.raises(RemoteError, match=r"could not be given a tag: the last of \d+ attempts in .* 500"):
        publish(stores[0], NAME)
    assert paths(hub, "main") == set()
    hub.troubles.clear()
    hub.storage.reset()
    publish(stores[0], NAME)
    assert [request for request in hub.storage.log if request.method == "PUT"] == []
    assert paths(hub, "main") == set(contents(stores[0]))


def test_offline_is_told(hub, stores, monkeypatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(RemoteError, match="HF_HUB_OFFLINE is set"):
        publish(stores[0], NAME)


def test_a_broken_store_is_refused_before_anything_is_written(hub, stores, tmp_path) -> None:
    root = shutil.copytree(stores[0], tmp_path / "broken")
    data = bytearray((root / SHARD).read_bytes())
    data[5] ^= 1
    (root / SHARD).write_bytes(data)
    with pytest.raises(CorruptError, match="is not sound"):
        publish(root, NAME)
    assert written(hub) == []


def test_a_file_that_changes_while_it_is_sent_is_not_published(hub, stores, tmp_path) -> None:
    root = shutil.copytree(stores[0], tmp_path / "changing")
    data = bytearray((root / SHARD).read_bytes())

    def meddle(step) -> None:
        if step.doing == "sending" and not step.bytes_done:
            data[5] ^= 1
            (root / SHARD).write_bytes(data)

    with pytest.raises(RemoteError, match="look whether the data set changed"):
        publish(root, NAME, progress=meddle)
    assert hub.repository(NAME).refs["tags"] == {}
    assert paths(hub, "main") == set()


def test_a_gitignore_that_leaves_files_out_is_told(hub, stores) -> None:
    repository = hub.create(NAME)
    head = repository.read("main")
    ignore = {".gitignore": repository.add_blob(b"*.parquet\n")}
    repository.commit("main", {**head.files, **ignore}, title="by hand", parent=head.sha)
    with pytest.raises(RemoteError, match=r"does not get metadata/train-.* \.gitignore"):
        publish(stores[0], NAME)
    assert repository.refs["tags"] == {}


def test_a_collection_is_one_version(hub, sealed_store, tmp_path) -> None:
    root = collection(sealed_store, tmp_path / "both")
    done = publish(root, NAME)
    assert done.address == "org/brains@v1.0.0"
    assert paths(hub, "main") == paths(hub, "v1.0.0") == set(contents(root))
    history = [set(commit.files) for commit in hub.repository(NAME).history("v1.0.0")]
    assert history[0] - history[1] == {"README.md", "fine/voxpress.json", "coarse/voxpress.json"}
    for config in ("fine", "coarse"):
        rows = datasets.load_dataset(NAME, config, revision="v1.0.0", split="train")
        assert len(rows) == 9
    assert publish(root, NAME).finished_before
