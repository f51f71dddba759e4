"""Arrays that take long to build, kept between runs.

The cache only saves time: a missing, unwritable or damaged file means building again, never other values.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tempfile
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import BadZipFile

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.float32]]

__all__ = ["cached_arrays"]

# Another version of these may build other bits.
_BUILT_WITH = ("nilearn", "numpy", "scipy", "torch")


def cached_arrays(name: str, *, version: int, build: Callable[[], Arrays]) -> tuple[Arrays, str]:
    """What `build` returns, from the user's cache folder if it is there.

    Args:
        name: of the file.
        version: raise it when `build` changes.
        build: pure function; its arrays are float32.

    Returns:
        The arrays, and their sha256.
    """
    packages = "-".join(f"{package}{installed(package)}" for package in _BUILT_WITH)
    path = _folder() / f"{name}-v{version}-{packages}.npz"
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, BadZipFile):
        kept = _read(path)
        if kept is not None:
            return kept
    arrays = {key: np.ascontiguousarray(value, dtype=np.float32) for key, value in build().items()}
    digest = _digest(arrays)
    with contextlib.suppress(OSError):
        _write(path, arrays, digest)
    return arrays, digest


def _folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "voxpress"


def _digest(arrays: Arrays) -> str:
    sha256 = hashlib.sha256()
    for key in sorted(arrays):
        sha256.update(f"{key}{arrays[key].shape}".encode())
        sha256.update(arrays[key].data)
    return sha256.hexdigest()


def _read(path: Path) -> tuple[Arrays, str] | None:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        arrays = {key: stored[key] for key in stored.files if key != "sha256"}
        digest = str(stored["sha256"])
    return (arrays, digest) if _digest(arrays) == digest else None


def _write(path: Path, arrays: Arrays, digest: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays, sha256=np.array(digest))
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=path.name, delete=False) as temporary:
        temporary.write(buffer.getbuffer())
    Path(temporary.name).replace(path)
