"""From a name that may move to a commit that does not."""

from __future__ import annotations

from ..store.sources.hub import give_token, hub_commit, hub_name

__all__ = ["pin"]


def pin(data_set: str, *, token: str | bool | None = None) -> str:
    """The commit that a data set on the Hub is at now: write it down to load exactly the same later.

    Args:
        data_set: ``org/name``, ``org/name@v1.0.0`` or ``hf://datasets/org/name@revision``.
        token: for the Hub; False for none.

    Returns:
        40 hexadecimal digits, which `load_dataset` and `open` take as a revision.

    Raises:
        ValueError: not a name on the Hub.
        StoreNotFoundError: there is no such data set or revision.
        RemoteError: the Hub cannot be reached.

    Example:
        >>> commit = pin("org/brains@v1.0.0")                            # doctest: +SKIP
        >>> load_dataset("org/brains", split="train", revision=commit)   # doctest: +SKIP
    """
    named = hub_name(data_set)
    if named is None:
        msg = f"must be org/name or org/name@revision on the Hub, got {data_set[:200]!r}"
        raise ValueError(msg)
    name, revision, _ = named
    give_token(name, token)
    return hub_commit(name, revision)
