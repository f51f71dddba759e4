"""The readers: voxpress and its peers, each by the best way that its documentation shows.

A maker takes the folder of its format and gives a function that starts an epoch: batches of `BATCH` volumes, or
random patches, one a volume. All imports happen in the process of the reader.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections import deque
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset
from writers import import_streaming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Patch = tuple[int, int, int] | None
    Get = Callable[[int, tuple[slice, slice, slice]], np.ndarray]
    """Voxels of a box of one volume, fresh memory."""

# read in processes of their own, which inherit it
BATCH = int(os.environ.get("VOXPRESS_BENCH_BATCH", "2"))
_WHOLE = (slice(None),) * 3


def random_box(shape: Iterable[int], patch: Patch, rng: np.random.Generator) -> tuple[slice, slice, slice]:
    """A box that is as likely here as there."""
    if patch is None:
        return _WHOLE
    starts = [int(rng.integers(0, size - step + 1)) for size, step in zip(shape, patch, strict=True)]
    x, y, z = (slice(start, start + step) for start, step in zip(starts, patch, strict=True))
    return x, y, z


def loader(dataset: Any, workers: int, **options: Any) -> Callable[[], Iterable[Any]]:
    """A DataLoader of torch, whose workers stay between epochs."""
    made = DataLoader(dataset, **{"batch_size": BATCH, **options}, num_workers=workers, persistent_workers=workers > 0)
    return lambda: iter(made)


# --- voxpress ---


def voxpress(
    folder: Path | str, *, workers: int = 0, patch: Patch = None, shuffle: bool = False, **options: Any
) -> Any:
    """Batches as they come from the stream: threads of its own, or in workers of a DataLoader."""
    import voxpress as vp

    stream = vp.loaders.VolumeStream(
        vp.open(str(folder)),
        keys=("image",),
        dtype=None,
        batch_size=BATCH,
        patch=patch,
        shuffle=shuffle,
        **options,
    )
    numbers = iter(range(10**9))
    source: Any = stream
    if workers:
        source = DataLoader(stream, batch_size=None, num_workers=workers, persistent_workers=True)

    def epoch() -> Iterator[torch.Tensor]:
        stream.set_epoch(next(numbers))
        return (batch["image"].as_tensor() for batch in source)

    return epoch


# --- arrays that are indexed: zarr-python, zarrs, TensorStore, a mapped file ---


class Indexed(Dataset[torch.Tensor]):
    """Volumes, or a random patch of each, of an array that is opened in the process that reads."""

    def __init__(self, open_array: Callable[[], tuple[tuple[int, ...], Get]], count: int, patch: Patch) -> None:
        self._open, self._count, self._patch = open_array, count, patch
        self._opened: Any = None

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int) -> torch.Tensor:
        if index >= self._count:
            raise IndexError(index)
        if self._opened is None:
            shape, get = self._open()
            self._opened = shape[1:], get, np.random.default_rng(torch.initial_seed() % 2**32)
        shape, get, rng = self._opened
        return torch.from_numpy(get(index, random_box(shape, self._patch, rng)))


def _count(folder: Path) -> int:
    import json

    return int(json.loads((folder / "image" / "zarr.json").read_text())["shape"][0])


def _zarr_array(folder: Path, pipeline: str | None) -> tuple[tuple[int, ...], Get]:
    import zarr

    if pipeline:
        zarr.config.set({"codec_pipeline.path": pipeline})
    array = zarr.open_array(str(folder / "image"), mode="r")
    return array.shape, lambda index, box: array[(index, *box)]


def zarr_python(
    folder: Path, *, workers: int = 0, patch: Patch = None, pipeline: str | None = None, **options: Any
) -> Any:
    """zarr-python in a Dataset; with `pipeline` its codecs by zarrs."""
    return loader(Indexed(partial(_zarr_array, folder, pipeline), _count(folder), patch), workers, **options)


zarrs = partial(zarr_python, pipeline="zarrs.ZarrsCodecPipeline")


def _tensorstore_array(folder: Path | str) -> Any:
    import tensorstore as ts

    kvstore = (
        {"driver": "file", "path": f"{folder}/image/"}
        if isinstance(folder, Path)
        else {"driver": "http", "base_url": f"{folder}/image/"}
    )
    return ts.open({"driver": "zarr3", "kvstore": kvstore}, open=True, read=True).result()


def _tensorstore_get(folder: Path) -> tuple[tuple[int, ...], Get]:
    array = _tensorstore_array(folder)
    return array.shape, lambda index, box: array[(index, *box)].read().result()


def tensorstore(folder: Path, *, workers: int = 0, patch: Patch = None) -> Any:
    """TensorStore in a Dataset."""
    return loader(Indexed(partial(_tensorstore_get, folder), _count(folder), patch), workers)


def tensorstore_ahead(folder: Path | str, *, patch: Patch = None, ahead: int = 8, count: int | None = None) -> Any:
    """TensorStore with reads that are begun before they are needed, stacked into batches."""
    array = _tensorstore_array(folder)
    shape = array.shape[1:]
    rng = np.random.default_rng(0)

    def epoch() -> Iterator[torch.Tensor]:
        begun: deque[Any] = deque()
        held: list[torch.Tensor] = []
        for index in range(count or array.shape[0]):
            begun.append(array[(index, *random_box(shape, patch, rng))].read())
            if len(begun) < ahead:
                continue
            held.append(torch.from_numpy(begun.popleft().result()))
            if len(held) == BATCH:
                yield torch.stack(held)
                held = []
        for read in begun:
            held.append(torch.from_numpy(read.result()))
            if len(held) == BATCH:
                yield torch.stack(held)
                held = []
        if held:
            yield torch.stack(held)

    return epoch


def _mapped_array(folder: Path) -> tuple[tuple[int, ...], Get]:
    array = np.load(folder / "image.npy", mmap_mode="r")
    return array.shape, lambda index, box: np.array(array[(index, *box)])


def mapped(folder: Path, *, workers: int = 0, patch: Patch = None) -> Any:
    """A raw .npy file, mapped: the limit of a Dataset that does nothing but copy."""
    return loader(Indexed(partial(_mapped_array, folder), len(np.load(folder / "image.npy", "r")), patch), workers)


# --- MDS, LitData, WebDataset ---


class _Crop:
    """Callable, so that workers can be sent it."""

    def __init__(self, patch: Patch) -> None:
        self._patch, self._rng = patch, None

    def __call__(self, volume: Any) -> torch.Tensor:
        tensor = volume if isinstance(volume, torch.Tensor) else torch.from_numpy(volume)
        if self._patch is None:
            return tensor
        if self._rng is None:
            self._rng = np.random.default_rng(torch.initial_seed() % 2**32)
        return tensor[random_box(tensor.shape, self._patch, self._rng)]


def _read_only(volume: np.ndarray) -> torch.Tensor:
    import warnings

    with warnings.catch_warnings():
        # the memory is that of the file's bytes; collating copies it
        warnings.simplefilter("ignore")
        return torch.from_numpy(volume)


def mds(folder: Path | str, *, workers: int = 0, patch: Patch = None, local: str | None = None, **options: Any) -> Any:
    """MosaicML's StreamingDataset. Compressed shards are unpacked into a copy that stays."""
    streaming = import_streaming()
    crop = _Crop(patch)

    class Volumes(streaming.StreamingDataset):
        def __getitem__(self, index: int) -> torch.Tensor:
            return crop(_read_only(super().__getitem__(index)["image"]))

    place: dict[str, Any] = {"local": str(folder)}
    if local is not None:
        place = {"remote": str(folder), "local": local}
    return loader(Volumes(**place, batch_size=BATCH, shuffle=False, **options), workers)


def mds_unpacked(folder: Path, *, workers: int = 0, patch: Patch = None) -> Any:
    """Compressed MDS, unpacked once into a local copy."""
    return mds(folder, workers=workers, patch=patch, local=tempfile.mkdtemp(dir=folder.parent, prefix="mds-local-"))


def litdata(folder: Path, *, workers: int = 0, patch: Patch = None, **options: Any) -> Any:
    """LitData's StreamingDataset and StreamingDataLoader."""
    import litdata as ld

    crop = _Crop(patch)
    dataset = ld.StreamingDataset(str(folder), shuffle=False, transform=lambda item: crop(item["image"]))
    made = ld.StreamingDataLoader(
        dataset, batch_size=BATCH, num_workers=workers, persistent_workers=workers > 0, **options
    )
    return lambda: iter(made)


def _npy_of(sample: dict[str, Any]) -> torch.Tensor:
    return torch.from_numpy(np.load(io.BytesIO(sample["npy"])))


def _nii_of(sample: dict[str, Any]) -> torch.Tensor:
    import gzip

    import nibabel as nib

    image = nib.Nifti1Image.from_bytes(gzip.decompress(sample["nii.gz"]))
    return torch.from_numpy(np.asarray(image.dataobj))


def webdataset(source: Path | list[str], *, workers: int = 0, patch: Patch = None, kind: str = "npy") -> Any:
    """WebDataset, batched in the worker."""
    import webdataset as wds

    urls = source if isinstance(source, list) else [str(path) for path in sorted(source.glob("*.tar"))]
    dataset = (
        wds.WebDataset(urls, shardshuffle=False, workersplitter=wds.split_by_worker, empty_check=False)
        .map(_npy_of if kind == "npy" else _nii_of)
        .map(_Crop(patch))
        .batched(BATCH, collation_fn=torch.stack)
    )
    made = wds.WebLoader(dataset, batch_size=None, num_workers=workers, persistent_workers=workers > 0)
    return lambda: iter(made)


# --- libraries of the field: MONAI, TorchIO; Hugging Face ---


def _paths(folder: Path) -> list[str]:
    return [str(path) for path in sorted(folder.glob("*.nii.gz"))]


def monai(
    folder: Path,
    *,
    workers: int = 0,
    patch: Patch = None,
    dtype: Any = None,
    keep: str = "",
    several: int = 1,
    **options: Any,
) -> Any:
    """LoadImaged of `.nii.gz`; `keep` is `ram` for CacheDataset, `disk` for PersistentDataset."""
    import monai.data as md
    import monai.transforms as mt

    steps: list[Any] = [mt.LoadImaged("image", ensure_channel_first=True, image_only=True, dtype=dtype)]
    if patch is not None and several > 1:
        steps.append(mt.RandSpatialCropSamplesd("image", patch, num_samples=several, random_size=False))
    elif patch is not None:
        steps.append(mt.RandSpatialCropd("image", patch, random_size=False))
    items, transform = [{"image": path} for path in _paths(folder)], mt.Compose(steps)
    if keep == "ram":
        dataset: Any = md.CacheDataset(items, transform, progress=False)
    elif keep == "disk":
        dataset = md.PersistentDataset(items, transform, cache_dir=tempfile.mkdtemp(dir=folder.parent, prefix="monai-"))
    else:
        dataset = md.Dataset(items, transform)
    size = BATCH if several == 1 else 1
    made = md.DataLoader(dataset, batch_size=size, num_workers=workers, persistent_workers=workers > 0, **options)
    # PersistentDataset gives plain tensors
    return lambda: (getattr(batch["image"], "as_tensor", lambda b=batch: b["image"])() for batch in made)


def torchio(folder: Path, *, workers: int = 0, patch: Patch = None, several: int = 8) -> Any:
    """ScalarImages in a SubjectsLoader; patches through a Queue."""
    import torchio as tio

    subjects = tio.SubjectsDataset([tio.Subject(image=tio.ScalarImage(path)) for path in _paths(folder)])
    if patch is None:
        made = tio.SubjectsLoader(subjects, batch_size=BATCH, num_workers=workers, persistent_workers=workers > 0)
        return lambda: (batch["image"][tio.DATA] for batch in made)

    def epoch() -> Iterator[torch.Tensor]:
        queue = tio.Queue(
            subjects,
            max_length=max(8, 4 * several),
            samples_per_volume=several,
            sampler=tio.UniformSampler(patch),
            num_workers=workers,
        )
        return (batch["image"][tio.DATA] for batch in tio.SubjectsLoader(queue, batch_size=BATCH, num_workers=0))

    return epoch


def huggingface(folder: Path | list[str], *, workers: int = 0, kind: str = "nifti") -> Any:
    """A streamed Hugging Face data set of Parquet files."""
    import datasets

    files = folder if isinstance(folder, list) else [str(path) for path in sorted(folder.glob("*.parquet"))]
    dataset = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
    if kind == "array3d":
        dataset = dataset.with_format("numpy")
    return loader(dataset, workers, collate_fn=_collate_images)


def _collate_images(items: list[dict[str, Any]]) -> torch.Tensor:
    return torch.stack(
        [torch.from_numpy(np.asarray(getattr(item["image"], "dataobj", item["image"]))) for item in items]
    )
