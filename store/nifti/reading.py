"""One NIfTI file as RAS+ voxels with their affine: axes are permuted and flipped, nothing is resampled."""

from __future__ import annotations

import gzip
import io
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from ...errors import CorruptError, FormatError
from ..files import file_size
from .geometry import AFFINES, axis_codes, file_affine, to_ras
from .marks import exact_affine, exact_scaling, said_by

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["MOST_SCAN_BYTES", "Scan", "ScanHeader", "read_scan", "read_scan_header"]

MOST_SCAN_BYTES: Final = 2**32
"""Of the voxels of one file, unpacked: as much as a sample of a store may have."""

_LONGEST_AXIS: Final = 16_384
_MOST_HEADER_BYTES: Final = 16 * 2**20
_NIFTI1, _NIFTI2 = 348, 540
_KINDS: Final = frozenset("iuf")
_LARGEST_FLOAT_BYTES: Final = 8
_ADVICE: Final = "get the file again from its source, or leave it out"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScanHeader:
    """What a file says before a voxel is read.

    Attributes:
        shape: voxels along x, y and z after reorientation.
        affine: 4×4 float64, voxel index to mm in RAS+; oblique where that of the file is.
        orientation: where the axes point in the file, such as ``LAS``.
        dtype: of the values in the file.
        scale, offset: a value v of the file means v × scale + offset.
        said: what voxpress said of a file that it wrote (`synthetic`, `sample_id`, …); empty for others.
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    orientation: str
    dtype: np.dtype[Any]
    scale: float
    offset: float
    said: Mapping[str, Any]

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance of voxel centres along x, y and z."""
        x, y, z = np.linalg.norm(self.affine[:3, :3], axis=0).tolist()
        return x, y, z


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scan:
    """A file that was read.

    Attributes:
        header: of it.
        stored: (x, y, z) values as they are in the file, in its dtype, RAS+.
    """

    header: ScanHeader
    stored: NDArray[Any]

    @property
    def values(self) -> NDArray[np.float32]:
        """(x, y, z) float32: what the stored values mean."""
        header = self.header
        if (header.scale, header.offset) == (1, 0):
            return self.stored.astype(np.float32, copy=False)
        if self.stored.dtype.itemsize > 2 or self.stored.dtype.kind == "f":
            return (self.stored * np.float64(header.scale) + header.offset).astype(np.float32)
        return self.stored.astype(np.float32) * np.float32(header.scale) + np.float32(header.offset)


def read_scan_header(path: str | os.PathLike[str], *, affine: str = "agreed") -> ScanHeader:
    """What a file says of itself; voxels are not read. Arguments and errors as those of `read_scan`."""
    with _opened(Path(path)) as file:
        return _parsed(file, Path(path), affine)[0]


def read_scan(path: str | os.PathLike[str], *, affine: str = "agreed") -> Scan:
    """Read a ``.nii`` or ``.nii.gz`` file.

    All of it is read, so that the checksum of gzip is compared.

    Args:
        path: the file, of one volume.
        affine: `sform` or `qform`, where a file has both and they differ; `agreed` refuses such a file.

    Raises:
        FormatError: no NIfTI file, or none that means one volume of numbers in a known place; the message names the
            file and what to do.
        CorruptError: it is missing, cut off or damaged.
    """
    place = Path(path)
    with _opened(place) as file:
        header, raw, turn = _parsed(file, place, affine)
        data = _voxels(file, raw, place)
    from nibabel.orientations import apply_orientation

    stored = apply_orientation(data, turn)
    stored = np.ascontiguousarray(stored, dtype=stored.dtype.newbyteorder("="))
    if stored.dtype.kind == "f" and not np.isfinite(stored).all():
        count = int(np.count_nonzero(~np.isfinite(stored)))
        msg = f"{place} holds {count} values that are NaN or infinite; replace them, or leave the file out"
        raise FormatError(msg)
    return Scan(header=header, stored=stored)


class _opened:  # noqa: N801 - used as a function
    """The file, unpacked as it is read; what its bytes are not is told as a `CorruptError`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if path.name.endswith((".hdr", ".img", ".hdr.gz", ".img.gz")):
            msg = f"{path} is one half of a pair of .hdr and .img; convert the two to one .nii or .nii.gz file"
            raise FormatError(msg)
        if not path.name.endswith((".nii", ".nii.gz")):
            msg = f"{path} is no .nii or .nii.gz file; convert it to NIfTI"
            raise FormatError(msg)
        file_size(path, str(path))

    def __enter__(self) -> Any:
        packed = self._path.name.endswith(".gz")
        self._file: Any = gzip.open(self._path, "rb") if packed else self._path.open("rb")
        return self._file

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        self._file.close()
        if isinstance(error, EOFError | zlib.error | gzip.BadGzipFile):
            what = "ends too early" if isinstance(error, EOFError) else f"is no sound gzip file ({error})"
            msg = f"{self._path} {what}; {_ADVICE}"
            raise CorruptError(msg, kind="size" if isinstance(error, EOFError) else "checksum", path=str(self._path))


def _parsed(file: Any, path: Path, which: str) -> tuple[ScanHeader, Any, Any]:
    """What the header says, the header itself, and how to turn the axes."""
    if which not in AFFINES:
        msg = f"affine must be one of {', '.join(AFFINES)}, got {which!r}"
        raise ValueError(msg)
    raw = _header(file, path)
    dtype = _dtype(raw, path)
    shape = _shape(raw, dtype, path)
    scale, offset = _scaling(raw, path)
    said = said_by(raw.extensions)
    affine = exact_affine(file_affine(raw, shape, which, str(path)), said)
    turn, turned = to_ras(shape, affine, str(path))
    x, y, z = (shape[int(np.flatnonzero(turn[:, 0] == axis)[0])] for axis in range(3))
    scale, offset = exact_scaling((scale, offset), said)
    header = ScanHeader(
        shape=(x, y, z),
        affine=turned,
        orientation=axis_codes(affine),
        dtype=dtype,
        scale=scale,
        offset=offset,
        said=said,
    )
    return header, raw, turn


def _header(file: Any, path: Path) -> Any:
    """The header with its extensions; the file is then at the first voxel."""
    import nibabel as nib

    start = file.read(_NIFTI1)
    size = {int.from_bytes(start[:4], order) for order in ("little", "big")}
    if len(start) == _NIFTI1 and _NIFTI2 in size:
        start += file.read(_NIFTI2 - _NIFTI1)
        kind = nib.Nifti2Header
    elif len(start) == _NIFTI1 and _NIFTI1 in size:
        kind = nib.Nifti1Header
    else:
        msg = f"{path} does not begin as a NIfTI file does; convert it to NIfTI"
        raise FormatError(msg)
    try:
        bare = kind(start, check=False)
    # nibabel raises several of its own
    except Exception as error:
        msg = f"{path} has a header that cannot be read ({error}); {_ADVICE}"
        raise FormatError(msg) from error
    magic = bytes(bare["magic"]).rstrip(b"\0 \r\n\x1a")
    first = float(bare["vox_offset"])
    if magic not in {b"n+1", b"n+2"}:
        msg = f"{path} has the mark {magic!r} and not that of a NIfTI file with its voxels in it; convert it to .nii"
        raise FormatError(msg)
    if not len(start) <= first <= _MOST_HEADER_BYTES or first != int(first):
        msg = f"{path} says that its voxels begin at byte {first:g}, which no sound file does; {_ADVICE}"
        raise FormatError(msg)
    head = start + file.read(int(first) - len(start))
    if len(head) < first:
        msg = f"{path} ends in its header; {_ADVICE}"
        raise CorruptError(msg, kind="size", path=str(path))
    try:
        return kind.from_fileobj(io.BytesIO(head), check=False)
    except Exception:  # noqa: BLE001 - an extension that cannot be read says nothing, and the voxels may be sound
        return bare


def _shape(raw: Any, dtype: np.dtype[Any], path: Path) -> tuple[int, int, int]:
    """Sizes of the three axes; checked before anything is allocated."""
    count = int(raw["dim"][0])
    sizes = [int(size) for size in raw["dim"][1 : 1 + count]] if 1 <= count <= 7 else []
    if not sizes or any(size < 1 for size in sizes):
        msg = f"{path} has the dimensions {[int(x) for x in raw['dim']]}, so it holds no voxel; {_ADVICE}"
        raise FormatError(msg)
    if math.prod(sizes[3:]) > 1:
        volumes = math.prod(sizes[3:])
        msg = f"{path} holds {volumes} volumes, of the shape {tuple(sizes)}; split it into files of one volume each"
        raise FormatError(msg)
    if len(sizes) < 3:
        msg = f"{path} has {len(sizes)} axes, and a volume has three; leave it out"
        raise FormatError(msg)
    x, y, z = sizes[:3]
    if max(x, y, z) > _LONGEST_AXIS or x * y * z * dtype.itemsize > MOST_SCAN_BYTES:
        msg = f"{path} has the shape {(x, y, z)}; the limits are {_LONGEST_AXIS} along an axis and 4 GiB in all"
        raise FormatError(msg)
    return x, y, z


def _dtype(raw: Any, path: Path) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = raw.get_data_dtype()
    # nibabel's own error for a code that means nothing is a plain one
    except Exception as error:
        msg = f"{path} has a datatype that cannot be read ({error}); {_ADVICE}"
        raise FormatError(msg) from error
    if dtype.kind not in _KINDS or dtype.itemsize > _LARGEST_FLOAT_BYTES:
        name = dtype.name if dtype.names is None else "colours"
        msg = f"{path} holds {name}, not integers or floats of at most 64 bits; convert its values"
        raise FormatError(msg)
    return dtype


def _scaling(raw: Any, path: Path) -> tuple[float, float]:
    """Slope and intercept; a slope of 0, or none that is finite, means that there is none."""
    slope, intercept = float(raw["scl_slope"]), float(raw["scl_inter"])
    if slope == 0 or not math.isfinite(slope):
        return 1.0, 0.0
    if not math.isfinite(intercept):
        msg = f"{path} has the scl_inter {intercept}; mend its header"
        raise FormatError(msg)
    return slope, intercept


def _voxels(file: Any, raw: Any, path: Path) -> NDArray[Any]:
    """The values as they lie in the file, Fortran order."""
    x, y, z = (int(size) for size in raw["dim"][1:4])
    dtype = raw.get_data_dtype()
    data = np.empty(x * y * z, dtype)
    into = data.view(np.uint8).data
    done = 0
    while done < len(into) and (count := file.readinto(into[done:])):
        done += count
    if done < len(into):
        msg = f"{path} ends after {done} of {len(into)} bytes of voxels; {_ADVICE}"
        raise CorruptError(msg, kind="size", path=str(path))
    # gzip compares its checksum only at the end
    if file.read(_MOST_HEADER_BYTES) and file.read(1):
        msg = f"{path} goes on after its voxels; {_ADVICE}"
        raise FormatError(msg)
    return data.reshape((x, y, z), order="F")
