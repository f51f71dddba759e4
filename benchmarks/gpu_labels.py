"""CT label maps and their images on a GPU at the sizes that are published, with random weights.

python benchmarks/gpu_labels.py [--models rflow-ct ddpm-ct] [--json FILE] [--write]

What is shown: that networks of these sizes fit, seconds and memory of a sample, and the same bits in another run. Maps
of random weights are noise: what is tidied of them is not what a trained network makes.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from gpu_cases import run
from gpu_generation import engine_of, memory_gib, model, random_tensors, recipe_of, reset_memory, timed
from report import machine, table
from safetensors.torch import save_file

from voxpress.generation.backend import Grid
from voxpress.generation.backends.diffusion import NvRflowBackend
from voxpress.generation.backends.diffusion.labels import load_label_card
from voxpress.generation.backends.diffusion.model_card import LABELS_SUFFIX, load_card
from voxpress.generation.cohort import draw_cohort

if TYPE_CHECKING:
    from pathlib import Path

SECTION = "gpu-labels"
FEW = "dpmpp2m-20"
CASES = (
    ("rflow-ct", Grid(shape=(512, 512, 128), spacing_mm=(0.8, 0.8, 2.5)), {"mask_preset": FEW}, 2),
    # as published the image takes 1000 steps too
    ("ddpm-ct", Grid(shape=(256, 256, 128), spacing_mm=(1.5, 1.5, 2.5)), {"mask_preset": FEW, "preset": FEW}, 2),
    # as published
    ("rflow-ct", Grid(shape=(512, 512, 128), spacing_mm=(0.8, 0.8, 2.5)), {}, 1),
)


@cache
def labelled(folder: Path, name: str) -> dict:
    """Cards and random weights; the options of a recipe that uses them."""
    options = {**model(folder, name, "nv-rflow"), "labels": True, "any_field_of_view": True}
    card = load_label_card(name, load_card(name, "nv-rflow"))
    fields = card.model_dump(mode="json", exclude={"sha256"})
    fields["latent"]["scale_factor"] = fields["latent"]["scale_factor"] or 1.0
    generator = torch.Generator().manual_seed(1)
    for kind, network in card.networks.named().items():
        fields["networks"][kind] |= {"digests": {}, "files": [f"models/{kind}.safetensors"]}
        save_file(random_tensors(network, generator), folder / "models" / f"{kind}.safetensors")
    (folder / "card").with_suffix(LABELS_SUFFIX).write_text(json.dumps(fields))
    return options


def measured(name: str, grid: Grid, own: dict, samples: int, folder: Path) -> dict:
    """One model with one solver of its label maps."""
    options = {**labelled(folder / name, name), **own}
    backend = NvRflowBackend(options, grid)
    cohort = draw_cohort(recipe_of("nv-rflow", options, grid, samples, dtype="int16"), backend)
    orders = [cohort.order(number) for number in range(samples)]
    device = engine_of(backend).device
    few = NvRflowBackend({**options, "mask_preset": FEW}, grid)
    few.generate(orders[:1])  # kernels are compiled at the first call
    reset_memory(device)
    made: list = []
    seconds = timed(device, lambda: made.extend(backend.generate(orders))) / samples
    again = backend.generate(orders[:1])[0].volumes
    return {
        "model": name,
        "shape": list(grid.shape),
        "seconds": seconds,
        "memory_gib": memory_gib(device),
        "same_bits_in_another_run": all(np.array_equal(made[0].volumes[key], again[key]) for key in again),
        "values": len(np.unique(made[0].volumes["label"])),
        "faults": sorted({fault for sample in made for fault in sample.faults}),
        "fingerprint": dict(backend.fingerprint()),
    }


def words(rows: list[dict], device: str) -> str:
    """The section of the document."""
    head = [
        "model",
        "solver",
        "of the label map",
        "volume",
        "s a sample",
        "GiB on the device",
        "same bits in another run",
        "values in the map",
        "faults",
    ]
    cells = [
        [
            f"`{row['model']}`",
            f"`{row['fingerprint']['solver']}`",
            f"`{row['fingerprint']['mask_solver']}`",
            "×".join(map(str, row["shape"])),
            f"{row['seconds']:.1f}",
            "" if row["memory_gib"] is None else f"{row['memory_gib']:.1f}",
            "yes" if row["same_bits_in_another_run"] else "no",
            row["values"],
            ", ".join(row["faults"]) or "none",
        ]
        for row in rows
    ]
    return f"{device}; {machine()}. Random weights, samples one by one.\n\n" + table(head, cells)


if __name__ == "__main__":
    run(__doc__, SECTION, CASES, measured, words)
