"""Makes the golden store of format version 4: two imported scans that are not synthetic. It was run once.

PYTHONPATH=tests python tests/golden/make_format_4.py tests/golden/format-4
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import nifti_files as files

import voxpress


def main(target: Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, axes in enumerate(("LAS", "PSR")):
            files.write(folder / f"scans/p{number}.nii.gz", files.head(number), axes=axes, slope=0.5)
            files.write(folder / f"scans/p{number}_seg.nii.gz", files.regions(number), axes=axes)
        (folder / "people.csv").write_text("file,age,site\np1,61.5,01\np0,,02\n")
        voxpress.import_volumes(
            folder / "scans",
            target,
            synthetic=False,
            name="golden-scans",
            table=folder / "people.csv",
            key="file",
            labels="*_seg.nii.gz",
            workers=1,
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
