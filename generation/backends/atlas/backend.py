"""The atlas backend: an order becomes an image and its label map."""

from __future__ import annotations

import math
import platform
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ....errors import RecipeError
from ...backend import Output, Sample
from ...streams import stream_key
from . import labels, render
from .anatomy import TISSUE_MAPS, anatomy
from .conditions import MEASURES, conditions
from .contrast import BRIGHTEST, signals
from .flows import compose, minimum_jacobian, smooth_field
from .space import BRAIN_CENTRE_MM, sample, sample_grid
from .subject import axes_of, individual_flow, place, points_through
from .ventricles import pull_back, within_reach

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.random import Generator
    from numpy.typing import NDArray

    from ...backend import Grid, Order

    Map = NDArray[np.float32]

__all__ = ["AtlasBackend"]

_REVISION = "1"
"""Raise it when the same order gives other bits."""
_BIAS_SPACING_MM = 60.0
_DARKEST = 1 / 255
_LESION_SPACING_MM = (12.0, 6.0)
_LESION_DECAY = np.float32(8)
"""Lesions grow rarer over so many mm from the ventricles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """One individual's anatomy.

    Attributes:
        whole: displacement from the head to the template, `(3, x, y, z)` on the coarse grid.
        inside: which voxels of the box are brain, `(x, y, z)`.
        label, shares: what fills each of them, `(n,)`.
    """

    whole: torch.Tensor
    inside: torch.Tensor
    label: NDArray[np.uint8]
    shares: render.Shares


class AtlasBackend:
    """Deforms the ICBM 152 templates; see ``docs/atlas.md`` for how, and for what it is not.

    Args:
        options: none is known yet.
        grid: any that a brain fits into.

    Raises:
        RecipeError: an option is unknown, or no brain fits.
    """

    name = "atlas"
    measures = MEASURES
    outputs = (
        Output(name="image", kind="image"),
        Output(name="label", kind="label", labels=labels.LABELS),
    )
    # The voxels are computed, not sampled from a model that was trained on scans.
    digital_source_type = "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia"

    def __init__(self, options: Mapping[str, Any], grid: Grid) -> None:
        if options:
            named = sorted(options)
            hint = " (contrast is a condition: conditions.contrast)" if "contrast" in options else ""
            msg = f"backend.{named[0]}: the backend 'atlas' has no options, got {named}{hint}; leave them out"
            raise RecipeError(msg)
        self.grid = grid
        self.conditions = conditions(grid)

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index → RAS+ mm; the centre of the grid is the centre of the template's brain."""
        spacing = np.array(self.grid.spacing_mm)
        affine = np.diag([*spacing, 1.0])
        affine[:3, 3] = np.array(BRAIN_CENTRE_MM) - spacing * (np.array(self.grid.shape) - 1) / 2
        return affine

    def fingerprint(self) -> Mapping[str, str]:
        """Versions, the digest of the deformed maps, and the kind of processor that rounds."""
        packages = ("nilearn", "numpy", "scipy", "torch")
        return {
            "backend": f"atlas {_REVISION}",
            "anatomy_sha256": anatomy().digest,
            "device": f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}",
            **{package: version(package) for package in packages},
        }

    def generate(self, orders: Sequence[Order]) -> Sequence[Sample]:
        """Makes one sample for each order; sums run on one thread, which keeps their order and so their bits."""
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            return [self._one(order) for order in orders]
        finally:
            torch.set_num_threads(threads)

    def _one(self, order: Order) -> Sample:
        shape = individual_flow(_random(order, "shape"), anatomy())
        volume_ml = _number(order, "intracranial_volume_ml")
        placed = place(anatomy(), shape, self.grid, self.affine, volume_ml)
        if placed.box is None:
            return self._failed("FOV_CUT")
        try:
            axes = axes_of(placed, self.affine)
            subject = self._subject(order, shape, axes)
        except labels.ShortageError:
            return self._failed("UNREACHED")
        inside = subject.inside.numpy()
        label = np.zeros(self.grid.shape, dtype=np.uint8)
        label[placed.box][inside] = subject.label
        image = np.zeros(self.grid.shape, dtype=np.float32)
        image[placed.box][inside] = self._scan(order, subject, axes)
        jacobian = minimum_jacobian(subject.whole)
        return Sample(
            volumes={"image": image, "label": label},
            measured=self._measured(label, jacobian),
            faults=() if jacobian > 0 else ("FOLDED",),
        )

    def _subject(self, order: Order, shape: torch.Tensor, axes: Sequence[torch.Tensor]) -> _Subject:
        """Grows the ventricles to their order, and labels every voxel.

        Raises:
            ShortageError: this anatomy has no room for an ordered volume.
        """
        inside, points = self._outline(order, shape, axes)
        reach = sample(anatomy().reach, points)[0].numpy()
        ventricles, level = labels.highest(-reach, self._voxels(order, "ventricular_volume_ml"))
        amplitude = within_reach(-level)
        whole = compose(pull_back(anatomy().growth, amplitude), shape)
        values = sample(anatomy().tissue, points_through(whole, axes)[inside]).numpy()
        tissue = dict(zip(TISSUE_MAPS, values, strict=True))
        from_ventricles: Map = reach - np.float32(amplitude)
        lesion_order: Map = _lesion_blobs(order, axes)[inside].numpy()
        lesion_order -= np.maximum(from_ventricles, 0) / _LESION_DECAY
        label, levels = labels.label_tissues(
            tissue,
            ventricles,
            lesion_order,
            cortex=self._voxels(order, "cortical_volume_ml"),
            lesions=self._voxels(order, "wmh_volume_ml"),
        )
        shares = render.tissue_shares(tissue, levels, from_ventricles, lesion_order, max(self.grid.spacing_mm))
        return _Subject(whole=whole, inside=inside, label=label, shares=shares)

    def _outline(
        self, order: Order, shape: torch.Tensor, axes: Sequence[torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Which voxels of the box are inside the head, `(x, y, z)`, and their points in the template, `(n, 3)`."""
        points = points_through(shape, axes)
        depth = sample(anatomy().depth, points)[0].numpy()
        brain, _ = labels.highest(depth.ravel(), self._voxels(order, "intracranial_volume_ml"))
        inside = torch.from_numpy(brain.reshape(depth.shape))
        return inside, points[inside]

    def _scan(self, order: Order, subject: _Subject, axes: Sequence[torch.Tensor]) -> Map:
        """Intensities of the brain's voxels, `(n,)` in [0, 1]: what a scanner makes of the subject."""
        inside, random = subject.inside.numpy(), _random(order, "noise")
        tissue = signals(str(order.conditions["contrast"]), _random(order, "sequence"))
        box = np.zeros(inside.shape, dtype=np.float32)
        box[inside] = render.intensities(subject.shares, tissue)
        box *= render.texture(random, inside.shape)
        box = render.blur(box, _number(order, "resolution_mm"), self.grid.spacing_mm)
        bias = sample_grid(smooth_field(_random(order, "bias"), channels=1, spacing_mm=_BIAS_SPACING_MM), axes)[0]
        seen = box[inside] * render.uneven(bias[subject.inside].numpy(), _number(order, "bias_field"))
        noisy = render.add_noise(seen, random, _number(order, "noise") * BRIGHTEST)
        # nothing inside the head is exactly background
        return np.clip(noisy, np.float32(_DARKEST), np.float32(1))

    def _voxels(self, order: Order, condition: str) -> int:
        return round(_number(order, condition) / self.grid.voxel_ml)

    def _measured(self, label: NDArray[np.uint8], jacobian: float) -> dict[str, float]:
        volumes = labels.volumes_ml(label, self.grid.voxel_ml)
        return {
            "intracranial_volume_ml": math.fsum(volumes.values()),
            "ventricular_volume_ml": volumes[labels.VENTRICLES],
            "cortical_volume_ml": volumes[labels.CORTEX],
            "wmh_volume_ml": volumes[labels.LESIONS],
            "white_matter_volume_ml": volumes[labels.WHITE],
            "other_csf_volume_ml": volumes[labels.FLUID],
            "minimum_jacobian": jacobian,
        }

    def _failed(self, fault: str) -> Sample:
        """A sample that cannot be made with this anatomy: empty, and told so."""
        return Sample(
            volumes={
                "image": np.zeros(self.grid.shape, dtype=np.float32),
                "label": np.zeros(self.grid.shape, dtype=np.uint8),
            },
            measured={measure.name: 0.0 for measure in self.measures},
            faults=(fault,),
        )


def _random(order: Order, purpose: str) -> Generator:
    return np.random.Generator(np.random.Philox(key=stream_key(order.seed, purpose)))


def _number(order: Order, name: str) -> float:
    return float(order.conditions[name])


def _lesion_blobs(order: Order, axes: Sequence[torch.Tensor]) -> torch.Tensor:
    """A random field on two scales, `(x, y, z)` on the box: lesions come in blobs."""
    random = _random(order, "lesions")
    blobs = [smooth_field(random, channels=1, spacing_mm=spacing) for spacing in _LESION_SPACING_MM]
    return sample_grid(torch.stack(blobs).sum(0), axes)[0]
