"""Full volumes into batches of two, voxpress beside its peers.

python benchmarks/loaders/volumes.py [--data DIR] [--volumes 64] [--rounds 5] [--seconds 1] [--write]
"""

from __future__ import annotations

from functools import partial

import peers
from data import FEW, Data, arguments
from decode_limit import decode_only
from documents import PERFORMANCE, machine, write_section
from measuring import check_volumes, measure
from tables import Goal, Row, goals, readers_of, table_of

ZSTD, LZ4 = ("voxpress, zstd", 0), ("voxpress, lz4", 0)


def _rows() -> list[Row]:
    import torch

    both = (0, 2)
    return [
        ("voxpress, zstd", "voxpress-zstd", peers.voxpress, both, True),
        ("voxpress, lz4", "voxpress-lz4", peers.voxpress, both, True),
        ("limit: decode only, zstd", "voxpress-zstd", decode_only, (0,), True),
        ("limit: decode only, lz4", "voxpress-lz4", decode_only, (0,), True),
        ("TensorStore", "tensorstore", peers.tensorstore, both, False),
        ("TensorStore, 8 reads ahead", "tensorstore", peers.tensorstore_ahead, (0,), True),
        ("zarr-python, (80,112,80)", "zarr", peers.zarr_python, both, True),
        ("zarr-python, slabs of 20", "zarr-slab", peers.zarr_python, both, False),
        ("zarrs, (80,112,80)", "zarr", peers.zarrs, both, False),
        ("LitData raw", "litdata", peers.litdata, both, True),
        ("LitData zstd", "litdata-zstd", peers.litdata, both, True),
        ("MDS raw", "mds", peers.mds, both, True),
        ("MDS zstd, unpacked to a copy", "mds-zstd", peers.mds_unpacked, both, False),
        ("WebDataset npy", "webdataset-npy", peers.webdataset, both, True),
        ("WebDataset nii.gz", "webdataset-nii", partial(peers.webdataset, kind="nii.gz"), both, False),
        ("MONAI nii.gz, as stored", "nifti", peers.monai, both, False),
        ("MONAI nii.gz, float32", "nifti", partial(peers.monai, dtype=torch.float32), both, False),
        ("MONAI CacheDataset (RAM)", "nifti", partial(peers.monai, keep="ram"), both, False),
        ("MONAI PersistentDataset", "nifti", partial(peers.monai, keep="disk"), both, False),
        ("TorchIO nii.gz", "nifti", peers.torchio, both, False),
        ("Hugging Face Nifti", "hf-nifti", peers.huggingface, both, False),
        ("Hugging Face Array3D", "hf-array3d", partial(peers.huggingface, kind="array3d"), both, False),
        ("limit: mapped .npy", "npy", peers.mapped, both, False),
    ]


GOALS: list[Goal] = [
    ("≥ 10× MONAI nii.gz", ZSTD, ["MONAI nii.gz, as stored", "MONAI nii.gz, float32"], None, 10),
    ("≥ 5× TorchIO", ZSTD, ["TorchIO nii.gz"], None, 5),
    ("≥ 8× Hugging Face Nifti", ZSTD, ["Hugging Face Nifti"], None, 8),
    ("≥ 5× zarr-python", ZSTD, ["zarr-python, (80,112,80)", "zarr-python, slabs of 20"], None, 5),
    ("≥ 1.3× TensorStore", ZSTD, ["TensorStore", "TensorStore, 8 reads ahead"], None, 1.3),
    (
        "lz4 ≥ 2× every peer on disk with two workers",
        LZ4,
        [
            "LitData raw",
            "LitData zstd",
            "MDS raw",
            "MDS zstd, unpacked to a copy",
            "WebDataset npy",
            "MONAI PersistentDataset",
            "TensorStore",
            "zarr-python, (80,112,80)",
        ],
        2,
        2,
    ),
    ("lz4 level with LitData raw without workers", LZ4, ["LitData raw"], 0, 1),
    ("zstd ≥ 0.8 of the decode-only limit", ZSTD, ["limit: decode only, zstd"], 0, 0.8),
    ("lz4 ≥ 0.8 of the decode-only limit", LZ4, ["limit: decode only, lz4"], 0, 0.8),
]


def main() -> None:
    """Measures and tells."""
    args = arguments(__doc__).parse_args()
    data = Data(args.data, args.volumes)
    many = args.volumes > FEW
    data.digests()
    rows = _rows()
    readers = readers_of(rows, only=args.only, many=many)
    found = measure(readers, data, rounds=args.rounds, seconds=args.seconds, check=check_volumes, many=many)
    text = (
        f"Machine: {machine()}. {args.volumes} volumes of 160×224×160 uint8, batches of 2, {args.rounds} rounds of "
        f"about {args.seconds:g} s in which the readers take turns, median; page cache warm, torch threads 1, whole "
        "epochs with their beginnings, workers kept between epochs. Every reader gave the right voxels before it was "
        "timed.\n\n" + table_of(rows, found, data, unit="volumes/s", mine=[ZSTD, LZ4]) + "\n\n" + goals(found, GOALS)
    )
    print(text)
    if args.write:
        write_section(PERFORMANCE, f"loaders-volumes-{args.volumes}", text)


if __name__ == "__main__":
    main()
