"""Makes latents and images of a loaded model, always in batches of one shape."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

import torch

from .conditioning import both_ways, encode, flagged, guided, with_null
from .fast.decoding import MOST_AT_ONCE, decode, needs_windows
from .fast.host_ring import HostRing
from .fast.one_token_attention import held_context
from .fast.quantise import to_lattice
from .fast.step_graph import StepGraph
from .labels.controlnet import Steered, steering_planes
from .maisi import Maisi, maisi_inputs
from .noise import initial_noise, step_noise
from .packing import depth_to_space

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray

    from ...backend import Grid, Order
    from .model_card import ModelCard
    from .solvers import Solver

    Predict = Callable[..., torch.Tensor]

__all__ = ["Engine", "Networks"]

_ON_THEIR_WAY = 3


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Networks:
    """The loaded networks, which take and give float32.

    Attributes:
        unet, autoencoder: on the device.
        scale_factor: latents are divided by it before they are decoded.
        controlnet: steers images by label maps; None where there are none.
    """

    unet: Any
    autoencoder: Any
    scale_factor: float
    controlnet: Any = None


class Engine:
    """A sample is f(order): it goes through batches of one fixed shape, whose other slots it cannot see.

    Args:
        card: of the model.
        networks: loaded.
        solver: steps.
        grid: of the images.
        micro_batch: slots.
        guidance: scale.
        device: of the networks.
        calibrate: numbers are asked for by their calibration curves.
    """

    def __init__(
        self,
        card: ModelCard,
        networks: Networks,
        *,
        solver: Solver,
        grid: Grid,
        micro_batch: int,
        guidance: float,
        device: torch.device,
        calibrate: bool = True,
    ) -> None:
        self.card, self.networks, self.solver, self.grid = card, networks, solver, grid
        self.micro_batch, self.guidance, self.device = micro_batch, guidance, device
        self.calibrate = calibrate
        self.decode_batch = min(micro_batch, MOST_AT_ONCE)
        self.sides = tuple(side // card.latent.factor for side in grid.shape)
        if needs_windows(card.decoding, self.sides):
            self.decode_batch = 1
        self.turn = Lock()
        """Held while the device works for one caller; threads that have none left to make for them go on meanwhile."""
        self._step: StepGraph | None = None
        self._names: tuple[str, ...] = ()
        self._ring = HostRing(_ON_THEIR_WAY, (self.decode_batch, *grid.shape), device)

    @property
    def latent_shape(self) -> tuple[int, ...]:
        """Channels and sides of a latent."""
        return (self.card.latent.channels, *self.sides)

    def images(
        self,
        orders: Sequence[Order],
        maps: Sequence[NDArray[np.uint8]] = (),
        keep: Callable[[Sequence[Order], torch.Tensor], None] | None = None,
    ) -> Iterator[tuple[NDArray[np.int16], bool]]:
        """For each order its image on the lattice, `(x, y, z)`, and whether all of it was finite.

        While one is handed over, the device works on those that follow.

        Args:
            orders: to make.
            maps: label map of each, where the model is steered by them.
            keep: given orders and their latents.
        """
        real: list[int] = []
        try:
            for first in range(0, len(orders), self.micro_batch):
                group = orders[first : first + self.micro_batch]
                latents = self.latents(group, maps[first : first + self.micro_batch])
                if keep is not None:
                    keep(group, latents)
                for start in range(0, len(group), self.decode_batch):
                    if self._ring.full:
                        yield from self._receive(real.pop(0))
                    some = latents[start : start + self.decode_batch]
                    real.append(len(some))
                    self._ring.send(*self.lattice(_filled(some, self.decode_batch)))
            while real:
                yield from self._receive(real.pop(0))
        finally:
            self._ring.clear()

    def latents(self, orders: Sequence[Order], maps: Sequence[NDArray[np.uint8]] = ()) -> torch.Tensor:
        """Latents of at most `micro_batch` orders, `(len(orders), C, x, y, z)`; empty slots are computed too."""
        empty = self.micro_batch - len(orders)
        slots, maps = [*orders, *[orders[-1]] * empty], [*maps, *[*maps[-1:]] * empty]
        noise = self._stack(slots, lambda order: initial_noise(order.seed, self.latent_shape))
        predict, context = self.predictor([order.conditions for order in slots], maps)
        with context:
            made = self.solver.run(
                predict,
                noise,
                lambda step: self._stack(slots, lambda order: step_noise(order.seed, step, self.latent_shape)),
            )
        return made[: len(orders)]

    def predictor(
        self,
        rows: Sequence[Mapping[str, float | str]],
        maps: Sequence[NDArray[np.uint8]] = (),
        *,
        recorded: bool = True,
    ) -> tuple[Predict, AbstractContextManager[None]]:
        """The network with the conditions of a batch, and what must be entered while it is used.

        Args:
            rows: conditions of each slot.
            maps: label map of each slot, where the model is steered by them.
            recorded: on CUDA, steps are a recorded graph; the networks must not be changed after that.
        """
        inputs = self._inputs(rows)
        if maps:
            planes = steering_planes(maps, guided=self.guidance > 0).to(self.device)
            steered = Steered(unet=self.networks.unet, controlnet=self.networks.controlnet, planes=planes)
            return self._maisi(inputs, steered), nullcontext()
        if recorded and self.device.type == "cuda":
            step = self._step = self._step or StepGraph(lambda *given: self._bound(given[2:])(*given[:2]))
            return lambda latents, time: step(latents, torch.full((), time, device=self.device), *inputs), nullcontext()
        if self._is_maisi or not self.card.conditions:
            return self._bound(inputs), nullcontext()
        return self._bound(inputs), held_context(self.networks.unet, inputs[0][:, None, :])

    @property
    def _is_maisi(self) -> bool:
        return self.card.conditioning == "maisi"

    def _inputs(self, rows: Sequence[Mapping[str, float | str]]) -> tuple[torch.Tensor, ...]:
        """What the network is told of a batch, always as many tensors in the same sequence."""
        cards = self.card.conditions
        if self._is_maisi:
            named = maisi_inputs(cards, rows, self.grid.spacing_mm)
            self._names = tuple(named)
            return tuple(each.to(self.device) for each in named.values())
        vector = torch.tensor([self._vector(row) for row in rows], device=self.device)
        return (with_null(vector) if self.guidance else vector,)

    def _bound(self, inputs: Sequence[torch.Tensor]) -> Predict:
        if self._is_maisi:
            return self._maisi(inputs, self.networks.unet)
        predict = both_ways(self.networks.unet, inputs[0])
        return guided(predict, self.guidance) if self.guidance else predict

    def _maisi(self, inputs: Sequence[torch.Tensor], unet: Predict) -> Predict:
        return Maisi(unet=unet, inputs=dict(zip(self._names, inputs, strict=True)), guidance=self.guidance)

    def lattice(self, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Decodes and rounds exactly `decode_batch` latents; see `to_lattice`."""
        decoded = decode(self.networks.autoencoder, latents / self.networks.scale_factor, self.card.decoding)
        decoded = depth_to_space(decoded, self.card.latent.packing)
        return to_lattice(decoded, self.card.image, self.card.affine.flip)

    def _vector(self, row: Mapping[str, float | str]) -> list[float]:
        cards = self.card.conditions
        if self.card.conditioning == "flagged":
            return flagged(cards, row, calibrate=self.calibrate)
        return [encode(card, row[card.name]) for card in cards]

    def _receive(self, real: int) -> Iterator[tuple[NDArray[np.int16], bool]]:
        batch, finite = self._ring.receive()
        for slot in range(real):
            yield batch[slot], finite[slot]

    def _stack(self, slots: Sequence[Order], noise: Callable[[Order], NDArray[np.float32]]) -> torch.Tensor:
        made: dict[int, torch.Tensor] = {}
        for order in slots:
            if order.seed not in made:
                made[order.seed] = torch.from_numpy(noise(order))
        return torch.stack([made[order.seed] for order in slots]).to(self.device)


def _filled(latents: torch.Tensor, count: int) -> torch.Tensor:
    """A batch of so many: the last one again and again."""
    missing = count - len(latents)
    return torch.cat([latents, latents[-1:].expand(missing, *latents.shape[1:])]) if missing else latents
