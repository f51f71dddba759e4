"""A cohort as a stream of batches, in a sequence that depends on seed and epoch alone."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import os
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from torch.utils.data import IterableDataset, get_worker_info

from ..errors import CorruptError
from .buffers import Buffers
from .dealing import Dealing, Remainder, places_of
from .items import IMAGE_DTYPE, KEYS, ItemMaker
from .making import Addressed, Making
from .order import Order, sequential, shuffled
from .patches import Sampling, Uniform
from .pipeline import Ahead, run
from .progress import STATE_VERSION, Progress, check_state
from .random_words import AUGMENTATION, random_words
from .shards_ahead import ShardFetcher, fetcher_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import torch
    from numpy.typing import NDArray

    from ..store.cohort import Cohort

__all__ = ["VolumeStream"]

PREFETCH_BYTES: Final = {"local": 64 * 2**20, "remote": 512 * 2**20}
"""Decoded bytes of batches that are in work: locally a few batches of volumes; over a network many requests."""
TIMEOUT_S: Final = 300.0
_REMOTE_THREADS: Final = 16
"""Requests that are under way at once, at 20 ms each 800 a second."""
_MOST_AHEAD: Final = 256
_BLOCK: Final = 1024
"""Places that are looked up at once."""


class VolumeStream(IterableDataset[Any]):
    """Samples, or patches of them, in sequence, made ahead by threads.

    The sequence of an epoch is a function of (seed, epoch). Each `batch_size · world_size` items of it are a global
    batch, of which rank r takes the r-th part, so the sequence of global batches depends on their size alone and not
    on how many nodes, ranks or workers share them. Where a patch lies, and what a MONAI transform draws (through its
    `set_random_state`), depends on the seed, the epoch, the sample and the number of the patch alone.

    Iterate it directly: its threads release the GIL, read just the chunks that are needed and unpack them straight
    into memory that is used again. Worker processes, ``DataLoader(stream, batch_size=None, num_workers=2)``, give the
    same batches, but copying tensors between processes costs more than they gain unless transforms are slow.

    A batch is a dictionary: each key a `MetaTensor` (B, 1, x, y, z) with its affine and `meta` (`spacing_mm`,
    `sample_id`, `synthetic`, the names of `labels`), `sample_id`, `index`, and the conditions and measures. It stays
    valid as long as something refers to it.

    Args:
        cohort: from `voxpress.open`, whole or selected.
        keys: arrays to read.
        patch: voxels of a box, the same for all keys; only the chunks it touches are read. None for whole volumes.
        patches_per_volume: they follow each other in the stream.
        sampling: where patches lie: `Uniform`, `Foreground` or `Labels`.
        batch_size: items in a batch of this rank. None gives single items, without the first axis.
        transform: applied to each item, for example a MONAI `Compose`. Each thread has a copy of its own.
        dtype: of images, in physical units (stored · scale + offset); None keeps the stored integers.
        shuffle: another sequence in each epoch; otherwise that of the cohort.
        order: another sequence than these two, from `voxpress.loaders.order`.
        seed: 0 to 2^64 - 1.
        rank, world_size: which of how many processes this is.
        remainder: what becomes of the last global batch if it is not full, so that all ranks take the same number
            of steps: `drop` it, `repeat` items from the beginning of the epoch, or `pad` with the same and mark them in
            the key `is_padding`. `keep` makes it smaller, for a single rank only.
        threads: that read and unpack; by default one a core, for a remote data set 16.
        prefetch_bytes: of batches, decoded, that are made ahead; by default `PREFETCH_BYTES`. At least two batches.
        pin_memory: give batches in page-locked memory, for copies to a GPU in the background.
        timeout_s: how long a batch may take before it is an error.

    Attributes:
        dealing: which items of an epoch are in which step of which rank.

    Raises:
        ValueError: a key is no array of the data set, the patch exceeds the volumes, or a number is out of range.

    Example:
        >>> stream = VolumeStream(cohort, batch_size=2, patch=(96, 96, 96), shuffle=True)   # doctest: +SKIP
        >>> for epoch in range(10):                                                         # doctest: +SKIP
        ...     stream.set_epoch(epoch)
        ...     for batch in stream:
        ...         train(batch["image"], batch["label"])
    """

    def __init__(
        self,
        cohort: Cohort,
        *,
        keys: Sequence[str] = KEYS,
        patch: tuple[int, int, int] | None = None,
        patches_per_volume: int = 1,
        sampling: Sampling | None = None,
        batch_size: int | None = None,
        transform: Callable[[dict[str, Any]], Any] | None = None,
        dtype: torch.dtype | None = IMAGE_DTYPE,
        shuffle: bool = False,
        order: Order | None = None,
        seed: int = 0,
        rank: int = 0,
        world_size: int = 1,
        remainder: Remainder = "keep",
        threads: int | None = None,
        prefetch_bytes: int | None = None,
        pin_memory: bool = False,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        _check_numbers(patches_per_volume, threads, prefetch_bytes, timeout_s)
        _check_patch_options(patch, patches_per_volume, sampling)
        if order is not None and shuffle:
            msg = "shuffle=True and order= exclude each other: an order says itself whether it shuffles"
            raise ValueError(msg)
        if not 0 <= seed < 2**64:
            msg = f"seed must be 0 to 2^64 - 1, got {seed}"
            raise ValueError(msg)
        self._maker = ItemMaker(cohort=cohort, keys=tuple(keys), dtype=dtype, patch=patch)
        self._order: Order = order if order is not None else (shuffled(cohort) if shuffle else sequential(cohort))
        if self._order.cohort_rows != len(cohort):
            msg = f"the order was made for {self._order.cohort_rows} rows, but the cohort has {len(cohort)}"
            raise ValueError(msg)
        self._patches_per_volume = patches_per_volume
        self._sampling = sampling or Uniform()
        self._batch_size = batch_size
        self._seed = seed
        self._rank = rank
        self.dealing = Dealing(
            items=len(self._order) * patches_per_volume,
            batch_size=1 if batch_size is None else batch_size,
            world_size=world_size,
            remainder=remainder,
        )
        self.dealing.check_rank(rank)
        self._threads = threads
        self._prefetch_bytes = prefetch_bytes
        self._pin_memory = pin_memory
        self._timeout_s = timeout_s
        self._progress = Progress()
        # what the main process knows; workers ahead of it may be at the end of the epoch already
        self._first = 0
        self._handed = 0
        self._finished = False
        self._skip = 0
        self._placement: Any = None
        self._fingerprint = ""
        self.transform = transform

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch of the next iteration; workers that persist see it too.

        An epoch that `load_state_dict` has left in the middle goes on there, if it is this one.
        """
        if epoch != self._progress.epoch:
            self._first = 0
        self._progress.set_epoch(epoch)
        self._handed, self._finished = 0, False

    def __len__(self) -> int:
        """Steps of this rank in a whole epoch: batches, or items if there is no batch size."""
        return self.dealing.steps

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        mine, workers = (0, 1) if worker is None else (worker.id, worker.num_workers)
        epoch, self._first = self._progress.epoch, self._progress.first
        self._progress.began(mine)
        skip, self._skip = self._skip, 0
        self._handed, self._finished = skip, False
        dealing = dataclasses.replace(self.dealing, start=self._first)
        steps = dealing.of_worker(mine, workers)[skip:]
        buffers = Buffers(pin_memory=self._pin_memory)
        transform = None if self.transform is None else _PerThread(self.transform).get
        # once, here, rather than by several threads at once
        _ = self._maker.indices, self._maker.patch and self._placed()
        fetcher = fetcher_for(self._maker.cohort, self._maker.keys, self._order, seed=self._seed, epoch=epoch)
        orders = self._orders(dealing, steps, epoch, partial(self._making, buffers, transform), fetcher)
        store = self._maker.cohort.store
        try:
            for batch in run(store.reader, orders, self._ahead(workers)):
                self._handed += 1
                yield batch
        except CorruptError as error:
            raise store.told(error) from error
        finally:
            if fetcher is not None:
                fetcher.stop()
        self._handed, self._finished = 0, True
        self._progress.ended(mine, workers)

    def state_dict(self, *, steps: int | None = None) -> dict[str, Any]:
        """Where the stream stands: a few integers and a fingerprint of what it reads, to be saved with the model.

        After the last batch of an epoch it stands at the beginning of the next.

        Args:
            steps: how many batches were taken since `set_epoch` or `load_state_dict`; None for those that this object
                has handed out itself. Under a plain `DataLoader` with workers only the loop knows it. Workers under
                torchdata's `StatefulDataLoader` keep it themselves.

        Returns:
            what `load_state_dict` of any stream over the same data, selection, order and seed takes, with
            another number of ranks or workers, or another batch size, too.
        """
        worker = get_worker_info()
        state: dict[str, Any] = {
            "version": STATE_VERSION,
            "seed": self._seed,
            "epoch": self._progress.epoch,
            "items": self._first,
            "fingerprint": self.fingerprint,
        }
        if worker is not None:
            own = {"worker": worker.id, "workers": worker.num_workers, "steps": self._handed}
            return state | (own if not self._finished else {"epoch": state["epoch"] + 1, "items": 0})
        dealing = dataclasses.replace(self.dealing, start=state["items"])
        taken = self._handed if steps is None else steps
        if not 0 <= taken <= dealing.steps:
            msg = f"steps must be from 0 to {dealing.steps}, the batches of this iteration, got {steps}"
            raise ValueError(msg)
        if (self._finished and steps is None) or (taken and taken == dealing.steps):
            return state | {"epoch": state["epoch"] + 1, "items": 0}
        return state | {"items": dealing.after(taken)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a saved state stands, exactly: nothing is given twice, nothing left out.

        The next iteration gives the rest of that epoch; those after it whole epochs.

        Args:
            state: from `state_dict`.

        Raises:
            ValueError: it is no state, or one of other data, another selection, order or seed.
        """
        check_state(state, seed=self._seed, fingerprint=self.fingerprint, items=self.dealing.items)
        worker = get_worker_info()
        if "worker" in state:
            found = (state["worker"], state["workers"])
            if worker is None or found != (worker.id, worker.num_workers):
                msg = (
                    f"the state is that of worker {found[0]} of {found[1]}; to go on with another number of workers "
                    "save stream.state_dict(steps=batches taken) of the main process"
                )
                raise ValueError(msg)
        self._skip = state.get("steps", 0)
        self._first = state["items"]
        self._progress.set(state["epoch"], self._first)
        self._handed, self._finished = self._skip, False

    @property
    def fingerprint(self) -> str:
        """Hex digest of what decides the sequence: data set, selected rows, order, patches a volume."""
        if not self._fingerprint:
            cohort = self._maker.cohort
            digest = hashlib.sha256()
            rows = cohort.rows
            for part in (
                cohort.manifest.digest.encode(),
                b"" if rows is None else np.ascontiguousarray(rows, dtype="<i8").data,
                self._order.fingerprint().encode(),
                str(self._patches_per_volume).encode(),
            ):
                digest.update(len(part).to_bytes(8, "little"))
                digest.update(part)
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    def _ahead(self, workers: int) -> Ahead:
        remote = self._maker.cohort.store.source.remote
        in_worker = get_worker_info() is not None
        threads = self._threads
        if threads is None:
            cores = (
                1 if in_worker else len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
            )
            threads = max(1, _REMOTE_THREADS // workers) if remote else cores or 1
        budget = self._prefetch_bytes or PREFETCH_BYTES["remote" if remote else "local"]
        batch_bytes = self._maker.bytes_per_item * self.dealing.batch_size
        return Ahead(
            threads=threads,
            batches=min(max(2, budget // (workers * batch_bytes)), _MOST_AHEAD),
            timeout_s=self._timeout_s,
        )

    def _orders(
        self,
        dealing: Dealing,
        steps: Sequence[int],
        epoch: int,
        make: Callable[[list[Addressed]], Making],
        fetcher: ShardFetcher | None,
    ) -> Iterator[Callable[[], Making]]:
        """What makes the batches of some steps; places are looked up for many at once, which costs less."""
        block = max(1, _BLOCK // self.dealing.batch_size)
        for first in range(0, len(steps), block):
            dealt = [dealing.step(step, self._rank) for step in steps[first : first + block]]
            places, patches = places_of(np.concatenate([items for items, _ in dealt]), self._patches_per_volume)
            rows = self._order.rows(places, seed=self._seed, epoch=epoch)
            start = 0
            for items, padding in dealt:
                part = slice(start, start + len(items))
                start += len(items)
                if fetcher is not None:
                    fetcher.reached(int(places[part][-1]))
                yield partial(self._address, epoch, rows[part], patches[part], padding, make)

    def _address(
        self,
        epoch: int,
        rows: NDArray[np.int64],
        patches: NDArray[np.int64],
        padding: NDArray[np.bool_],
        make: Callable[[list[Addressed]], Making],
    ) -> Making:
        return make(
            [
                self._addressed(row, number, is_padding, epoch)
                for row, number, is_padding in zip(rows.tolist(), patches.tolist(), padding.tolist(), strict=True)
            ]
        )

    def _making(self, buffers: Buffers, transform: Any, items: list[Addressed]) -> Making:
        return Making(
            items=items,
            maker=self._maker,
            buffers=buffers,
            transform=transform,
            single=self._batch_size is None,
            mark_padding=self.dealing.remainder == "pad",
        )

    def _addressed(self, row: int, number: int, padding: bool, epoch: int) -> Addressed:  # noqa: FBT001
        index = int(self._maker.indices[row])
        address = {"seed": self._seed, "epoch": epoch, "index": index, "number": number}
        box = None
        if self._maker.patch is not None:
            box = np.array(self._placed().box(row, **address))
        seed = 0
        if self.transform is not None:
            seed = int(random_words(purpose=AUGMENTATION, count=1, **address)[0]) % 2**32
        return Addressed(row=row, box=box, seed=seed, padding=padding)

    def _placed(self) -> Any:
        if self._placement is None:
            maker = self._maker
            specs = maker.cohort.specs
            table = maker.cohort.columns(self._sampling.columns(specs) or ("index",))
            assert maker.patch is not None
            self._placement = self._sampling.placement(maker.shape, maker.patch, specs, table)
        return self._placement

    def __getstate__(self) -> dict[str, Any]:
        # read from the table again rather than sent to each worker
        return self.__dict__ | {"_placement": None}


class _PerThread:
    """A copy of a transform for each thread: most hold the state of their random numbers."""

    def __init__(self, transform: Callable[[Any], Any]) -> None:
        self._transform = transform
        self._local = threading.local()

    def get(self) -> Callable[[Any], Any]:
        if not hasattr(self._local, "copy"):
            self._local.copy = copy.deepcopy(self._transform)
        own: Callable[[Any], Any] = self._local.copy
        return own


def _check_numbers(patches_per_volume: int, threads: int | None, prefetch_bytes: int | None, timeout_s: float) -> None:
    for name, value in (
        ("patches_per_volume", patches_per_volume),
        ("threads", 1 if threads is None else threads),
        ("prefetch_bytes", 1 if prefetch_bytes is None else prefetch_bytes),
    ):
        if value < 1:
            msg = f"{name} must be at least 1, got {value}"
            raise ValueError(msg)
    if not timeout_s > 0:
        msg = f"timeout_s must be more than 0, got {timeout_s}"
        raise ValueError(msg)


def _check_patch_options(
    patch: tuple[int, int, int] | None, patches_per_volume: int, sampling: Sampling | None
) -> None:
    if patch is None and (patches_per_volume > 1 or sampling is not None):
        what = f"patches_per_volume={patches_per_volume}" if sampling is None else f"sampling={sampling}"
        msg = f"{what} needs patch=(x, y, z): without it an item is the whole volume"
        raise ValueError(msg)
