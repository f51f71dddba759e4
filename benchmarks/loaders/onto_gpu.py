"""Volumes onto a GPU, and patches into a training step there, voxpress beside its peers.

python benchmarks/loaders/onto_gpu.py [--data DIR] [--volumes 64] [--rounds 5] [--seconds 1] [--write]

Peers get a worker process a core and page-locked memory, as their users would ask for.
"""

from __future__ import annotations

import importlib
import os
import statistics
import subprocess
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import peers
import torch
from data import Data, arguments
from documents import PERFORMANCE, machine, table, write_section
from measuring import Reader, check_patches, check_volumes, measure, number, ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# what asks whether there is a GPU must not start CUDA before the readers' processes are forked
os.environ.setdefault("PYTORCH_NVML_BASED_CUDA_CHECK", "1")
IMPORTED = ("litdata", "monai.data", "monai.networks.nets", "nibabel", "voxpress.loaders", "zarr")
"""By the readers, all of them, and here once before that."""
CORES = len(os.sched_getaffinity(0))
PATCH = (96, 96, 96)
PINNED = {"pin_memory": True}
OURS = "voxpress, zstd"
RESIDENT = "limit: on the GPU already"
TRAINING = ", training"


def moved(make: Callable[[Any], Any], *, train: bool) -> Callable[[Any], Any]:
    """A maker whose batches are on the GPU, each after a training step if that is asked for."""

    def made(folder: Any) -> Any:
        step = _training() if train else None
        epoch = make(folder)

        def onto() -> Iterator[torch.Tensor]:
            for batch in epoch():
                there = batch.cuda(non_blocking=True)
                if step is not None:
                    step(there if there.ndim == 5 else there[:, None])
                yield there
            torch.cuda.synchronize()

        return onto

    return made


def _training() -> Callable[[torch.Tensor], None]:
    """A step of MONAI's BasicUNet that learns to tell bright voxels, in bfloat16."""
    from monai.networks.nets import BasicUNet

    torch.backends.cudnn.benchmark = True
    net = BasicUNet(3, 1, 2).cuda().to(memory_format=torch.channels_last_3d)
    optimizer = torch.optim.AdamW(net.parameters(), fused=True)

    def step(voxels: torch.Tensor) -> None:
        image = voxels.float() / 255
        with torch.autocast("cuda", torch.bfloat16):
            loss = torch.nn.functional.cross_entropy(net(image), (voxels[:, 0] > 100).long())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

    return step


def resident(folder: Any) -> Any:
    """Boxes of volumes that are on the GPU: what training reaches with nothing to wait for."""
    volumes = torch.from_numpy(np.load(folder.parent / "image.npy", mmap_mode="r")[:16].copy()).cuda()
    rng = np.random.default_rng(0)

    def epoch() -> Iterator[torch.Tensor]:
        for turn in range(0, 64, peers.BATCH):
            some = range(turn % 16, turn % 16 + peers.BATCH)
            yield torch.stack([volumes[(one, *peers.random_box(volumes.shape[1:], PATCH, rng))] for one in some])

    return epoch


def _readers() -> list[Reader]:
    def ours(name: str, form: str, *, train: bool, **options: Any) -> Reader:
        patch = {"patch": PATCH, "shuffle": True} if train else {}
        make = partial(peers.voxpress, **patch, **options)
        return Reader(name + TRAINING * train, form, moved(make, train=train))

    def theirs(name: str, form: str, maker: Any, *, train: bool, **options: Any) -> Reader:
        patch = {"patch": PATCH} if train else {}
        make = partial(maker, workers=CORES, **patch, **options, **PINNED)
        return Reader(name + TRAINING * train, form, moved(make, train=train), CORES)

    found = []
    for train in (False, True):
        found += [
            ours(OURS, "voxpress-zstd", train=train, **PINNED),
            ours(f"{OURS}, {CORES} threads", "voxpress-zstd", train=train, threads=CORES, **PINNED),
            ours(f"{OURS}, memory that is not page-locked", "voxpress-zstd", train=train),
            ours("voxpress, lz4", "voxpress-lz4", train=train, **PINNED),
            theirs("zarr-python, slabs of 20", "zarr-slab", peers.zarr_python, train=train),
            theirs("LitData raw", "litdata", peers.litdata, train=train),
            theirs("MONAI nii.gz, as stored", "nifti", peers.monai, train=train),
        ]
    return [*found, Reader(RESIDENT + TRAINING, "npy", moved(resident, train=True))]


def _check(station: Any, data: Data) -> None:
    (check_patches if TRAINING in station.process.name else check_volumes)(station, data)


def _lines(readers: list[Reader], found: dict[tuple[str, int], Any]) -> list[list[object]]:
    lines: list[list[object]] = []
    for reader in readers:
        one, ours = found[reader.key], found.get((OURS + TRAINING * (TRAINING in reader.name), 0))
        name = reader.name.removesuffix(TRAINING)
        if one.error:
            lines.append([name, reader.workers, "failed", "", ""])
            continue
        cpu_ms, times = 1000 * statistics.median(one.cpu_s), number(ratio(ours, one)) if ours else ""
        lines.append([name, reader.workers, number(one.rate), number(cpu_ms), times])
    return lines


def main() -> None:
    """Measures and tells."""
    args = arguments(__doc__).parse_args()
    for name in IMPORTED:
        importlib.import_module(name)
    if not torch.cuda.is_available():
        raise SystemExit("this benchmark needs a GPU that torch can use, and there is none here")
    data = Data(args.data, args.volumes)
    data.digests()
    readers = [one for one in _readers() if not args.only or any(part in one.name for part in args.only)]
    found = measure(readers, data, rounds=args.rounds, seconds=args.seconds, check=_check)
    asked = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    gpu = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    how = (
        f"{gpu}; {machine()}. {args.volumes} volumes of 160×224×160 uint8, batches of 2, {args.rounds} rounds of about "
        f"{args.seconds:g} s in which the readers take turns, median; page cache warm. CPU is that of the reader's "
        "process and its workers, the training loop included. Every reader gave the right voxels, from the GPU, before "
        "it was timed. Volumes onto the GPU:"
    )
    parts = [how]
    for train, header in ((False, ["volumes/s", "CPU ms a volume"]), (True, ["patches/s", "CPU ms a patch"])):
        if train:
            parts.append(f"Patches of {PATCH[0]}³, each batch into a step of training MONAI's BasicUNet in bfloat16:")
        some = [reader for reader in readers if (TRAINING in reader.name) == train]
        parts.append(table(["reader", "workers", *header, f"{OURS} ÷ it"], _lines(some, found)))
    text = "\n\n".join(parts)
    print(text)
    if args.write:
        write_section(PERFORMANCE, "loaders-gpu", text)


if __name__ == "__main__":
    main()
