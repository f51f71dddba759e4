"""What the checks find of brains that were damaged on purpose, what they find of sound ones, and what all that costs.

python benchmarks/quality/checks.py [--samples 24] [--write]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).parent.parent))

from report import machine, table, write_section

from voxpress.generation.arrays import quantised, specs_of
from voxpress.generation.backends.atlas import AtlasBackend
from voxpress.generation.cohort import draw_cohort
from voxpress.generation.recipe import default_recipe
from voxpress.quality import check_sample, volume_of
from voxpress.quality.features import canvas, foreground, spectrum
from voxpress.quality.features.standard import standard_extractors

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "checks.md"
CONTRASTS = ("T1w", "T2w", "FLAIR", "FDG-PET")


def plane_dropped(image, label):
    """One plane at 5 %."""
    image[:, :, image.shape[2] // 2] *= 0.05
    return image, label


def checkerboard(image, label):
    """± 8 % with a period of 4 voxels."""
    x, y, z = np.indices(image.shape, dtype=np.int8) // 2
    return image * (1 + 0.08 * (-1.0) ** (x + y + z)).astype(np.float32) * 0.9, label


def stitched(image, label):
    """The front third 30 % darker."""
    image[:, 2 * image.shape[1] // 3 :] *= 0.7
    return image, label


def mirrored(image, label):
    """The right half is the left one."""
    half = image.shape[0] // 2
    image[-half:] = image[:half][::-1]
    label[-half:] = label[:half][::-1]
    return image, label


def inverted(image, label):
    """Dark for bright."""
    return np.where(image > 0, np.clip(image.max() + 0.05 - image, 1 / 255, 1), 0).astype(np.float32), label


def fragments(image, label):
    """A slab of 8 mm between two pieces is missing."""
    middle = image.shape[2] // 2
    thick = max(round(8 * image.shape[2] / 160), 2)
    image[:, :, middle : middle + thick] = 0
    label[:, :, middle : middle + thick] = 0
    return image, label


def hazy(image, label):
    """Three voxels in ten of the background at 1 %."""
    haze = np.random.default_rng(0).random(image.shape, np.float32) < 0.3
    return np.where((image == 0) & haze, np.float32(0.01), image), label


def half_size(image, label):
    """Half as wide, high and long."""
    outer = [((side - side // 2) // 2, side - side // 2 - (side - side // 2) // 2) for side in image.shape]
    return tuple(np.pad(ndimage.zoom(values, 0.5, order=0), outer) for values in (image, label))


DAMAGES = {
    "SLICE_DROPOUT": plane_dropped,
    "CHECKER": checkerboard,
    "STITCH": stitched,
    "LR_MIRROR": mirrored,
    "TISSUE_ORDER": inverted,
    "MASK_FRAGMENTED": fragments,
    "BG_NOISE_ODD": hazy,
    "BRAIN_VOL": half_size,
}


def brains(samples: int, contrasts=CONTRASTS):
    """Orders and samples at full size, all contrasts in turn."""
    recipe = default_recipe(sets=[f"contrast={','.join(contrasts)}"], samples=samples, seed=20)
    backend = AtlasBackend({}, recipe.grid)
    plan, specs = draw_cohort(recipe, backend), specs_of(recipe, backend)
    for index in range(samples):
        order = plan.order(index)
        (sample,) = backend.generate([order])
        if not sample.faults:
            yield order, sample, specs


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=24)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    seconds: dict[str, list[float]] = {}
    found, others, false, count = Counter(), {code: Counter() for code in DAMAGES}, Counter(), 0

    def timed(name, function):
        start = time.process_time()
        value = function()
        seconds.setdefault(name, []).append(time.process_time() - start)
        return value

    for order, sample, specs in brains(args.samples):
        count += 1

        def check(volumes, order=order, specs=specs):
            return check_sample(volumes, specs, measured={}, ordered=order.conditions)

        false.update(timed("check_sample", lambda: check(sample.volumes)))  # noqa: B023
        for code, damage in DAMAGES.items():
            image, label = damage(sample.volumes["image"].copy(), sample.volumes["label"].copy())
            codes = check({"image": np.ascontiguousarray(image, np.float32), "label": np.ascontiguousarray(label)})
            found[code] += code in codes
            others[code].update(set(codes) - {code})
        stored = {name: quantised(sample.volumes[name], spec) for name, spec in specs.items()}
        for extractor in standard_extractors(specs):
            volume = volume_of(stored, specs)
            timed(f"{extractor.name}, alone", lambda: extractor.embed(volume))  # noqa: B023
        volume = timed("stored integers to a volume", lambda: volume_of(stored, specs))  # noqa: B023
        timed("foreground", lambda: foreground.foreground(volume))  # noqa: B023
        timed("canvas of 3 mm", lambda: canvas.on_canvas(volume, (192.0, 228.0, 192.0), 3.0))  # noqa: B023
        timed("power spectrum", lambda: spectrum.power_of(volume))  # noqa: B023

        def together():
            made = volume_of(stored, specs)  # noqa: B023
            for extractor in standard_extractors(specs):  # noqa: B023
                extractor.embed(made)

        timed("all features together", together)
        print(
            order.conditions["contrast"], {name: round(values[-1], 3) for name, values in seconds.items()}, flush=True
        )
    costs = [[name, f"{np.median(values):.3f}", f"{max(values):.3f}"] for name, values in seconds.items()]
    hits = [
        [
            f"`{code}`",
            (damage.__doc__ or "").rstrip("."),
            f"{found[code]} of {count}",
            ", ".join(f"{name} {hits}" for name, hits in others[code].most_common()) or "–",
        ]
        for code, damage in DAMAGES.items()
    ]
    text = (
        f"Machine: {machine()}. {count} brains of the atlas, 160×224×160 voxels of 1 mm, four contrasts in turn; "
        "seconds of one core.\n\n" + table(["what", "median, s", "slowest, s"], costs) + "\n\n"
        f"Codes that sound ones of these got: {dict(false) or 'none'}.\n\n"
        + table(["code", "damage", "found", "also found"], hits)
    )
    print(text)
    if args.write:
        write_section(DOCUMENT, "measured", text)


if __name__ == "__main__":
    main()
