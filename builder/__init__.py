"""What faces Hugging Face and the world: loading with `datasets`, volumes lazy; publishing; fetching."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .detach import detach
from .pin import pin

if TYPE_CHECKING:
    from .exporting import export
    from .fetching import fetch
    from .importing import import_volumes
    from .load import load_dataset
    from .publishing import publish
    from .volume import LazyVolume, Volume

__all__ = [
    "LazyVolume",
    "Volume",
    "detach",
    "export",
    "fetch",
    "import_volumes",
    "load_dataset",
    "pin",
    "publish",
]

_HOMES = {
    "LazyVolume": "volume",
    "Volume": "volume",
    "export": "exporting",
    "fetch": "fetching",
    "import_volumes": "importing",
    "load_dataset": "load",
    "publish": "publishing",
}


def __getattr__(name: str) -> object:
    # datasets and torch take seconds to import, so they wait until something of this room is used
    if name not in _HOMES:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    return getattr(import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
