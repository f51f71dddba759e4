"""Names of weights in checkpoints that older MONAI wrote, as a pure map. Nothing is taken out of anybody's dictionary.

MONAI's own `load_old_state_dict` empties the dictionary that it is given, prints, and reports nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from collections.abc import Set as AbstractSet

__all__ = ["Renames", "match_names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Renames:
    """How the names of a checkpoint fit those of a network.

    Attributes:
        found: name in the network → name in the checkpoint.
        missing: names of the network that the checkpoint has under no name, sorted.
        unexpected: names of the checkpoint that nothing is made of, sorted.
    """

    found: dict[str, str]
    missing: tuple[str, ...]
    unexpected: tuple[str, ...]


def match_names(wanted: AbstractSet[str], there: AbstractSet[str]) -> Renames:
    """Finds each weight of a network under its own name, or under the one that it had before.

    >>> match_names({"up.postconv.conv.weight"}, {"up.conv.conv.weight"}).found
    {'up.postconv.conv.weight': 'up.conv.conv.weight'}
    """
    found = {}
    for name in sorted(wanted):
        for candidate in (name, *_older(name)):
            if candidate in there:
                found[name] = candidate
                break
    return Renames(
        found=found,
        missing=tuple(sorted(wanted - found.keys())),
        unexpected=tuple(sorted(there - set(found.values()))),
    )


def _older(name: str) -> Iterator[str]:
    """Names in MONAI Generative Models (before MONAI 1.4)."""
    if ".transformer_blocks." in name:
        yield name.replace(".out_proj.", ".to_out.0.")
    elif ".attn.out_proj." in name:
        yield name.replace(".attn.out_proj.", ".proj_attn.")
    elif ".attn.to_" in name:
        yield name.replace(".attn.to_", ".to_")
    if ".postconv." in name:
        yield name.replace(".postconv.", ".conv.")
