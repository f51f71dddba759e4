"""What voxpress says in the files that it writes: a JSON comment in the header extension of a NIfTI file.

NIfTI has no field that says that an image is synthetic, and its own numbers are float32. So an extension (code 6, a
comment) says what it is, and holds affine, scale and offset with all of their digits: what is read again is what was
written.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

__all__ = ["COMMENT", "exact_affine", "exact_scaling", "said_by", "spelled"]

COMMENT: Final = 6
"""NIfTI's code of an extension that is a text for people."""

_WRITER: Final = "voxpress"
_LONGEST: Final = 2**16


def spelled(fields: Mapping[str, Any]) -> bytes:
    """Content of the extension."""
    return json.dumps({"writer": _WRITER, **fields}, sort_keys=True, allow_nan=False, ensure_ascii=True).encode()


def said_by(extensions: Iterable[Any]) -> dict[str, Any]:
    """What voxpress says of a file that it wrote; nothing where the file is somebody else's.

    Args:
        extensions: of the header, as nibabel has them.
    """
    for extension in extensions:
        if extension.get_code() != COMMENT:
            continue
        content = extension.get_content()
        data = content.encode() if isinstance(content, str) else bytes(content)
        if len(data) > _LONGEST:
            continue
        try:
            fields = json.loads(data.rstrip(b"\0 ").decode())
        except (ValueError, RecursionError):
            continue
        if isinstance(fields, dict) and fields.get("writer") == _WRITER:
            return fields
    return {}


def exact_affine(told: NDArray[np.float64], said: Mapping[str, Any]) -> NDArray[np.float64]:
    """The affine with all of its digits, if what is said rounds to what the header tells.

    Args:
        told: 4×4, of the header, float32 in its precision.
        said: as by `said_by`; another tool may have changed the header since, which then counts.
    """
    try:
        exact = np.asarray(said.get("affine"), np.float64)
    except (TypeError, ValueError):
        return told
    same = exact.shape == (4, 4) and np.array_equal(exact.astype(np.float32), told.astype(np.float32))
    return exact if same else told


def exact_scaling(told: tuple[float, float], said: Mapping[str, Any]) -> tuple[float, float]:
    """Scale and offset with all of their digits, as `exact_affine`."""
    scale, offset = said.get("scale"), said.get("offset")
    if not isinstance(scale, float) or not isinstance(offset, float):
        return told
    same = np.array_equal(np.array([scale, offset], np.float32), np.array(told, np.float32))
    return (scale, offset) if same else told
