"""What can be typed after each command; nothing heavy is imported here."""

from __future__ import annotations

from . import judging, making, moving, reading, training

__all__ = ["judging", "making", "moving", "reading", "training"]
