"""How the inner chunks of an array are read: what a reader asks of each array again and again, found out once."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from .codecs import decoder
from .frames import takes_frames
from .plan import parts_of

if TYPE_CHECKING:
    from .arrays import ArraySpec
    from .codecs import Decode
    from .plan import Parts

__all__ = ["ChunkAccess"]


class ChunkAccess:
    """The chunks of an array.

    Attributes:
        spec: of the array.
        per_sample: chunks of a sample.
        chunk_bytes: of a chunk, unpacked.
        by_one_call: one call unpacks any number of them.
    """

    def __init__(self, spec: ArraySpec) -> None:
        self.spec = spec
        self.per_sample = spec.chunks_per_sample
        self.chunk_bytes = spec.sample_bytes // spec.chunks_per_sample
        self.by_one_call = takes_frames(spec)

    @cached_property
    def whole(self) -> Parts:
        """The parts of a whole sample; who reads boxes only does not pay for them."""
        return parts_of(None, self.spec)

    @cached_property
    def decode(self) -> Decode:
        """Unpacks one chunk; first asked for once bytes are there, so that no request waits for a codec's import."""
        return decoder(self.spec)
