"""The spheres backend with one thing that goes wrong at one sample; its voxels are those of the spheres."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spheres_backend import SpheresBackend

from voxpress.generation.engines import Needs, local

if TYPE_CHECKING:
    from collections.abc import Mapping

    from voxpress.generation.backend import Order, Sample


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """What goes wrong.

    Attributes:
        kind: raise, die, die_once, die_with_lock, wait (for ever, at this sample and all later ones) or pause (at every
            sample); other_software (in every process) or needs_gpus.
        at: index of the sample.
        folder: where `wait` tells that it waits, and `die_once` that it died.
    """

    kind: str = "none"
    at: int = -1
    folder: str = ""

    def happen(self, order: Order) -> None:
        if self.kind == "pause":
            time.sleep(0.3)
        if self.kind == "wait" and order.index >= self.at:
            (Path(self.folder) / f"waiting-{os.getpid()}").touch()
            time.sleep(600)
        if order.index != self.at:
            return
        match self.kind:
            case "raise":
                raise ZeroDivisionError("no such ball")
            case "die_with_lock":
                local._worker["done"].get_lock().acquire()
                os.kill(os.getpid(), signal.SIGKILL)
            case "die_once":
                if not (Path(self.folder) / "died").exists():
                    (Path(self.folder) / "died").touch()
                    os.kill(os.getpid(), signal.SIGKILL)
            case "die":
                os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class TroubledBackend(SpheresBackend):
    trouble: Trouble = Trouble()

    @property
    def needs(self) -> Needs:
        return Needs(gpus=2.0 if self.trouble.kind == "needs_gpus" else 0.0)

    def fingerprint(self) -> Mapping[str, str]:
        pid = {"pid": str(os.getpid())} if self.trouble.kind == "other_software" else {}
        return {**super().fingerprint(), **pid}

    def _sample(self, order: Order) -> Sample:
        self.trouble.happen(order)
        return super()._sample(order)
