"""From what a user writes to a data set that can be loaded: its manifest, and the root that its rows refer to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from ..errors import StoreNotFoundError
from ..store import MANIFEST_NAME
from ..store.collection import configurations
from ..store.opening import open as open_path
from ..store.opening import open_named
from ..store.sources import LocalSource, source_of
from ..store.sources.hub import give_token, hub_api, hub_commit, hub_name
from ..store.sources.secrets import keep_secret

if TYPE_CHECKING:
    import os

    from ..store import Cohort
    from ..store.sources import Source

__all__ = ["OnHub", "Place", "place_of"]

_MOST_SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class OnHub:
    """A commit of a data set on the Hub.

    Attributes:
        name: ``org/name``.
        commit: 40 hexadecimal digits.
        folder: of the store in it, or "".
    """

    name: str
    commit: str
    folder: str = ""

    @property
    def root(self) -> str:
        """Address for `datasets` and for lazy volumes."""
        return "/".join([f"hf://datasets/{self.name}@{self.commit}", *filter(None, [self.folder])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a data set is.

    Attributes:
        cohort: opened, manifest only.
        root: folder or address that its rows refer to; it holds no secret, and on the Hub the commit.
        hub: what it is there, if it is there.
    """

    cohort: Cohort
    root: str
    hub: OnHub | None = None


def place_of(
    path: str | os.PathLike[str],
    name: str | None = None,
    *,
    revision: str | None = None,
    token: str | bool | None = None,
) -> Place:
    """Find a data set, and resolve its revision once.

    Args:
        path: folder, address, or name on the Hub.
        name: of one of several data sets there.
        revision: branch, tag or commit on the Hub.
        token: for the Hub.

    Raises:
        ValueError: a revision of what has none, or two revisions.
        StoreNotFoundError, FormatError, UnsafePathError, RemoteError: as `voxpress.open`.
    """
    named = hub_name(path) if isinstance(path, str) and not Path(path).exists() else None
    if named is not None:
        return _on_the_hub(*_one_revision(named, revision), name=name, token=token)
    if revision is not None:
        msg = f"a revision is of a data set on the Hub, and {str(path)!r} is none; leave out revision={revision!r}"
        raise ValueError(msg)
    cohort = open_path(path, name)
    return Place(cohort=cohort, root=_root(cohort.store.source))


def _root(source: Source) -> str:
    """Absolute, as workers and later sessions may stand in another folder."""
    if isinstance(source, LocalSource):
        return str(source.root)
    address = str(getattr(source, "address", source.url))
    parts = urlsplit(address)
    bare = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path.rstrip("/"), "", ""))
    if bare != address.rstrip("/"):
        # features are written to disk, so what the root leaves out is remembered in memory
        keep_secret(bare, address)
    return bare


def _one_revision(named: tuple[str, str | None, str], revision: str | None) -> tuple[str, str | None, str]:
    repository, told, folder = named
    if told and revision and told != revision:
        msg = f"two revisions, {told!r} in the name and revision={revision!r}; give one"
        raise ValueError(msg)
    return repository, revision or told, folder


def _on_the_hub(
    repository: str, revision: str | None, folder: str, *, name: str | None, token: str | bool | None
) -> Place:
    give_token(repository, token)
    hub = OnHub(name=repository, commit=hub_commit(repository, revision), folder=folder)
    source = source_of(hub.root)
    try:
        cohort = open_named(source, name)
    except StoreNotFoundError as error:
        # a name that is wrong, or missing, has been told of already
        if name is not None or configurations(source):
            raise
        raise StoreNotFoundError(_what_it_is(hub, revision)) from error
    if cohort.store.source != source:
        hub = replace(hub, folder="/".join(filter(None, [folder, name])))
    _keep_manifest(hub)
    return Place(cohort=cohort, root=hub.root, hub=hub)


def _keep_manifest(hub: OnHub) -> None:
    """Put the manifest beside what `datasets` keeps of the table, so that both are there when offline."""
    path = "/".join(filter(None, [hub.folder, MANIFEST_NAME]))
    # nothing of this session depends on it, whatever goes wrong
    with suppress(Exception):
        hub_api(hub.name).hf_hub_download(hub.name, path, repo_type="dataset", revision=hub.commit)


def _what_it_is(hub: OnHub, revision: str | None) -> str:
    """What is in a repository that is no data set of this kind."""
    at = f"{hub.name}@{revision}" if revision else hub.name
    told = f"{at} on the Hub is not a voxpress data set: it has no voxpress.json"
    try:
        entries = hub_api(hub.name).list_repo_tree(
            hub.name, hub.folder or None, revision=hub.commit, repo_type="dataset"
        )
        names = [entry.path + ("/" if hasattr(entry, "tree_id") else "") for entry in entries]
    # the listing is for the message only
    except Exception:  # noqa: BLE001
        return f"{told}; check the name"
    more = f" and {len(names) - _MOST_SHOWN} more" if len(names) > _MOST_SHOWN else ""
    inside = ", ".join(names[:_MOST_SHOWN]) + more or "nothing"
    return f"{told}, but {inside}; load it with datasets.load_dataset, or check the name"
