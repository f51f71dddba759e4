"""How the values of scans become the integers of a data set, the same for all of its samples. Pure.

Integers are kept as they are, if all files have the same scale and the type can hold them. Everything else is rounded
within one window. Either way what lies outside the body is stored as 0, and in a rounded image nothing else is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import FormatError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from .order import ImportOrder
    from .survey import Surveyed

__all__ = ["ImageValues", "Stored", "label_dtype", "plan_values"]

_TYPES: Final = ("uint8", "uint16", "int16")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stored:
    """One image as it is stored.

    Attributes:
        voxels: (x, y, z) integers.
        clipped: voxels that the window cut.
    """

    voxels: NDArray[Any]
    clipped: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageValues:
    """The mapping of all images of a data set.

    Attributes:
        dtype: of the stored integers.
        scale, offset: a stored v means v × scale + offset; the offset is the background.
        exact: the integers of the files are kept: stored = value of the file − `shift`.
        shift: see `exact`.
        window: lowest and highest value that are told apart.
    """

    dtype: str
    scale: float
    offset: float
    exact: bool
    shift: int
    window: tuple[float, float]

    def stored(self, raw: NDArray[Any], scale: float, offset: float) -> Stored:
        """Integers of one image.

        Args:
            raw: (x, y, z) values as they are in the file, or as resampling them gave.
            scale: of the file: a value v of it means v × scale + offset.
            offset: see `scale`.
        """
        if self.exact:
            whole = raw if raw.dtype.kind in "iu" else np.rint(raw)
            return Stored(voxels=(whole.astype(np.int64) - self.shift).astype(self.dtype), clipped=0)
        values = raw.astype(np.float64) * scale + offset
        low, high = self.window
        clipped = int(np.count_nonzero((values < low) | (values > high)))
        steps = np.rint((np.clip(values, low, high) - self.offset) / self.scale)
        # what is not the background must not be stored as it
        steps[(steps == 0) & (values > self.offset)] = 1
        limits = np.iinfo(self.dtype)
        if limits.min < 0:
            steps[(steps == 0) & (values < self.offset)] = -1
        return Stored(voxels=np.clip(steps, limits.min, limits.max).astype(self.dtype), clipped=clipped)

    def raw_background(self, scale: float, offset: float) -> float:
        """The value of a file that means background, for what lies outside its field of view."""
        return float(self.shift) if self.exact else (self.offset - offset) / scale


def plan_values(scans: Sequence[Surveyed], order: ImportOrder) -> ImageValues:
    """Choose the mapping.

    Args:
        scans: all images; at least one.
        order: may name dtype, window and background.

    Raises:
        FormatError: it cannot be told which value is background, or the type cannot hold the values.
    """
    first = scans[0]
    alike = all(scan.integral and (scan.scale, scan.offset) == (first.scale, first.offset) for scan in scans)
    if alike and order.window is None and (shift := _shift(scans, order)) is not None:
        least = min(scan.least for scan in scans) - shift
        most = max(scan.most for scan in scans) - shift
        dtype = next(_holding(_preferred(scans, order, shift), least, most), None)
        if dtype is not None:
            return ImageValues(
                dtype=dtype,
                scale=first.scale,
                offset=first.offset + shift * first.scale,
                exact=True,
                shift=shift,
                window=(min(scan.lowest for scan in scans), max(scan.highest for scan in scans)),
            )
        if order.dtype:
            msg = (
                f"{order.dtype} cannot hold the integers of the scans, {least:g} to {most:g} from the background; "
                "choose another dtype, or a window: --window LOW,HIGH"
            )
            raise FormatError(msg)
    return _rounded(scans, order)


def label_dtype(scans: Sequence[Surveyed], names: Sequence[int]) -> str:
    """The smallest type that holds all values of label maps.

    Raises:
        FormatError: there is none.
    """
    values = [0, *names, *(value for scan in scans for value in scan.values)]
    dtype = next(_holding(_TYPES, min(values), max(values)), None)
    if dtype is None:
        msg = f"the label maps hold {min(values)} to {max(values)}, and a label is at most 65535; number them anew"
        raise FormatError(msg)
    return dtype


def _shift(scans: Sequence[Surveyed], order: ImportOrder) -> int | None:
    """The integer of the files that means background; None where no integer does."""
    if order.background is None:
        lowest = min(scan.least for scan in scans)
        # in a file that voxpress wrote, 0 is the background as in every data set
        if lowest < 0 and not all(scan.said for scan in scans):
            first = scans[0]
            raise _no_background(lowest * first.scale + first.offset, max(scan.highest for scan in scans))
        return 0
    shift = round((order.background - scans[0].offset) / scans[0].scale)
    return shift if shift * scans[0].scale + scans[0].offset == order.background else None


def _preferred(scans: Sequence[Surveyed], order: ImportOrder, shift: int) -> Sequence[str]:
    """Types in the order in which they are tried."""
    if order.dtype:
        return (order.dtype,)
    theirs = {scan.dtype for scan in scans}
    return (*theirs, *_TYPES) if len(theirs) == 1 and not shift and theirs <= set(_TYPES) else _TYPES


def _holding(dtypes: Sequence[str], least: float, most: float) -> Iterator[str]:
    for dtype in dtypes:
        limits = np.iinfo(dtype)
        if limits.min <= least and most <= limits.max:
            yield dtype


def _rounded(scans: Sequence[Surveyed], order: ImportOrder) -> ImageValues:
    lowest, highest = min(scan.lowest for scan in scans), max(scan.highest for scan in scans)
    background = order.background
    if background is None:
        if order.window is None and lowest < 0:
            raise _no_background(lowest, highest)
        background = 0.0 if order.window is None else order.window[0]
    low, high = order.window or (min(lowest, background), max(scan.high for scan in scans))
    if not low <= background < high:
        msg = f"the window {low:g},{high:g} must hold the background {background:g}, below its end; give another"
        raise FormatError(msg)
    dtype = order.dtype or ("int16" if low < background else "uint16")
    limits = np.iinfo(dtype)
    if low < background and limits.min == 0:
        msg = (
            f"{dtype} holds nothing below 0, which is the background, and the scans go from {low:g} to {high:g} around "
            f"their background {background:g}; choose int16, or a window that begins there"
        )
        raise FormatError(msg)
    down = (background - low) / -limits.min if limits.min else 0.0
    scale = max((high - background) / limits.max, down)
    return ImageValues(dtype=dtype, scale=scale, offset=background, exact=False, shift=0, window=(low, high))


def _no_background(lowest: float, highest: float) -> FormatError:
    return FormatError(
        f"the scans hold values from {lowest:g} to {highest:g}, so it cannot be told which one lies outside the body, "
        f"and that one is stored as 0; say it: --background {lowest:g} if it is the lowest (air in CT), --background 0 "
        "if it is 0 (a masked image with values on both sides)"
    )
