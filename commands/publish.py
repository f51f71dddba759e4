"""`voxpress publish`: a data set becomes an immutable version that others can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from .console import Bar, aligned, note, printable, size

if TYPE_CHECKING:
    import argparse

    from ..builder.publishing import Published, Step

__all__ = ["run"]


def run(asked: argparse.Namespace) -> int:
    """Publishes, or says what would be published."""
    from .. import release

    if release.write_missing_card(asked.path, tag=asked.tag, repository=asked.target):
        note(f"made a card, {asked.path.rstrip('/')}/README.md; edit it to say more")
    with Bars() as bars:
        published = release.publish(
            asked.path,
            asked.target,
            tag=asked.tag,
            private=asked.private,
            token=asked.token,
            dry_run=asked.dry_run,
            override=asked.override,
            real_data_consent=asked.real_data_consent,
            progress=bars.tell,
        )
    for text in published.notes:
        note(text)
    if published.for_show:
        _show(published)
    else:
        _report(published)
    return 0


class Bars:
    """One bar for each thing that is done, in bytes, with the files beside it."""

    def __init__(self) -> None:
        self._bar: Bar | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._bar is not None:
            self._bar.__exit__(*failure)

    def tell(self, step: Step) -> None:
        """Moves the bar of this step."""
        if self._bar is None or self._bar.description != step.doing:
            self.__exit__(None, None, None)
            self._bar = Bar(step.doing, unit="B", unit_scale=True)
        self._bar.tell(step.bytes_done, step.bytes_total)
        if step.files_total and self._bar.shown is not None:
            files = f"{step.files_done:,}/{step.files_total:,} files"
            self._bar.shown.set_postfix_str(files, refresh=step.files_done == step.files_total)


def _show(published: Published) -> None:
    new = {file.path for file in published.missing}
    if published.finished_before:
        print(f"{printable(published.address)} is published already; there is nothing to do")
        return
    rows = [
        (file.path, size(file.record.bytes), "to send" if file.path in new else "there")
        for file in published.contents.files
    ]
    print(*aligned(rows), sep="\n")
    total = size(sum(file.record.bytes for file in published.missing))
    would = f"{len(new):,} of {len(rows):,} files would be sent, {total}"
    print(f"{printable(published.address)}: {would}; nothing was written")


def _report(published: Published) -> None:
    contents = published.contents
    if published.finished_before:
        note(f"{published.address} was published before; there was nothing to do")
    total = size(contents.bytes)
    address = printable(published.address)
    print(f"{address}: {printable(contents.name)} {contents.version}, {len(contents.files):,} files, {total}")
    for path, digest in contents.manifests.items():
        folder = path.rpartition("/")[0]
        print(f"digest {digest}{f' ({printable(folder)})' if folder else ''}")
    print(f"next: voxpress.open({published.address!r}) in Python · voxpress fetch {address} -o DIR")
