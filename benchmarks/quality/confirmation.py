"""What does a suspect cost at full resolution, and does it tell copies from others there?

python benchmarks/quality/confirmation.py [--brains 6] [--write]

Brains of the atlas at 1 mm, 160×224×160 voxels: a copy of each kind is aligned to its original, and each brain to the
next one.
"""

from __future__ import annotations

import argparse
import resource
from time import process_time

import numpy as np
from checks import brains
from documents import AUDIT, machine, table, write_section

from voxpress.generation.arrays import quantised
from voxpress.quality import volume_of
from voxpress.quality.audit.planting import COPY_KINDS, planted_copy
from voxpress.quality.audit.registration import aligned_ncc


def peak_mb() -> float:
    """Largest resident memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brains", type=int, default=6)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    known = [
        volume_of({name: quantised(sample.volumes[name], spec) for name, spec in specs.items()}, specs)
        for _, sample, specs in brains(args.brains, ("T1w",))
    ]
    before = peak_mb()
    found: dict[str, list[tuple[float, float]]] = {}

    def compare(what: str, fixed, moving, **options: bool) -> None:
        start = process_time()
        correlation = aligned_ncc(fixed, moving, **options)
        found.setdefault(what, []).append((process_time() - start, correlation))
        print(what, found[what][-1], flush=True)

    for number, volume in enumerate(known):
        for kind in COPY_KINDS:
            copy = planted_copy(volume, kind, np.random.default_rng([3, number]))
            compare(kind, copy, volume, mirrored=kind == "mirror")
        compare("the next brain", volume, known[(number + 1) % len(known)])
    rows = []
    for what, pairs in found.items():
        seconds, correlations = np.array(pairs).T
        spread = f"{correlations.min():.3f} to {correlations.max():.3f}"
        rows.append([what, f"{np.median(seconds):.1f}", f"{seconds.max():.1f}", spread])
    text = (
        f"{len(known)} T1w brains of the atlas, 160×224×160 voxels of 1 mm; one process, volumes in memory; peak "
        f"{peak_mb():.0f} MB, of which {before:.0f} MB before the first pair. Machine: {machine()}.\n\n"
        + table(["aligned", "processor time a pair, median, s", "slowest, s", "correlation within the body"], rows)
    )
    print(text)
    if args.write:
        write_section(AUDIT, "confirmation", text)


if __name__ == "__main__":
    main()
