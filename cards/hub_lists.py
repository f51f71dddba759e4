"""What the Hub takes in a card's header, as its documentation lists it: `hub_lists.json` is the one place to mend."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files

__all__ = ["hub_list"]


@cache
def hub_list(field: str) -> frozenset[str]:
    """Values that the Hub takes in a field: `license`, `task_categories`, `size_categories`, `annotations_creators`."""
    lists: dict[str, list[str]] = json.loads(files(__package__).joinpath("hub_lists.json").read_text(encoding="utf-8"))
    return frozenset(lists[field])
