"""How long does `voxpress qa` take over many rows whose features are stored, and how much memory?

python benchmarks/quality/scale.py [--rows 10000] [--reference 4000] [--write]

The volumes are of 16×16×16 voxels, so that what is timed is what grows with the rows. Their vectors have the widths and
ids of the built-in features, and are drawn: what they cost is told in docs/checks.md.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
from documents import QUALITY, machine, table, write_section

SIDE = 16
SPACING_MM = 10.0
_SHARD = 64
_FACTORS = 12


@dataclass(frozen=True)
class Drawn:
    """Vectors of a built-in extractor's id and width, drawn by the voxels, around a mean and along a few directions."""

    name: str
    feature_id: str
    width: int

    def embed(self, volume) -> np.ndarray:
        same, own = (
            np.random.default_rng(zlib.crc32(part)) for part in (self.feature_id.encode(), volume.image.tobytes())
        )
        along = same.standard_normal((_FACTORS, self.width))
        # of the vector whose signs are hashed, each number is as often above 0 as below it
        mean = same.standard_normal(self.width) + (0 if self.name == "copy_dct" else 10)
        return (mean + own.standard_normal(_FACTORS) @ along + own.standard_normal(self.width)).astype(np.float32)


def volumes(rows: int, seed: int):
    """Balls of noise, each of another size."""
    where = (np.stack(np.indices((SIDE, SIDE, SIDE))) - (SIDE - 1) / 2) ** 2
    distance = np.sqrt(where.sum(axis=0))
    for row in range(rows):
        random = np.random.default_rng([seed, row])
        noise = random.integers(60, 200, (SIDE, SIDE, SIDE), np.uint8)
        yield np.where(distance < random.uniform(5, 6.5), noise, np.uint8(0))


def build(folder: Path, rows: int, seed: int) -> None:
    """A store of so many samples with ages and sexes."""
    import pyarrow as pa

    from voxpress import store

    scratch = folder / store.WORK_FOLDER
    step, end = SPACING_MM, SPACING_MM * (SIDE - 1) / 2
    affine = ((step, 0.0, 0.0, -end), (0.0, step, 0.0, -end), (0.0, 0.0, step, -end), (0.0, 0.0, 0.0, 1.0))
    shape = (SIDE, SIDE, SIDE)
    spec = store.ArraySpec(
        name="image", kind="image", dtype="uint8", shape=shape, shard_samples=_SHARD, affine=affine, chunk=shape
    )
    attrs = {
        "synthetic": True,
        "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
        "not_for_clinical_use": True,
        "generator": "voxpress benchmarks",
        "dataset": folder.name,
    }
    files = {"recipe.yaml": store.write_atomic(folder / "recipe.yaml", b"name: scale\n", scratch=scratch)}
    documents = {
        store.group_zarr_json_path("train"): store.group_document(attrs),
        store.array_zarr_json_path("train", "image"): store.array_document(spec, rows, (), attrs),
    }
    for path, document in documents.items():
        files[path] = store.write_atomic(folder / path, store.document_bytes(document), scratch=scratch)
    schema = store.rows_schema({"age": "number", "sex": "category"}, [], {"image": "image"})
    random, made, groups = np.random.default_rng(seed), volumes(rows, seed), []
    for number, first in enumerate(range(0, rows, _SHARD)):
        members = range(first, min(first + _SHARD, rows))
        some = [next(made) for _ in members]
        encoded = [store.encode_sample(spec, voxels) for voxels in some]
        path = store.shard_path("train", "image", number)
        files[path] = store.write_atomic(folder / path, store.assemble_shard(spec, encoded), scratch=scratch)
        records = [
            {
                "sample_id": f"{folder.name}-{row:06d}",
                "index": row,
                "split": "train",
                "age": random.uniform(50, 90),
                "sex": "FM"[int(random.integers(2))],
                "seed": row,
                "attempt": 0,
                "backend": "scale",
                "quality": "PASS",
                "image": {"path": store.array_path("train", "image"), "index": row},
                "image_sha256": store.voxels_sha256(voxels),
                **store.sample_extents(spec, voxels),
                "is_synthetic": True,
            }
            for row, voxels in zip(members, some, strict=True)
        ]
        groups.append(pa.Table.from_pylist(records, schema=schema))
    files |= store.write_table(folder, "train", groups, scratch=scratch)
    manifest = store.Manifest(
        name=folder.name,
        version="1.0.0",
        recipe_sha256=files["recipe.yaml"].sha256,
        lock={},
        splits={"train": store.SplitRecord(slots=rows, samples=rows, shard_samples=_SHARD)},
        arrays={store.array_path("train", "image"): spec},
        rejected=(),
        files=files,
    )
    store.seal(folder, manifest, scratch=scratch)
    shutil.rmtree(scratch)


def store_features(synthetic: Path, reference: Path) -> None:
    """Puts drawn vectors where generation and an earlier run leave theirs."""
    from voxpress import store
    from voxpress.quality import open_reference
    from voxpress.quality.features.embedding import embed_volumes
    from voxpress.quality.features.standard import standard_extractors
    from voxpress.quality.inspecting import inspect_store

    cohort = store.open(synthetic)
    drawn = [Drawn(each.name, each.feature_id, each.width) for each in standard_extractors(cohort.specs)]
    inspect_store(cohort, drawn)
    (synthetic / "quality" / "samples.parquet").unlink()
    embed_volumes(open_reference(reference), drawn)


def spent() -> float:
    """Processor time of this process and of its workers that have ended, s."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both)


def judged(synthetic: Path, reference: Path, pairs: int) -> dict[str, float]:
    """Processor time of each stage of one run, s, and memory at its peak, MB: of this process, and of its workers."""
    from voxpress.judging import judge

    stages: dict[str, float] = {}
    now = ["opening", spent()]

    def tell(what: str, _done: int, _total: int) -> None:
        if what != now[0]:
            stages[now[0]] = stages.get(now[0], 0.0) + spent() - now[1]
            now[:] = what, spent()

    start = perf_counter()
    done = judge(synthetic, reference=reference, pairs=pairs, progress=tell)
    tell("end", 0, 0)
    peaks = [resource.getrusage(who).ru_maxrss / 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    figures = {
        "all": perf_counter() - start,
        "spent": spent(),
        "MB": peaks[0],
        "worker MB": peaks[1],
        "read": done.inspection.read,
    }
    return {**figures, **stages}


def main() -> None:
    """Measures and tells."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--reference", type=int, default=4_000)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--data", type=Path, help="where the stores are kept")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    args = parser.parse_args()
    if args.one:
        print(json.dumps(judged(*args.one, args.pairs)))
        return
    with tempfile.TemporaryDirectory() as scratch:
        found = measured(args, args.data or Path(scratch))
    text = told(args, found)
    print(text)
    if args.write:
        write_section(QUALITY, "rows", text)


def measured(args: argparse.Namespace, folder: Path) -> dict[tuple[int, str], dict[str, float]]:
    """Runs of a quarter of the rows and of all: after generation, and again."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    reference = folder / f"real-{args.reference}"
    if not (reference / "voxpress.json").exists():
        build(reference, args.reference, 2)
    found = {}
    for rows in (args.rows // 4, args.rows):
        synthetic = folder / f"rows-{rows}"
        if not (synthetic / "voxpress.json").exists():
            build(synthetic, rows, 1)
        shutil.rmtree(synthetic / "quality", ignore_errors=True)
        store_features(synthetic, reference)
        for run in ("first", "again"):
            command = [sys.executable, __file__, "--pairs", str(args.pairs), "--one", str(synthetic), str(reference)]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            found[rows, run] = json.loads(done.stdout.splitlines()[-1])
            print(rows, run, found[rows, run], file=sys.stderr, flush=True)
    return found


_STAGES = {
    "inspecting": "checking every sample (16×16×16 voxels)",
    "measuring the set": "scores of the set, with floors and intervals",
    "measuring subgroups": "density and coverage by subgroup",
    "comparing pairs": "MS-SSIM of pairs, conditions, gate and report",
}


def told(args: argparse.Namespace, found: dict[tuple[int, str], dict[str, float]]) -> str:
    """The table."""
    runs = list(found)
    rows: list[list[object]] = [
        [what, *(f"{found[run].get(stage, 0):.1f}" for run in runs)] for stage, what in _STAGES.items()
    ]
    rows.append(["all of it, with imports", *(f"{found[run]['spent']:.0f}" for run in runs)])
    rows.append(["… by the clock", *(f"{found[run]['all']:.0f}" for run in runs)])
    rows.append(["peak memory, MB", *(f"{found[run]['MB']:.0f}" for run in runs)])
    rows.append(["… of the largest worker, MB", *(f"{found[run]['worker MB']:.0f}" for run in runs)])
    head = ["processor time, s", *(f"{rows_:,} rows, {run}" for rows_, run in runs)]
    return (
        f"A reference of {args.reference:,}, whose features are kept as well; {args.pairs:,} pairs of each set.\n\n"
        f"{table(head, rows)}\n\nMachine: {machine()}."
    )


if __name__ == "__main__":
    main()
