"""A folder in the folder of a source."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit, urlunsplit

from ..layout import check_relative
from .local import LocalSource

if TYPE_CHECKING:
    from .source import Source

__all__ = ["below"]


def below(source: Source, folder: str) -> Source:
    """Source of a folder that lies in that of another: same server, same login, same commit.

    Args:
        source: of a folder, of HTTP or object storage.
        folder: relative path.

    Raises:
        UnsafePathError: the path leads elsewhere.
    """
    check_relative(folder)
    if isinstance(source, LocalSource):
        return LocalSource(source.root / folder)
    address: str = source.address  # type: ignore[attr-defined]
    parts = urlsplit(address)
    path = f"{parts.path.rstrip('/')}/{quote(folder) if parts.scheme.startswith('http') else folder}"
    moved: Source = replace(source, address=urlunsplit(parts._replace(path=path)))  # type: ignore[type-var]
    return moved
