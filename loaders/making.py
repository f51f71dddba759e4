"""One batch of a stream: which items are in it, where their voxels go, and what is made of them."""

from __future__ import annotations

import copy
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from monai.data.utils import list_data_collate

from ..store.layout import array_path
from ..store.reads import Wanted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from .addressing import Addressed
    from .buffers import Buffers
    from .items import ItemMaker

__all__ = ["Making", "PerThread"]


class PerThread:
    """A copy of a transform for each thread: most hold the state of their random numbers."""

    def __init__(self, transform: Callable[[Any], Any]) -> None:
        self._transform = transform
        self._local = threading.local()

    def get(self) -> Callable[[Any], Any]:
        """That of the thread which asks."""
        if not hasattr(self._local, "copy"):
            self._local.copy = copy.deepcopy(self._transform)
        own: Callable[[Any], Any] = self._local.copy
        return own


@dataclass(kw_only=True, eq=False)
class Making:
    """A batch that is being made; a `pipeline.Order`.

    Attributes:
        items: in their sequence.
        maker: what they are made with.
        buffers: where the memory comes from.
        transform: what is applied to each item; None for nothing.
        single: give the one item itself instead of a batch.
        mark_padding: say of each item whether it is padding.
    """

    items: Sequence[Addressed]
    maker: ItemMaker
    buffers: Buffers
    transform: PerThread | None
    single: bool
    mark_padding: bool
    _tensors: Mapping[str, torch.Tensor] = field(init=False)
    _made: list[Any] = field(init=False)

    def __post_init__(self) -> None:
        self._tensors = {}
        for key, how in self.maker.conversions.items():
            shape = self.maker.patch or self.maker.cohort.specs[key].shape
            self._tensors[key] = self.buffers.take((len(self.items), 1, *shape), how.numpy_dtype)
        self._made = [None] * (len(self.items) if self.transform else 1)

    @property
    def wanted(self) -> list[Wanted]:
        """As in `pipeline.Order`."""
        where = self.maker.locations
        voxels = {key: tensor.numpy() for key, tensor in self._tensors.items()}
        return [
            Wanted(
                path=array_path(where.splits[where.split[item.row]], key),
                slot=int(where.slot[item.row]),
                box=item.box,
                target=target[number, 0],
                fill=self.maker.conversions[key].fill,
            )
            for key, target in voxels.items()
            for number, item in enumerate(self.items)
        ]

    @property
    def parts(self) -> int:
        """As in `pipeline.Order`: each transform is one."""
        return len(self._made)

    def part(self, number: int) -> None:
        """As in `pipeline.Order`."""
        tensors = {key: self._tensor(key) for key in self._tensors}
        if self.transform is None and not self.single:
            self._made[0] = self._batch(tensors)
            return
        item = self.items[number]
        made = self.maker.item(item.row, item.box, {key: voxels[number] for key, voxels in tensors.items()})
        if self.mark_padding:
            made["is_padding"] = item.padding
        if self.transform is not None:
            transform = self.transform.get()
            if hasattr(transform, "set_random_state"):
                transform.set_random_state(seed=item.seed)
            made = transform(made)
        self._made[number] = made

    def finished(self) -> Any:
        """As in `pipeline.Order`."""
        collated = self.single or self.transform is None
        return self.buffers.locked(self._made[0] if collated else list_data_collate(self._made))

    def _tensor(self, key: str) -> torch.Tensor:
        dtype = self.maker.conversions[key].torch_dtype
        return self._tensors[key] if dtype is None else self._tensors[key].to(dtype)

    def _batch(self, tensors: Mapping[str, torch.Tensor]) -> dict[str, Any]:
        rows = np.array([item.row for item in self.items])
        batch = self.maker.batch(rows, [item.box for item in self.items], tensors)
        if self.mark_padding:
            batch["is_padding"] = torch.tensor([item.padding for item in self.items])
        return batch
