"""A local copy of remote shards, piece by piece, that epochs, jobs and processes share.

A shard is known by its sha256, so versions of a data set and all jobs of a machine share what they have in common.
"""

from __future__ import annotations

from .cache import Cache, cache_of
from .eviction import CacheStatus
from .folder import default_folder
from .shard import CachedShard
from .sizes import parse_bytes

__all__ = ["Cache", "CacheStatus", "CachedShard", "cache_of", "default_folder", "parse_bytes"]
