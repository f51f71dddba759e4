"""The state of a stage on disk: tensors and plain values, written whole or not at all, read without running code."""

from __future__ import annotations

import os
import pickle
from typing import TYPE_CHECKING, Any, Protocol

import torch

from ..errors import CorruptError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Checkpoints", "Stateful"]


class Stateful(Protocol):
    """Modules, optimisers, averages, streams."""

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        ...

    def load_state_dict(self, state_dict: dict[str, Any], /) -> Any:
        """Goes back to it."""
        ...


class Checkpoints:
    """Where one stage keeps its state.

    Args:
        folder: of the training's work.
        name: of the stage.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.path = folder / f"{name}.checkpoint"

    def save(self, step: int, parts: Mapping[str, Stateful]) -> None:
        """Keeps the state after a step; the one before is replaced."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        state = {"step": step, "parts": {name: part.state_dict() for name, part in parts.items()}}
        new = self.path.with_suffix(".new")
        # written straight to the disk: optimisers of large networks would not fit into memory twice
        with new.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        new.replace(self.path)

    def restore(self, parts: Mapping[str, Stateful]) -> int:
        """Puts the parts back to where they were; gives the steps that are done, 0 where nothing is kept.

        Raises:
            CorruptError: the file is damaged, or of another training.
        """
        if not self.path.exists():
            return 0
        try:
            kept = torch.load(self.path, map_location="cpu", weights_only=True)
            for name, part in parts.items():
                part.load_state_dict(kept["parts"][name])
            return int(kept["step"])
        except (RuntimeError, KeyError, ValueError, TypeError, EOFError, pickle.UnpicklingError) as error:
            msg = (
                f"the checkpoint {self.path} is damaged, or of another training: {str(error).splitlines()[0][:200]}; "
                "remove it to begin this stage again"
            )
            raise CorruptError(msg, kind="checksum", path=self.path.name) from error
