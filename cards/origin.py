"""Whether a data set shows real people: its card, pages and pictures then must not call it synthetic."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..store.manifest import Manifest

__all__ = ["is_synthetic"]


def is_synthetic(manifest: Manifest) -> bool:
    """Whether no sample shows a real person; a manifest that does not say so is of a format that has no others."""
    return bool(getattr(manifest, "synthetic", True))
