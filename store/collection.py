"""Several data sets in one folder or repository: one a subfolder, each a complete store of its own.

The root has no `voxpress.json`; the YAML of its README names the tables of all as ``configs``, each with the name of
its folder, so that `datasets` alone finds them too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import yaml

from ..errors import CorruptError, StoreNotFoundError
from .layout import MANIFEST_NAME
from .sources import LocalSource

if TYPE_CHECKING:
    from .sources import Source

__all__ = ["check_configuration", "configurations", "shown"]

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*", flags=re.ASCII)
_MOST_README_BYTES: Final = 4 * 2**20
_MOST_SHOWN: Final = 20


def check_configuration(name: str) -> str:
    """Return the name of a configuration, which is also that of its folder.

    Raises:
        StoreNotFoundError: nothing can have this name.
    """
    if _NAME.fullmatch(name):
        return name
    msg = f"no configuration is called {name[:200]!r}: a name has letters, digits, '_', '.' and '-', as folders have"
    raise StoreNotFoundError(msg)


def configurations(source: Source) -> tuple[str, ...]:
    """Names of the data sets that a collection has, as its README or, on this machine, its folders say.

    Returns:
        none where it is not a collection.
    """
    if isinstance(source, LocalSource):
        found = (path.parent.name for path in source.root.glob(f"*/{MANIFEST_NAME}"))
        return tuple(sorted(name for name in found if _NAME.fullmatch(name)))
    try:
        text = source.read_all("README.md", most=_MOST_README_BYTES).decode(errors="replace")
    except CorruptError:
        return ()
    return _named_in(text)


def _named_in(readme: str) -> tuple[str, ...]:
    """Configurations of a card whose tables lie in a folder of their name."""
    front = re.match(r"---\r?\n(.*?)\r?\n---", readme, flags=re.DOTALL)
    try:
        card: Any = yaml.safe_load(front[1]) if front else {}
    except (yaml.YAMLError, RecursionError):
        return ()
    listed = card.get("configs") if isinstance(card, dict) else None
    found = []
    for config in listed if isinstance(listed, list) else []:
        name = config.get("config_name") if isinstance(config, dict) else None
        if isinstance(name, str) and _NAME.fullmatch(name) and f"{name}/metadata/" in str(config.get("data_files")):
            found.append(name)
    return tuple(found)


def shown(names: tuple[str, ...]) -> str:
    """Names for a message."""
    return ", ".join(names[:_MOST_SHOWN]) + (" …" if len(names) > _MOST_SHOWN else "")
