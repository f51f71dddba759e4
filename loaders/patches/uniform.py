"""Patches anywhere in the volume."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..random_words import PATCH, WORDS, random_words
from .boxes import box_anywhere, check_patch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from ...store.arrays import ArraySpec, Box
    from .boxes import Shape

__all__ = ["Uniform", "UniformPlacement", "random_box"]


def random_box(shape: Shape, patch: Shape, *, seed: int, epoch: int, index: int, number: int = 0) -> Box:
    """A box of the patch's size, anywhere in the volume with equal probability.

    Args:
        shape: voxels of the volume.
        patch: voxels of the box; must fit.
        seed: of the run.
        epoch: other epochs have other boxes.
        index: of the sample in its cohort, so that the box does not depend on which samples were selected.
        number: of the patch in its sample.
    """
    words = random_words(seed=seed, epoch=epoch, purpose=PATCH, index=index, number=number, count=WORDS)
    return UniformPlacement(shape, check_patch(patch, shape)).box(0, words.tolist())


@dataclass(frozen=True, slots=True)
class Uniform:
    """Every position in the volume with equal probability."""

    def columns(self, specs: Mapping[str, ArraySpec]) -> tuple[str, ...]:  # noqa: ARG002 - as the protocol has it
        """None: the place depends on nothing but the shape."""
        return ()

    def placement(
        self,
        shape: Shape,
        patch: Shape,
        specs: Mapping[str, ArraySpec],  # noqa: ARG002
        table: pa.Table,  # noqa: ARG002
    ) -> UniformPlacement:
        """As in `Sampling`."""
        return UniformPlacement(shape, check_patch(patch, shape))


@dataclass(frozen=True, slots=True)
class UniformPlacement:
    """A box anywhere in the volume, for every row alike.

    Attributes:
        shape: voxels of the volumes.
        patch: voxels of a box; fits.
    """

    shape: Shape
    patch: Shape

    def box(self, row: int, words: Sequence[int]) -> Box:  # noqa: ARG002
        """As in `Placement`."""
        return box_anywhere(self.shape, self.patch, words)
