"""Names of data sets on the Hub, one commit for all reads, and where each text that a user writes leads."""

import json
from pathlib import Path

import pytest
from range_server import RangeServer
from source_reading import read

from voxpress.errors import RemoteError, StoreNotFoundError
from voxpress.store.sources import LocalSource, source_of
from voxpress.store.sources.filesystems import FsspecSource
from voxpress.store.sources.http import HttpSource
from voxpress.store.sources.hub import hub_name
from voxpress.store.sources.objects import ObjectSource

COMMITS = {"main": "a" * 40, "v1.0.0": "b" * 40, "refs/pr/1": "c" * 40}
HUB = "https://huggingface.co"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub with the data set org/brains, whose files hold the commit that they are of."""

    def answer(method, path, headers):
        for revision, commit in COMMITS.items():
            if path == f"datasets/org/brains/resolve/{commit}/voxpress.json":
                if headers.get("authorization") != "Bearer hf_s3cret":
                    return 401, {}, b""
                body = commit.encode()
                return 200, {}, body
            if path == f"api/datasets/org/brains/revision/{revision}":
                return (
                    200,
                    {"Content-Type": "application/json"},
                    json.dumps({"id": "org/brains", "sha": commit}).encode(),
                )
        if path == "api/datasets/org/brains":
            return 200, {}, json.dumps({"id": "org/brains", "sha": COMMITS["main"]}).encode()
        if path.startswith("api/datasets/org/brains/revision"):
            return 404, {"X-Error-Code": "RevisionNotFound"}, b"{}"
        if path.startswith("api/datasets/org/gated"):
            return 403, {"X-Error-Code": "GatedRepo"}, b"{}"
        if path.startswith("api/datasets/org/broken"):
            return 500, {}, b"{}"
        return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with RangeServer(answer=answer) as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        monkeypatch.setenv("HF_TOKEN", "hf_s3cret")
        monkeypatch.setattr("voxpress.store.sources.hub._TOKEN_S", 0.0)
        yield server


def of_the_data_set(hub: RangeServer) -> int:
    """Requests for it; the library of the Hub sends others of its own."""
    return sum("org/brains" in request.path for request in hub.log)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("org/brains", ("org/brains", None, "")),
        ("org/brains@v1.0.0", ("org/brains", "v1.0.0", "")),
        ("org/brains@refs/pr/1", ("org/brains", "refs/pr/1", "")),
        ("hf://datasets/org/brains", ("org/brains", None, "")),
        (f"hf://datasets/org/brains@{'a' * 40}", ("org/brains", "a" * 40, "")),
        ("hf://datasets/org/brains@refs%2Fpr%2F1", ("org/brains", "refs/pr/1", "")),
        ("hf://datasets/org/brains@refs/pr/1/sub/folder", ("org/brains", "refs/pr/1", "sub/folder")),
        ("hf://datasets/org/brains@v1/sub/", ("org/brains", "v1", "sub")),
        (f"{HUB}/datasets/org/brains", ("org/brains", None, "")),
        (f"{HUB}/datasets/org/brains/tree/v1.0.0", ("org/brains", "v1.0.0", "")),
        (f"{HUB}/datasets/org/brains/resolve/main/", ("org/brains", "main", "")),
        ("brains", None),
        ("a/b/c", None),
        ("./org/brains", None),
        ("/org/brains", None),
        ("../brains", None),
        ("org/", None),
        ("hf://org/brains", None),
        ("hf://datasets/org", None),
        (f"{HUB}/org/model", None),
        ("https://example.org/datasets/org/brains", None),
    ],
)
def test_names_of_the_hub_are_understood(text, expected, monkeypatch):
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert hub_name(text) == expected


@pytest.mark.parametrize(
    ("text", "revision"),
    [
        ("org/brains", "main"),
        ("org/brains@v1.0.0", "v1.0.0"),
        ("hf://datasets/org/brains@refs/pr/1", "refs/pr/1"),
        (f"org/brains@{'b' * 40}", "v1.0.0"),
    ],
)
def test_a_revision_is_resolved_once_and_read_with_the_token(hub, text, revision):
    source = source_of(text)
    assert source.url == f"{hub.url}datasets/org/brains/resolve/{COMMITS[revision]}/"
    assert of_the_data_set(hub) == (0 if text.endswith("b" * 40) else 1)
    hub.reset()
    assert source.read_all("voxpress.json", most=100).decode() == COMMITS[revision]
    assert read(source, "voxpress.json", 0, 40).decode() == COMMITS[revision]
    assert of_the_data_set(hub) == 2


def test_the_page_of_a_data_set_leads_to_it(hub):
    assert source_of(f"{hub.url}datasets/org/brains/tree/v1.0.0") == source_of("org/brains@v1.0.0")


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("org/missing", StoreNotFoundError, r"no folder 'org/missing' here, and no data set 'org/missing' on the Hub"),
        ("org/brains@v9", StoreNotFoundError, r"org/brains on the Hub has no revision 'v9'; give a branch"),
        ("org/gated", RemoteError, r"accept its terms at .*datasets/org/gated"),
        ("org/broken", RemoteError, r"org/broken could not be looked up on the Hub"),
    ],
)
def test_what_the_hub_refuses_is_told(hub, name, error, said):
    with pytest.raises(error, match=said) as caught:
        source_of(name)
    assert "hf_s3cret" not in str(caught.value)


def test_a_hub_that_is_not_there_is_told(hub, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(RemoteError, match=r"could not be looked up on the Hub .*; check the name and the network"):
        source_of("org/brains")


def test_a_folder_comes_before_the_hub(hub):
    Path("org/brains").mkdir(parents=True)
    assert source_of("org/brains") == LocalSource(Path("org/brains"))
    assert of_the_data_set(hub) == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("somewhere", LocalSource(Path("somewhere")), id="a name"),
        pytest.param(Path("org/brains"), LocalSource(Path("org/brains")), id="a path object"),
        pytest.param("/data/brains", LocalSource(Path("/data/brains")), id="an absolute path"),
        pytest.param("file:///data/my%20brains", LocalSource(Path("/data/my brains")), id="file"),
        pytest.param("https://example.org/brains", HttpSource("https://example.org/brains"), id="https"),
        pytest.param("HTTP://example.org/brains", HttpSource("HTTP://example.org/brains"), id="HTTP"),
        pytest.param("s3://bucket/brains", ObjectSource("s3://bucket/brains"), id="s3"),
        pytest.param("gs://bucket/brains/", ObjectSource("gs://bucket/brains/"), id="gs"),
        pytest.param("az://container", ObjectSource("az://container"), id="az"),
        pytest.param("sftp://host/brains", FsspecSource("sftp://host/brains"), id="sftp, which is not installed"),
        pytest.param("memory://brains", FsspecSource("memory://brains"), id="memory"),
    ],
)
def test_a_text_leads_to_its_source(text, expected):
    assert source_of(text) == expected


@pytest.mark.parametrize("text", ["gopher://host/brains", "hf://org/brains", "hf://", "s3:///brains", "https://"])
def test_an_address_of_no_known_kind_is_refused(text):
    with pytest.raises(ValueError, match="must "):
        source_of(text)
