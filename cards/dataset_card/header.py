"""The YAML header of a card, which the Hub reads: what the machine knows, and what people may have changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ..licences import NOT_CHOSEN
from ..notices import NOTICES
from .contents import filled_splits, sample_count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ...store.manifest import Manifest
    from .facts import CardFacts

__all__ = ["SIZES", "header_of", "licence_of", "merged_header", "size_category"]

SIZES: Final = (
    (1_000_000_000, "1B<n<10B"),
    (100_000_000, "100M<n<1B"),
    (10_000_000, "10M<n<100M"),
    (1_000_000, "1M<n<10M"),
    (100_000, "100K<n<1M"),
    (10_000, "10K<n<100K"),
    (1_000, "1K<n<10K"),
    (0, "n<1K"),
)
"""The Hub's categories, each with its lower end."""

_ORDER: Final = ("pretty_name", "language", "license", "license_name", "license_link", "tags")
"""What stands first in a new header."""

_OURS: Final = ("size_categories",)
"""Fields that are facts: made again each time."""


def header_of(manifest: Manifest, facts: CardFacts) -> dict[str, Any]:
    """The header of a new card."""
    files = [{"split": split, "path": f"metadata/{split}-*.parquet"} for split in filled_splits(manifest)]
    labelled = any(spec.kind == "label" for spec in manifest.specs.values())
    return {
        "pretty_name": manifest.name,
        **_licence(facts.backend),
        "tags": [*(["synthetic"] if manifest.synthetic else []), "medical", "3d", "zarr", "voxpress"],
        "size_categories": [size_category(sample_count(manifest))],
        **({"task_categories": ["image-segmentation"]} if labelled else {}),
        **({"annotations_creators": ["machine-generated"]} if manifest.synthetic else {}),
        "configs": [{"config_name": "default", "default": True, "data_files": files}],
    }


def merged_header(old: Mapping[str, Any], new: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The header of a card that is made again.

    Args:
        old: of the card that is there: what people changed stays.
        new: of the machine: facts win over it.
        given: what people say now, which wins over all.
    """
    before = tuple(old)
    # a licence is one choice: its three fields come from one author
    if "license" in given:
        new, old = _without_licence(new), _without_licence(old)
    elif "license" in old:
        new = _without_licence(new)
    merged = {**new, **old, **{name: new[name] for name in _OURS}, **given}
    merged["tags"] = _tags(merged.get("tags"), new["tags"])
    merged["configs"] = _configs(old.get("configs"), new["configs"])
    first = [name for name in (*before, *_ORDER) if name in merged]
    return {name: merged[name] for name in dict.fromkeys((*first, *merged))}


def size_category(samples: int) -> str:
    """The Hub's category of a number of samples."""
    return next(name for lower, name in SIZES if samples >= lower)


def licence_of(header: Mapping[str, Any]) -> tuple[str, str]:
    """Name and link of the licence in a header; the name is empty if none was chosen."""
    name = str(header.get("license", ""))
    if name in {"", "other"}:
        name = str(header.get("license_name", ""))
    return ("" if name == NOT_CHOSEN else name), str(header.get("license_link", ""))


def _without_licence(header: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in header.items() if name not in {"license", "license_name", "license_link"}}


def _licence(backend: str) -> dict[str, str]:
    notice = NOTICES.get(backend)
    if notice is None:
        return {"license": "other", "license_name": NOT_CHOSEN}
    return {"license": "other", "license_name": notice.name, "license_link": notice.link}


def _tags(tags: Any, new: list[str]) -> list[str]:
    """What people have, with the mark that the data are synthetic exactly where they are."""
    kept = [str(tag) for tag in tags] if isinstance(tags, list) else list(new)
    if "synthetic" not in new:
        return [tag for tag in kept if tag != "synthetic"]
    return kept if "synthetic" in kept else ["synthetic", *kept]


def _configs(old: Any, new: list[Any]) -> list[Any]:
    """The configuration of the data set, and those that people added."""
    kept = [each for each in old if isinstance(each, dict)] if isinstance(old, list) else []
    return [*new, *(each for each in kept if each.get("config_name") != new[0]["config_name"])]
