"""A disk that is really full: told so, and resumed once there is room."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from mounts import ALONE, may_mount
from tiny_factory import SAMPLES, contents


@pytest.mark.timeout(200)
@pytest.mark.skipif(not may_mount(), reason="needs to mount a small disk of its own")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_full_disk_is_told_of_and_resumed_from(pressed_balls, tmp_path, workers) -> None:
    program = [*ALONE, sys.executable, "-m", "full_disk", str(tmp_path), str(workers)]
    done = subprocess.run(program, cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["contents"] == contents(pressed_balls)
    assert told["left"] == []
    stages = [each["committed"] for each in told["full"]]
    assert stages == sorted(stages)
    assert stages[-1] == SAMPLES, "the tables never met a full disk"
    assert any(0 < stage < SAMPLES for stage in stages)
    for each in told["full"]:
        assert "no room left for" in each["message"]
        assert "free some and run the same command again to resume" in each["message"]
