"""Which settings to change, from what was measured: pure functions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .bottleneck import Limit

__all__ = ["Setting", "advice", "expected_amplification"]

_MANY_REQUESTS: Final = 1.5
"""A sample in sequence takes about one for each array that does not share a request with its neighbours."""
_LESS: Final = 0.7
"""Cubes must decode so much less than the chunks that are there to be worth a copy."""
_FEW_BYTES: Final = 1_000_000
"""Requests of less than that take the time of the way rather than that of the line."""
_NEAR: Final = 0.8
_KEEP: Final = "for more than one epoch, keep what is read: voxpress.open(url, cache=…) (here --cache DIR)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What was measured, as far as advice depends on it.

    Attributes:
        remote: read over a network.
        cached: with a local cache.
        fast_codecs: none of the codecs takes long to unpack (`unpacks_fast`).
        patch: whether boxes were read.
        order: `shuffled`, `shuffled_shards` or `sequential`.
        converted: images were converted to floating point.
        threads, cores, workers: as in `Usage`.
        requests: ranges read an item.
        request_bytes: in a range, on average.
        amplification: bytes decoded for each that was wanted.
        in_patch_chunks: the same, as it would be about with the chunks of `voxpress recode --chunk patch`.
        slabs: chunks are whole y–z planes.
        of_limit: share that was reached of what the cores can decode.
    """

    remote: bool
    cached: bool
    fast_codecs: bool
    patch: bool
    order: str
    converted: bool
    threads: int
    cores: int
    workers: int
    requests: float
    request_bytes: float
    amplification: float
    in_patch_chunks: float
    slabs: bool
    of_limit: float

    @property
    def reads_too_much(self) -> bool:
        """Smaller chunks would help."""
        return self.patch and self.in_patch_chunks < _LESS * self.amplification


def expected_amplification(patch: tuple[int, int, int], chunk: tuple[int, int, int]) -> float:
    """Voxels of the chunks that a box touches, for each of its own: the mean over all places, borders aside."""
    return math.prod((size + step - 1) / size for size, step in zip(patch, chunk, strict=True))


def advice(limit: Limit, setting: Setting) -> list[str]:
    """What to try, most promising first.

    Args:
        limit: what `verdict` found.
        setting: what was measured.
    """
    return _ADVICE[limit](setting)


def _network(setting: Setting) -> list[str]:
    said = []
    if not setting.cached:
        said.append(_KEEP)
    if setting.requests >= _MANY_REQUESTS and setting.order == "shuffled":
        said.append(
            f"{setting.requests:.3g} requests a sample: order=order.shuffled_shards(cohort) lets neighbours share them "
            "(here --order shuffled_shards)"
        )
    if setting.request_bytes < _FEW_BYTES:
        more = f"threads={2 * setting.threads} keeps more of them under way (here --threads)"
        said.append(f"requests are small, {setting.request_bytes / 1000:,.0f} kB, and mostly on their way: {more}")
    if setting.reads_too_much:
        said.append(_smaller_chunks(setting))
    said.append("copy the data set to this machine, if it fits")
    return said


def _disk(setting: Setting) -> list[str]:
    said = [f"threads={2 * setting.threads} lets the disk work on more at once (here --threads)"]
    if setting.fast_codecs and not setting.remote:
        said.append("voxpress recode --codec zstd makes the files smaller")
    if setting.reads_too_much:
        said.append(_smaller_chunks(setting))
    said.append("if the files fit into memory, later epochs come from there")
    return said


def _requests(setting: Setting) -> list[str]:
    said = _network(setting)
    return [line for line in said if not line.startswith("requests are small")]


def _copying(setting: Setting) -> list[str]:
    if setting.reads_too_much:
        return [_smaller_chunks(setting)]
    return ["bytes come from memory about as fast as they can: decoding is no limit here, and only more cores help"]


def _decoding(setting: Setting) -> list[str]:
    said = []
    if setting.reads_too_much:
        said.append(_smaller_chunks(setting))
    if setting.threads < setting.cores:
        said.append(f"threads={setting.cores} uses all cores (here --threads)")
    if not setting.fast_codecs and not setting.reads_too_much:
        copy = "copy the data set to this machine with" if setting.remote else "make a copy for training with"
        how = "--codec zstd-fast --chunk patch" if setting.patch else "--codec lz4"
        said.append(f"{copy} voxpress recode {how}, which decodes faster")
    if setting.of_limit >= _NEAR:
        said.append(
            f"{setting.of_limit * 100:.0f} % of what these cores can decode is reached: beyond it, only more cores help"
        )
    return said or ["only more cores help: the codec is a fast one already"]


def _converting(setting: Setting) -> list[str]:
    said = []
    if setting.converted:
        said.append(
            "dtype=None keeps the stored integers, a quarter of the bytes; convert on the device with "
            "image.float() * spec.scale + spec.offset (here --dtype stored)"
        )
    if setting.reads_too_much:
        said.append(_smaller_chunks(setting))
    if setting.threads < setting.cores:
        said.append(f"threads={setting.cores} uses all cores (here --threads)")
    if not setting.patch and not setting.slabs:
        said.append("voxpress recode --chunk slab: whole planes are unpacked straight into the batch, without a copy")
    return said or ["boxes are copied out of their chunks, which only more cores make faster"]


def _transform(setting: Setting) -> list[str]:
    said = ["move what a GPU can do there, on whole batches"]
    if setting.workers < setting.cores > 1:
        more = f"DataLoader(stream, batch_size=None, num_workers={setting.cores})"
        said.append(f"a transform in Python holds up other threads: {more} runs it in processes")
    return said


def _batching(setting: Setting) -> list[str]:
    larger = "larger batches take less Python for each sample (here --batch-size)"
    if setting.workers:
        return [*_consumer(setting), larger]
    if setting.cores == 1:
        return [larger]
    return [larger, f"num_workers={setting.cores} of a DataLoader plan in processes of their own (here --workers)"]


def _consumer(setting: Setting) -> list[str]:
    if setting.workers:
        return ["leave out the workers: the stream's own threads need no copies between processes (here --workers 0)"]
    return ["larger batches take less Python for each sample (here --batch-size)"]


def _epoch(setting: Setting) -> list[str]:
    said = ["a larger data set, or one that is not selected down to a few samples, is read faster than this"]
    if setting.remote and not setting.cached:
        said.append(_KEEP)
    return said


def _threads(setting: Setting) -> list[str]:
    return [
        f"threads={max(2 * setting.threads, setting.cores)} (here --threads)",
        "a larger prefetch_bytes, so that more batches are under way at once (here --prefetch)",
    ]


def _smaller_chunks(setting: Setting) -> str:
    much = f"{setting.amplification:.3g} bytes are decoded for each that a patch holds"
    return f"{much}: voxpress recode --codec zstd-fast --chunk patch makes chunks that suit patches"


_ADVICE: Final[Mapping[Limit, Callable[[Setting], list[str]]]] = {
    "network": _network,
    "disk": _disk,
    "requests": _requests,
    "copying": _copying,
    "decoding": _decoding,
    "converting": _converting,
    "transform": _transform,
    "batching": _batching,
    "consumer": _consumer,
    "epoch": _epoch,
    "threads": _threads,
}
