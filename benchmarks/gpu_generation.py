"""Diffusion on a GPU: MONAI's plain inference of a network beside ours, with random weights.

python benchmarks/gpu_generation.py [--volumes 64] [--json FILE] [--write]
python benchmarks/gpu_generation.py --small        a scaled-down network on the CPU: tries the script, measures nothing

Plain is what the published bundle does: float32 UNet (with TF32 in convolutions, as PyTorch sets it), MONAI's
`DDIMScheduler` with 50 steps, one volume at a time, the decoder under autocast, the result copied to the host. Ours is
`voxpress.generate` of the same network: everything from the recipe to the finished data set on disk.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from report import machine, table, write_section
from safetensors.torch import save_file
from torch.utils.flop_counter import FlopCounterMode

from voxpress.generation.backend import Grid, Order
from voxpress.generation.backends.diffusion import LdmBackend, loading
from voxpress.generation.backends.diffusion.conditioning import both_ways
from voxpress.generation.backends.diffusion.device import same_bits
from voxpress.generation.backends.diffusion.model_card import ModelCard, NetworkCard, load_card
from voxpress.generation.backends.diffusion.networks import build_network
from voxpress.generation.backends.diffusion.weights import Checkpoint, load_into
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.factory import generate
from voxpress.generation.recipe import recipe_from

if TYPE_CHECKING:
    from voxpress.generation.backends.diffusion.engine import Engine
    from voxpress.generation.recipe_types import Recipe

DOCUMENT = Path(__file__).parent.parent / "docs" / "performance.md"
SECTION = "gpu-generation"
NOT_RUN = (
    "Not run on a GPU: none was at hand. `python benchmarks/gpu_generation.py --write` on a machine with one writes "
    "the table here: seconds a volume of MONAI's plain inference and of ours, share of the card's measured bfloat16 "
    "peak, memory, bits between slots and between runs, and the error against float32."
)
SMALL = {"channels": [32, 32, 32], "num_head_channels": [0, 32, 32], "norm_num_groups": 16}
PEAK_SIDE = 8192
PLAIN_STEPS = 50


def model(folder: Path, name: str = "brain-ldm", family: str = "ldm", *, small: bool = False) -> dict[str, str]:
    """Card and random weights; the options of a recipe that uses them."""
    fields = load_card(name, family).model_dump(mode="json", exclude={"sha256"})
    for kind, network in fields["networks"].items():
        network["digests"], network["files"] = {}, [f"models/{kind}.safetensors"]
    # where it is None, it stands in the published file
    fields["latent"]["scale_factor"] = fields["latent"]["scale_factor"] or 1.0
    if small:
        fields["grid"]["shapes"] = [[32, 32, 32]]
        fields["networks"]["unet"]["arguments"] |= SMALL
        fields["networks"]["autoencoder"]["arguments"] |= {"channels": [32, 32, 32, 32]}
        fields["networks"]["unet"]["parameters"] = fields["networks"]["autoencoder"]["parameters"] = None
    (folder / "models").mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps(fields))
    card = load_card(str(folder / "card.json"), family)
    generator = torch.Generator().manual_seed(0)
    for kind, network in (("autoencoder", card.networks.autoencoder), ("unet", card.networks.unet)):
        tensors = random_tensors(network, generator)
        if kind == "autoencoder":
            sound_image(card, tensors)
        save_file(tensors, folder / "models" / f"{kind}.safetensors")
    return {"model": str(folder / "card.json"), "weights": str(folder)}


def random_tensors(network: NetworkCard, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """Weights with which values stay of the order of one."""
    tensors = {}
    for key, wanted in build_network(network).state_dict().items():
        drawn = torch.randn(wanted.shape, generator=generator) * 0.7 / max(1, wanted[0].numel()) ** 0.5
        tensors[key] = 1 + 0.1 * drawn if "norm" in key and key.endswith("weight") else drawn
    return tensors


def sound_image(card: ModelCard, tensors: dict[str, torch.Tensor]) -> None:
    """Changes the last layer so that images have a mean of 0.35 and a deviation of 0.1: no sample is refused."""
    network = build_network(card.networks.autoencoder)
    load_into(network, Checkpoint(tensors=tensors, scale_factor=None), Path("random"))
    with torch.inference_mode():
        latents = torch.randn(1, card.latent.channels, 8, 8, 8, generator=torch.Generator().manual_seed(1))
        image = network.decode(latents)
    last = [key for key in tensors if key.startswith("decoder.") and key.endswith(".weight")][-1].removesuffix(
        ".weight"
    )
    factor = 0.1 / float(image.std())
    tensors[f"{last}.weight"] = tensors[f"{last}.weight"] * factor
    tensors[f"{last}.bias"] = (tensors[f"{last}.bias"] - float(image.mean())) * factor + 0.35


def engine_of(backend: LdmBackend) -> Engine:
    """What it computes with."""
    return loading.load_engine(backend._plan()).engine  # noqa: SLF001  # the same one, so that plain and ours share it


def peak_tflops(device: torch.device) -> float:
    """bfloat16 matrix product, the best of some rounds."""
    side = PEAK_SIDE if device.type == "cuda" else 512
    a, b = (torch.randn(side, side, device=device, dtype=torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(10):
        best = min(best, timed(device, lambda: a @ b))
    return 2 * side**3 / best / 1e12


def timed(device: torch.device, work) -> float:
    wait(device)
    start = time.perf_counter()
    work()
    wait(device)
    return time.perf_counter() - start


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def reset_memory(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)


def memory_gib(device: torch.device) -> float | None:
    return torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else None


def plain_volume(engine: Engine, seed: int) -> np.ndarray:
    """One volume as the bundle makes it."""
    from monai.networks.schedulers import DDIMScheduler

    scheduler = DDIMScheduler(1000, "scaled_linear_beta", beta_start=0.0015, beta_end=0.0205, clip_sample=False)
    scheduler.set_timesteps(PLAIN_STEPS, device=engine.device)
    generator = torch.Generator(engine.device).manual_seed(seed)
    latents = torch.randn(1, *engine.latent_shape, device=engine.device, generator=generator)
    predict = both_ways(engine.networks.unet, torch.full((1, 4), 0.5, device=engine.device))
    with torch.inference_mode():
        for t in scheduler.timesteps:
            latents, _ = scheduler.step(predict(latents, float(t)), t, latents)
        with torch.autocast(engine.device.type, enabled=engine.device.type == "cuda"):
            image = engine.networks.autoencoder.decode_stage_2_outputs(latents)
    return image.float().cpu().numpy()


def tflop_a_volume(engine: Engine, steps: int) -> float:
    """Of the plain network: products and sums, two each."""
    card = engine.card
    unet, autoencoder = build_network(card.networks.unet), build_network(card.networks.autoencoder)
    latents = torch.empty(1, *engine.latent_shape, device="meta")
    with FlopCounterMode(display=False) as counted:
        unet(
            torch.empty(1, 7, *engine.sides, device="meta"),
            timesteps=torch.empty(1, device="meta"),
            context=torch.empty(1, 1, 4, device="meta"),
        )
    step = counted.get_total_flops()
    with FlopCounterMode(display=False) as counted:
        autoencoder.decode(latents)
    return (steps * step + counted.get_total_flops()) / 1e12


def bits(backend: LdmBackend, orders: list[Order]) -> dict[str, bool]:
    """Whether samples are the same in other slots beside other neighbours, and in another run."""
    wanted = [sample.volumes["image"] for sample in backend.generate(orders)]
    turned = [sample.volumes["image"] for sample in backend.generate(orders[::-1])][::-1]
    again = [sample.volumes["image"] for sample in backend.generate(orders)]
    return {
        "same_bits_in_other_slots": all(map(np.array_equal, wanted, turned)),
        "same_bits_in_another_run": all(map(np.array_equal, wanted, again)),
    }


def psnr(made: np.ndarray, wanted: np.ndarray) -> float:
    error = float(np.mean((made - wanted) ** 2, dtype=np.float64))
    return float("inf") if error == 0 else 10 * float(np.log10(1 / error))


def recipe_of(backend: str, options: dict, grid: Grid, samples: int, **image: str) -> Recipe:
    """Of samples that say nothing of their conditions."""
    return recipe_from(
        {
            "name": "gpu",
            "samples": samples,
            "seed": 1,
            "backend": {"name": backend, **options},
            "image": {"shape": list(grid.shape), "spacing_mm": list(grid.spacing_mm), **image},
            "splits": {"train": 1},
        }
    )


def ours(named: dict, grid: Grid, preset: str, args: argparse.Namespace, folder: Path) -> dict:
    """The whole factory, and what is told of bits and errors."""
    options = {**named, "preset": preset} | ({} if args.micro_batch is None else {"micro_batch": args.micro_batch})
    backend = LdmBackend(options, grid)
    fingerprint = dict(backend.fingerprint())
    device = engine_of(backend).device
    recipe = recipe_of("ldm", options, grid, args.volumes)
    orders = [draw_cohort(recipe, backend).order(i) for i in range(min(args.volumes, 2 * backend.preferred_batch))]
    backend.generate(orders[: int(fingerprint["micro_batch"])])  # kernels are compiled at the first call
    reset_memory(device)
    runs = []
    seconds = timed(device, lambda: runs.append(generate(recipe, folder / preset, load=lambda: backend))) / args.volumes
    found = {
        "preset": preset,
        "seconds": seconds,
        "refused": len(runs[0].manifest.rejected),
        "memory_gib": memory_gib(device),
        "fingerprint": fingerprint,
        **bits(backend, orders),
    }
    image = backend.generate(orders[:1])[0].volumes["image"]
    plain = LdmBackend({**options, "path": "plain", "precision": "fp32", "micro_batch": 1}, grid)
    found["psnr_db_against_float32"] = psnr(image, plain.generate(orders[:1])[0].volumes["image"])
    print(json.dumps(found), flush=True)
    return found


def measure(args: argparse.Namespace) -> dict:
    """Everything, as plain data."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        named = model(folder / "model", small=args.small)
        grid = Grid(shape=(32, 32, 32) if args.small else (160, 224, 160), spacing_mm=(1.0, 1.0, 1.0))
        # the published one last: the plain engine that it is compared with is the one that is timed below
        rows = [ours(named, grid, each, args, folder) for each in ("dpmpp2m-20", "ddim50-leading")][::-1]
        options = {**named, "path": "plain", "precision": "fp32", "micro_batch": 1}
        engine = engine_of(LdmBackend(options, grid))
        plain_volume(engine, 0)
        reset_memory(engine.device)
        count = max(2, args.volumes // 16)
        seconds = timed(engine.device, lambda: [plain_volume(engine, seed) for seed in range(count)]) / count
        plain = {"preset": "MONAI, plain", "seconds": seconds, "memory_gib": memory_gib(engine.device)}
        with same_bits(engine.device, 1):
            peak = peak_tflops(engine.device)
        work = {each["preset"]: tflop_a_volume(engine, 20 if "20" in each["preset"] else 50) for each in rows}
        work[plain["preset"]] = work["ddim50-leading"]
        for row in (plain, *rows):
            row["tflop"] = work[row["preset"]]
            row["share_of_peak"] = row["tflop"] / row["seconds"] / peak
        cuda = engine.device.type == "cuda"
        return {
            "machine": machine(),
            "device": torch.cuda.get_device_name(engine.device) if cuda else "CPU: this is a try, not a measurement",
            "volumes": args.volumes,
            "shape": list(grid.shape),
            "bf16_peak_tflops": peak,
            "rows": [plain, *rows],
        }


def words(found: dict) -> str:
    """The section of the document."""
    plain = found["rows"][0]["seconds"]
    rows = [
        [
            row["preset"],
            f"{row['seconds']:.3f}",
            f"{plain / row['seconds']:.1f}",
            f"{row['seconds'] * 100_000 / 3600:.1f}",
            f"{100 * row['share_of_peak']:.1f} %",
            "" if row["memory_gib"] is None else f"{row['memory_gib']:.1f}",
            row["fingerprint"]["micro_batch"] if "fingerprint" in row else 1,
            {True: "yes", False: "no"}.get(row.get("same_bits_in_other_slots"), ""),
            {True: "yes", False: "no"}.get(row.get("same_bits_in_another_run"), ""),
            f"{row['psnr_db_against_float32']:.1f}" if "psnr_db_against_float32" in row else "",
        ]
        for row in found["rows"]
    ]
    head = [
        "",
        "s a volume",
        "times plain",
        "hours for 100,000",
        "of the bfloat16 peak",
        "GiB on the device",
        "samples at once",
        "same bits in other slots",
        "in another run",
        "PSNR against float32, dB",
    ]
    shape = "×".join(map(str, found["shape"]))
    return (
        f"{found['device']}; {found['machine']}. {found['volumes']} volumes of {shape}, random weights; measured peak "
        f"of a bfloat16 matrix product {found['bf16_peak_tflops']:.0f} TFLOP/s. Plain is what the published bundle "
        "does: a float32 UNet with TF32 in its convolutions, as PyTorch sets it, and the decoder under autocast. It "
        "ends with the volume on the host, ours with the finished data set on disk; the share of the peak counts the "
        "products of the plain "
        "network.\n\n" + table(head, rows)
    )


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--volumes", type=int)
    parser.add_argument("--micro-batch", type=int)
    parser.add_argument("--small", action="store_true", help="a scaled-down network, on any machine")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--write", action="store_true", help="put the table into docs/performance.md")
    args = parser.parse_args()
    args.volumes = args.volumes or (2 if args.small else 64)
    if not args.small and not torch.cuda.is_available():
        print(NOT_RUN)
        if args.write:
            write_section(DOCUMENT, SECTION, NOT_RUN)
        return
    found = measure(args)
    print(json.dumps(found, indent=2))
    print(words(found))
    if args.json:
        args.json.write_text(json.dumps(found, indent=2) + "\n")
    if args.write and not args.small:
        write_section(DOCUMENT, SECTION, words(found))


if __name__ == "__main__":
    main()
