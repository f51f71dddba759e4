"""What spawned processes run: they import it by name, as they cannot import a test."""

from __future__ import annotations

import os
import time
from typing import Any

from voxpress import store
from voxpress.errors import CorruptError


def digest(cohort: store.Cohort, queue: Any) -> None:
    queue.put(store.voxels_sha256(cohort.read(0)))


def pid_and_square(number: int) -> tuple[int, int]:
    return os.getpid(), number**2


def refuse_at(number: int) -> int:
    if number == 5:
        msg = "piece 5 is damaged"
        raise CorruptError(msg, kind="checksum", path="a", samples=["s5"])
    return number


def end_at(number: int) -> int:
    if number == 5:
        os._exit(3)
    return number


class ShowsDevice:
    """Makes of a job the name of the device that its process was given."""

    def make(self, job: Any, *, on_sample: Any) -> tuple[int, str | None]:
        for _ in job.rows:
            time.sleep(0.2)
            on_sample()
        return os.getpid(), os.environ.get("CUDA_VISIBLE_DEVICES")
