"""Small models of the family `trained`, of random weights, in the folder that training writes."""

from __future__ import annotations

import atexit
import hashlib
import json
import shutil
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tiny_diffusion as tiny
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import save_file

from voxpress.generation.backend import Grid
from voxpress.generation.backends.diffusion import TrainedBackend
from voxpress.generation.backends.diffusion.measurer import pooled_shape
from voxpress.generation.backends.diffusion.model_card import ModelCard

SHAPE = (16, 16, 16)
GRID = Grid(shape=SHAPE, spacing_mm=(2.0, 2.0, 2.0))
SCHEDULES: dict[str, dict[str, Any]] = {
    "flow": {"kind": "rectified-flow", "steps": 1000, "prediction": "velocity"},
    "diffusion": {
        "kind": "scaled_linear", "steps": 1000, "beta_start": 0.0015, "beta_end": 0.0205, "prediction": "epsilon",
    },
}  # fmt: skip
PRESETS = {"flow": "euler3", "diffusion": "dpmpp2m-3"}
CONDITIONS: list[dict[str, Any]] = [
    {
        "name": "age", "kind": "number", "unit": "years", "low": 20.0, "high": 80.0, "decimals": 1,
        "default": {"range": [20, 80]}, "meaning": "Age",
    },
    {
        "name": "sex", "kind": "category", "choices": {"F": 0, "M": 1}, "default": {"choice": ["F", "M"]},
        "meaning": "Sex",
    },
    {
        "name": "ventricular_volume_ml", "kind": "number", "unit": "ml", "low": 10.0, "high": 110.0,
        "default": {"range": [20, 90]}, "meaning": "Ventricles",
        "calibration": [[10, 20], [60, 65], [110, 95]],
    },
]  # fmt: skip
MEASURE = {
    "name": "ventricular_volume_ml", "unit": "ml", "meaning": "Volume of the ventricles.", "r": 0.97, "mae": 2.5,
    "validated_on": 40,
}  # fmt: skip


def card_fields(schedule: str = "flow", **changes: Any) -> dict[str, Any]:
    """What `model.json` says."""
    fields = tiny.card_fields("ldm")
    arguments = {name: dict(network["arguments"]) for name, network in fields["networks"].items()}
    arguments["autoencoder"] |= {"in_channels": 8, "out_channels": 8}
    arguments["unet"] |= {"in_channels": 8, "cross_attention_dim": 6}
    networks = {
        name: {"kind": network["kind"], "arguments": arguments[name], "files": [f"models/{name}.safetensors"]}
        for name, network in fields["networks"].items()
    }
    return {
        "format": 1,
        "name": "tiny-trained",
        "family": "trained",
        "title": "Tiny",
        "source": "a test",
        "licence": {"name": "CC-BY-4.0", "link": "https://creativecommons.org/licenses/by/4.0/", "commercial": True},
        "networks": networks,
        "latent": {"channels": 2, "factor": 4, "scale_factor": 1.1, "packing": 2},
        "schedule": SCHEDULES[schedule],
        "preset": PRESETS[schedule],
        "conditioning": "flagged",
        "condition_dropout": 0.1,
        "conditions": CONDITIONS,
        "measures": [MEASURE],
        "image": {"minimum": 0.0, "maximum": 1.0, "background": 0.0, "floor": 0.02},
        "decoding": {},
        "grid": {"rule": "fixed", "shapes": [SHAPE], "spacing_mm": GRID.spacing_mm},
        "affine": {"flip": [False, False, False], "origin_mm": [-15.0, -15.0, -15.0]},
        "findings_by_design": ["FOV_CUT"],
        "training": {"training_data": "heads 1.0.0 (sha256 0123)", "subjects": 20},
        **changes,
    }


def write_model(folder: Path, schedule: str = "flow", *, seed: int = 0, **changes: Any) -> Path:
    """A model in a folder, with the digests of its weights in its card."""
    fields = card_fields(schedule, **changes)
    card = ModelCard.model_validate(fields)
    (folder / "models").mkdir(parents=True)
    for number, name in enumerate(("autoencoder", "unet")):
        path = folder / "models" / f"{name}.safetensors"
        save_file(tiny.random_weights(getattr(card.networks, name), seed + number), path)
        fields["networks"][name]["digests"] = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    if card.measures:
        save_arrays(regression(), folder / "models" / "measures.safetensors")
    (folder / "model.json").write_text(json.dumps(fields))
    return folder


def regression() -> dict[str, np.ndarray]:
    """One of random weights, about 50 ml."""
    points = int(np.prod(pooled_shape(SHAPE)))
    random = np.random.default_rng(3)
    return {
        "weights": (random.standard_normal((1, points)) / points**0.5).astype(np.float32),
        "bias": np.array([50.0], np.float32),
        "mean": random.uniform(0, 1, points).astype(np.float32),
    }


def backend(folder: Path | str, **options: Any) -> TrainedBackend:
    """The backend of a model that `write_model` wrote."""
    return TrainedBackend({"weights": str(folder), **options}, GRID)


@cache
def model(schedule: str = "flow") -> Path:
    """A small model that is written once in a process; a test must not write to it."""
    folder = Path(tempfile.mkdtemp(prefix=f"voxpress-tiny-trained-{schedule}-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return write_model(folder / "model", schedule)


class Load:
    """What makes a backend of that model, written when it is first wanted; another process gets what is written."""

    def __init__(self, schedule: str, folder: str | None = None, **options: Any) -> None:
        self.schedule, self.folder, self.options = schedule, folder, options

    def __call__(self) -> TrainedBackend:
        return backend(self.folder or model(self.schedule), **self.options)

    def __reduce__(self) -> Any:
        return _load, (self.schedule, str(self.folder or model(self.schedule)), self.options)


def _load(schedule: str, folder: str, options: dict[str, Any]) -> Load:
    return Load(schedule, folder, **options)
