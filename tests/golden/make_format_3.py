"""Makes the golden store of format version 3, of the same order as the first. It was run once, as that was.

PYTHONPATH=tests python tests/golden/make_format_3.py tests/golden/format-3
"""

from __future__ import annotations

import sys
from pathlib import Path

from golden import make_format_1

if __name__ == "__main__":
    make_format_1.main(Path(sys.argv[1]))
