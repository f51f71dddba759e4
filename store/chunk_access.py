"""How the inner chunks of an array are read: what a reader asks of each array again and again, found out once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from .codecs import decoder
from .frames import takes_frames
from .plan import parts_of

if TYPE_CHECKING:
    from .arrays import ArraySpec
    from .codecs import Decode
    from .plan import Parts

__all__ = ["ChunkAccess"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChunkAccess:
    """The chunks of an array.

    Attributes:
        spec: of the array.
        per_sample: chunks of a sample.
        chunk_bytes: of a chunk, unpacked.
        by_one_call: one call unpacks any number of them.
        whole: the parts of a whole sample.
        decode: unpacks one of them.
    """

    spec: ArraySpec
    per_sample: int
    chunk_bytes: int
    by_one_call: bool
    whole: Parts
    decode: Decode

    @classmethod
    def of(cls, spec: ArraySpec) -> ChunkAccess:
        """What the specification of an array comes to."""
        return cls(
            spec=spec,
            per_sample=spec.chunks_per_sample,
            chunk_bytes=spec.sample_bytes // spec.chunks_per_sample,
            by_one_call=takes_frames(spec),
            whole=parts_of(None, spec),
            decode=decoder(spec),
        )
