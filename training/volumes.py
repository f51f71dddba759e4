"""Volumes for training, epoch after epoch, through our own loader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..loaders import VolumeStream

if TYPE_CHECKING:
    from collections.abc import Iterator

    import torch

    from ..store import Cohort
    from .intensities import Intensities

__all__ = ["EndlessVolumes", "volumes_in_order"]

_PREFETCH_BYTES = 256 * 2**20


class EndlessVolumes:
    """Shuffled batches without end; where it stands is part of a checkpoint.

    Args:
        cohort: training subjects.
        intensities: scaling.
        batch_size: of this process.
        patch: voxels of a box, or None for whole volumes.
        seed: of the order, and of where boxes lie.
        rank, world_size: of this process.
    """

    def __init__(
        self,
        cohort: Cohort,
        intensities: Intensities,
        *,
        batch_size: int,
        patch: tuple[int, int, int] | None,
        seed: int,
        rank: int,
        world_size: int,
    ) -> None:
        self._intensities = intensities
        self._stream = VolumeStream(
            cohort,
            keys=("image",),
            batch_size=batch_size,
            patch=patch,
            shuffle=True,
            seed=seed,
            rank=rank,
            world_size=world_size,
            # so that a cohort smaller than a batch fills one
            remainder="repeat",
            prefetch_bytes=_PREFETCH_BYTES,
        )
        self._epoch = 0
        self._batches: Iterator[Any] | None = None

    def __next__(self) -> torch.Tensor:
        """The next batch, `(B, 1, x, y, z)` from 0 to 1."""
        if self._batches is None:
            self._batches = iter(self._stream)
        batch = next(self._batches, None)
        if batch is None:
            self._epoch += 1
            self._stream.set_epoch(self._epoch)
            self._batches = iter(self._stream)
            batch = next(self._batches)
        return self._intensities.scaled(batch["image"].as_tensor(), batch["sample_id"])

    def state_dict(self) -> dict[str, Any]:
        """Where it stands."""
        return self._stream.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on there."""
        self._stream.load_state_dict(state)
        self._epoch, self._batches = int(state["epoch"]), None


def volumes_in_order(cohort: Cohort, intensities: Intensities, batch_size: int) -> Iterator[torch.Tensor]:
    """All volumes once, in the order of the cohort, in batches `(B, 1, x, y, z)` from 0 to 1."""
    for batch in VolumeStream(cohort, keys=("image",), batch_size=batch_size, prefetch_bytes=_PREFETCH_BYTES):
        yield intensities.scaled(batch["image"].as_tensor(), batch["sample_id"])
