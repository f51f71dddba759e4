"""A finished data set becomes a published version: its card, if there is none, then the upload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .builder import publish as publish_version
from .builder.publishing import read_contents
from .cards import collection_card, write_card
from .store import open as open_store
from .store import write_atomic
from .store.layout import CARD_NAME
from .store.sources.hub import hub_name

if TYPE_CHECKING:
    import os

    from .builder.publishing import Published
    from .builder.publishing.outcome import Tell

__all__ = ["publish", "write_missing_card"]

_SCRATCH = ".voxpress-card"


def publish(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    tag: str | None = None,
    private: bool = False,
    token: str | None = None,
    dry_run: bool = False,
    progress: Tell | None = None,
) -> Published:
    """Publishes a data set, or a folder of data sets, as an immutable version; makes its card where there is none.

    As `voxpress.builder.publish`, which has the arguments and what is raised. A card is written into the folder itself,
    even if nothing else is to be written (`dry_run`), as it is part of what is looked at.

    Example:
        >>> publish("brains/", "org/brains")   # doctest: +SKIP
    """
    write_missing_card(path, tag=tag, repository=str(target))
    return publish_version(path, target, tag=tag, private=private, token=token, dry_run=dry_run, progress=progress)


def write_missing_card(path: str | os.PathLike[str], *, tag: str | None = None, repository: str = "") -> bool:
    """Writes the card of a data set or of a collection, if there is none.

    Args:
        path: folder of it.
        tag: as for `publish`.
        repository: where it will be published, for the examples in the card.

    Returns:
        whether one was written.

    Raises:
        StoreNotFoundError, PublishError: as `publish`.
    """
    root = Path(path).expanduser()
    if (root / CARD_NAME).exists():
        return False
    contents = read_contents(root, tag)
    named = hub_name(repository)
    name = named[0] if named else ""
    if not contents.is_collection:
        write_card(open_store(root), repository=name)
        return True
    card = collection_card(contents.name, contents.stores, repository=name)
    scratch = root / _SCRATCH
    try:
        write_atomic(root / CARD_NAME, card.encode(), scratch=scratch)
    finally:
        if scratch.exists():
            scratch.rmdir()
    return True
