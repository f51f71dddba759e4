"""All checks of a card, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...builder.publishing import Contents
from ...builder.publishing.card_check import check_card
from ...errors import FormatError, PublishError
from ...store import open as open_store
from ...store import safe_path
from ...store.files import read_whole
from ...store.layout import CARD_NAME
from ..dataset_card.blocks import split_header
from .facts_check import facts_findings
from .finding import Finding, fault
from .header_check import header_findings
from .human_check import human_findings

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from ...store.manifest import Manifest

__all__ = ["lint_card", "refuse_unfit"]

_MOST_BYTES: Final = 16 * 2**20
_MOST_TOLD: Final = 8


def lint_card(
    root: str | os.PathLike[str], manifest: Manifest | None = None, *, text: str | None = None
) -> list[Finding]:
    """What is wrong with the card of a data set; nothing if it can be published.

    Args:
        root: folder of the data set.
        manifest: of it; None to read it.
        text: of the card, in place of the one that is there.

    Returns:
        errors about facts first, then what people still have to write, then warnings.

    Raises:
        StoreNotFoundError, FormatError: there is no data set at `root`, or its quality report is not one.
        CorruptError: its table is damaged.
    """
    cohort = open_store(Path(root))
    found = list(_findings(cohort.path, manifest or cohort.manifest, text))
    order = {("error", "facts"): 0, ("error", "human"): 1}
    return sorted(found, key=lambda finding: order.get((finding.level, finding.part), 2))


def refuse_unfit(
    root: str | os.PathLike[str],
    manifest: Manifest | None = None,
    *,
    text: str | None = None,
    overridden: bool = False,
) -> None:
    """Refuse to publish a data set whose card is not fit.

    Args:
        root: folder of the data set.
        manifest: of it; None to read it.
        text: as for `lint_card`.
        overridden: somebody gave a reason to publish all the same: what people left out is let through, wrong facts
            are not.

    Raises:
        PublishError: the card has errors; the message has them.
        StoreNotFoundError, FormatError, CorruptError: as `lint_card`.
    """
    errors = [each for each in lint_card(root, manifest, text=text) if each.level == "error"]
    errors = [each for each in errors if each.part == "facts" or not overridden]
    if errors:
        told = "\n".join(f"- {each.where}: {each.message}" for each in errors[:_MOST_TOLD])
        more = f"\nand {len(errors) - _MOST_TOLD} more" if len(errors) > _MOST_TOLD else ""
        msg = f"{Path(root) / CARD_NAME} is not fit to be published; see `voxpress card --check`:\n{told}{more}"
        raise PublishError(msg)


def _findings(root: Path, manifest: Manifest, text: str | None) -> Iterator[Finding]:
    if text is None:
        path = safe_path(root, CARD_NAME)
        if not path.is_file():
            yield fault("card", f"there is no {CARD_NAME} in {root}; make it with `voxpress card {root}`")
            return
        text = read_whole(path, CARD_NAME, most=_MOST_BYTES).decode("utf-8", errors="replace")
    try:
        header, body = split_header(text, CARD_NAME)
    except FormatError as error:
        yield fault("header", str(error))
        return
    yield from header_findings(header, manifest, synthetic=manifest.synthetic)
    yield from _configs(root, manifest)
    yield from facts_findings(header, body, open_store(root))
    yield from human_findings(body)


def _configs(root: Path, manifest: Manifest) -> Iterator[Finding]:
    """As publishing holds the header's `configs` against the files."""
    contents = Contents(
        root=root, name=manifest.name, version=manifest.version, tag="", stores={"": manifest}, files=()
    )
    try:
        check_card(contents)
    except PublishError as error:
        yield fault("configs", str(error))
