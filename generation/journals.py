"""The journal of a target: of a folder, or of object storage."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from ..errors import PublishError
from ..store.sources.resolve import scheme_of
from ..store.writable import writable_at
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
    if not isinstance(target, str) or scheme_of(target) is None:
        return Journal(Path(target), share=share)
    if (place := writable_at(target)) is None:
        msg = (
            f"the target must be a folder or an address of s3://, gs:// or az://, got {scheme_of(target)}://…; make it "
            "in a folder, and publish that"
        )
        raise PublishError(msg)
    if isinstance(place, Path):
        return Journal(place, share=share)
    from .bucket_journal import BucketJournal

    return BucketJournal(place, share=share)
