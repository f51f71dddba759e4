"""Weights from a folder, and from a Hub of models that the real client talks to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import tiny_diffusion as tiny
import tiny_trained
from huggingface_hub import constants
from web_server import Answer, WebServer, part_of

from voxpress.errors import RecipeError, RemoteError
from voxpress.generation.backends.diffusion.model_card import ModelCard
from voxpress.generation.backends.diffusion.sources import MEASURES_FILE, find_measures, find_weights

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAMES = ("autoencoder", "unet")


def card_with(files=None, hub="org/brains") -> ModelCard:
    fields = tiny.card_fields("ldm")
    for name, network in fields["networks"].items():
        network |= {"hub": hub, "files": files or [f"models/{name}.pt", f"models/{name}.pth"]}
    return ModelCard.model_validate(fields)


class ModelHub(WebServer):
    """Answers for files as the Hub does for small ones: their commit, and a tag of their content."""

    def __init__(self, files: dict[str, bytes], revision: str = "main") -> None:
        super().__init__()
        self.files, self.revision, self.gated = files, revision, False

    def respond(self, call):
        repository, _, rest = call.path.lstrip("/").partition("/resolve/")
        revision, _, path = rest.partition("/")
        if repository != "org/brains":
            return Answer(404, {"X-Error-Code": "RepoNotFound"}, b"no such repository")
        if self.gated:
            return Answer(403, {"X-Error-Code": "GatedRepo"}, b"accept the licence first")
        if revision not in (self.revision, COMMIT):
            return Answer(404, {"X-Error-Code": "RevisionNotFound"}, b"no such revision")
        if path not in self.files:
            return Answer(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT}, b"no such file")
        tag = hashlib.sha256(self.files[path]).hexdigest()
        return part_of(self.files[path], call.span, **{"X-Repo-Commit": COMMIT, "ETag": f'"{tag}"'})


@pytest.fixture
def hub(tmp_path, monkeypatch):
    with ModelHub({"models/autoencoder.pt": b"first", "models/unet.pth": b"second"}) as server:
        for name, value in {
            "ENDPOINT": server.url,
            "HUGGINGFACE_CO_URL_TEMPLATE": server.url + "/{repo_id}/resolve/{revision}/{filename}",
            "HF_HUB_OFFLINE": False,
            "HF_HUB_CACHE": str(tmp_path / "cache"),
            "HF_HUB_DISABLE_XET": True,
        }.items():
            monkeypatch.setattr(constants, name, value)
        yield server


@pytest.mark.parametrize("weights", ["hub", "org/brains", f"org/brains@{COMMIT}"])
def test_from_the_hub(hub, weights) -> None:
    found = find_weights(weights, card_with())
    assert {name: path.read_bytes() for name, path in found.items()} == {"autoencoder": b"first", "unet": b"second"}
    pinned = find_weights(f"org/brains@{COMMIT}", card_with())
    asked = len(hub.log)
    assert find_weights(f"org/brains@{COMMIT}", card_with()) == pinned == found
    assert [request for request in hub.log[asked:] if request.method == "GET"] == []  # nothing comes twice


@pytest.mark.timeout(60)
def test_a_trained_model_comes_with_its_card_and_its_measures(hub, tmp_path) -> None:
    folder = tiny_trained.model()
    hub.files = {
        name: (folder / name).read_bytes()
        for name in ("model.json", MEASURES_FILE, "models/autoencoder.safetensors", "models/unet.safetensors")
    }
    there, here = (tiny_trained.backend(place) for place in (f"org/brains@{COMMIT}", folder))
    assert there.card == here.card
    assert [request.method for request in hub.log if "safetensors" in request.path] == []  # not before they are needed
    assert there.fingerprint() == here.fingerprint()


def test_a_repository_without_a_card(hub) -> None:
    with pytest.raises(RecipeError, match=r"org/brains holds no model card, called model\.json"):
        tiny_trained.backend("org/brains")
    with pytest.raises(RecipeError, match=r"holds no regression of its measures, called models/measures\.safetensors"):
        find_measures("org/brains", card_with())


def test_without_the_network_the_cache_is_used(hub, monkeypatch) -> None:
    found = find_weights("hub", card_with())
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    hub.files.clear()
    assert find_weights("hub", card_with(files=["models/autoencoder.pt"]))["autoencoder"] == found["autoencoder"]
    with pytest.raises(RemoteError, match="not in the local cache"):
        find_weights("hub", card_with(files=["models/other.pt"]))


def test_what_the_hub_does_not_have(hub) -> None:
    with pytest.raises(RecipeError, match=r"org/brains holds no weights of the autoencoder, called a\.pt"):
        find_weights("hub", card_with(files=["a.pt"]))
    with pytest.raises(RemoteError, match=r"does not give models/autoencoder\.pt of org/hearts"):
        find_weights("org/hearts", card_with())
    with pytest.raises(RemoteError, match=r"does not give .* of org/brains"):
        find_weights("org/brains@v9", card_with())


def test_a_licence_that_was_not_accepted(hub) -> None:
    hub.gated = True
    with pytest.raises(RemoteError, match=r"if its licence has to be accepted, do so on its page"):
        find_weights("hub", card_with())


def test_from_a_folder(tmp_path) -> None:
    (tmp_path / "models").mkdir()
    for name in NAMES:
        (tmp_path / "models" / f"{name}.pt").touch()
    assert find_weights(str(tmp_path), card_with())["unet"] == tmp_path / "models" / "unet.pt"
    flat = tmp_path / "models"
    assert find_weights(str(flat), card_with())["unet"] == flat / "unet.pt"
    (flat / "unet.pt").unlink()
    with pytest.raises(RecipeError, match=r"holds no weights of the unet, called models/unet\.pt"):
        find_weights(str(tmp_path), card_with())


@pytest.mark.parametrize("weights", ["", "nowhere", "/no/such/folder", "https://example.org/weights.pt"])
def test_what_is_neither(weights, monkeypatch, tmp_path) -> None:
    monkeypatch.chdir(tmp_path)
    assert not Path("nowhere").exists()
    with pytest.raises(RecipeError, match="must be the folder of the model's bundle, a repository"):
        find_weights(weights, card_with())


def test_a_card_that_names_no_repository() -> None:
    with pytest.raises(RecipeError, match="names no repository for its autoencoder"):
        find_weights("hub", card_with(hub=None))
