"""From an address that a user writes to the place that it names, where voxpress can write."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import PublishError
from .bucket import Bucket
from .sources import LocalSource, source_of
from .sources.resolve import OBJECT_STORAGE, scheme_of

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["writable_at"]


def writable_at(address: str) -> Path | Bucket | None:
    """The folder of a ``file://`` address, or the bucket of ``s3://``, ``gs://`` or ``az://``; None for any other.

    Raises:
        PublishError: the address of a bucket is not well formed.
    """
    kind = scheme_of(address)
    if kind != "file" and kind not in OBJECT_STORAGE:
        return None
    try:
        source = source_of(address)
    except ValueError as error:
        raise PublishError(str(error)) from error
    if isinstance(source, LocalSource):
        return source.root
    from .sources.objects import ObjectSource

    assert isinstance(source, ObjectSource)
    return Bucket(source)
