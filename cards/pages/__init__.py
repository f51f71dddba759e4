"""Pages that are one file: they need no network, and nothing from data can become markup or code in them."""

from __future__ import annotations

from .images import data_url
from .page import page, text

__all__ = ["data_url", "page", "text"]
