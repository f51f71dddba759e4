"""What the batches of one rank hold: which rows, which boxes, and what their randomness begins with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .dealing import places_of
from .random_words import AUGMENTATION, random_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from .dealing import Dealing
    from .items import ItemMaker
    from .order import Order
    from .patches import Placement, Sampling

__all__ = ["Addressed", "Addressing"]

_BLOCK: Final = 1024
"""Places of the order that are looked up at once: one by one costs ten times as much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressed:
    """An item and what its randomness depends on.

    Attributes:
        row: of the cohort.
        box: (3, 2) voxels; None for the whole volume.
        seed: of the random transform.
        padding: the item only fills a batch up.
    """

    row: int
    box: NDArray[np.int64] | None
    seed: int
    padding: bool


@dataclass(frozen=True, kw_only=True)
class Addressing:
    """The plan of a stream. It knows neither threads nor voxels.

    Attributes:
        maker: of the items.
        order: sequence of the rows.
        sampling: where patches lie.
        patches_per_volume: items of a row.
        seed: of the run.
        rank: whose batches these are.
    """

    maker: ItemMaker
    order: Order
    sampling: Sampling
    patches_per_volume: int
    seed: int
    rank: int

    def __getstate__(self) -> dict[str, Any]:
        # what is cached is read from the table again rather than sent to each worker
        return {name: getattr(self, name) for name in self.__dataclass_fields__}

    @cached_property
    def fingerprint(self) -> str:
        """Hex digest of what decides the sequence: data set, selected rows, order, patches a volume."""
        digest = hashlib.sha256()
        rows = self.maker.cohort.rows
        for part in (
            self.maker.cohort.manifest.digest.encode(),
            b"" if rows is None else np.ascontiguousarray(rows, dtype="<i8").tobytes(),
            self.order.fingerprint().encode(),
            str(self.patches_per_volume).encode(),
        ):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
        return digest.hexdigest()

    @cached_property
    def placement(self) -> Placement | None:
        """Where the patches of each row lie; None for whole volumes."""
        return self.maker.placement(self.sampling)

    def prepare(self) -> None:
        """Read what is needed of the table, once, before several threads ask for it."""
        _ = self.maker.indices, self.placement

    def batches(
        self, dealing: Dealing, steps: Sequence[int], epoch: int, *, seeds: bool
    ) -> Iterator[tuple[int, Callable[[], list[Addressed]]]]:
        """For each step the last place of the order that it comes to, and what gives its items.

        Args:
            dealing: of the epoch.
            steps: of the dealing, in sequence.
            epoch: of the order.
            seeds: give each item a seed too.
        """
        block = max(1, _BLOCK // dealing.batch_size)
        for first in range(0, len(steps), block):
            dealt = dealing.dealt(steps[first : first + block], self.rank)
            places, numbers = places_of(np.concatenate([items for items, _ in dealt]), self.patches_per_volume)
            rows = self.order.rows(places, seed=self.seed, epoch=epoch)
            start = 0
            for items, padding in dealt:
                part = slice(start, start + len(items))
                start += len(items)
                yield int(places[part][-1]), partial(self._items, epoch, rows[part], numbers[part], padding, seeds)

    def _items(
        self,
        epoch: int,
        rows: NDArray[np.int64],
        numbers: NDArray[np.int64],
        padding: NDArray[np.bool_],
        seeds: bool,  # noqa: FBT001 - handed on by `partial`
    ) -> list[Addressed]:
        return [
            Addressed(row=row, padding=is_padding, **self._random(row, number, epoch, seeds=seeds))
            for row, number, is_padding in zip(rows.tolist(), numbers.tolist(), padding.tolist(), strict=True)
        ]

    def _random(self, row: int, number: int, epoch: int, *, seeds: bool) -> dict[str, Any]:
        address = {"seed": self.seed, "epoch": epoch, "index": int(self.maker.indices[row]), "number": number}
        box = None if self.placement is None else np.array(self.placement.box(row, **address))
        seed = int(random_words(purpose=AUGMENTATION, count=1, **address)[0]) % 2**32 if seeds else 0
        return {"box": box, "seed": seed}
