"""A finished data set becomes a published version: its card, if there is none, then the upload."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .builder import publish as publish_version
from .builder.publishing import read_contents, record_overrides, standings_of, wanted_overrides
from .cards import card_now, collection_card, refuse_unfit, write_card
from .cards.override_section import with_overrides
from .store import open as open_store
from .store import write_atomic
from .store.layout import CARD_NAME
from .store.sources.hub import hub_name

if TYPE_CHECKING:
    import os

    from .builder.publishing import Contents, Published
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
    override: str | None = None,
    real_data_consent: bool = False,
    progress: Tell | None = None,
) -> Published:
    """Publishes a data set, or a folder of data sets, as an immutable version; makes its card where there is none.

    As `voxpress.builder.publish`, which has the arguments and what is raised. A card is written into the folder itself,
    even if nothing else is to be written (`dry_run`), as it is part of what is looked at. A data set that the quality
    gate does not let pass is refused, unless `override` gives a reason: it is written to `quality/override.json` and to
    the card, and published with them. The machine's part of the card is brought up to date; a card that lacks what only
    people can say is refused, unless `override` gives a reason, and one that is wrong is always.

    Example:
        >>> publish("brains/", "org/brains")   # doctest: +SKIP
    """
    write_missing_card(path, tag=tag, repository=str(target))
    contents = read_contents(path, tag)
    passes = all(standing.may_be_published for standing in standings_of(contents).values())
    # what the gate does not let pass is refused by the gate, whose reason comes first; unless the version is there
    # already, with what was said of it then
    if passes or override is not None:
        if not dry_run:
            _settle_overrides(contents, override)
        _settle_card(contents, overridden=override is not None, dry_run=dry_run)
    return publish_version(
        path,
        target,
        tag=tag,
        private=private,
        token=token,
        dry_run=dry_run,
        override=override,
        real_data_consent=real_data_consent,
        progress=progress,
    )


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
    if contents.is_collection:
        _write_card(root, collection_card(contents.name, contents.stores, repository=name))
    else:
        write_card(open_store(root), repository=name)
    return True


def _settle_card(contents: Contents, *, overridden: bool, dry_run: bool) -> None:
    """Brings the machine's part of a card up to date, and sees that the card is fit to be published.

    The card of a collection tells of several data sets: it is left as it is.
    """
    if contents.is_collection:
        return
    cohort = open_store(contents.root)
    card = card_now(cohort)
    refuse_unfit(contents.root, text=card, overridden=overridden)
    if not dry_run and card != (contents.root / CARD_NAME).read_text(encoding="utf-8", errors="replace"):
        write_card(cohort, pictures=False)


def _settle_overrides(contents: Contents, reason: str | None) -> None:
    """Records what is published against the quality gate, with the data and on the card; takes back what is no more."""
    overrides = {} if reason is None else wanted_overrides(contents, reason)
    record_overrides(contents, overrides)
    written = (contents.root / CARD_NAME).read_text(encoding="utf-8", errors="replace")
    if (card := with_overrides(written, overrides)) != written:
        _write_card(contents.root, card)


def _write_card(root: Path, card: str) -> None:
    scratch = root / _SCRATCH
    try:
        write_atomic(root / CARD_NAME, card.encode(), scratch=scratch)
    finally:
        if scratch.exists():
            scratch.rmdir()
