"""The NV-Generate family on a GPU at the sizes that are published, with random weights.

python benchmarks/gpu_nv_rflow.py [--write]

What is shown: seconds and memory of a volume, the same bits in other slots and in another run, and how far the fast
path is from MONAI's networks in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gpu_cases import run
from gpu_generation import bits, engine_of, memory_gib, model, psnr, reset_memory, timed
from report import machine, table

from voxpress.errors import GenerationError
from voxpress.generation.backend import Grid, Order
from voxpress.generation.backends.diffusion import NvRflowBackend
from voxpress.generation.backends.diffusion.model_card import load_card
from voxpress.generation.streams import sample_seed

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "gpu-nv-rflow"
VOLUMES = 4
AT_ONCE = 2
CASES = (
    ("rflow-mr-brain", Grid(shape=(256, 256, 128), spacing_mm=(0.9, 0.9, 1.4)), {"guidance": 7.0}),
    # its latents are decoded in windows
    ("rflow-ct", Grid(shape=(512, 512, 128), spacing_mm=(0.8, 0.8, 2.5)), {}),
    # as published it takes 1000 steps
    ("ddpm-ct", Grid(shape=(256, 256, 128), spacing_mm=(1.5, 1.5, 2.5)), {"preset": "dpmpp2m-20"}),
)


def orders_of(name: str) -> list[Order]:
    """With the first choice of each condition."""
    conditions = {
        card.name: next(iter(card.choices)) if card.kind == "category" else card.low
        for card in load_card(name, "nv-rflow").conditions
    }
    return [Order(index=i, attempt=0, seed=sample_seed(1, i, 0), conditions=conditions) for i in range(VOLUMES)]


def measured(name: str, grid: Grid, own: dict, folder: Path) -> dict:
    """One model."""
    options = {**model(folder / name, name, "nv-rflow"), "any_field_of_view": True, "micro_batch": AT_ONCE, **own}
    backend, orders = NvRflowBackend(options, grid), orders_of(name)
    fingerprint = dict(backend.fingerprint())
    device = engine_of(backend).device
    backend.generate(orders[:1])  # kernels are compiled at the first call
    reset_memory(device)
    seconds = timed(device, lambda: backend.generate(orders)) / VOLUMES
    found = {"model": name, "shape": list(grid.shape), "seconds": seconds, "memory_gib": memory_gib(device)}
    found |= bits(backend, orders)
    image = backend.generate(orders[:1])[0].volumes["image"]
    plain = NvRflowBackend({**options, "path": "plain", "precision": "fp32", "micro_batch": 1}, grid)
    low, high = backend.card.image.minimum, backend.card.image.maximum
    found |= {"psnr_db_against_float32": None, "fingerprint": fingerprint}
    try:
        wanted = plain.generate(orders[:1])[0].volumes["image"]
        found["psnr_db_against_float32"] = psnr((image - low) / (high - low), (wanted - low) / (high - low))
    except GenerationError as error:
        print(f"plain: {error}"[:300], flush=True)
    return found


def words(rows: list[dict], device: str) -> str:
    """The section of the document."""
    head = [
        "model",
        "solver",
        "volume",
        "s a volume",
        "GiB on the device",
        "samples at once",
        "same bits in other slots",
        "in another run",
        "PSNR against float32, dB",
    ]
    yes = {True: "yes", False: "no"}
    cells = [
        [
            f"`{row['model']}`",
            f"`{row['fingerprint']['solver']}`",
            "×".join(map(str, row["shape"])),
            f"{row['seconds']:.2f}",
            "" if row["memory_gib"] is None else f"{row['memory_gib']:.1f}",
            row["fingerprint"]["micro_batch"],
            yes[row["same_bits_in_other_slots"]],
            yes[row["same_bits_in_another_run"]],
            "out of memory" if (found := row["psnr_db_against_float32"]) is None else f"{found:.1f}",
        ]
        for row in rows
    ]
    return f"{device}; {machine()}. {VOLUMES} volumes each, random weights.\n\n" + table(head, cells)


if __name__ == "__main__":
    run(__doc__, SECTION, CASES, measured, words)
