"""The first look at every file: whether it can be read, where its voxels are, and which values it holds.

Nothing of an import is written before all files were seen: a grid, a type and a window are those of all of them, and
whatever is wrong is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import FormatError, VoxpressError
from ...store.nifti import read_scan
from .grids import VoxelGrid

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from ...store.nifti import Scan

__all__ = ["ScanToSee", "SurveyJob", "SurveyMaker", "Surveyed", "state_of"]

_HIGH: Final = 99.9
"""Percentile of a scan that the highest value of a chosen window is not below: a voxel in a thousand may be clipped."""

_MOST_LABELS: Final = 4096
_EXACT_FLOAT: Final = 2**24
"""Integers up to here are exact in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanToSee:
    """One file.

    Attributes:
        path: below the folder.
        kind: `image` or `label`.
    """

    path: str
    kind: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyJob:
    """Files that are seen by one worker, and written down together."""

    rows: tuple[ScanToSee, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surveyed:
    """What was seen of one file.

    Attributes:
        path: below the folder.
        kind: `image` or `label`.
        state: size and time of the file then.
        grid: where its voxels are.
        orientation: of its axes in the file.
        dtype: of its values in the file.
        scale, offset: a value v of the file means v × scale + offset.
        integral: whether all values of the file are integers that a float32 holds exactly.
        least, most: of the values of the file.
        high: of an image, the 99.9th percentile of what they mean.
        values: of a label map, all that there are.
        said: what voxpress says of a file that it wrote.
    """

    path: str
    kind: str
    state: str
    grid: VoxelGrid
    orientation: str
    dtype: str
    scale: float
    offset: float
    integral: bool
    least: float
    most: float
    high: float
    values: tuple[int, ...]
    said: Mapping[str, Any]

    @property
    def lowest(self) -> float:
        """What the lowest value means."""
        return min(self.least * self.scale, self.most * self.scale) + self.offset

    @property
    def highest(self) -> float:
        """What the highest value means."""
        return max(self.least * self.scale, self.most * self.scale) + self.offset

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Surveyed:
        """From what `SurveyMaker` wrote down."""
        affine = np.array(fields["affine"], np.float64)
        plain = {name: value for name, value in fields.items() if name not in {"shape", "affine"}}
        x, y, z = fields["shape"]
        return cls(**{**plain, "values": tuple(fields["values"])}, grid=VoxelGrid(shape=(x, y, z), affine=affine))


class SurveyMaker:
    """Looks at files; goes to worker processes as it is.

    Args:
        folder: of the files.
        affine: as for `read_scan`.
    """

    def __init__(self, folder: Path, affine: str) -> None:
        self._folder, self._affine = folder, affine

    def make(self, job: SurveyJob, *, on_sample: Callable[[], None]) -> list[dict[str, Any]]:
        """What is seen of each file, as JSON can hold it; of one that cannot be read, `path`, `state` and `error`."""
        seen = []
        for scan in job.rows:
            state = state_of(self._folder / scan.path)
            try:
                fields = self._see(scan)
            except (VoxpressError, OSError) as error:
                fields = {"error": str(error)}
            seen.append({"path": scan.path, "kind": scan.kind, "state": state, **fields})
            on_sample()
        return seen

    def _see(self, scan: ScanToSee) -> dict[str, Any]:
        read = read_scan(self._folder / scan.path, affine=self._affine)
        header, stored = read.header, read.stored
        least, most = stored.min(), stored.max()
        integral = bool(max(abs(float(least)), abs(float(most))) <= _EXACT_FLOAT and _is_integral(stored))
        fields = {
            "shape": list(header.shape),
            "affine": header.affine.tolist(),
            "orientation": header.orientation,
            "dtype": header.dtype.name,
            "scale": header.scale,
            "offset": header.offset,
            "integral": integral,
            "least": float(least),
            "most": float(most),
            "high": 0.0,
            "values": [],
            "said": dict(header.said),
        }
        if scan.kind == "label":
            return fields | {"values": self._label_values(scan.path, read, integral=integral)}
        if least == most:
            return {"error": f"{self._folder / scan.path} holds the same value everywhere, {least}; leave the file out"}
        return fields | {"high": float(np.percentile(read.values, _HIGH, method="higher"))}

    def _label_values(self, path: str, read: Scan, *, integral: bool) -> list[int]:
        values = np.unique(read.stored)
        header = read.header
        if not integral or (header.scale, header.offset) != (1, 0) or len(values) > _MOST_LABELS:
            found = f"{len(values)} values with the slope {header.scale:g}" if integral else "values that are none"
            msg = f"{self._folder / path} must be a label map of at most {_MOST_LABELS} integers, got {found}"
            raise FormatError(msg)
        return [int(value) for value in values]


def state_of(path: Path) -> str:
    """Size and time of a file, which are others once its content is."""
    try:
        status = path.stat()
    except OSError:
        return ""
    return f"{status.st_size} {status.st_mtime_ns}"


def _is_integral(stored: NDArray[Any]) -> bool:
    return stored.dtype.kind in "iu" or bool(np.array_equal(stored, np.rint(stored)))
