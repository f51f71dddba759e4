"""Measures readers side by side: each in a process of its own, in rounds that take turns, so that noise meets all."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import time
import traceback
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from multiprocessing.connection import Connection

    import torch
    from data import Data

    Epoch = Callable[[], Iterable[torch.Tensor]]
    """Gives the batches of one epoch, ``(b, x, y, z)`` or ``(b, 1, x, y, z)``; called again for the next."""

__all__ = ["Found", "Reader", "Station", "cold", "measure", "warm"]

_MOST_FACTOR = 3.0
"""An epoch that has begun may take so many times the seconds of a round, before it is cut."""


@dataclass(frozen=True, slots=True)
class Reader:
    """One row of a table.

    Attributes:
        name: in tables.
        format: what it reads, of `writers.WRITERS`.
        make: function of the folder (or its URL), called in the reader's own process.
        workers: of its DataLoader; 0 for none.
    """

    name: str
    format: str
    make: Callable[[Any], Epoch]
    workers: int = 0

    @property
    def key(self) -> tuple[str, int]:
        return self.name, self.workers


@dataclass(slots=True)
class Found:
    """What a reader did.

    Attributes:
        rates: items a second, one number a round.
        first_s: seconds from the beginning of an epoch to its first batch, one number a round.
        error: why there is nothing.
        cpu_s: of the reader's process and its workers, for an item, one number a round.
        extra: more of the same, for one table only.
    """

    rates: list[float] = field(default_factory=list)
    first_s: list[float] = field(default_factory=list)
    error: str = ""
    cpu_s: list[float] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> float:
        return statistics.median(self.rates) if self.rates else float("nan")


class Station:
    """A process that runs one reader when it is told to. It is forked before this one has threads."""

    def __init__(self, reader: Reader, folder: Path | str) -> None:
        context = multiprocessing.get_context("fork")
        self._end, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(reader, folder, theirs), name=reader.name)
        self.process.start()
        theirs.close()

    def ask(self, *question: Any, timeout_s: float = 300) -> Any:
        """Answer of the process.

        Raises:
            RuntimeError: it failed, or did not answer.
        """
        try:
            self._end.send(question)
            if not self._end.poll(timeout_s):
                msg = f"no answer in {timeout_s} s"
                raise RuntimeError(msg)
            good, answer = self._end.recv()
        except (EOFError, BrokenPipeError) as error:
            msg = "the process has died"
            raise RuntimeError(msg) from error
        if not good:
            raise RuntimeError(answer)
        return answer

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._end.send(("stop",))
        self.process.join(10)
        if self.process.is_alive():
            self.process.kill()


def _serve(reader: Reader, folder: Path | str, end: Connection) -> None:
    import warnings

    os.environ |= {"HF_DATASETS_DISABLE_PROGRESS_BARS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"}
    warnings.simplefilter("ignore")
    import torch

    torch.set_num_threads(1)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: PTH123, SIM115
    epoch: Epoch | None = None
    while (question := end.recv())[0] != "stop":
        try:
            if question[0] == "fresh":
                end.send((True, _fresh(reader, folder)))
                continue
            epoch = epoch or reader.make(folder)
            end.send((True, {"digests": _digests, "round": _round, "some": _some}[question[0]](epoch, *question[1:])))
        except Exception:  # noqa: BLE001 - whatever a peer raises belongs into the table
            end.send((False, traceback.format_exc()))
    os._exit(0)


def _plain(batch: Any) -> np.ndarray:
    """A batch as ``(b, x, y, z)``."""
    tensor = batch.as_tensor() if hasattr(batch, "as_tensor") else batch
    array = tensor.cpu().numpy()
    return array[:, 0] if array.ndim == 5 else array


def _digests(epoch: Epoch, dtype: str) -> list[int]:
    return [zlib.crc32(np.ascontiguousarray(volume.astype(dtype, copy=False))) for b in epoch() for volume in _plain(b)]


def _some(epoch: Epoch, dtype: str, count: int) -> list[np.ndarray]:
    found: list[np.ndarray] = []
    for batch in epoch():
        found += [volume.astype(dtype) for volume in _plain(batch)]
        if len(found) >= count:
            break
    return found


def _round(epoch: Epoch, seconds: float) -> tuple[int, float, float]:
    """Whole epochs, their beginnings included, until the time is up: items, seconds, seconds to the first batch."""
    count, first = 0, None
    start = time.perf_counter()
    while True:
        for batch in epoch():
            if first is None:
                first = time.perf_counter() - start
            count += len(batch)
            if time.perf_counter() - start > _MOST_FACTOR * seconds:
                return count, time.perf_counter() - start, first
        now = time.perf_counter() - start
        if now >= seconds:
            return count, now, first or now


def _fresh(reader: Reader, folder: Path | str) -> tuple[int, float, float]:
    """One epoch from opening to the end: items, seconds, seconds to the first batch."""
    count, first = 0, 0.0
    start = time.perf_counter()
    for batch in reader.make(folder)():
        first = first or time.perf_counter() - start
        count += len(batch)
    return count, time.perf_counter() - start, first


def checked(name: object, station: Station, data: Data, check: Callable[[Station, Data], None]) -> str:
    """Why a reader's voxels are not those of the data; empty if they are."""
    start = time.perf_counter()
    try:
        check(station, data)
    except (RuntimeError, AssertionError) as error:
        print(f"{name} failed: {error}", file=sys.stderr, flush=True)
        return str(error) or "wrong"
    print(f"{name} checked in {time.perf_counter() - start:.1f} s", file=sys.stderr, flush=True)
    return ""


def measure(
    readers: list[Reader],
    data: Data,
    *,
    rounds: int,
    seconds: float,
    check: Callable[[Station, Data], None],
    many: bool = False,
) -> dict[tuple[str, int], Found]:
    """Check each reader, then let them take turns.

    Args:
        readers: the rows.
        data: what they read.
        rounds, seconds: of each reader.
        check: raises AssertionError where a reader's voxels are not those of the data.
        many: there are more volumes than stay in memory for all readers: only the files of one reader are kept in the
            page cache at a time. They are read before each of its rounds, and a round that does not count lets readers
            that map their files do so.
    """
    _forget_streaming()
    folders = {name: data.format(name) for name in dict.fromkeys(reader.format for reader in readers)}
    stations = {reader.key: Station(reader, folders[reader.format]) for reader in readers}
    found = {key: Found() for key in stations}
    warmed: Path | None = None
    try:
        for key, station in stations.items():
            found[key].error = checked(key, station, data, check)
        for number in range(rounds):
            # the other way round each second time, so that no reader always follows the same one
            for reader in readers if number % 2 == 0 else readers[::-1]:
                one = found[reader.key]
                if one.error:
                    continue
                if many and warmed != folders[reader.format]:
                    warmed = folders[reader.format]
                    warm_alone(warmed, folders.values())
                try:
                    if many:
                        stations[reader.key].ask("round", seconds)
                    used = _cpu_seconds(stations[reader.key].process.pid)
                    count, elapsed, first = stations[reader.key].ask("round", seconds)
                except RuntimeError as error:
                    one.error = str(error)
                    print(f"{reader.key} failed: {error}", file=sys.stderr, flush=True)
                    continue
                one.cpu_s.append((_cpu_seconds(stations[reader.key].process.pid) - used) / count)
                one.rates.append(count / elapsed)
                one.first_s.append(first)
                print(f"{reader.key}: {count / elapsed:.1f}/s", file=sys.stderr, flush=True)
            print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    finally:
        for station in stations.values():
            station.close()
        for copy in [*data.folder.glob("mds-local-*"), *data.folder.glob("monai-*")]:
            shutil.rmtree(copy)
    return found


def _cpu_seconds(pid: int | None) -> float:
    """Of a process and those that it has started and that still run."""
    import psutil

    used = 0.0
    # a worker, or a reader that fails, may end meanwhile
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(pid)
        for one in [first, *first.children(recursive=True)]:
            with contextlib.suppress(psutil.NoSuchProcess):
                used += sum(one.cpu_times()[:2])
    return used


def _forget_streaming() -> None:
    """Shared memory that an MDS reader has left behind when it was ended would make the next one refuse to start."""
    code = "from writers import import_streaming as s; s().base.util.clean_stale_shared_memory()"
    subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, check=False, capture_output=True)


def check_volumes(station: Station, data: Data) -> None:
    """All volumes come once, each with its own voxels."""
    expected = data.digests()
    digests = station.ask("digests", data.dtype)
    assert sorted(digests) == sorted(expected), f"{len(digests)} volumes, wrong voxels"


def check_patches(station: Station, data: Data, *, count: int = 6) -> None:
    """Patches are boxes of the volumes, found by a run of voxels that noise makes unmistakable."""
    images = data.images()
    places = set()
    for patch in station.ask("some", data.dtype, count)[:count]:
        place = _find(patch, images)
        assert place is not None, f"a patch of shape {patch.shape} is in no volume"
        places.add(place)
    assert len({place[1:] for place in places}) > 1, "all patches lie in the same place"


def _find(patch: np.ndarray, images: np.ndarray) -> tuple[int, ...] | None:
    nonzero = (patch != 0).sum(axis=2)
    i, j = np.unravel_index(int(nonzero.argmax()), nonzero.shape)
    if nonzero[i, j] < 8:
        return (-1, *patch.shape)  # too much background to say where
    run = patch[i, j].tobytes()
    for number, volume in enumerate(images):
        whole = volume.tobytes()
        at = whole.find(run)
        while at >= 0:
            x, y, z = (int(n) for n in np.unravel_index(at // patch.itemsize, volume.shape))
            x, y = x - int(i), y - int(j)
            box = volume[x : x + patch.shape[0], y : y + patch.shape[1], z : z + patch.shape[2]]
            if x >= 0 and y >= 0 and np.array_equal(box, patch):
                return number, x, y, z
            at = whole.find(run, at + 1)
    return None


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def warm(folder: Path) -> None:
    """Read all files, so that they are in the page cache."""
    buffer = bytearray(2**22)
    for path in _files(folder):
        with path.open("rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def warm_alone(folder: Path, folders: Iterable[Path]) -> None:
    """Have the files of one folder in the page cache, and those of the others not.

    With too many there, what is read first would be dropped again for what is read last.
    """
    for each in folders:
        cold(each)
    warm(folder)


def cold(folder: Path) -> None:
    """Drop all files from the page cache."""
    for path in _files(folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def ratio(mine: Found, theirs: Found) -> float:
    """How many times as fast, the median over the rounds."""
    pairs = [a / b for a, b in zip(mine.rates, theirs.rates, strict=False)]
    return statistics.median(pairs) if pairs else float("nan")


def number(value: float) -> str:
    """Three digits, or a dash."""
    if value != value:  # noqa: PLR0124 - not a number
        return "–"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"
