"""A data set on the Hugging Face Hub, read at one commit."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from ...errors import RemoteError, StoreNotFoundError
from .backoff import Limits
from .process import PerProcess

if TYPE_CHECKING:
    from .http import HttpSource

__all__ = ["hub_endpoint", "hub_name", "hub_source", "hub_token"]

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


def hub_source(name: str, revision: str | None = None, *, folder: str = "", limits: Limits | None = None) -> HttpSource:
    """Source of a data set at the commit that a revision names now: later changes on the Hub are not seen.

    Args:
        name: ``org/name``.
        revision: branch, tag or commit; None for the main branch.
        folder: of the store in the repository.
        limits: time-outs.

    Raises:
        StoreNotFoundError: there is no such data set or revision, or it is private.
        RemoteError: the Hub cannot be reached, or refuses.
    """
    from .http import HttpSource

    commit = _commit(name, revision)
    address = f"{hub_endpoint()}/datasets/{name}/resolve/{commit}/{quote(folder)}"
    return HttpSource(address, hub=True, limits=limits or Limits())


def hub_token() -> str | None:
    """Token of the user, as `huggingface_hub` finds it (`HF_TOKEN`, then the login); looked up in each process."""
    return _TOKEN.get().value()


def _commit(name: str, revision: str | None) -> str:
    from huggingface_hub import HfApi, is_offline_mode
    from huggingface_hub.errors import (
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    at = f"{name}@{revision}" if revision else name
    try:
        api = HfApi(endpoint=hub_endpoint(), token=hub_token() or False)
        return str(api.resolve_revision(name, repo_type="dataset", revision=revision).resolved)
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
        why = "HF_HUB_OFFLINE is set" if is_offline_mode() else type(error).__name__
        msg = (
            f"there is no folder {at!r} here, and {at} could not be looked up on the Hub ({hub_endpoint()}): {why}; "
            "check the name and the network, or try again later"
        )
        raise RemoteError(msg) from error


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
