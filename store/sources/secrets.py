"""Tokens and passwords that a user gave: kept in memory, by what they open, and in no pickle that stays."""

from __future__ import annotations

import hashlib
from multiprocessing.context import get_spawning_popen
from typing import Any

__all__ = ["Secret", "forget_secret", "keep_secret", "secret_of"]


class Secret(str):
    """A text that does not leave memory.

    A pickle holds nothing of it, except one that is written for a process that is just being started: that goes through
    a pipe of `multiprocessing`, whose own keys make the same exception (its `AuthenticationString`).
    """

    __slots__ = ()

    def __repr__(self) -> str:
        # differs with the secret, as caches of libraries are keyed by it
        return f"<secret {hashlib.sha256(self.encode()).hexdigest()[:12]}>"

    def __reduce_ex__(self, protocol: object) -> tuple[Any, ...]:
        return (type(None), ()) if get_spawning_popen() is None else (Secret, (str(self),))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self


_KEPT: dict[str, Secret] = {}
"""A fork takes it along; what is sent to a process that is spawned carries what it needs."""


def keep_secret(key: str, secret: str | None) -> None:
    """Remember a secret in this process; the last one counts.

    Args:
        key: what it opens: a name on the Hub, or an address.
        secret: None to leave what there is.
    """
    if secret is not None:
        _KEPT[key] = Secret(secret)


def forget_secret(key: str) -> None:
    """Forget what was remembered, if anything was."""
    _KEPT.pop(key, None)


def secret_of(key: str) -> Secret | None:
    """What was remembered."""
    return _KEPT.get(key)
