"""The journal of a target: of a folder, or of object storage."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit
from urllib.request import url2pathname

from ..errors import PublishError
from .journal import Journal

if TYPE_CHECKING:
    from .bucket_journal import BucketJournal

    AnyJournal: TypeAlias = Journal | BucketJournal

__all__ = ["journal_of"]


def journal_of(target: str | Path, *, share: str | None = None) -> AnyJournal:
    """Journal of what a user names; nothing is read or written.

    Args:
        target: a folder, or ``s3://``, ``gs://`` or ``az://``.
        share: name of a share of a run; None for a whole run.

    Raises:
        PublishError: it is another address, or none that is well formed.
    """
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", target) if isinstance(target, str) else None
    if scheme is None:
        return Journal(Path(target), share=share)
    kind = scheme[1].lower()
    if kind == "file":
        return Journal(Path(url2pathname(urlsplit(str(target)).path)), share=share)
    if kind in {"s3", "gs", "az"}:
        from ..store.bucket import Bucket
        from ..store.sources.objects import ObjectSource
        from .bucket_journal import BucketJournal

        try:
            return BucketJournal(Bucket(ObjectSource(str(target).rstrip("/"))), share=share)
        except ValueError as error:
            raise PublishError(str(error)) from error
    msg = (
        f"the target must be a folder or an address of s3://, gs:// or az://, got {kind}://…; make it in a folder, and "
        "publish that"
    )
    raise PublishError(msg)
