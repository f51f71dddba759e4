"""Which chunks, which codecs and how many samples a shard: what decides the format, measured with voxpress alone.

python benchmarks/loaders/packing.py [--data DIR] [--volumes 64] [--rounds 3] [--seconds 0.5] [--write]
"""

from __future__ import annotations

import shutil
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import peers
import writers
from data import Data, arguments, folder_bytes
from documents import FORMAT, PERFORMANCE, machine, table, write_section
from measuring import Found, Reader, Station, cold, number, warm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CHUNKS = {
    "slabs of 20": (20, 224, 160),
    "slabs of 80": (80, 224, 160),
    "slabs of 10": (10, 224, 160),
    "(40,56,40)": (40, 56, 40),
    "(80,112,80)": (80, 112, 80),
    "whole": (160, 224, 160),
}
SHARDS = (8, 16, 64)


def _lz4(shuffle: str, itemsize: int) -> tuple[dict[str, Any], ...]:
    settings = {"blocksize": 0, "clevel": 5, "cname": "lz4", "shuffle": shuffle, "typesize": itemsize}
    return writers.ZSTD[0], {"name": "blosc", "configuration": settings}, writers.ZSTD[2]


def _codecs(itemsize: int) -> dict[str, Any]:
    return {
        "zstd 1": writers.ZSTD,
        "lz4, shuffle": _lz4("shuffle", itemsize),
        "lz4, no shuffle": _lz4("noshuffle", itemsize),
        "none": (writers.ZSTD[0], writers.ZSTD[2]),
    }


class _Stores:
    """Stores that are written for this, each timed, and removed in the end."""

    def __init__(self, root: Path) -> None:
        self.root = root
        shutil.rmtree(root, ignore_errors=True)
        self.rates: dict[str, float] = {}

    def write(self, name: str, array: np.ndarray, **packing: Any) -> Path:
        folder = self.root / name
        folder.mkdir(parents=True)
        start = time.perf_counter()
        writers.write_voxpress({"image": array}, folder, **packing)
        self.rates[name] = len(array) / (time.perf_counter() - start)
        return folder


def _import() -> None:
    """Once, before the processes are forked, rather than in each of a hundred."""
    import monai.data  # noqa: F401

    import voxpress

    assert voxpress.loaders.VolumeStream


def _measure(
    folders: dict[str, Path],
    makers: dict[str, Any],
    before: dict[str, Callable[[Path], None]],
    rounds: int,
    seconds: float,
) -> dict[tuple[str, str], Found]:
    """Each store read in each way, in turns."""
    _import()
    stations = {
        (name, way): Station(Reader(name, "", maker), folder)
        for name, folder in folders.items()
        for way, maker in makers.items()
    }
    found = {key: Found() for key in stations}
    try:
        for turn in range(rounds + 1):
            for key in stations if turn % 2 == 0 else list(stations)[::-1]:
                # what is read cold is read once: afterwards it is not cold
                prepare = before.get(key[1])
                if prepare:
                    prepare(folders[key[0]])
                count, elapsed, first = stations[key].ask("round", 0.0 if prepare is cold else seconds if turn else 0.0)
                if turn:
                    found[key].rates.append(count / elapsed)
                    found[key].first_s.append(first)
    finally:
        for station in stations.values():
            station.close()
    return found


def _chunks_and_codecs(arrays: dict[str, np.ndarray], stores: _Stores, args: Any) -> str:
    folders = {}
    for kind, array in arrays.items():
        for codec, codecs in _codecs(array.dtype.itemsize).items():
            if array.dtype.itemsize == 1 and codec == "lz4, shuffle" and kind == "label":
                continue
            for chunk, sizes in CHUNKS.items():
                # what does not compress is looked at for one chunk only
                if codec == "none" and chunk != "slabs of 20":
                    continue
                if kind == "int16" and chunk not in ("slabs of 20", "(40,56,40)"):
                    continue
                folders[f"{kind} | {codec} | {chunk}"] = stores.write(
                    f"{kind}-{codec}-{chunk}".replace(" ", ""), array, codecs=codecs, chunk=sizes
                )
    makers = {
        "volumes": peers.voxpress,
        **{f"{n}³": partial(peers.voxpress, patch=(n,) * 3, shuffle=True) for n in (96, 64)},
    }
    rows: list[list[object]] = []
    # a few at a time: each has processes of its own
    names = list(folders)
    for first in range(0, len(names), 8):
        some = {name: folders[name] for name in names[first : first + 8]}
        found = _measure(some, makers, {}, args.rounds, args.seconds)
        for name, folder in some.items():
            size = folder_bytes(folder) / len(next(iter(arrays.values())))
            rates = [number(found[name, way].rate) for way in makers]
            rows.append([*name.split(" | "), f"{size / 1e6:.2f}", number(stores.rates[folder.name]), *rates])
        print(f"{first + len(some)} of {len(names)} stores", file=sys.stderr, flush=True)
    header = ["array", "codec", "chunk", "MB a volume", "written/s", *(f"{way}/s" for way in makers)]
    return table(header, rows)


def _shards(array: np.ndarray, stores: _Stores, args: Any) -> str:
    folders = {
        f"{codec} | {samples}": stores.write(
            f"shards-{codec}-{samples}".replace(" ", ""), array, codecs=codecs, shard_samples=samples
        )
        for codec, codecs in _codecs(array.dtype.itemsize).items()
        if codec in ("zstd 1", "lz4, no shuffle")
        for samples in SHARDS
    }
    patch = partial(peers.voxpress, patch=(96, 96, 96), shuffle=True)
    shuffled = partial(peers.voxpress, shuffle=True)
    makers = {"volumes in order": peers.voxpress, "volumes shuffled": shuffled, "96³ shuffled": patch}
    makers |= {f"{way}, cold": maker for way, maker in makers.items()}
    before = {way: cold for way in makers if way.endswith("cold")} | {
        way: warm for way in makers if not way.endswith("cold")
    }
    found = _measure(folders, makers, before, args.rounds, args.seconds)
    rows: list[list[object]] = []
    for name, folder in folders.items():
        shard = max(path.stat().st_size for path in folder.rglob("c.*")) / 1e6
        rows.append([*name.split(" | "), f"{shard:.0f}", *(number(found[name, way].rate) for way in makers)])
    return table(["codec", "samples a shard", "MB a shard", *(f"{way}/s" for way in makers)], rows)


def main() -> None:
    """Measures and tells."""
    args = arguments(__doc__).parse_args()
    data = Data(args.data, args.volumes)
    wide = Data(args.data, args.volumes, "int16")
    count = min(args.volumes, 32)
    stores = _Stores(data.folder / "packing")
    arrays = {
        "image": np.array(data.images()[:count]),
        "label": np.array(data.labels()[:count]),
        "int16": np.array(wide.images()[:count]),
    }
    head = (
        f"Machine: {machine()}. Read by `VolumeStream` in batches of two with one thread a core, {args.rounds} rounds "
        f"of about {args.seconds:g} s in which the stores take turns, median; lz4 is blosc's at level 5, crc32c is "
        "checked."
    )
    try:
        chosen = _chunks_and_codecs(arrays, stores, args)
        shards = _shards(np.array(data.images()), stores, args)
    finally:
        shutil.rmtree(stores.root, ignore_errors=True)
    text = (
        f"{head} {count} volumes of 160×224×160, page cache warm, shards of 8:\n\n{chosen}\n\n"
        f"Samples a shard, slabs of 20, {args.volumes} volumes, page cache warm, and cold (the files dropped from it "
        f"before each epoch):\n\n{shards}"
    )
    print(text)
    if args.write:
        write_section(PERFORMANCE, "loaders-codecs", text)
        write_section(FORMAT, "format-choice", f"{head} {count} volumes, shards of 8:\n\n{chosen}")


if __name__ == "__main__":
    main()
