"""What spawned processes run: they import it by name, as they cannot import a test."""

from __future__ import annotations

from typing import Any

from voxpress import store


def digest(cohort: store.Cohort, queue: Any) -> None:
    queue.put(store.voxels_sha256(cohort.read(0)))
