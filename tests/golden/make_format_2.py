"""Makes the golden stores of format version 2, of the same order as the first. It was run once, as that was.

PYTHONPATH=tests python tests/golden/make_format_2.py tests/golden

`format-2` is as the factory makes it; `format-2-lz4` is a copy of it with what version 1 could not say: other codecs,
and chunks that are cut along every axis.
"""

from __future__ import annotations

import sys
from pathlib import Path

from golden import make_format_1

from voxpress.store import Packing, recode


def main(folder: Path) -> None:
    """Makes both stores."""
    make_format_1.main(folder / "format-2")
    recode(folder / "format-2", folder / "format-2-lz4", Packing(codec="lz4", chunk="4,6,3", shard_samples=3))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
