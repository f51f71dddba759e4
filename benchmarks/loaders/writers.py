"""Writes the volumes in each format, the way its documentation does."""

from __future__ import annotations

import io
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from data import FEW

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from pathlib import Path

__all__ = ["AFFINE", "ATTRS", "WRITERS", "ZSTD", "import_streaming", "write_voxpress"]
ZSTD = (
    {"name": "bytes", "configuration": {"endian": "little"}},
    {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
    {"name": "crc32c"},
)
ATTRS = {
    "synthetic": True,
    "digital_source_type": "http://cv.iptc.org/newscodes/digitalsourcetype/algorithmicMedia",
    "not_for_clinical_use": True,
    "generator": "voxpress benchmarks",
    "dataset": "bench",
}
AFFINE = ((1.0, 0.0, 0.0, -79.5), (0.0, 1.0, 0.0, -125.5), (0.0, 0.0, 1.0, -71.5), (0.0, 0.0, 0.0, 1.0))
SLAB, THICK_SLAB, CUBE, LARGE_CUBE = (20, 224, 160), (80, 224, 160), (40, 56, 40), (80, 112, 80)
# of `voxpress recode --chunk patch`
BAR = (16, 28, 160)
SHARD = 8


def _packed(index: int, *, spec: Any, volumes: Any) -> tuple[list[bytes | None], dict[str, Any]]:
    """One sample: its chunks, and what the table says of its voxels."""
    from voxpress import store

    voxels = volumes[index]
    known = {f"{spec.name}_sha256": store.voxels_sha256(voxels), **store.sample_extents(spec, voxels)}
    return store.encode_sample(spec, voxels), known


def _write(path: Path, *, scratch: Path, spec: Any, encoded: list[Any]) -> Any:
    """One shard: put together, hashed, flushed to the disk."""
    from voxpress import store

    return store.write_atomic(path, store.assemble_shard(spec, encoded), scratch=scratch)


def write_voxpress(
    arrays: dict[str, np.ndarray],
    folder: Path,
    *,
    codecs: Any = None,
    chunk: tuple[int, int, int] = SLAB,
    shard_samples: int = SHARD,
    threads: int | None = None,
) -> None:
    """A store of voxpress with one split: shards, `zarr.json`, Parquet, manifest.

    Args:
        arrays: `image`, and `label` or not, each (n, x, y, z).
        folder: of the store.
        codecs: documents of Zarr's codecs; None for those of a published store.
        chunk: inner chunk.
        shard_samples: in one shard.
        threads: that pack; None for one a core. One more writes, as it waits for the disk.
    """
    import pyarrow as pa

    from voxpress import store
    from voxpress.store.threads import map_in_order

    threads = threads or len(os.sched_getaffinity(0))
    scratch = folder / store.WORK_FOLDER
    labels = {0: "background", 1: "fluid", 2: "grey matter", 3: "white matter"}
    specs = {
        name: store.ArraySpec(
            name=name,
            kind=name,
            dtype=str(array.dtype),
            shape=array.shape[1:],
            shard_samples=shard_samples,
            affine=AFFINE,
            scale=1.0 if name == "label" else 1 / 255,
            labels=labels if name == "label" else None,
            chunk=chunk,
            codecs=codecs or ZSTD,
        )
        for name, array in arrays.items()
    }
    count = len(next(iter(arrays.values())))
    rows: list[dict[str, Any]] = [_row(index) for index in range(count)]
    files = {"recipe.yaml": store.write_atomic(folder / "recipe.yaml", b"name: bench\n", scratch=scratch)}
    path = store.group_zarr_json_path("train")
    files[path] = store.write_atomic(folder / path, store.document_bytes(store.group_document(ATTRS)), scratch=scratch)
    with ThreadPoolExecutor(1) as writer:
        written: dict[str, Future[Any]] = {}
        for name, spec in specs.items():
            path = store.array_zarr_json_path("train", name)
            document = store.document_bytes(store.array_document(spec, count, (), ATTRS))
            files[path] = store.write_atomic(folder / path, document, scratch=scratch)
            packed = map_in_order(partial(_packed, spec=spec, volumes=arrays[name]), range(count), threads)
            for number, first in enumerate(range(0, count, shard_samples)):
                encoded = []
                for row, (chunks, known) in zip(rows[first : first + shard_samples], packed, strict=False):
                    encoded.append(chunks)
                    row[name] = {"path": store.array_path("train", name), "index": row["index"]}
                    row.update(known)
                path = store.shard_path("train", name, number)
                written[path] = writer.submit(_write, folder / path, scratch=scratch, spec=spec, encoded=encoded)
        schema = store.rows_schema({"age": "number", "sex": "category"}, [], {name: name for name in specs})
        table = pa.Table.from_pylist(rows, schema=schema)
        groups = [table.slice(first, shard_samples) for first in range(0, count, shard_samples)]
        files |= store.write_table(folder, "train", groups, scratch=scratch)
        files |= {path: record.result() for path, record in written.items()}
    manifest = store.Manifest(
        name="bench",
        version="1.0.0",
        recipe_sha256=files["recipe.yaml"].sha256,
        lock={},
        splits={"train": store.SplitRecord(slots=count, samples=count, shard_samples=shard_samples)},
        arrays={store.array_path("train", name): spec for name, spec in specs.items()},
        rejected=(),
        files=files,
    )
    store.seal(folder, manifest, scratch=scratch)
    shutil.rmtree(scratch)


def _row(index: int) -> dict[str, Any]:
    return {
        "sample_id": f"bench-{index:06d}",
        "index": index,
        "split": "train",
        "age": 40.0 + index % 50,
        "sex": "FM"[index % 2],
        "seed": index,
        "attempt": 0,
        "backend": "bench",
        "quality": "PASS",
        "is_synthetic": True,
    }


def _voxpress(codec: str, chunk: tuple[int, int, int]) -> Callable[[np.ndarray, Path], None]:
    def write(volumes: np.ndarray, folder: Path) -> None:
        from voxpress.store.packing import codecs_of

        codecs = codecs_of(codec, str(volumes.dtype))
        write_voxpress({"image": volumes}, folder, codecs=codecs, chunk=chunk, shard_samples=_shard(volumes))

    return write


def _shard(volumes: np.ndarray) -> int:
    """Samples a file: 8, as in every format that has such files; of many volumes 64."""
    return SHARD if len(volumes) <= FEW else 64


def _zarr(chunk: tuple[int, int, int], level: int = 1) -> Callable[[np.ndarray, Path], None]:
    def write(volumes: np.ndarray, folder: Path) -> None:
        import zarr
        from zarr.codecs import ZstdCodec

        shard = _shard(volumes)
        array = zarr.create_array(
            str(folder / "image"),
            shape=volumes.shape,
            dtype=volumes.dtype,
            chunks=(1, *chunk),
            shards=(shard, *volumes.shape[1:]),
            compressors=ZstdCodec(level=level),
            fill_value=0,
        )
        for first in range(0, len(volumes), shard):
            array[first : first + shard] = volumes[first : first + shard]

    return write


def _tensorstore(chunk: tuple[int, int, int], level: int = 1) -> Callable[[np.ndarray, Path], None]:
    def write(volumes: np.ndarray, folder: Path) -> None:
        import tensorstore as ts

        shard = _shard(volumes)
        codecs = {"name": "zstd", "configuration": {"level": level}}
        inner = [{"name": "bytes", "configuration": {"endian": "little"}}, codecs, {"name": "crc32c"}]
        sharding = {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": [1, *chunk],
                "codecs": inner,
                "index_codecs": [inner[0], inner[2]],
            },
        }
        spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": f"{folder}/image/"},
            "metadata": {
                "shape": list(volumes.shape),
                "data_type": str(volumes.dtype),
                "chunk_grid": {
                    "name": "regular",
                    "configuration": {"chunk_shape": [shard, *volumes.shape[1:]]},
                },
                "codecs": [sharding],
                "fill_value": 0,
            },
        }
        array = ts.open(spec, create=True).result()
        for first in range(0, len(volumes), shard):
            some = np.asarray(volumes[first : first + shard])
            array[first : first + len(some)].write(some).result()

    return write


def nifti_bytes(volume: np.ndarray) -> bytes:
    """A compressed NIfTI file, at nibabel's level of compression."""
    import gzip

    import nibabel as nib

    return gzip.compress(nib.Nifti1Image(np.asarray(volume), np.array(AFFINE)).to_bytes(), 1)


def _nifti(volumes: np.ndarray, folder: Path) -> None:
    import nibabel as nib

    for number, volume in enumerate(volumes):
        nib.save(nib.Nifti1Image(np.asarray(volume), np.array(AFFINE)), folder / f"{number:06d}.nii.gz")


def _webdataset(extension: str) -> Callable[[np.ndarray, Path], None]:
    def write(volumes: np.ndarray, folder: Path) -> None:
        import webdataset as wds

        shard = _shard(volumes)
        for number, first in enumerate(range(0, len(volumes), shard)):
            # encoder=False: it would gzip the .gz once more
            with wds.TarWriter(str(folder / f"{number:06d}.tar"), encoder=False) as tar:
                for index in range(first, min(first + shard, len(volumes))):
                    data = npy_bytes(volumes[index]) if extension == "npy" else nifti_bytes(volumes[index])
                    tar.write({"__key__": f"{index:06d}", extension: data})

    return write


def npy_bytes(volume: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, volume)
    return out.getvalue()


def import_streaming() -> Any:
    """MosaicML's package, without its text and vision data sets, which would bring transformers and torchvision."""
    import sys
    from types import ModuleType

    if "streaming" in sys.modules:
        return sys.modules["streaming"]
    absent = {
        "transformers": (),
        "transformers.feature_extraction_utils": ("BatchFeature",),
        "transformers.tokenization_utils_base": ("BatchEncoding",),
        "streaming.text": (),
        "streaming.vision": (),
        "streaming.multimodal": (),
    }
    for name, classes in absent.items():
        sys.modules[name] = ModuleType(name)
        for one in classes:
            setattr(sys.modules[name], one, type(one, (dict,), {}))
    try:
        import streaming
    finally:
        for name in absent:
            del sys.modules[name]
    return streaming


def _mds(compression: str | None) -> Callable[[np.ndarray, Path], None]:
    def write(volumes: np.ndarray, folder: Path) -> None:
        streaming = import_streaming()
        columns = {"image": f"ndarray:{volumes.dtype}:{','.join(map(str, volumes.shape[1:]))}"}
        size = _shard(volumes) * volumes[0].nbytes + 2**16
        with streaming.MDSWriter(out=str(folder), columns=columns, compression=compression, size_limit=size) as out:
            for volume in volumes:
                out.write({"image": np.asarray(volume)})

    return write


def _litdata(compression: str | None) -> Callable[[np.ndarray, Path], None]:
    def write(volumes: np.ndarray, folder: Path) -> None:
        import torch
        from litdata.streaming.cache import Cache

        cache = Cache(
            str(folder),
            chunk_size=_shard(volumes),
            compression=compression,
            # a frame of many samples would be unpacked for each of them
            compression_level="sample" if compression else None,
        )
        for number, volume in enumerate(volumes):
            cache[number] = {"image": torch.from_numpy(np.array(volume))}
        cache.done()
        cache.merge()

    return write


def _huggingface(kind: str) -> Callable[[np.ndarray, Path], None]:
    def write(volumes: np.ndarray, folder: Path) -> None:
        import datasets

        feature = (
            datasets.Nifti() if kind == "nifti" else datasets.Array3D(shape=volumes.shape[1:], dtype=str(volumes.dtype))
        )
        features = datasets.Features({"image": feature})
        for number, first in enumerate(range(0, len(volumes), _shard(volumes))):
            path = str(folder / f"train-{number:05d}.parquet")
            with datasets.arrow_writer.ParquetWriter(path=path, features=features, writer_batch_size=SHARD) as out:
                for volume in volumes[first : first + _shard(volumes)]:
                    value = {"bytes": nifti_bytes(volume), "path": None} if kind == "nifti" else np.asarray(volume)
                    out.write(features.encode_example({"image": value}))
                out.finalize()

    return write


def _npy(volumes: np.ndarray, folder: Path) -> None:
    np.save(folder / "image.npy", volumes)


WRITERS: dict[str, Callable[[np.ndarray, Path], None]] = {
    "voxpress-zstd": _voxpress("zstd", SLAB),
    "voxpress-lz4": _voxpress("lz4", THICK_SLAB),
    "voxpress-lz4-slab20": _voxpress("lz4", SLAB),
    "voxpress-fast": _voxpress("zstd-fast", SLAB),
    "voxpress-fast-bar": _voxpress("zstd-fast", BAR),
    "voxpress-zstd-slab10": _voxpress("zstd", (10, 224, 160)),
    "voxpress-zstd-bar": _voxpress("zstd", BAR),
    "voxpress-zstd-cube": _voxpress("zstd", CUBE),
    "zarr": _zarr(LARGE_CUBE),
    "zarr-slab": _zarr(SLAB),
    "zarr-fast": _zarr(SLAB, level=-1),
    "zarr-bar": _zarr(BAR),
    "zarr-cube": _zarr(CUBE),
    "tensorstore": _tensorstore(SLAB),
    "tensorstore-bar": _tensorstore(BAR),
    "tensorstore-fast-bar": _tensorstore(BAR, level=-1),
    "tensorstore-cube": _tensorstore(CUBE),
    "nifti": _nifti,
    "webdataset-npy": _webdataset("npy"),
    "webdataset-nii": _webdataset("nii.gz"),
    "mds": _mds(None),
    "mds-zstd": _mds("zstd:1"),
    "litdata": _litdata(None),
    "litdata-zstd": _litdata("zstd:1"),
    "hf-nifti": _huggingface("nifti"),
    "hf-array3d": _huggingface("array3d"),
    "npy": _npy,
}
"""Name of the format → function of the volumes (n, x, y, z) and an empty folder."""
