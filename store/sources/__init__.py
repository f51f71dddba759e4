"""Where the bytes of a store are: a folder, an HTTP server, object storage, the Hugging Face Hub.

`source_of` gives the source of a path or URL. Sources are small values; HTTP and object storage are imported when a
source of theirs is made.
"""

from __future__ import annotations

from .backoff import Limits
from .local import LocalSource
from .resolve import source_of
from .source import Source

__all__ = ["Limits", "LocalSource", "Source", "source_of"]
