"""The backends: latent diffusion models behind the contract of `generation.backend`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ....store.threads import available_cpus
from ...backend import Output, Sample
from ...engines import Needs
from .conditioning import declare, is_extrapolated
from .device import find_device, out_of_memory, same_bits
from .fast.quantise import from_lattice
from .grids import check_grid
from .measures import EXTRAPOLATED, MEASURES, measure
from .model_card import load_card
from .options import parse_options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from ...backend import Grid, Order
    from .loading import Loaded, Plan
    from .model_card import ModelCard

__all__ = ["DiffusionBackend", "LdmBackend", "NvRflowBackend"]

_REVISION = "2"
"""Raise it when the same order gives other bits."""
_MOST_THREADS = 16
"""That turn what a device makes into samples."""


class DiffusionBackend:
    """What both families share.

    Args:
        options: see `options.DiffusionOptions`.
        grid: that the model was trained for.

    Raises:
        RecipeError: an option or the grid is not for this model.
    """

    name: ClassVar[str]
    default_model: ClassVar[str]
    # made by a model that was trained on scans
    digital_source_type = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

    def __init__(self, options: Mapping[str, Any], grid: Grid) -> None:
        self.grid = grid
        self._options = parse_options(options)
        self._card = load_card(self._options.model or self.default_model, self.name)
        check_grid(self._card, grid, any_field_of_view=self._options.any_field_of_view)
        self.conditions = declare(self._card.conditions, extrapolate=self._options.extrapolate)
        self.measures = (*MEASURES, EXTRAPOLATED) if self._options.extrapolate else MEASURES
        image = self._card.image
        self.outputs = (
            Output(
                name="image",
                kind="image",
                minimum=image.minimum,
                maximum=image.maximum,
                background=image.background,
                unit=image.unit,
            ),
        )
        self.findings_by_design = self._card.findings_by_design

    @property
    def card(self) -> ModelCard:
        """Of the model."""
        return self._card

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index → RAS+ mm."""
        affine = np.diag([*self.grid.spacing_mm, 1.0])
        affine[:3, 3] = self._card.affine.origin_mm
        return affine

    @property
    def preferred_batch(self) -> int:
        """So many orders are made together."""
        return self._plan().micro_batch

    @property
    def makes_ahead(self) -> bool:
        """Whether the device is another than the CPU that writes."""
        return find_device(self._options.device).type == "cuda"

    @property
    def needs(self) -> Needs:
        """A GPU of its own, where it takes any; the whole machine, where the recipe names the one."""
        name = self._options.device
        if find_device(name).type == "cpu":
            return Needs()
        return Needs(gpus=1.0) if name in {"auto", "cuda"} else Needs(cpus=float(available_cpus()))

    def fingerprint(self) -> Mapping[str, str]:
        """Weights, solver, batch, precision, device; loads the model, because only that tells what it runs on."""
        own = {"backend": f"{self.name} {_REVISION}", "extrapolate": "yes" if self._options.extrapolate else "no"}
        if self.findings_by_design:
            own["findings_by_design"] = " ".join(self.findings_by_design)
        return own | dict(self._loaded().fingerprint)

    def generate(self, orders: Sequence[Order]) -> Sequence[Sample]:
        """Makes one sample for each order."""
        if not orders:
            return []
        engine = self._loaded().engine
        # on the CPU, other processes have the other cores
        threads = min(available_cpus(), _MOST_THREADS) if engine.device.type == "cuda" else 1
        with ThreadPoolExecutor(threads, thread_name_prefix="voxpress-samples") as pool:
            # the device is left to the next caller as soon as it has nothing more to do for this one
            with (
                engine.turn,
                same_bits(engine.device, self._options.threads),
                out_of_memory(engine.device, engine.micro_batch),
            ):
                images = engine.images(orders)
                coming = [pool.submit(self._sample, order, *made) for order, made in zip(orders, images, strict=True)]
            return [each.result() for each in coming]

    def _sample(self, order: Order, steps: NDArray[np.int16], finite: bool) -> Sample:  # noqa: FBT001
        image = from_lattice(steps, self._card.image)
        measured = measure(image, self._card.image, self.grid.voxel_ml)
        if self._options.extrapolate:
            measured[EXTRAPOLATED.name] = float(is_extrapolated(self._card.conditions, order.conditions))
        return Sample(volumes={"image": image}, measured=measured, faults=() if finite else ("NONFINITE",))

    def _plan(self) -> Plan:
        from .loading import plan_of

        return plan_of(self._options, self._card, self.grid)

    def _loaded(self) -> Loaded:
        from .loading import load_engine

        return load_engine(self._plan())


class LdmBackend(DiffusionBackend):
    """Brains of King's College London's latent diffusion model, the one that made 100,000 of them in 2022."""

    name = "ldm"
    default_model = "brain-ldm"


class NvRflowBackend(DiffusionBackend):
    """CT and MR of the NV-Generate (MAISI) family: rectified flow, and the DDPM before it."""

    name = "nv-rflow"
    default_model = "rflow-mr-brain"
