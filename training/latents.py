"""Between the stages: the latents of all training volumes, kept as mean and deviation, and brought to one scale.

A single noisy draw kept in place of both would bake its noise into every epoch (NV-Generate-CTMR#45).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..store import write_atomic
from .volumes import volumes_in_order

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from ..store import Cohort
    from .autoencoder import Reconstruction
    from .intensities import Intensities

__all__ = ["Latents", "Scale", "encode_all", "standardise"]

_DONE = "latents.json"


# without slots, which would leave no place for what is computed once
@dataclass(frozen=True, kw_only=True, eq=False)
class Latents:
    """Latents of a cohort, in its order.

    Attributes:
        means, deviations: `(n, C, x, y, z)` float32, memory maps of files, as the autoencoder gave them.
    """

    means: NDArray[np.float32]
    deviations: NDArray[np.float32]

    @cached_property
    def scale(self) -> Scale:
        """Mean and deviation of each channel over all of them."""
        variance = self.means.var(axis=(0, 2, 3, 4), dtype=np.float64)
        variance += np.square(self.deviations, dtype=np.float64).mean(axis=(0, 2, 3, 4))
        return Scale(mean=self.means.mean(axis=(0, 2, 3, 4), dtype=np.float64), deviation=np.sqrt(variance))

    def draw(self, rows: NDArray[np.int64], generator: torch.Generator) -> torch.Tensor:
        """One draw of each of these rows, standardised, on the CPU."""
        means = torch.from_numpy(self.means[rows])
        deviations = torch.from_numpy(self.deviations[rows])
        drawn = means + deviations * torch.randn(means.shape, generator=generator)
        shift, factor = (_spread(each) for each in (self.scale.mean, self.scale.deviation))
        return (drawn - shift) / factor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scale:
    """Of the channels of latents: `(C,)` each."""

    mean: NDArray[np.float64]
    deviation: NDArray[np.float64]


def encode_all(
    model: Reconstruction,
    cohort: Cohort,
    intensities: Intensities,
    folder: Path,
    *,
    device: torch.device,
    tell: Callable[[int, int], None] | None = None,
) -> Latents:
    """Latents of every volume, from files that are there or made now.

    Args:
        model: trained.
        cohort: training subjects.
        intensities: scaling.
        folder: for the files.
        device: that computes.
        tell: told of volumes done and of all.
    """
    paths = {name: folder / f"latent_{name}.npy" for name in ("means", "deviations")}
    if not (folder / _DONE).exists():
        folder.mkdir(parents=True, exist_ok=True)
        _encode(model, cohort, intensities, paths, device=device, tell=tell)
        write_atomic(folder / _DONE, json.dumps({"volumes": len(cohort)}).encode(), scratch=folder / "scratch")
    means, deviations = (np.load(paths[name], mmap_mode="r", allow_pickle=False) for name in ("means", "deviations"))
    return Latents(means=means, deviations=deviations)


def standardise(network: Any, scale: Scale) -> None:
    """Changes an autoencoder, in place, so that each channel of its latents has mean 0 and deviation 1 over a cohort.

    The scale goes into the 1³ convolutions at both ends of the latent space, so the function from volume to volume
    stays the same and no factor has to travel with the weights.

    Args:
        network: MONAI's `AutoencoderKL`.
        scale: of its latents.
    """
    mean, deviation = torch.from_numpy(scale.mean), torch.from_numpy(scale.deviation)
    into, out, spread = network.quant_conv_mu.conv, network.post_quant_conv.conv, network.quant_conv_log_sigma.conv
    with torch.no_grad():
        weight, bias = _doubled(into)
        _put(into, weight / deviation[:, None, None, None, None], (bias - mean) / deviation)
        weight, bias = _doubled(out)
        _put(out, weight * deviation[None, :, None, None, None], bias + (weight[:, :, 0, 0, 0] * mean).sum(1))
        # it gives the logarithm of the variance
        weight, bias = _doubled(spread)
        _put(spread, weight, bias - 2 * deviation.log())


def _doubled(convolution: Any) -> tuple[torch.Tensor, torch.Tensor]:
    return convolution.weight.double().cpu(), convolution.bias.double().cpu()


def _put(convolution: Any, weight: torch.Tensor, bias: torch.Tensor) -> None:
    convolution.weight.copy_(weight)
    convolution.bias.copy_(bias)


def _spread(values: NDArray[np.float64]) -> torch.Tensor:
    return torch.from_numpy(values).float()[:, None, None, None]


def _encode(
    model: Reconstruction,
    cohort: Cohort,
    intensities: Intensities,
    paths: dict[str, Path],
    *,
    device: torch.device,
    tell: Callable[[int, int], None] | None,
) -> None:
    files: list[NDArray[np.float32]] = []
    done = 0
    with torch.no_grad():
        for volumes in volumes_in_order(cohort, intensities, 1):
            made = [each.float().cpu().numpy() for each in model.encode(volumes.to(device))]
            if not files:
                shape = (len(cohort), *made[0].shape[1:])
                files = [np.lib.format.open_memmap(path, "w+", np.float32, shape) for path in paths.values()]
            for file, each in zip(files, made, strict=True):
                file[done : done + len(each)] = each
            done += len(volumes)
            if tell:
                tell(done, len(cohort))
    for file in files:
        file.flush()  # type: ignore[attr-defined]  # a memory map
