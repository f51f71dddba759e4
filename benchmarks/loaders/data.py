"""The volumes that all readers are measured on, made once, and written in each format when it is first asked for.

python benchmarks/loaders/data.py [--data /tmp/voxpress-bench] [--volumes 64] [FORMAT …]

Heads of 160×224×160 voxels at 1 mm: the MNI152 template under a smooth random warp, with Rician noise, background
exactly 0, about a third of the voxels not. Everything is a function of the number of the volume.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

__all__ = ["FEW", "SHAPE", "Data", "arguments", "folder_bytes"]

SHAPE = (160, 224, 160)
DEFAULT_FOLDER = Path("/tmp/voxpress-bench")
FEW = 256
"""Volumes up to which everything is measured; with more, the readers that can keep up."""
_NOISE = 0.025
_WARP_VOXELS = 4.0
_GRID = 7


@dataclass(frozen=True, slots=True)
class Data:
    """A folder with the same volumes in many formats.

    Attributes:
        root: of all data.
        volumes: how many there are.
        dtype: `uint8`, or `int16` with values to 4095.
    """

    root: Path
    volumes: int
    dtype: str = "uint8"

    @property
    def folder(self) -> Path:
        return self.root / f"{self.dtype}-{self.volumes}"

    def images(self) -> np.ndarray:
        """All volumes ``(n, x, y, z)``, mapped from the disk."""
        return self._mapped("image")

    def labels(self) -> np.ndarray:
        """Tissue classes 0 to 3 of the same heads."""
        return self._mapped("label")

    def digests(self) -> list[int]:
        """crc32 of each volume's voxels."""
        path = self.folder / "digests.json"
        if not path.exists():
            path.write_text(json.dumps([zlib.crc32(np.ascontiguousarray(volume)) for volume in self.images()]))
        return json.loads(path.read_text())

    def format(self, name: str) -> Path:
        """Folder with the volumes in one format of `writers.WRITERS`; writes it if it is not there."""
        folder = self.folder / name
        if not folder.exists():
            self._in_another_process(name)
        return folder

    def write(self, name: str) -> None:
        """Write the volumes in a format, in this process."""
        from writers import WRITERS

        folder = self.folder / name
        # an interrupted writer leaves nothing that looks finished
        part = folder.with_name(folder.name + ".part")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        print(f"writing {self.volumes} volumes as {name} …", file=sys.stderr, flush=True)
        WRITERS[name](self.images(), part)
        part.rename(folder)

    def _in_another_process(self, *names: str) -> None:
        """So that this one has no threads when it forks: TensorStore and others would die of it."""
        options = ["--data", str(self.root), "--volumes", str(self.volumes), "--dtype", self.dtype]
        subprocess.run([sys.executable, __file__, *options, *names], check=True, stdout=subprocess.DEVNULL)

    def _mapped(self, name: str) -> np.ndarray:
        path = self.folder / f"{name}.npy"
        if not path.exists():
            self._in_another_process()
        return np.load(path, mmap_mode="r")

    def make(self) -> None:
        """Make image and label of every volume, in this process."""
        self.folder.mkdir(parents=True, exist_ok=True)
        print(f"making {self.volumes} volumes …", file=sys.stderr, flush=True)
        # the image last, as it says that all is there; labels of many volumes are for nobody
        names = ("label", "image") if self.volumes <= FEW else ("image",)
        parts = {name: self.folder / f"{name}.part.npy" for name in names}
        out = {
            name: np.lib.format.open_memmap(
                part, "w+", dtype=self.dtype if name == "image" else "uint8", shape=(self.volumes, *SHAPE)
            )
            for name, part in parts.items()
        }
        heads = _Heads()
        for number in range(self.volumes):
            image, label = heads.make(number, self.dtype)
            for name in names:
                out[name][number] = image if name == "image" else label
        for name, part in parts.items():
            out[name].flush()
            part.rename(self.folder / f"{name}.npy")


class _Heads:
    """Warped and noisy copies of the template."""

    def __init__(self) -> None:
        import torch
        from nilearn.datasets import load_mni152_template

        # the template's voxels that lie in the box
        x, y, z = (range(19, 179), range(8, 232), range(160))
        whole = load_mni152_template(resolution=1).get_fdata(dtype=np.float32)
        box = whole[x.start : x.stop, y.start : y.stop, z.start : z.stop]
        self._template = torch.from_numpy(np.ascontiguousarray(box))[None, None]
        self._identity = torch.nn.functional.affine_grid(torch.eye(3, 4)[None], [1, 1, *SHAPE], align_corners=True)

    def make(self, number: int, dtype: str) -> tuple[np.ndarray, np.ndarray]:
        """Image and label of one volume."""
        import torch
        from torch.nn.functional import grid_sample, interpolate

        rng = np.random.default_rng([20220614, number])
        coarse = torch.from_numpy(rng.standard_normal((1, 3, _GRID, _GRID, _GRID), dtype=np.float32))
        flow = interpolate(coarse, size=SHAPE, mode="trilinear", align_corners=True)[0].permute(1, 2, 3, 0)
        grid = self._identity + flow[None] * torch.tensor([2 * _WARP_VOXELS / size for size in SHAPE[::-1]])
        clean = grid_sample(self._template, grid, align_corners=True)[0, 0].numpy()
        label = np.digitize(clean, (0.02, 0.35, 0.7)).astype(np.uint8)
        inside = label > 0
        noise = rng.standard_normal((2, int(inside.sum())), dtype=np.float32) * np.float32(_NOISE)
        values = np.hypot(clean[inside] + noise[0], noise[1])
        top = 255 if dtype == "uint8" else 4095
        image = np.zeros(SHAPE, dtype)
        image[inside] = np.clip(np.rint(values * top / 1.1), 1, top)
        return image, label


def folder_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def arguments(description: str | None) -> argparse.ArgumentParser:
    """What all scripts understand."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DEFAULT_FOLDER, help="where the volumes are kept")
    parser.add_argument("--volumes", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0, help="that a reader is given in a round, about")
    parser.add_argument("--only", nargs="*", default=[], help="readers, by parts of their names")
    parser.add_argument("--write", action="store_true", help="write the table into the document")
    return parser


def main() -> None:
    from writers import WRITERS

    parser = arguments(__doc__)
    parser.add_argument("formats", nargs="*", help=f"of {', '.join(WRITERS)}")
    parser.add_argument("--dtype", default="uint8", choices=("uint8", "int16"))
    args = parser.parse_args()
    data = Data(args.data, args.volumes, args.dtype)
    if not (data.folder / "image.npy").exists():
        data.make()
    images = data.images()
    print(images.shape, f"{np.count_nonzero(images[:8]) / images[:8].size:.3f} not zero")
    for name in args.formats:
        if not (data.folder / name).exists():
            data.write(name)
        folder = data.folder / name
        print(name, f"{folder_bytes(folder) / args.volumes / 1e6:.2f} MB a volume")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "2")
    main()
