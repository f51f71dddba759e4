"""Random patches, one a volume, voxpress beside its peers; in batches of two, or of VOXPRESS_BENCH_BATCH.

python benchmarks/loaders/patches.py [--data DIR] [--volumes 64] [--size 96] [--rounds 5] [--seconds 1] [--write]
"""

from __future__ import annotations

from functools import partial

import peers
from data import FEW, Data, arguments
from documents import PERFORMANCE, machine, write_section
from measuring import check_patches, measure
from tables import Goal, Row, goals, readers_of, rows_of, table_of

OURS = {
    # the store of each, and whether it is read with many volumes too
    "slabs of 20, zstd": ("zstd", True),
    "slabs of 10, zstd": ("zstd-slab10", False),
    "bars, zstd": ("zstd-bar", True),
    "cubes, zstd": ("zstd-cube", False),
    "slabs of 20, zstd-fast": ("fast", True),
    "bars, zstd-fast": ("fast-bar", True),
    "slabs of 80, lz4": ("lz4", True),
    "slabs of 20, lz4": ("lz4-slab20", False),
}
# slabs are what stores have unless asked otherwise: one store for volumes and patches
ZSTD, LZ4 = ("voxpress, slabs of 20, zstd", 0), ("voxpress, slabs of 80, lz4", 0)
# what `voxpress recode --codec zstd --chunk patch` makes
BARS = ("voxpress, bars, zstd", 0)
# … and `--codec zstd-fast`
FAST = ("voxpress, bars, zstd-fast", 0)
ZARR = ["zarr-python, bars", "zarr-python, cubes", "zarr-python, slabs of 20", "zarr-python, (80,112,80)"]
ZARR_FAST = [*ZARR, "zarr-python, slabs of 20, zstd-fast"]


def _rows(size: int) -> list[Row]:
    both, patch = (0, 2), (size,) * 3

    def of(maker: object, **options: object) -> object:
        return partial(maker, patch=patch, **options)  # type: ignore[arg-type]

    return [
        *(
            (f"voxpress, {name}", f"voxpress-{form}", of(peers.voxpress, shuffle=True), both, with_many)
            for name, (form, with_many) in OURS.items()
        ),
        ("TensorStore, slabs of 20", "tensorstore", of(peers.tensorstore), both, False),
        ("TensorStore, bars, 8 reads ahead", "tensorstore-bar", of(peers.tensorstore_ahead), (0,), True),
        (
            "TensorStore, bars, zstd-fast, 8 reads ahead",
            "tensorstore-fast-bar",
            of(peers.tensorstore_ahead),
            (0,),
            True,
        ),
        ("TensorStore, cubes", "tensorstore-cube", of(peers.tensorstore), both, False),
        ("TensorStore, cubes, 8 reads ahead", "tensorstore-cube", of(peers.tensorstore_ahead), (0,), False),
        ("zarr-python, (80,112,80)", "zarr", of(peers.zarr_python), both, True),
        ("zarr-python, slabs of 20", "zarr-slab", of(peers.zarr_python), both, True),
        ("zarr-python, slabs of 20, zstd-fast", "zarr-fast", of(peers.zarr_python), both, True),
        ("zarr-python, bars", "zarr-bar", of(peers.zarr_python), both, False),
        ("zarr-python, cubes", "zarr-cube", of(peers.zarr_python), both, False),
        ("zarrs, cubes", "zarr-cube", of(peers.zarrs), both, False),
        ("LitData raw", "litdata", of(peers.litdata), both, True),
        ("LitData zstd", "litdata-zstd", of(peers.litdata), both, False),
        ("MDS raw", "mds", of(peers.mds), both, False),
        ("WebDataset npy, cropped", "webdataset-npy", of(peers.webdataset), both, True),
        ("MONAI nii.gz", "nifti", of(peers.monai), both, True),
        ("MONAI nii.gz, 8 a volume", "nifti", of(peers.monai, several=8), both, False),
        ("MONAI CacheDataset (RAM)", "nifti", of(peers.monai, keep="ram"), both, False),
        ("TorchIO Queue nii.gz", "nifti", of(peers.torchio, several=1), both, False),
        ("TorchIO Queue nii.gz, 8 a volume", "nifti", of(peers.torchio, several=8), both, False),
        ("limit: mapped .npy", "npy", of(peers.mapped), both, False),
    ]


GOALS: list[Goal] = [
    ("≥ 10× MONAI nii.gz", ZSTD, ["MONAI nii.gz"], None, 10),
    ("≥ 5× zarr-python on its best chunks: slabs", ZSTD, ZARR, None, 5),
    ("≥ 5× zarr-python on its best chunks: bars", BARS, ZARR, None, 5),
    ("≥ 5× zarr-python on its best chunks: bars, zstd-fast", FAST, ZARR_FAST, None, 5),
    ("≥ 2× WebDataset npy", ZSTD, ["WebDataset npy, cropped"], None, 2),
    ("lz4 ≥ 0.8 of LitData raw", LZ4, ["LitData raw"], None, 0.8),
    ("bars, zstd-fast ≥ 0.8 of LitData raw", FAST, ["LitData raw"], None, 0.8),
]


def main() -> None:
    """Measures and tells."""
    parser = arguments(__doc__)
    parser.add_argument("--size", type=int, default=96, help="voxels along each axis of a patch")
    args = parser.parse_args()
    data = Data(args.data, args.volumes)
    many = args.volumes > FEW
    rows = rows_of(_rows(args.size), only=args.only, many=many)
    found = measure(
        readers_of(rows, only=[]),
        data,
        rounds=args.rounds,
        seconds=args.seconds,
        check=partial(check_patches, count=3 if many else 6),
        many=many,
    )
    asked = [goal for goal in GOALS if any(name in goal[2] for name, _ in found)]
    text = (
        f"Machine: {machine()}. Patches of {args.size}³ voxels, one a volume and epoch unless the row says otherwise, "
        f"of {args.volumes} volumes of 160×224×160 uint8, batches of {peers.BATCH}, {args.rounds} rounds of about "
        f"{args.seconds:g} s in which the readers take turns, median; page cache warm, torch threads 1. Bars are "
        "chunks of (16,28,160), cubes of (40,56,40). That the patches are boxes of the volumes was checked before they "
        "were timed.\n\n"
        + table_of(rows, found, data, unit="patches/s", mine=[ZSTD, BARS, FAST, LZ4])
        + "\n\n"
        + goals(found, asked)
    )
    print(text)
    if args.write:
        section = f"loaders-patches-{args.size}" + (f"-of-{peers.BATCH}" if peers.BATCH != 2 else "")
        section += f"-{args.volumes}" if args.volumes != 64 else ""
        write_section(PERFORMANCE, section, text)


if __name__ == "__main__":
    main()
