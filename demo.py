"""The whole press in a few minutes: ``python -m voxpress.demo [DIR]``.

Makes a small cohort of brains, verifies it, draws some, judges it, reads its table and trains a small network on it.
Run again, it reuses what is there.
"""

from __future__ import annotations

import argparse
import math
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import cli
from .commands.console import aligned
from .store import open as open_store

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from .loaders import VolumeStream
    from .store import Cohort

__all__ = ["losses", "main", "recipe_text"]

_TARGET = "lateral ventricles"
_PATCH_SIDE = 48
_LEVELS = 3
"""Times that the network halves its patch."""
_BATCH = 4
_PATCHES_PER_VOLUME = 2
_LEARNING_RATE = 2e-2
_SEED = 4


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the demo; the exit code is 0 if all went well."""
    asked = _parser().parse_args(arguments)
    try:
        return _run(asked.folder, asked)
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on from what is there", file=sys.stderr)
        return 130


def _run(folder: Path, asked: argparse.Namespace) -> int:
    started = time.monotonic()
    recipe, brains, picture = folder / "recipe.yaml", folder / "brains", folder / "preview.png"
    folder.mkdir(parents=True, exist_ok=True)
    recipe.write_text(recipe_text(asked.samples, asked.shape, asked.spacing), encoding="utf-8")
    workers = [] if asked.workers is None else ["--workers", str(asked.workers)]
    for title, command in (
        ("1. A recipe becomes a data set", ["generate", str(recipe), "-o", str(brains), *workers]),
        ("2. Every byte is as the manifest says", ["verify", str(brains)]),
        ("3. A picture of some of them", ["preview", str(brains), "-o", str(picture)]),
        ("4. A verdict, without which nothing is published", ["gate", str(brains), "--profile", "demo"]),
    ):
        print(f"\n{title}\n$ {shlex.join(['voxpress', *command])}", flush=True)
        if code := cli.main(command):
            return code
    cohort = open_store(brains)
    _show_tables(brains, cohort.splits[0])
    _train(cohort.split(cohort.splits[0]), asked.steps)
    print(f"\nDone in {time.monotonic() - started:.0f} s. Look at:")
    print(*(f"  {path}" for path in (picture, brains / "README.md", recipe)), sep="\n")
    return 0


def recipe_text(samples: int, shape: Sequence[int], spacing_mm: Sequence[float]) -> str:
    """The recipe of the demo: so many people from 45 to 90 years, half of them ill, in shards for two workers."""
    return f"""\
name: demo-brains
samples: {samples}
seed: {_SEED}
image: {{shape: {list(shape)}, spacing_mm: {list(spacing_mm)}}}
conditions:
  age: {{range: [45, 90]}}
  diagnosis: {{choice: {{CN: 0.5, MCI: 0.2, AD: 0.3}}}}
splits: {{train: 0.75, validation: 0.25}}
shards: {{samples: {max(1, samples // 8)}}}
"""


def losses(cohort: Cohort, *, steps: int) -> Iterator[float]:
    """Trains a small U-Net to find the lateral ventricles in streamed patches, and gives the loss of each step.

    The global random state of torch is left as it was.

    Args:
        cohort: volumes with label maps.
        steps: of the optimiser.
    """
    import torch
    from monai.losses import DiceCELoss

    target = next(value for value, name in (cohort.specs["label"].labels or {}).items() if name == _TARGET)
    stream = _patches(cohort)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        network = _network()
    criterion = DiceCELoss(sigmoid=True, batch=True)
    optimiser = torch.optim.Adam(network.parameters(), lr=_LEARNING_RATE)
    for batch, _ in zip(_endless(stream), range(steps), strict=False):
        truth = (batch["label"] == target).float()
        loss = criterion(network(batch["image"].as_tensor()), truth.as_tensor())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield loss.item()


def _patches(cohort: Cohort) -> VolumeStream:
    from .loaders import VolumeStream

    halvings = 2**_LEVELS
    x, y, z = (min(_PATCH_SIDE, side // halvings * halvings) for side in cohort.specs["image"].shape)
    return VolumeStream(
        cohort, patch=(x, y, z), patches_per_volume=_PATCHES_PER_VOLUME, batch_size=_BATCH, shuffle=True, seed=_SEED
    )


def _network() -> torch.nn.Module:
    from monai.networks.nets import UNet

    channels = [8 * 2**level for level in range(_LEVELS + 1)]
    network: torch.nn.Module = UNet(
        spatial_dims=3, in_channels=1, out_channels=1, channels=channels, strides=[2] * _LEVELS, num_res_units=1
    )
    return network


def _endless(stream: VolumeStream) -> Iterator[Any]:
    import torch
    from torch.utils.data import DataLoader

    # without a generator of its own, the loader would draw from torch's global random state
    loader: DataLoader[Any] = DataLoader(stream, batch_size=None, generator=torch.Generator())
    epoch = 0
    while True:
        stream.set_epoch(epoch)
        yield from loader
        epoch += 1


def _show_tables(folder: Path, split: str) -> None:
    import datasets

    from .builder import load_dataset

    datasets.disable_progress_bars()
    # what `datasets` prepares is small; nothing of the demo stays outside its folder
    with tempfile.TemporaryDirectory() as cache:
        rows: Any = load_dataset(folder, split=split, cache_dir=cache)
        print(f"\n5. The table\n>>> rows = voxpress.load_dataset({str(folder)!r}, split={split!r})")
        _print_rows(rows)
        volume = rows[0]["image"]
        print(f">>> rows[0]['image']\n{volume!r}")
        print(f">>> rows[0]['image'].numpy().shape\n{volume.numpy().shape}")
        plain = datasets.load_dataset(str(folder), split=split, cache_dir=cache)
        print(f">>> datasets.load_dataset({str(folder)!r}, split={split!r})[0]['image']    # without voxpress")
        print(plain[0]["image"], flush=True)


def _print_rows(rows: Any) -> None:
    columns = {
        "sample_id": "sample_id",
        "age": "age",
        "sex": "sex",
        "diagnosis": "diagnosis",
        "ventricular_volume_ml": "ventricles ordered (ml)",
        "measured_ventricular_volume_ml": "measured (ml)",
    }
    table = rows.select_columns(list(columns)).select(range(min(5, len(rows))))
    cells = [[f"{value:.1f}" if isinstance(value, float) else str(value) for value in row.values()] for row in table]
    print("\n".join(aligned([list(columns.values()), *cells])))


def _train(cohort: Cohort, steps: int) -> None:
    print(f"\n6. A small MONAI U-Net learns to find the {_TARGET} in streamed patches", flush=True)
    seen = []
    for step, loss in enumerate(losses(cohort, steps=steps), start=1):
        seen.append(loss)
        print(f"step {step:3d} of {steps}   loss {loss:.4f}", flush=True)
    quarter = math.ceil(len(seen) / 4)
    if len(seen) > 1:
        first, last = (sum(part) / quarter for part in (seen[:quarter], seen[-quarter:]))
        print(f"mean of the first {quarter}: {first:.4f}, of the last {quarter}: {last:.4f}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m voxpress.demo", description="The whole press in a few minutes.")
    parser.add_argument("folder", nargs="?", type=Path, default=Path("demo-brains"), metavar="DIR")
    parser.add_argument("--samples", type=int, default=16, metavar="N")
    parser.add_argument("--shape", type=_three(int), default=(80, 112, 80), metavar="X,Y,Z", help="voxels")
    parser.add_argument("--spacing", type=_three(float), default=(2, 2, 2), metavar="X,Y,Z", help="mm")
    parser.add_argument("--steps", type=int, default=40, metavar="N", help="of the optimiser")
    parser.add_argument("--workers", type=int, metavar="N", help="processes; by default one a CPU")
    return parser


def _three(kind: type[int | float]) -> Any:
    def read(text: str) -> tuple[float, ...]:
        parts = tuple(kind(part) for part in text.split(","))
        if len(parts) != 3:
            msg = f"must be three numbers, got {text}"
            raise argparse.ArgumentTypeError(msg)
        return parts

    return read


if __name__ == "__main__":
    sys.exit(main())
