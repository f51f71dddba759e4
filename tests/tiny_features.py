"""Small real extractors and volumes for tests, which worker processes can import."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from voxpress.quality import Volume

if TYPE_CHECKING:
    from pathlib import Path


class Tones:
    """Mean, standard deviation and maximum of an image; counts its calls in a file, so that processes are counted too.

    Args:
        log: file that grows by one byte a call; None for none.
        version: part of the id.
        refuses: volumes whose first voxel has this value are refused.
    """

    name = "tones"
    width = 3

    def __init__(self, log: Path | None = None, version: int = 1, refuses: float | None = None) -> None:
        self.log, self.refuses = log, refuses
        self.feature_id = f"tones/{version}"

    def embed(self, volume: Volume) -> np.ndarray:
        if self.log is not None:
            with self.log.open("ab") as file:
                file.write(b".")
        if self.refuses is not None and volume.image.flat[0] == self.refuses:
            msg = "this one is refused"
            raise ValueError(msg)
        return np.asarray([volume.image.mean(), volume.image.std(), volume.image.max()], np.float32)

    @property
    def calls(self) -> int:
        """So far."""
        return self.log.stat().st_size if self.log is not None and self.log.exists() else 0


class Scans:
    """A reference that is not there on disk.

    Args:
        count: volumes.
        broken: that has a NaN.
        stop: raises KeyboardInterrupt when this one is asked for.
    """

    def __init__(self, count: int, *, broken: int | None = None, stop: int | None = None) -> None:
        self.count, self.broken, self.stop = count, broken, stop

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"sub-{number:03d}/anat.nii.gz" for number in range(self.count))

    @property
    def digest(self) -> str:
        return hashlib.sha256(f"{self.count} {self.broken}".encode()).hexdigest()

    def __len__(self) -> int:
        return self.count

    def volume(self, number: int) -> Volume:
        if number == self.stop:
            raise KeyboardInterrupt
        image = np.random.default_rng(number).random((128, 128, 128), np.float32)
        image.flat[0] = number
        if number == self.broken:
            image[3, 4, 5] = np.nan
        return Volume(image=image, affine=np.eye(4))
