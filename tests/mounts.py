"""Programs with mounts of their own, which nobody else sees and which end with them."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

ALONE = ["unshare", "--map-root-user", "--mount"]
"""Before a command: it may mount what it likes."""


def may_mount() -> bool:
    """Whether this machine lets a program of this user do so."""
    if shutil.which("unshare") is None:
        return False
    tried = ["sh", "-c", 'mount -t tmpfs -o size=64k none "$0"', str(Path(__file__).parent)]
    return subprocess.run([*ALONE, *tried], capture_output=True, check=False).returncode == 0
