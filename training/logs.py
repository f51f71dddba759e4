"""What a training writes down: CSV always, TensorBoard where it is asked for."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any

from ..errors import RecipeError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["StageLog"]


class StageLog:
    """Figures of a stage, one a line: `step,name,value`.

    Args:
        folder: of the logs.
        stage: its name.
        tensorboard: also write event files, to `folder/tensorboard`.

    Raises:
        RecipeError: TensorBoard is asked for and not installed.
    """

    def __init__(self, folder: Path, stage: str, *, tensorboard: bool = False) -> None:
        self.path = folder / f"{stage}.csv"
        self._stage = stage
        self._board = _board(folder / "tensorboard") if tensorboard else None

    def rewind(self, step: int) -> None:
        """Forgets what was logged after a step, which is about to be done again."""
        kept = [line for line in self.read() if int(line["step"]) <= step]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("step", "name", "value"))
            writer.writerows((line["step"], line["name"], line["value"]) for line in kept)

    def read(self) -> list[dict[str, str]]:
        """All lines."""
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            return list(csv.DictReader(file))

    def add(self, step: int, figures: Mapping[str, float]) -> None:
        """Figures after a step."""
        with self.path.open("a", newline="") as file:
            csv.writer(file).writerows((step, name, f"{value:.6g}") for name, value in figures.items())
        if self._board is not None:
            for name, value in figures.items():
                self._board.add_scalar(f"{self._stage}/{name}", value, step)
            self._board.flush()


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        msg = "--tensorboard needs the package tensorboard: pip install 'voxpress[train]', or leave it out"
        raise RecipeError(msg) from None
    writer: Any = SummaryWriter
    return writer(str(folder))
