"""The data set card: its machine's part, made from the data, and its human part, kept when it is made again."""

from __future__ import annotations

from .blocks import header_text
from .contents import filled_splits, literal, sample_count
from .facts import CardFacts
from .gathering import gather
from .header import size_category
from .human import PLACEHOLDER, QUESTIONS, Human, read_human
from .text import dataset_card, machine_blocks, remade_card

__all__ = [
    "PLACEHOLDER",
    "QUESTIONS",
    "CardFacts",
    "Human",
    "dataset_card",
    "filled_splits",
    "gather",
    "header_text",
    "literal",
    "machine_blocks",
    "read_human",
    "remade_card",
    "sample_count",
    "size_category",
]
