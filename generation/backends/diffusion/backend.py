"""The backends: latent diffusion models behind the contract of `generation.backend`."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ....errors import RecipeError
from ....store.threads import available_cpus
from ...backend import Measure, Output, Sample
from ...engines import Needs
from .conditioning import declare, is_extrapolated
from .device import find_device, out_of_memory, same_bits
from .fast.quantise import from_lattice
from .grids import check_grid
from .labels.card import load_label_card
from .labels.regions import REGION_INPUTS
from .labels.sizes import size_conditions
from .latent_files import latent_folder, write_latents
from .measures import EXTRAPOLATED, MEASURES, measure
from .model_card import load_card
from .options import parse_options
from .sources import find_card

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import torch
    from numpy.typing import NDArray

    from ...backend import Grid, Order
    from .labels import LabelCard, LabelMap
    from .loading import Loaded
    from .measurer import Measurer
    from .model_card import MeasureCard, ModelCard
    from .plan import Plan

__all__ = ["DiffusionBackend", "LdmBackend", "NvRflowBackend", "TrainedBackend"]

_REVISION = "3"
"""Raise it when the same order gives other bits."""
_MOST_THREADS = 16
"""That turn what a device makes into samples."""


class DiffusionBackend:
    """What all families share.

    Args:
        options: see `options.DiffusionOptions`.
        grid: that the model was trained for.

    Raises:
        RecipeError: an option or the grid is not for this model.
    """

    name: ClassVar[str]
    default_model: ClassVar[str] = ""
    # made by a model that was trained on scans
    digital_source_type = "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"

    def __init__(self, options: Mapping[str, Any], grid: Grid) -> None:
        self.grid = grid
        self._options = parse_options(options)
        self._card = self._load_card()
        check_grid(self._card, grid, any_field_of_view=self._options.any_field_of_view)
        self._labels = self._load_label_card() if self._options.labels else None
        self.conditions = declare(self._card.conditions, extrapolate=self._options.extrapolate)
        own = (*MEASURES, *map(_measure_of, self._card.measures))
        self.measures = (*own, EXTRAPOLATED) if self._options.extrapolate else own
        image = self._card.image
        output = Output(
            name="image",
            kind="image",
            minimum=image.minimum,
            maximum=image.maximum,
            background=image.background,
            unit=image.unit,
        )
        self.outputs: tuple[Output, ...] = (output,)
        if self._labels is not None:
            told_by_the_map = {card.name for card in self._card.conditions if card.input in REGION_INPUTS}
            own_conditions = tuple(each for each in self.conditions if each.name not in told_by_the_map)
            self.conditions = (*own_conditions, *size_conditions(self._labels.sizes))
            self.outputs = (output, Output(name="label", kind="label", labels=self._labels.names))
        self.findings_by_design = self._card.findings_by_design
        if self._card.measures:
            # a regression errs by itself, and samples chosen by it would make the whole set look better than it is
            self.findings_by_design = tuple(dict.fromkeys((*self.findings_by_design, "COND_MISMATCH")))

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
        loaded = self._loaded()
        engine = loaded.engine
        # on the CPU, other processes have the other cores
        threads = min(available_cpus(), _MOST_THREADS) if engine.device.type == "cuda" else 1
        with ThreadPoolExecutor(threads, thread_name_prefix="voxpress-samples") as pool:
            # the device is left to the next caller as soon as it has nothing more to do for this one
            with (
                engine.turn,
                same_bits(engine.device, self._options.threads),
                out_of_memory(engine.device, engine.micro_batch),
            ):
                maps = [loaded.label_maker.make(order) for order in orders] if loaded.label_maker else []
                images = engine.images(_told(orders, maps), [each.values for each in maps], self._keeper())
                labels: Sequence[LabelMap | None] = maps or [None] * len(orders)
                coming = [
                    pool.submit(self._sample, order, loaded.measurer, label, *made)
                    for order, label, made in zip(orders, labels, images, strict=True)
                ]
            return [each.result() for each in coming]

    def _keeper(self) -> Callable[[Sequence[Order], torch.Tensor], None] | None:
        folder = latent_folder()
        return None if folder is None else partial(write_latents, folder, model=self._card.name)

    def _sample(
        self,
        order: Order,
        measurer: Measurer | None,
        label: LabelMap | None,
        steps: NDArray[np.int16],
        finite: bool,  # noqa: FBT001
    ) -> Sample:
        image = from_lattice(steps, self._card.image)
        volumes: dict[str, NDArray[Any]] = {"image": image}
        faults: tuple[str, ...] = () if finite else ("NONFINITE",)
        if label is not None:
            turned = label.values[tuple(slice(None, None, -1 if flip else 1) for flip in self._card.affine.flip)]
            volumes["label"] = np.ascontiguousarray(turned)
            # the body is what has a label (NV-Generate's `crop_img_body_mask`)
            image[volumes["label"] == 0] = self._card.image.background
            faults = tuple(dict.fromkeys((*faults, *label.faults)))
        measured = measure(image, self._card.image, self.grid.voxel_ml)
        if measurer is not None:
            measured |= measurer.measure(image)
        if self._options.extrapolate:
            measured[EXTRAPOLATED.name] = float(is_extrapolated(self._card.conditions, order.conditions))
        return Sample(volumes=volumes, measured=measured, faults=faults)

    def _load_card(self) -> ModelCard:
        return load_card(self._options.model or self.default_model, self.name)

    def _load_label_card(self) -> LabelCard:
        return load_label_card(self._options.model or self.default_model, self._card)

    def _plan(self) -> Plan:
        from .plan import plan_of

        return plan_of(self._options, self._card, self.grid, self._labels)

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


class TrainedBackend(DiffusionBackend):
    """What `voxpress train` made; the card lies beside the weights."""

    name = "trained"

    def _load_card(self) -> ModelCard:
        if self._options.model:
            return load_card(self._options.model, self.name)
        if self._options.weights is None:
            msg = (
                "backend.weights: must be given for the backend 'trained': the folder that `voxpress train` wrote, or "
                "a repository org/name or org/name@revision on the Hugging Face Hub that holds one"
            )
            raise RecipeError(msg)
        return load_card(str(find_card(self._options.weights)), self.name)


def _told(orders: Sequence[Order], maps: Sequence[LabelMap]) -> Sequence[Order]:
    """Orders with what their label maps say of the conditions of the model."""
    if not maps:
        return orders
    told = [dict(order.conditions) | dict(each.conditions) for order, each in zip(orders, maps, strict=True)]
    return [replace(order, conditions=conditions) for order, conditions in zip(orders, told, strict=True)]


def _measure_of(card: MeasureCard) -> Measure:
    accuracy = f"{card.mae:.4g} {card.unit}".strip()
    return Measure(
        name=card.name,
        meaning=f"{card.meaning.rstrip('.')}; by linear regression of pooled voxels, which on {card.validated_on} "
        f"real images that it had not seen had r = {card.r:.3f} and a mean absolute error of {accuracy}",
        unit=card.unit,
    )
