"""Fetching: a data set, or a part of one, is copied from where it was published to a folder of this machine."""

from __future__ import annotations

from .fetching import Fetched, fetch

__all__ = ["Fetched", "fetch"]
