"""Whether a card is fit to be published: held against the data, the Hub's rules, and what only people can say."""

from __future__ import annotations

from .finding import Finding
from .linting import lint_card, refuse_unfit

__all__ = ["Finding", "lint_card", "refuse_unfit"]
