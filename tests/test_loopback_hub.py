"""The loopback Hub behaves as the Hub towards its real clients."""

import hashlib
import subprocess
import sys
import time
from pathlib import Path

import datasets
import numpy as np
import pytest
import tiny_store as tiny
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationCopy,
    CommitOperationDelete,
    HfApi,
    HfFileSystem,
    hf_hub_download,
    hf_hub_url,
    snapshot_download,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from loopback_hub import LoopbackHub
from loopback_hub.troubles import RateLimit, Trouble
from loopback_hub.users import READER, STRANGER, WRITER

NAME = "org/brains"
LARGE = bytes(range(256)) * 40
SHARD = "volumes/train.zarr/image/c.0.0.0.0"
CARD = """---
configs:
- config_name: default
  data_files:
  - {split: train, path: metadata/train-*.parquet}
  - {split: validation, path: metadata/validation-*.parquet}
---
"""


@pytest.fixture
def api(loopback_hub):
    return HfApi()


@pytest.fixture
def brains(loopback_hub, tiny_store):
    """The small store as org/brains, tagged v1.0.0."""
    (tiny_store / "README.md").write_text(CARD)
    return loopback_hub.add_folder(NAME, tiny_store, tag="v1.0.0")


def add(**files):
    return [CommitOperationAdd(path.replace("__", "/"), data) for path, data in files.items()]


def commit(api, operations, **more):
    return api.create_commit(NAME, operations, commit_message="change", repo_type="dataset", **more)


# --- writing


def test_a_repository_is_made_once(api):
    assert str(api.create_repo(NAME, repo_type="dataset")).endswith(f"/datasets/{NAME}")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_repo(NAME, repo_type="dataset")
    api.create_repo(NAME, repo_type="dataset", exist_ok=True, private=True)
    info = api.dataset_info(NAME)
    assert (info.id, info.private, info.gated) == (NAME, False, False)
    api.delete_repo(NAME, repo_type="dataset")
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info(NAME)


def test_a_folder_is_uploaded_once(api, loopback_hub, sealed_store):
    api.create_repo(NAME, repo_type="dataset")
    first = api.upload_folder(repo_id=NAME, folder_path=sealed_store, repo_type="dataset")
    stored = [request for request in loopback_hub.storage.log if request.method == "PUT"]
    shards = [path for path in sealed_store.rglob("*") if path.is_file() and b"\0" in path.read_bytes()]
    # what is there twice, as spare copies are, the client sends twice in one commit
    assert len({request.path for request in stored}) == len({hashlib.sha256(p.read_bytes()).digest() for p in shards})
    again = api.upload_folder(repo_id=NAME, folder_path=sealed_store, repo_type="dataset")
    assert again.oid == first.oid
    assert [request for request in loopback_hub.storage.log if request.method == "PUT"] == stored
    checked = api.verify_repo_checksums(NAME, repo_type="dataset", local_dir=sealed_store)
    assert not checked.mismatches
    assert checked.missing_paths == [".gitattributes"], "which the Hub made"


def test_files_are_added_copied_and_deleted(api, loopback_hub):
    api.create_repo(NAME, repo_type="dataset")
    commit(api, add(a=b"small", folder__b=LARGE, folder__c=b"other"))
    commit(
        api,
        [
            CommitOperationCopy("folder/b", "copied"),
            CommitOperationCopy("a", "copied-too"),
            CommitOperationDelete("folder/", is_folder=True),
            CommitOperationDelete("a"),
        ],
    )
    assert sorted(api.list_repo_files(NAME, repo_type="dataset")) == [".gitattributes", "copied", "copied-too"]
    (copied,) = api.get_paths_info(NAME, "copied", repo_type="dataset")
    assert (copied.size, copied.lfs.sha256) == (len(LARGE), hashlib.sha256(LARGE).hexdigest())
    with pytest.raises(EntryNotFoundError):
        commit(api, [CommitOperationDelete("a")])


def test_a_commit_on_a_head_that_has_moved_is_refused(api):
    api.create_repo(NAME, repo_type="dataset")
    first = api.dataset_info(NAME).sha
    second = commit(api, add(a=b"1"), parent_commit=first).oid
    with pytest.raises(HfHubHTTPError, match="412"):
        commit(api, add(a=b"2"), parent_commit=first)
    assert [entry.commit_id for entry in api.list_repo_commits(NAME, repo_type="dataset")] == [second, first]


def test_a_large_file_that_was_not_uploaded_cannot_be_committed(api, loopback_hub):
    api.create_repo(NAME, repo_type="dataset")
    loopback_hub.storage.troubles.append(Trouble(method="PUT", status=403, times=None))
    with pytest.raises(RuntimeError, match="Error while uploading 'b'"):
        commit(api, add(b=LARGE))
    assert api.list_repo_files(NAME, repo_type="dataset") == [".gitattributes"]


def test_branches_and_tags(api):
    api.create_repo(NAME, repo_type="dataset")
    first = api.dataset_info(NAME).sha
    api.create_branch(NAME, branch="release/1.0", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_branch(NAME, branch="release/1.0", repo_type="dataset")
    api.create_branch(NAME, branch="release/1.0", repo_type="dataset", exist_ok=True)
    second = commit(api, add(a=b"1"), revision="release/1.0").oid
    api.create_tag(NAME, tag="v1.0.0", revision="release/1.0", repo_type="dataset")
    with pytest.raises(HfHubHTTPError, match="409"):
        api.create_tag(NAME, tag="v1.0.0", revision=first, repo_type="dataset")
    api.create_tag(NAME, tag="v1.0.0", revision=first, repo_type="dataset", exist_ok=True)
    refs = api.list_repo_refs(NAME, repo_type="dataset")
    assert {ref.name: ref.target_commit for ref in refs.branches} == {"main": first, "release/1.0": second}
    assert {ref.name: ref.target_commit for ref in refs.tags} == {"v1.0.0": second}
    assert api.resolve_revision(NAME, revision="v1.0.0", repo_type="dataset").resolved == second
    api.delete_tag(NAME, tag="v1.0.0", repo_type="dataset")
    api.delete_branch(NAME, branch="release/1.0", repo_type="dataset")
    for revision in ("v1.0.0", "release/1.0"):
        with pytest.raises(RevisionNotFoundError):
            api.dataset_info(NAME, revision=revision)
    with pytest.raises(RevisionNotFoundError):
        commit(api, add(a=b"2"), revision="release/1.0")


def test_a_card_with_metadata_that_are_none_is_refused(api):
    api.create_repo(NAME, repo_type="dataset")
    with pytest.raises(ValueError, match=r"Invalid metadata in README\.md"):
        commit(api, [CommitOperationAdd("README.md", b"---\na: [\n---\n")])
    commit(api, [CommitOperationAdd("README.md", CARD.encode())])


# --- reading


def test_a_snapshot_is_the_folder(brains, tiny_store):
    folder = snapshot_download(NAME, revision="v1.0.0", repo_type="dataset")
    assert folder.endswith(brains)
    for path in tiny_store.rglob("*"):
        if path.is_file():
            assert (Path(folder) / path.relative_to(tiny_store)).read_bytes() == path.read_bytes()


def test_listings_come_in_pages(api, loopback_hub, brains, tiny_store):
    loopback_hub.page = 5
    paths = {path.relative_to(tiny_store).as_posix() for path in tiny_store.rglob("*") if path.is_file()}
    assert set(api.list_repo_files(NAME, repo_type="dataset", revision=brains)) == paths
    assert len([request for request in loopback_hub.log if "/tree/" in request.path]) > len(paths) / 5
    entries = list(api.list_repo_tree(NAME, "volumes/train.zarr/image", repo_type="dataset", expand=True))
    assert len(entries) == 4
    assert all(entry.last_commit.oid == brains for entry in entries)
    with pytest.raises(EntryNotFoundError):
        list(api.list_repo_tree(NAME, "nowhere", repo_type="dataset"))


def test_ranges_are_read_through_signed_addresses_without_the_token(brains, loopback_hub, tiny_store):
    files = HfFileSystem(block_size=64)
    data = (tiny_store / SHARD).read_bytes()
    assert files.cat_file(f"datasets/{NAME}@v1.0.0/{SHARD}", start=100, end=164) == data[100:164]
    assert {entry["name"].split("/")[-1] for entry in files.ls(f"datasets/{NAME}@v1.0.0/metadata")} == {
        "train-00000-of-00001.parquet",
        "validation-00000-of-00001.parquet",
    }
    (read,) = loopback_hub.storage.log
    # with what the library reads ahead
    assert (read.span, read.status, read.token) == ("bytes=100-227", 206, "")
    assert any(request.token == WRITER for request in loopback_hub.log)


@pytest.mark.parametrize("span", ["bytes=0-9", "bytes=90-", "bytes=-7"])
@pytest.mark.parametrize("path", [SHARD, "recipe.yaml"])
def test_ranges_are_those_of_the_standard(brains, tiny_store, span, path):
    from urllib3 import PoolManager

    data = (tiny_store / path).read_bytes()
    expected = {"bytes=0-9": data[:10], "bytes=90-": data[90:], "bytes=-7": data[-7:]}[span]
    url = hf_hub_url(NAME, path, repo_type="dataset", revision=brains)
    answer = PoolManager().request("GET", url, headers={"Range": span})
    assert (answer.status, answer.data) == ((206, expected) if expected else (416, b""))
    told = PoolManager().request("HEAD", url, redirect=False)
    assert told.headers["X-Repo-Commit"] == brains
    assert int(told.headers["X-Linked-Size"]) == len(data)
    assert told.status == (302 if path == SHARD else 200)


def test_a_signature_that_is_over_is_refused(brains, loopback_hub):
    from urllib3 import PoolManager

    url = hf_hub_url(NAME, SHARD, repo_type="dataset", revision=brains)
    where = PoolManager().request("GET", url, redirect=False).headers["Location"]
    assert PoolManager().request("GET", where).status == 200
    assert PoolManager().request("GET", where, headers={"Authorization": f"Bearer {WRITER}"}).status == 400
    assert PoolManager().request("PUT", where, body=b"other").status == 403
    loopback_hub.storage.expire()
    assert PoolManager().request("GET", where).status == 403


def test_errors_have_the_codes_of_the_hub(api, brains):
    with pytest.raises(RepositoryNotFoundError):
        api.dataset_info("org/nothing")
    with pytest.raises(RevisionNotFoundError):
        api.dataset_info(NAME, revision="v9")
    with pytest.raises(EntryNotFoundError):
        hf_hub_download(NAME, "nothing", repo_type="dataset")


@pytest.mark.parametrize(
    ("token", "private", "gated"),
    [
        pytest.param(False, RepositoryNotFoundError, GatedRepoError, id="nobody"),
        pytest.param(STRANGER, RepositoryNotFoundError, GatedRepoError, id="stranger"),
        pytest.param("hf_wrong", HfHubHTTPError, HfHubHTTPError, id="wrong"),
        pytest.param(READER, None, None, id="reader"),
    ],
)
def test_who_may_read(api, loopback_hub, tiny_store, tmp_path, token, private, gated):
    loopback_hub.add_folder("org/private", tiny_store, private=True)
    loopback_hub.add_folder("org/gated", tiny_store, gated=True)
    for name, error in (("org/private", private), ("org/gated", gated)):
        options = {"repo_type": "dataset", "token": token, "cache_dir": tmp_path / "cache"}
        if error is None:
            assert hf_hub_download(name, SHARD, **options)
        else:
            with pytest.raises(error):
                hf_hub_download(name, SHARD, **options)


def test_who_may_write(api, brains):
    for token in (False, READER):
        with pytest.raises(HfHubHTTPError, match=r"401|403"):
            api.create_tag(NAME, tag="v2", repo_type="dataset", token=token)


# --- trouble


def test_failures_come_as_they_were_ordered(api, loopback_hub):
    api.create_repo(NAME, repo_type="dataset")
    trouble = loopback_hub.fail("POST", "/commit/", status=500, after=1)
    commit(api, add(a=b"1"))
    with pytest.raises(HfHubHTTPError, match="500"):
        commit(api, add(a=b"2"))
    commit(api, add(a=b"3"))
    assert trouble.seen == 3
    before = api.dataset_info(NAME).sha
    loopback_hub.fail("POST", "/commit/", status=500, done=True)
    with pytest.raises(HfHubHTTPError, match="500"):
        commit(api, add(a=b"4"))
    assert api.dataset_info(NAME).sha != before, "only the answer was lost"


def test_an_upload_that_is_cut_counts_as_nothing(api, loopback_hub):
    api.create_repo(NAME, repo_type="dataset")
    loopback_hub.storage.troubles.append(Trouble(method="PUT", status=0))
    commit(api, add(b=LARGE))
    assert [request.status for request in loopback_hub.storage.log] == [0, 200]


def test_too_many_requests_are_told_to_wait(api, loopback_hub, brains):
    loopback_hub.limit = RateLimit(requests=2, window_s=0.5)
    began = time.monotonic()
    # a listing is tried again by the library itself
    for _ in range(3):
        assert list(api.list_repo_tree(NAME, repo_type="dataset"))
    refused = [request for request in loopback_hub.log if request.status == 429]
    assert refused
    assert time.monotonic() - began > 0.3


def test_a_server_without_ranges(brains, loopback_hub):
    from urllib3 import PoolManager

    loopback_hub.ranges = loopback_hub.storage.ranges = False
    for path in (SHARD, "recipe.yaml"):
        url = hf_hub_url(NAME, path, repo_type="dataset", revision=brains)
        assert PoolManager().request("GET", url, headers={"Range": "bytes=0-3"}).status == 200


UPLOAD = """if True:
    import sys
    from huggingface_hub import HfApi
    HfApi().create_repo(sys.argv[1], repo_type="dataset", exist_ok=True)
    print("ready", flush=True)
    HfApi().upload_folder(repo_id=sys.argv[1], folder_path=sys.argv[2], repo_type="dataset")
"""


@pytest.mark.timeout(120)
def test_a_client_that_is_killed_leaves_what_was_committed(loopback_hub, sealed_store, tmp_path):
    environment = loopback_hub.environment(tmp_path / "other-home")
    running = subprocess.Popen([sys.executable, "-c", UPLOAD, NAME, str(sealed_store)], env=environment)
    # after five large files have arrived, of which two may be twins: spare copies
    loopback_hub.storage.troubles.append(Trouble(method="PUT", after=5, call=lambda _: running.kill()))
    running.wait(60)
    assert running.returncode < 0
    uploaded = list((loopback_hub.folder / NAME / "lfs").iterdir())
    assert len(uploaded) >= 3
    with LoopbackHub(loopback_hub.folder) as later:
        ran = later.run(UPLOAD, NAME, sealed_store, home=tmp_path / "other-home")
        assert ran.returncode == 0, ran.stderr
        put = {request.path.split("/")[-1] for request in later.storage.log if request.method == "PUT"}
        assert put
        assert not put & {path.name for path in uploaded}
        assert set(later.repository(NAME).read("main").files) >= {"voxpress.json", SHARD}


# --- data sets


@pytest.mark.parametrize("streaming", [False, True], ids=["map-style", "streaming"])
def test_plain_datasets_loads_a_version(brains, loopback_hub, tiny_store, streaming):
    rows = datasets.load_dataset(NAME, revision="v1.0.0", split="validation", streaming=streaming)
    assert [row["index"] for row in rows] == [10, 11, 12]
    assert not [request for request in loopback_hub.storage.log if request.token]


def test_voxpress_opens_it(brains, loopback_hub):
    import voxpress as vp

    np.testing.assert_array_equal(vp.open(f"{NAME}@v1.0.0")[0]["image"], tiny.voxels(0)["image"])
