"""Publishes a data set: from what a user names to the place that it goes to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ...errors import PublishError
from ...store.sources.hub import hub_name
from ...store.sources.resolve import scheme_of
from ...store.writable import writable_at
from .contents import read_contents
from .folder_place import FolderPlace
from .hub import publish_on_hub
from .object_place import ObjectPlace
from .shelf import publish_on_shelf

if TYPE_CHECKING:
    import os

    from .contents import Contents
    from .outcome import Published, Tell
    from .shelf import Place

__all__ = ["publish"]

_KINDS: Final = "org/name on the Hub, a folder (an absolute path, or one that begins with ./), or s3://, gs:// or az://"


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
    """Publish a finished data set, or a folder of data sets (a *collection*), as an immutable version.

    Stopped at any time and called again, it does what is missing; called again when the version is there, it does
    nothing. Whoever reads the target meanwhile sees the versions before, never a part of this one.

    Args:
        path: folder of a data set, or of several: ``1mm/voxpress.json``, ``2mm/voxpress.json``, …
        target: ``org/name`` on the Hugging Face Hub, or a folder of versions: a path, or a URL of object storage.
        tag: name of the version; None for ``v`` and the version of the manifest.
        private: make the repository on the Hub private, if it is made now.
        token: for the Hub; None for that of `HF_TOKEN` or the login.
        dry_run: write nothing, and tell what would be done.
        override: reason to publish a data set that the quality gate does not let pass. It must have been recorded, as
            `voxpress.publish` does.
        real_data_consent: the people whose scans these are have agreed, and so have those who may decide on it; needed
            for a data set that is not synthetic.
        progress: told how far it is.

    Raises:
        StoreNotFoundError: there is no finished data set.
        PublishError: it cannot be published as it is, or not there; its quality report is missing, stale or edited, or
            says FAIL.
        QualityError: the reason of the override is none.
        CorruptError: it is broken.
        StoreExistsError: the target has another data set as that version.
        RemoteError: the server refuses, or cannot be reached.

    Example:
        >>> publish("brains/", "org/brains")   # doctest: +SKIP
    """
    where = _place_of(target)
    contents = read_contents(path, tag)
    if not real_data_consent:
        _refuse_real_people(contents)
    if isinstance(where, str):
        return publish_on_hub(
            contents, where, private=private, token=token, dry_run=dry_run, override=override, tell=progress
        )
    if private:
        msg = "only a repository on the Hub is made private here; who may read a folder or a bucket is set there"
        raise PublishError(msg)
    if isinstance(where, FolderPlace) and where.root.resolve().is_relative_to(contents.root.resolve()):
        msg = f"the target {where.root} lies in the data set {contents.root} itself; give a folder beside it"
        raise PublishError(msg)
    return publish_on_shelf(contents, where, dry_run=dry_run, override=override, tell=progress)


def _refuse_real_people(contents: Contents) -> None:
    for folder, manifest in contents.stores.items():
        if not manifest.synthetic:
            samples = sum(split.samples for split in manifest.splits.values())
            msg = (
                f"{contents.root / folder} holds {samples:,} scans of real people; it is published only if they, and "
                "whoever decides on their data, have agreed to that: say so with --real-data-consent"
            )
            raise PublishError(msg)


def _place_of(target: str | os.PathLike[str]) -> Place | str:
    """The place, or the name of a data set on the Hub."""
    if not isinstance(target, str):
        return FolderPlace(Path(target).absolute())
    kind = scheme_of(target)
    if kind is None and Path(target).expanduser().exists():
        return FolderPlace(Path(target).expanduser().absolute())
    if (named := hub_name(target)) is not None:
        name, revision, folder = named
        if revision or folder:
            msg = f"the target must be the repository {name} itself, got {target!r}; name the version with --tag"
            raise PublishError(msg)
        return name
    if kind is None:
        if not Path(target).expanduser().is_absolute() and not target.startswith((".", "~")):
            msg = f"the target must be {_KINDS}, got {target!r}"
            raise PublishError(msg)
        return FolderPlace(Path(target).expanduser().absolute())
    if (place := writable_at(target)) is not None:
        return FolderPlace(place) if isinstance(place, Path) else ObjectPlace(place)
    msg = f"voxpress does not write to {kind}:// addresses; publish to {_KINDS}, and serve or copy that folder"
    raise PublishError(msg)
