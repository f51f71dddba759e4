"""The readers of `over_http.py`: as `peers.py`, but a maker takes the URL of a folder and starts from nothing."""

from __future__ import annotations

import json
import shutil
import tempfile
import urllib.request
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import peers
import torch
from peers import BATCH, random_box
from writers import import_streaming

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

THREADS = 8
MDS_LOCAL = Path(tempfile.gettempdir()) / "voxpress-bench-mds"


def _in_threads(count: int, get: Callable[[int], torch.Tensor]) -> Callable[[], Iterator[torch.Tensor]]:
    """Batches of what a function of the number gives, read ahead by threads."""

    def epoch() -> Iterator[torch.Tensor]:
        with ThreadPoolExecutor(THREADS) as pool:
            begun: deque[Any] = deque()
            held: list[torch.Tensor] = []
            for number in range(count + 2 * THREADS):
                if number < count:
                    begun.append(pool.submit(get, number))
                if begun and (number >= 2 * THREADS or number >= count):
                    held.append(begun.popleft().result())
                if len(held) == BATCH:
                    yield torch.stack(held)
                    held = []
            if held:
                yield torch.stack(held)

    return epoch


def zarr_obstore(url: str, *, patch: peers.Patch = None) -> Any:
    """zarr-python over obstore, in threads."""
    import zarr
    from obstore.store import HTTPStore
    from zarr.storage import ObjectStore

    http = HTTPStore.from_url(f"{url}/image", client_options={"allow_http": True})
    array: Any = zarr.open_array(ObjectStore(http, read_only=True), mode="r")
    rng = np.random.default_rng(0)
    boxes = [random_box(array.shape[1:], patch, rng) for _ in range(array.shape[0])]
    return _in_threads(array.shape[0], lambda index: torch.from_numpy(array[(index, *boxes[index])]))


def nifti(url: str, *, count: int) -> Any:
    """Whole `.nii.gz` files, in threads."""
    import gzip

    import nibabel as nib

    def get(index: int) -> torch.Tensor:
        with urllib.request.urlopen(f"{url}/{index:06d}.nii.gz") as answer:
            image = nib.Nifti1Image.from_bytes(gzip.decompress(answer.read()))
        return torch.from_numpy(np.asarray(image.dataobj))

    return _in_threads(count, get)


def mds(url: str) -> Any:
    """MDS with two workers. It knows no plain HTTP, so it gets a downloader, made as its own are."""
    import_streaming()
    from streaming.base.storage import download

    class Http(download.CloudDownloader):
        @staticmethod
        def _client_identifier() -> str:
            return "http"

        def clean_up(self) -> None:
            pass

        def _download_file_impl(self, remote: str, local: str, timeout: float) -> None:
            part = Path(f"{local}.part")
            with urllib.request.urlopen(remote, timeout=timeout) as answer, part.open("wb") as file:
                shutil.copyfileobj(answer, file, 2**20)
            part.rename(local)

    download.DOWNLOADER_MAPPINGS["http"] = Http
    # a new folder each time, as MDS refuses one that it has used; nothing is there already
    for old in MDS_LOCAL.glob("*"):
        shutil.rmtree(old)
    MDS_LOCAL.mkdir(exist_ok=True)
    return peers.mds(url, workers=2, local=tempfile.mkdtemp(dir=MDS_LOCAL))


def webdataset(url: str, *, kind: str = "npy") -> Any:
    """WebDataset with two workers, over curl as it does itself."""
    return peers.webdataset(_listed(url, "tar"), workers=2, kind=kind)


def huggingface(url: str) -> Any:
    """Hugging Face Nifti, streamed with two workers."""
    return peers.huggingface(_listed(url, "parquet"), workers=2)


def _listed(url: str, extension: str) -> list[str]:
    """URLs of the files, which the server's folder is not asked for."""
    names = json.loads(urllib.request.urlopen(f"{url}.json").read())
    return [f"{url}/{name}" for name in names if name.endswith(extension)]
