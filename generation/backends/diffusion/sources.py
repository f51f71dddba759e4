"""Finds the files of a model's weights: in a folder of this machine, or on the Hugging Face Hub."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ....errors import RecipeError, RemoteError
from ....quality.audit.kept import MODEL_CARD_NAME
from ...names import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model_card import ModelCard, NetworkCard

__all__ = ["HUB", "MEASURES_FILE", "find_card", "find_measures", "find_weights"]

HUB = "hub"
"""Stands for the repositories that the model card names."""
MEASURES_FILE: Final = "models/measures.safetensors"
"""Where a trained model keeps the regression of its measures."""
_REPOSITORY = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A file of a model: what it is, in words, and the names that it goes by, the usual one first."""

    what: str
    files: tuple[str, ...]


def find_weights(weights: str, card: ModelCard, others: Mapping[str, NetworkCard] | None = None) -> dict[str, Path]:
    """Network (`autoencoder`, `unet`) → the file of its weights, fetched from the Hub where it has to be.

    Args:
        weights: a folder that holds the bundle, a repository (``org/name`` or ``org/name@revision``), or ``hub``.
        card: of the model.
        others: networks that are wanted besides.

    Raises:
        RecipeError: it is none of them, or has no such file.
        RemoteError: the Hub cannot be reached, or does not give the file.
    """
    networks = {"autoencoder": card.networks.autoencoder, "unet": card.networks.unet, **(others or {})}
    return {
        name: _found(weights, _Wanted(what=f"weights of the {name}", files=network.files), network.hub, card.name)
        for name, network in networks.items()
    }


def find_measures(weights: str, card: ModelCard) -> Path:
    """The regression of the measures of a model; arguments and errors as of `find_weights`."""
    wanted = _Wanted(what="regression of its measures", files=(MEASURES_FILE,))
    return _found(weights, wanted, card.networks.unet.hub, card.name)


def find_card(weights: str) -> Path:
    """The card that lies beside the weights of a trained model.

    Args:
        weights: a folder, or a repository.

    Raises:
        RecipeError, RemoteError: as `find_weights`.
    """
    return _found(weights, _Wanted(what="model card", files=(MODEL_CARD_NAME,)), None, "")


def _found(weights: str, wanted: _Wanted, hub: str | None, model: str) -> Path:
    folder = Path(weights).expanduser()
    if weights and folder.is_dir():
        return _in_folder(folder, wanted)
    named = _REPOSITORY.fullmatch(weights)
    if weights != HUB and not named:
        msg = (
            "backend.weights: must be the folder of the model's bundle, a repository on the Hugging Face Hub such as "
            f"org/name or org/name@revision, or {HUB!r} for those where it is published, got {weights!r}"
        )
        raise RecipeError(msg)
    repository, revision = (named["name"], named["revision"]) if named else (hub, None)
    if repository is None:
        whose = f"the card of {model!r}" if model else f"{HUB!r}"
        what = wanted.what.removeprefix("weights of the ")
        msg = f"backend.weights: {whose} names no repository for its {what}; give a folder or a repository"
        raise RecipeError(msg)
    return _on_hub(repository, revision, wanted)


def _in_folder(folder: Path, wanted: _Wanted) -> Path:
    # bundles keep them in models/, but a flat folder is as clear
    candidates = [folder / file for file in wanted.files] + [folder / Path(file).name for file in wanted.files]
    for path in candidates:
        if path.is_file():
            return path
    msg = (
        f"backend.weights: the folder {folder} holds no {wanted.what}, called {listed(wanted.files)}; give the folder "
        "of the bundle"
    )
    raise RecipeError(msg)


def _on_hub(repository: str, revision: str | None, wanted: _Wanted) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for file in wanted.files:
        try:
            return Path(hf_hub_download(repository, file, revision=revision))
        except LocalEntryNotFoundError as error:
            msg = (
                f"backend.weights: {file} of {repository} is not in the local cache, and the Hub cannot be reached: "
                f"{_short(error)}; try again later, or give a folder"
            )
            raise RemoteError(msg) from error
        except EntryNotFoundError:
            continue
        # what else the Hub's client raises: no such repository, gated, no permission, or the network
        except (OSError, ValueError) as error:
            msg = (
                f"backend.weights: the Hub does not give {file} of {repository}: {_short(error)}; if its licence has "
                "to be accepted, do so on its page and log in with `hf auth login`"
            )
            raise RemoteError(msg) from error
    msg = f"backend.weights: the repository {repository} holds no {wanted.what}, called {listed(wanted.files)}"
    raise RecipeError(msg)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
