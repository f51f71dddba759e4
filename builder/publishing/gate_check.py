"""Whether the quality gate lets a version be published, or the publisher overrides it and says so to everybody."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import PublishError
from ...quality.gate import Override, check_reason, check_report, drop_override, read_override, write_override
from ...store.layout import CARD_NAME

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...quality.gate import Standing
    from .contents import Contents

__all__ = ["check_gate", "record_overrides", "standings_of", "wanted_overrides"]


def standings_of(contents: Contents) -> dict[str, Standing]:
    """Folder of each data set of a version → how it stands."""
    return {folder: check_report(contents.root / folder, manifest) for folder, manifest in contents.stores.items()}


def wanted_overrides(contents: Contents, reason: str) -> dict[str, Override]:
    """The overrides that publishing would need: folder of each data set that the gate does not let pass → override.

    Raises:
        QualityError: the reason is none.
    """
    check_reason(reason)
    return {
        folder: Override.of(standing, contents.stores[folder].digest, reason)
        for folder, standing in standings_of(contents).items()
        if not standing.may_be_published
    }


def record_overrides(contents: Contents, overrides: Mapping[str, Override]) -> None:
    """Keep overrides with the data sets, and drop those of older attempts. The card is the caller's.

    Raises:
        DiskFullError, OSError: as `write_atomic`.
    """
    for folder in contents.stores:
        if folder in overrides:
            write_override(contents.root / folder, overrides[folder])
        else:
            drop_override(contents.root / folder)


def check_gate(contents: Contents, override: str | None, *, dry_run: bool) -> tuple[str, ...]:
    """Hold a version against the quality gate.

    Args:
        contents: the version.
        override: reason to publish it though it does not pass.
        dry_run: nothing is published, so that an override need not have been recorded.

    Returns:
        what is to be said of each data set.

    Raises:
        PublishError: one does not pass, and there is no override; or it is not recorded with the data and on the card.
        QualityError: the reason of the override is none.
    """
    notes = []
    if override is not None:
        override = check_reason(override)
    for folder, standing in standings_of(contents).items():
        named = f"{folder}: " if folder else ""
        if standing.may_be_published:
            notes.append(f"quality: {named}{standing.sentence}")
            continue
        if override is None:
            raise PublishError(_refusal(contents, folder, standing))
        if not dry_run:
            _check_recorded(contents, folder, override)
        notes.append(f"quality: {named}{standing.sentence} Published all the same: {override}")
    return tuple(notes)


def _refusal(contents: Contents, folder: str, standing: Standing) -> str:
    return (
        f"{contents.root / folder} does not pass the quality gate ({standing.state}, {standing.verdict}): "
        f"{standing.sentence.rstrip('.')}. To publish it all the same, give a reason with --override "
        "(override=… in Python), which everybody will read on the card"
    )


def _check_recorded(contents: Contents, folder: str, reason: str) -> None:
    """See that others will know."""
    manifest = contents.stores[folder]
    kept = read_override(contents.root / folder)
    card = contents.root / CARD_NAME
    told = card.is_file() and "voxpress: override" in card.read_text(encoding="utf-8", errors="replace")
    if kept is None or kept.manifest_sha256 != manifest.digest or kept.reason != reason or not told:
        msg = (
            f"the override of {contents.root / folder} is not recorded with the data and on the card; "
            "publish with `voxpress publish --override` or voxpress.publish(override=…), which do that"
        )
        raise PublishError(msg)
