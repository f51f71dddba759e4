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

__all__ = ["OBJECT_STORAGE", "scheme_of", "source_of"]

OBJECT_STORAGE: Final = {"s3", "gs", "az"}


def scheme_of(text: str) -> str | None:
    """Kind of an address, in small letters; None for what is none."""
    found = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", text)
    return found[1].lower() if found else None


def source_of(path_or_url: str | os.PathLike[str], *, token: str | bool | None = None) -> Source:
    """Source of a store.

    Args:
        path_or_url: a folder; a URL of ``https``, ``http``, ``s3``, ``gs``, ``az``, ``hf`` or ``file``, or of another
            kind that `fsspec` knows (``sftp``, ``ftp``, ``memory``, …); or ``org/name`` or ``org/name@v1.0.0`` on the
            Hub, unless there is a folder of that name. A path object is always a folder. Whether a store is there is
            for the first read to tell.
        token: for the Hub, in place of the user's own; False for none.

    Raises:
        ValueError: the URL is of another kind, or not well formed.
        StoreNotFoundError: the Hub has no such data set or revision.
        RemoteError: the Hub cannot be reached.
    """
    text = path_or_url if isinstance(path_or_url, str) else None
    kind = scheme_of(text) if text else None
    if text is None or kind is None:
        if text and not Path(text).exists() and (source := _on_the_hub(text, token)) is not None:
            return source
        return LocalSource(Path(path_or_url))
    if kind in {"http", "https", "hf"} and (source := _on_the_hub(text, token)) is not None:
        return source
    return _at_address(kind, text)


def _at_address(kind: str, text: str) -> Source:
    if kind == "hf":
        msg = f"must be hf://datasets/org/name or hf://datasets/org/name@revision, got {text!r}"
        raise ValueError(msg)
    if kind == "file":
        return LocalSource(Path(url2pathname(urlsplit(text).path)))
    if kind in OBJECT_STORAGE:
        from .objects import ObjectSource

        return ObjectSource(text)
    if kind in {"http", "https"}:
        from .http import HttpSource

        return HttpSource(text)
    from .filesystems import FsspecSource, is_known

    if is_known(kind):
        return FsspecSource(text)
    msg = (
        "must be a folder, an address of https, http, s3, gs, az, hf or of another kind that fsspec knows, "
        f"or org/name on the Hub, got {kind}://…"
    )
    raise ValueError(msg)


def _on_the_hub(text: str, token: str | bool | None) -> Source | None:  # noqa: FBT001 - as of huggingface_hub
    from .hub import give_token, hub_name, hub_source

    if (named := hub_name(text)) is None:
        return None
    name, revision, folder = named
    give_token(name, token)
    return hub_source(name, revision, folder=folder)
