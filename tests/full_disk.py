"""A program that presses onto a disk that is too small, makes room again and again, and tells what came of it.

Run it as `unshare --map-root-user --mount python -m full_disk …`: it mounts a disk of its own, in memory, that nobody
else sees and that is gone with the process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tiny_factory import committed, contents, order, press

from voxpress.errors import DiskFullError

PAGE = 4096


def main(folder: Path, workers: int) -> None:
    _mount(folder, 3 * PAGE)
    target = folder / "balls"
    full, pages = [], 3
    for pages in range(3, 400, 5):
        subprocess.run(["mount", "-o", f"remount,size={pages * PAGE}", str(folder)], check=True)
        try:
            press(order(), target, workers=workers)
            break
        except DiskFullError as error:
            full.append({"committed": committed(target), "message": str(error)})
    left = [str(path) for path in target.glob(".voxpress-work")]
    print(json.dumps({"full": full, "contents": contents(target), "left": left}))  # noqa: T201


def _mount(folder: Path, size: int) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], check=True)


if __name__ == "__main__":
    import full_disk

    full_disk.main(Path(sys.argv[1]), int(sys.argv[2]))
