"""Finds the files of a model's weights: in a folder of this machine, or on the Hugging Face Hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ....errors import RecipeError, RemoteError
from ...names import listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .model_card import ModelCard, NetworkCard

__all__ = ["HUB", "find_weights"]

HUB = "hub"
"""Stands for the repositories that the model card names."""
_REPOSITORY = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)(@(?P<revision>[\w./-]+))?")


def find_weights(weights: str, card: ModelCard) -> Mapping[str, Path]:
    """Network (`autoencoder`, `unet`) → the file of its weights, fetched from the Hub where it has to be.

    Args:
        weights: a folder that holds the bundle, a repository (``org/name`` or ``org/name@revision``), or ``hub``.
        card: of the model.

    Raises:
        RecipeError: it is none of them, or has no such file.
        RemoteError: the Hub cannot be reached, or does not give the file.
    """
    networks = {"autoencoder": card.networks.autoencoder, "unet": card.networks.unet}
    folder = Path(weights).expanduser()
    if weights and folder.is_dir():
        return {name: _in_folder(folder, name, network) for name, network in networks.items()}
    named = _REPOSITORY.fullmatch(weights)
    if weights != HUB and not named:
        msg = (
            "backend.weights: must be the folder of the model's bundle, a repository on the Hugging Face Hub such as "
            f"org/name or org/name@revision, or {HUB!r} for those where it is published, got {weights!r}"
        )
        raise RecipeError(msg)
    found = {}
    for name, network in networks.items():
        repository, revision = (named["name"], named["revision"]) if named else (network.hub, None)
        if repository is None:
            msg = f"backend.weights: the card of {card.name!r} names no repository for its {name}; give a folder"
            raise RecipeError(msg)
        found[name] = _on_hub(repository, revision, name, network)
    return found


def _in_folder(folder: Path, name: str, network: NetworkCard) -> Path:
    # bundles keep them in models/, but a flat folder is as clear
    candidates = [folder / file for file in network.files] + [folder / Path(file).name for file in network.files]
    for path in candidates:
        if path.is_file():
            return path
    msg = (
        f"backend.weights: the folder {folder} holds no weights of the {name}, which are called "
        f"{listed(network.files)}; give the folder of the bundle"
    )
    raise RecipeError(msg)


def _on_hub(repository: str, revision: str | None, name: str, network: NetworkCard) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for file in network.files:
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
    msg = (
        f"backend.weights: the repository {repository} holds no weights of the {name}, which are called "
        f"{listed(network.files)}"
    )
    raise RecipeError(msg)


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
