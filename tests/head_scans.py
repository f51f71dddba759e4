"""Small heads for tests of features and the audit: smooth random anatomy of many subjects, scanned with noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from voxpress.quality.volume import Volume

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPE = (32, 40, 34)
AFFINE = np.array([[5.0, 0, 0, -78], [0, 5, 0, -98], [0, 0, 5, -83], [0, 0, 0, 1]])


def scan(subject: int, *, again: int = 0, affine: np.ndarray = AFFINE) -> Volume:
    """One scan of a subject; another `again` is another scan of the same anatomy."""
    random = np.random.default_rng([20220614, subject])
    axes = [affine[axis, axis] * np.arange(size) + affine[axis, 3] for axis, size in enumerate(SHAPE)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    half = np.array([68.0, 84.0, 72.0]) * (1 + 0.04 * random.standard_normal(3))
    inside = (x / half[0]) ** 2 + (y / half[1]) ** 2 + (z / half[2]) ** 2 < 1
    folds = ndimage.gaussian_filter(random.standard_normal(SHAPE), 2.0)
    tissue = 0.6 + 0.25 * folds / folds.std()
    noise = np.random.default_rng([1, subject, again]).standard_normal(SHAPE)
    image = np.where(inside, np.clip(tissue + 0.03 * noise, 0.05, 1.5), 0)
    return Volume(image=image.astype(np.float32), affine=affine.copy())


@dataclass(frozen=True)
class Scans:
    """A reference of such heads, in memory: it keeps the contract of `quality.reference.Reference`.

    Attributes:
        numbers: the subjects.
        again: which scan of them.
        name: first part of the ids.
    """

    numbers: tuple[int, ...]
    again: int = 0
    name: str = "patient"

    @property
    def source(self) -> str:
        return f"/private/{self.name}"

    @property
    def ids(self) -> tuple[str, ...]:
        return tuple(f"{self.name}-{number:04d}-scan" for number in self.numbers)

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(f"{self.name}-{number:04d}" for number in self.numbers)

    @property
    def digest(self) -> str:
        return f"{self.name} {self.again} {self.numbers}"

    def __len__(self) -> int:
        return len(self.numbers)

    def volume(self, row: int) -> Volume:
        return scan(self.numbers[row], again=self.again)

    def volumes(self) -> Iterator[tuple[int, Volume]]:
        return ((row, self.volume(row)) for row in range(len(self)))
