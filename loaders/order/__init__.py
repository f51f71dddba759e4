"""Which samples come when: a pure function of (seed, epoch), asked place by place, the same on every machine.

Functions take a cohort and give a frozen `Order`; the classes take plain arrays.
"""

from ..random_words import AUGMENTATION, PATCH, SHUFFLE, random_words
from .base import Order
from .bins import Curriculum
from .classes import Classes
from .draws import Weighted
from .for_cohort import (
    balanced,
    curriculum,
    listed,
    sequential,
    shard_at,
    shard_of_rows,
    shares,
    shuffled,
    shuffled_shards,
    stratified,
    weighted,
)
from .listing import Listed
from .permutation import permuted, unpermuted
from .sequence import Sequential
from .shard_windows import ShuffledShards, Windows
from .shuffle import Shuffled
from .strata import Stratified

__all__ = [
    "AUGMENTATION",
    "PATCH",
    "SHUFFLE",
    "Classes",
    "Curriculum",
    "Listed",
    "Order",
    "Sequential",
    "Shuffled",
    "ShuffledShards",
    "Stratified",
    "Weighted",
    "Windows",
    "balanced",
    "curriculum",
    "listed",
    "permuted",
    "random_words",
    "sequential",
    "shard_at",
    "shard_of_rows",
    "shares",
    "shuffled",
    "shuffled_shards",
    "stratified",
    "unpermuted",
    "weighted",
]
