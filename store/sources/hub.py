"""A data set on the Hugging Face Hub, read at one commit."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ...errors import RemoteError, StoreNotFoundError
from .backoff import Limits
from .local import LocalSource
from .process import PerProcess
from .secrets import forget_secret, keep_secret, secret_of

if TYPE_CHECKING:
    from huggingface_hub import HfApi

    from .secrets import Secret
    from .source import Source

__all__ = ["give_token", "given_token", "hub_api", "hub_commit", "hub_endpoint", "hub_name", "hub_source", "hub_token"]

_NAME: Final = r"(?P<name>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})"
_REVISION: Final = r"(?P<revision>refs/(?:convert|pr)/[\w.-]+|[\w.%+-]+)"
_SHORT: Final = re.compile(rf"{_NAME}(?:@(?P<revision>[\w./%+-]+))?", flags=re.ASCII)
_LONG: Final = re.compile(rf"hf://datasets/{_NAME}(?:@{_REVISION})?(?P<folder>/.*)?", flags=re.ASCII)
_PAGE: Final = re.compile(rf"/datasets/{_NAME}(?:/(?:tree|resolve)/{_REVISION}(?P<folder>/.*)?)?/?", flags=re.ASCII)

_TOKEN_S: Final = 300.0
"""A token is looked up again after this time: one of a browser login is renewed by `huggingface_hub`."""


def hub_endpoint() -> str:
    """Address of the Hub, or of what `HF_ENDPOINT` names instead."""
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or "https://huggingface.co"


def hub_name(text: str) -> tuple[str, str | None, str] | None:
    """Name, revision and folder of a data set on the Hub; None for a text that names none.

    Args:
        text: ``org/name``, ``org/name@revision``, ``hf://datasets/org/name@revision/folder``, or the address of its
            page on the Hub.
    """
    endpoint = hub_endpoint()
    if text.startswith("hf://"):
        match = _LONG.fullmatch(text)
    elif text.startswith(f"{endpoint}/"):
        match = _PAGE.fullmatch(text.removeprefix(endpoint))
    else:
        match = _SHORT.fullmatch(text)
    if match is None:
        return None
    found = match.groupdict()
    revision = found["revision"]
    return found["name"], revision and revision.replace("%2F", "/"), (found.get("folder") or "").strip("/")


def hub_source(name: str, revision: str | None = None, *, folder: str = "", limits: Limits | None = None) -> Source:
    """Source of a data set at the commit that a revision names now: later changes on the Hub are not seen.

    With `HF_HUB_OFFLINE` set it is the snapshot of that commit in the cache of `huggingface_hub`.

    Args:
        name: ``org/name``.
        revision: branch, tag or commit; None for the main branch.
        folder: of the store in the repository.
        limits: time-outs.

    Raises:
        StoreNotFoundError: there is no such data set or revision, or it is private.
        RemoteError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import is_offline_mode

    from .http import HttpSource

    commit = hub_commit(name, revision)
    if is_offline_mode():
        snapshot = _snapshot(name, commit)
        return snapshot.below(folder) if folder else snapshot
    address = f"{hub_endpoint()}/datasets/{name}/resolve/{commit}/{quote(folder)}"
    return HttpSource(address, hub=True, limits=limits or Limits())


def hub_token(key: str = "") -> str | None:
    """Token for a data set: the one that was given for it in this process, else that of the user.

    The user's is the one that `huggingface_hub` finds (`HF_TOKEN`, then the login).

    Args:
        key: as `hub_key` makes it.
    """
    given = secret_of(key)
    return (given or None) if given is not None else _TOKEN.get().value()


def hub_api(name: str) -> HfApi:
    """Client of the Hub, with the token for a data set."""
    from huggingface_hub import HfApi

    return HfApi(endpoint=hub_endpoint(), token=hub_token(_key(name)) or False)


def given_token(name: str) -> Secret | bool | None:
    """What `give_token` was given for a data set, as `huggingface_hub` and `datasets` take it."""
    given = secret_of(_key(name))
    return False if given is not None and not given else given


def give_token(name: str, token: str | bool | None) -> None:  # noqa: FBT001 - as of huggingface_hub
    """Read a data set with a token from now on, in this process and in those that inherit from it.

    Args:
        name: ``org/name``.
        token: False for none; True for the user's own again; None to leave what there is.
    """
    if token is True:
        forget_secret(_key(name))
    elif token is not None:
        keep_secret(_key(name), token or "")


def hub_commit(name: str, revision: str | None = None) -> str:
    """The commit, 40 hexadecimal digits, that a revision of a data set names now.

    Raises:
        StoreNotFoundError: there is no such data set or revision, or it is private.
        RemoteError: the Hub cannot be reached, or refuses.
    """
    from huggingface_hub import is_offline_mode
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at = f"{name}@{revision}" if revision else name
    try:
        return str(hub_api(name).resolve_revision(name, repo_type="dataset", revision=revision).resolved)
    except RevisionNotFoundError as error:
        msg = f"the data set {name} on the Hub has no revision {revision!r}; give a branch, a tag or a commit of it"
        raise StoreNotFoundError(msg) from error
    except GatedRepoError as error:
        msg = f"{name} needs an agreement: accept its terms at {hub_endpoint()}/datasets/{name}, and set HF_TOKEN"
        raise RemoteError(msg) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        msg = (
            f"there is no folder {at!r} here, and no data set {name!r} on the Hub ({hub_endpoint()}), "
            "or it is private; check the name, or log in with `hf auth login` or HF_TOKEN"
        )
        raise StoreNotFoundError(msg) from error
    # errors of its HTTP library, which changes between versions
    except Exception as error:
        if getattr(getattr(error, "response", None), "status_code", 0) == 401:
            msg = (
                f"the Hub ({hub_endpoint()}) does not know the token that was sent for {at}; "
                "give another one (token=, HF_TOKEN, or log in with `hf auth login`), or none for public data"
            )
            raise RemoteError(msg) from error
        why = "HF_HUB_OFFLINE is set" if is_offline_mode() else type(error).__name__
        msg = (
            f"there is no folder {at!r} here, and {at} could not be looked up on the Hub ({hub_endpoint()}): {why}; "
            "check the name and the network, or try again later"
        )
        raise RemoteError(msg) from error


def _key(name: str) -> str:
    return f"hf://datasets/{name}"


def _snapshot(name: str, commit: str) -> LocalSource:
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE) / f"datasets--{name.replace('/', '--')}" / "snapshots" / commit
    if not folder.is_dir():
        msg = (
            f"HF_HUB_OFFLINE is set, and {name} at {commit} is not in the cache ({folder}); load it once, or "
            f"huggingface_hub.snapshot_download({name!r}, repo_type='dataset', revision=…), while online"
        )
        raise RemoteError(msg)
    return LocalSource(folder)


class _Token:
    def __init__(self) -> None:
        self._token: str | None = None
        self._until = 0.0

    def value(self) -> str | None:
        if time.monotonic() >= self._until:
            from huggingface_hub import get_token

            self._token = get_token()
            # somebody without a token may log in at any time
            self._until = time.monotonic() + _TOKEN_S if self._token else 0.0
        return self._token


_TOKEN = PerProcess(_Token)
