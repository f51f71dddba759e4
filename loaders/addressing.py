"""What the batches of one rank hold: which rows, which boxes, and what their randomness begins with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from .dealing import places_of
from .random_words import AUGMENTATION, PATCH, first_words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from ..store.arrays import Box
    from .dealing import Dealing
    from .items import ItemMaker
    from .order import Order
    from .patches import Placement, Sampling

__all__ = ["Addressed", "Addressing"]

_BLOCK: Final = 1024
"""Places of the order that are looked up at once: one by one costs ten times as much."""


class Addressed(NamedTuple):
    """An item and what its randomness depends on.

    Attributes:
        row: of the cohort.
        box: voxels; None for the whole volume.
        seed: of the random transform.
        padding: the item only fills a batch up.
    """

    row: int
    box: Box | None
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
            indices = self.maker.indices[rows]
            draw = partial(first_words, seed=self.seed, epoch=epoch, indices=indices, numbers=numbers)
            words = None if self.placement is None else draw(purpose=PATCH)
            random = draw(purpose=AUGMENTATION)[:, 0] % 2**32 if seeds else np.zeros_like(rows)
            start = 0
            for items, padding in dealt:
                part = slice(start, start + len(items))
                start += len(items)
                own = None if words is None else words[part]
                yield int(places[part][-1]), partial(self._items, rows[part], own, random[part], padding)

    def _items(
        self,
        rows: NDArray[np.int64],
        words: NDArray[np.uint64] | None,
        seeds: NDArray[np.integer[Any]],
        padding: NDArray[np.bool_],
    ) -> list[Addressed]:
        numbers = rows.tolist()
        boxes: Sequence[Box | None] = [None] * len(numbers)
        if self.placement is not None and words is not None:
            boxes = [*map(self.placement.box, numbers, words.tolist())]
        return [*map(Addressed, numbers, boxes, seeds.tolist(), padding.tolist())]
