"""What a way to place patches is, before and after it has met a cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from ...store.arrays import ArraySpec, Box
    from .boxes import Shape

__all__ = ["Placement", "Sampling"]


class Placement(Protocol):
    """Where the patches of the rows of a cohort lie: a pure function of row and random words."""

    def box(self, row: int, words: Sequence[int]) -> Box:
        """The box of one patch.

        Args:
            row: of the table that the placement was made with.
            words: `WORDS` random words for `PATCH`, of seed, epoch, the sample's index in the whole cohort (so that the
                box does not depend on which samples were selected) and the number of the patch.
        """


class Sampling(Protocol):
    """How patches are to lie: a small frozen value whose `repr` says all about it."""

    def columns(self, specs: Mapping[str, ArraySpec]) -> tuple[str, ...]:
        """Columns of the table that `placement` needs.

        Raises:
            ValueError: the sampling names an array or a label that the data set does not have.
        """

    def placement(self, shape: Shape, patch: Shape, specs: Mapping[str, ArraySpec], table: pa.Table) -> Placement:
        """Join the choice with the rows of a cohort.

        Args:
            shape: voxels of the volumes.
            patch: voxels of a box.
            specs: arrays of the data set.
            table: rows of the cohort, at least `columns`.

        Raises:
            FormatError: the table lacks a column, or a column holds what cannot be.
            ValueError: the patch does not fit, or the sampling does not suit the data set.
        """
