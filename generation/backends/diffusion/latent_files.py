"""Latents that are kept, one file a sample, for whoever wants to study them or to decode them anew.

Asked for by an environment variable rather than by a recipe: it changes nothing of a data set, and a recipe that comes
from somebody else must not name places to write to.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safetensors.torch import save

from ....store import write_atomic

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from ...backend import Order

__all__ = ["VARIABLE", "latent_folder", "write_latents"]

VARIABLE: Final = "VOXPRESS_KEEP_LATENTS"


def latent_folder() -> Path | None:
    """Where latents are to be kept; None where nobody asked for them."""
    told = os.environ.get(VARIABLE)
    return Path(told) if told else None


def write_latents(folder: Path, orders: Sequence[Order], latents: torch.Tensor, *, model: str) -> None:
    """Writes `SEED.safetensors` for each order, by its seed, which the table of the data set has too.

    Args:
        folder: made if it is not there.
        orders: of the latents, those that are refused later too.
        latents: `(len(orders), C, x, y, z)` float32, before they are divided by the scale factor.
        model: name that goes into the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for order, latent in zip(orders, latents.cpu(), strict=True):
        told = {"model": model, "index": str(order.index), "attempt": str(order.attempt)}
        data = save({"latent": latent.contiguous()}, metadata=told)
        write_atomic(folder / f"{order.seed}.safetensors", data, scratch=folder)
