"""Reads weights, and puts them into a network if every one of them fits. No code of a file ever runs."""

from __future__ import annotations

import hashlib
import pickle
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import torch

from ....errors import GenerationError
from .renames import match_names

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["Checkpoint", "Digests", "check_digests", "hash_weights", "load_into", "read_checkpoint"]

_INSIDE: Final = (
    "unet_state_dict",
    "autoencoder_state_dict",
    "controlnet_state_dict",
    "state_dict",
    "model_state_dict",
    "model",
)
"""Where training scripts put the weights when they save other things beside them."""
_MOST_LISTED = 5
_BLOCK = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class Digests:
    """Of a file: SHA-256, which is recorded, and MD5, which is what MONAI's bundles give of their files."""

    sha256: str
    md5: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What a file of weights holds.

    Attributes:
        tensors: name → tensor on the CPU.
        scale_factor: by which latents were multiplied in training, where it says so.
    """

    tensors: Mapping[str, torch.Tensor]
    scale_factor: float | None


def hash_weights(path: Path) -> Digests:
    """Digests of a file; read once in a process unless it changes."""
    told = path.stat()
    return _hashed(path, told.st_size, told.st_mtime_ns)


def check_digests(path: Path, digests: Digests, wanted: Mapping[Any, str]) -> None:
    """Holds a file against digests that are known.

    Args:
        path: the file.
        digests: of it.
        wanted: `sha256` or `md5` → hex.

    Raises:
        GenerationError: it is another file.
    """
    for kind, digest in wanted.items():
        if (got := getattr(digests, kind)) != digest.lower():
            msg = (
                f"{path} is not the published file: its {kind} must be {digest}, is {got}; fetch it again, or, if "
                f"these are weights of your own, say so with backend.sha256: {{…: {digests.sha256}}}"
            )
            raise GenerationError(msg)


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads the tensors of a file, `.safetensors` or of `torch.save`.

    Raises:
        GenerationError: it is damaged, no file of weights, or would have to run code to be read.
    """
    content = _safetensors(path) if path.suffix == ".safetensors" else _torch(path)
    scale = content.get("scale_factor")
    for name in _INSIDE:
        if isinstance(content.get(name), dict):
            content = content[name]
            break
    tensors = {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}
    if not tensors or len(tensors) < len(content) - 1:
        others = sorted(str(name) for name in content if name not in tensors)
        msg = f"{path} holds no weights alone, but {_some(others) if others else 'nothing'}; give a file of tensors"
        raise GenerationError(msg)
    return Checkpoint(tensors=tensors, scale_factor=None if scale is None else float(scale))


def load_into(network: torch.nn.Module, checkpoint: Checkpoint, path: Path) -> None:
    """Gives a network on the meta device its weights, in float32.

    Raises:
        GenerationError: names or shapes do not fit; the message lists them.
    """
    wanted = network.state_dict()
    names = match_names(wanted.keys(), checkpoint.tensors.keys() - {"scale_factor"})
    shapes = [
        f"{new} must be {_shape(wanted[new])}, is {_shape(checkpoint.tensors[old])}"
        for new, old in names.found.items()
        if wanted[new].shape != checkpoint.tensors[old].shape
    ]
    problems = [
        f"{len(found)} {what}: {_some(found)}"
        for what, found in (("missing", names.missing), ("unexpected", names.unexpected), ("of another shape", shapes))
        if found
    ]
    if problems:
        kind = type(network).__name__
        msg = f"the weights in {path} are not of this model's {kind} ({'; '.join(problems)}); give the model's own"
        raise GenerationError(msg)
    tensors = {new: checkpoint.tensors[old].to(torch.float32, copy=True) for new, old in names.found.items()}
    network.load_state_dict(tensors, strict=True, assign=True)
    network.requires_grad_(requires_grad=False)


@lru_cache(maxsize=16)
def _hashed(path: Path, size: int, changed: int) -> Digests:
    del size, changed
    sha256, md5 = hashlib.sha256(), hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            sha256.update(block)
            md5.update(block)
    return Digests(sha256=sha256.hexdigest(), md5=md5.hexdigest())


def _torch(path: Path) -> dict[Any, Any]:
    try:
        with warnings.catch_warnings():
            # of torch about protocols of pickles that it then refuses
            warnings.simplefilter("ignore", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        # its words for what it would have to import or call
        if any(word in str(error) for word in ("GLOBAL", "Unsupported")):
            msg = (
                f"{path} would have to run code to be read, which voxpress never does; have whoever made it save its "
                "tensors alone (a state_dict, or safetensors)"
            )
            raise GenerationError(msg) from error
        raise _unreadable(path, error) from error
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, AttributeError, IndexError, TypeError) as error:
        raise _unreadable(path, error) from error
    if not isinstance(content, dict):
        msg = f"{path} must hold a dictionary of tensors, holds a {type(content).__name__}; give a state_dict"
        raise GenerationError(msg)
    return content


def _safetensors(path: Path) -> dict[Any, Any]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return dict(load_file(path, device="cpu"))
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: Exception) -> GenerationError:
    said = (" ".join(str(error).split()) or type(error).__name__)[:200]
    return GenerationError(
        f"the weights in {path} cannot be read: {said}; the file is cut off or damaged: fetch it again"
    )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return ", ".join(names[:_MOST_LISTED]) + more


def _shape(tensor: torch.Tensor) -> str:
    return "×".join(map(str, tensor.shape)) or "a number"
