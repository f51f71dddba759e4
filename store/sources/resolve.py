"""From what a user writes to the source that it names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from .local import LocalSource

if TYPE_CHECKING:
    import os

    from .source import Source

__all__ = ["source_of"]

_OBJECT_STORAGE: Final = {"s3", "gs", "az"}


def source_of(path_or_url: str | os.PathLike[str]) -> Source:
    """Source of a store.

    Args:
        path_or_url: a folder; a URL of ``https``, ``http``, ``s3``, ``gs``, ``az``, ``hf`` or ``file``; or
            ``org/name`` or ``org/name@v1.0.0`` on the Hub, unless there is a folder of that name. A path object is
            always a folder. Whether a store is there is for the first read to tell.

    Raises:
        ValueError: the URL is of another kind, or not well formed.
        StoreNotFoundError: the Hub has no such data set or revision.
        RemoteError: the Hub cannot be reached.
    """
    text = path_or_url if isinstance(path_or_url, str) else None
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text) if text else None
    if text is None or scheme is None:
        if text and not Path(text).exists() and (source := _on_the_hub(text)) is not None:
            return source
        return LocalSource(Path(path_or_url))
    kind = scheme[1].lower()
    if kind in _OBJECT_STORAGE:
        from .objects import ObjectSource

        return ObjectSource(text)
    if kind == "file":
        return LocalSource(Path(url2pathname(urlsplit(text).path)))
    if kind in {"http", "https", "hf"}:
        if (source := _on_the_hub(text)) is not None:
            return source
        if kind != "hf":
            from .http import HttpSource

            return HttpSource(text)
        msg = f"must be hf://datasets/org/name or hf://datasets/org/name@revision, got {text!r}"
        raise ValueError(msg)
    msg = f"must be a folder, an address of https, http, s3, gs, az or hf, or org/name on the Hub, got {kind}://…"
    raise ValueError(msg)


def _on_the_hub(text: str) -> Source | None:
    from .hub import hub_name, hub_source

    if (named := hub_name(text)) is None:
        return None
    name, revision, folder = named
    return hub_source(name, revision, folder=folder)
