"""Pictures and samples while a model is trained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..cards.preview import Scan, preview
from ..generation.backend import Grid
from ..generation.backends.diffusion.device import same_bits
from ..generation.backends.diffusion.engine import Engine, Networks
from ..generation.backends.diffusion.fast.quantise import from_lattice
from ..generation.backends.diffusion.solvers import solver_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import torch
    from numpy.typing import NDArray

    from ..generation.backend import Order
    from ..generation.backends.diffusion.model_card import ModelCard

__all__ = ["draw_mosaic", "draw_pairs", "samples_of"]

_PANEL_PIXELS = 128


def samples_of(
    card: ModelCard, unet: Any, autoencoder: Any, orders: Sequence[Order], device: torch.device
) -> NDArray[np.float32]:
    """Samples of networks that are being trained, `(n, x, y, z)` in the card's unit."""
    import torch

    shape = card.grid.shapes[0]
    assert card.grid.spacing_mm is not None
    sides = [side // card.latent.factor for side in shape]
    engine = Engine(
        card,
        Networks(unet=unet, autoencoder=autoencoder, scale_factor=1.0),
        solver=solver_of(card.preset, card.schedule, int(np.prod(sides))),
        grid=Grid(shape=shape, spacing_mm=card.grid.spacing_mm),
        micro_batch=min(len(orders), 4),
        guidance=card.guidance,
        device=device,
    )
    with same_bits(device, torch.get_num_threads()):
        return np.stack([from_lattice(steps, card.image) for steps, _ in engine.images(orders)])


def draw_mosaic(
    path: Path, images: NDArray[np.float32], spacing_mm: tuple[float, float, float], titles: Sequence[str]
) -> None:
    """Writes a picture of some images, three planes each."""
    scans = [
        Scan(image=image - image.min(), spacing_mm=spacing_mm, title=title)
        for image, title in zip(images, titles, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    preview(scans, columns=2, panel_height=_PANEL_PIXELS).save(path)


def draw_pairs(
    path: Path, real: torch.Tensor, made: torch.Tensor, spacing_mm: tuple[float, float, float], *, synthetic: bool
) -> None:
    """Writes a picture of volumes `(n, 1, x, y, z)` from 0 to 1, each beside what the autoencoder makes of it."""
    scans = []
    for number, (one, other) in enumerate(zip(real.numpy()[:, 0], made.clamp(0, 1).numpy()[:, 0], strict=True)):
        scans.append(Scan(image=one, spacing_mm=spacing_mm, title=f"held out {number + 1}"))
        scans.append(Scan(image=other, spacing_mm=spacing_mm, title="there and back"))
    path.parent.mkdir(parents=True, exist_ok=True)
    preview(scans, columns=2, panel_height=_PANEL_PIXELS, synthetic=synthetic).save(path)
