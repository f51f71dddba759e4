"""A cohort as a stream of batches, in a sequence that depends on seed and epoch alone."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.utils.data import IterableDataset, get_worker_info

from ..errors import CorruptError
from ..store.threads import available_cpus
from .addressing import Addressing
from .buffers import Buffers
from .dealing import Dealing, Remainder
from .items import IMAGE_DTYPE, KEYS, ItemMaker
from .making import Making, PerThread
from .order import Order, sequential, shuffled
from .patches import Sampling, Uniform
from .pipeline import Ahead, run
from .progress import STATE_VERSION, Progress, check_state
from .shards_ahead import fetcher_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ..store.cohort import Cohort
    from .addressing import Addressed
    from .shards_ahead import ShardFetcher

__all__ = ["VolumeStream"]

PREFETCH_BYTES: Final = 256 * 2**20
"""Decoded bytes of batches that are ahead: locally so many that threads do not run dry while the consumer waits for the
GIL, over a network many requests."""
TIMEOUT_S: Final = 300.0
_REMOTE_THREADS: Final = 16
"""Requests that are under way at once, at 20 ms each 800 a second."""
_MOST_AHEAD: Final = 64
_MOST_AHEAD_LOCALLY: Final = 32
"""Batches, or four a thread. Each that waits is many objects, which Python's collector looks through again and again:
with 256 small ones it took a twentieth of the time, and with 32 nothing (docs/performance.md). From a server 20 ms away
patches come 1.07 to 1.1 times as fast with 64 as with 256, and from one 100 ms away as fast."""
_FEW_THREADS: Final = 4
_BYTES_A_THREAD: Final = 4 * 2**20
"""Of a batch, decoded: of smaller shares more threads gain little, and hold up the loop that trains
(docs/performance.md, Loaders and a GPU)."""


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
        threads: that read, unpack and transform. By default one a core; without a transform no more than 4, or than
            one for 4 MiB of a batch, as more gain little and hold up the loop; for a remote data set 16.
        prefetch_bytes: of batches, decoded, that are made ahead; by default `PREFETCH_BYTES`. At least two batches, and
            at most 256, or of local files 32, or four a thread.
        pin_memory: give batches in page-locked memory, for copies to a GPU in the background. In workers of a
            `DataLoader` it does nothing: that has a `pin_memory` of its own.
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
        if pin_memory and not torch.cuda.is_available():
            msg = "pin_memory=True needs a GPU that torch can use, and there is none here; leave it out"
            raise ValueError(msg)
        if not 0 <= seed < 2**64:
            msg = f"seed must be 0 to 2^64 - 1, got {seed}"
            raise ValueError(msg)
        if order is None:
            order = shuffled(cohort) if shuffle else sequential(cohort)
        if order.cohort_rows != len(cohort):
            msg = f"the order was made for {order.cohort_rows} rows, but the cohort has {len(cohort)}"
            raise ValueError(msg)
        self._addressing = Addressing(
            maker=ItemMaker(cohort=cohort, keys=tuple(keys), dtype=dtype, patch=patch),
            order=order,
            sampling=sampling or Uniform(),
            patches_per_volume=patches_per_volume,
            seed=seed,
            rank=rank,
        )
        self._batch_size = batch_size
        self.dealing = Dealing(
            items=len(order) * patches_per_volume,
            batch_size=1 if batch_size is None else batch_size,
            world_size=world_size,
            remainder=remainder,
        )
        self.dealing.check_rank(rank)
        self._threads = threads
        self._prefetch_bytes = prefetch_bytes
        self._buffers = Buffers(pin_memory=pin_memory)
        self._timeout_s = timeout_s
        self._progress = Progress()
        # what the main process knows; workers ahead of it may be at the end of the epoch already
        self._first = 0
        self._handed = 0
        self._finished = False
        self._skip = 0
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
        # once, here, rather than by several threads at once
        self._addressing.prepare()
        plan, store = self._addressing, self._addressing.maker.cohort.store
        fetcher = fetcher_for(plan.maker.cohort, plan.maker.keys, plan.order, seed=plan.seed, epoch=epoch)
        orders = self._orders(dealing, steps, epoch, fetcher)
        # a generator that is left open may be closed when Python ends, and names of modules are gone by then
        corrupt = CorruptError
        try:
            for batch in run(store.reader, orders, self.ahead(workers)):
                self._handed += 1
                yield batch
        except corrupt as error:
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
            "seed": self._addressing.seed,
            "epoch": self._progress.epoch,
            "items": self._first,
            "fingerprint": self._addressing.fingerprint,
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
        plan = self._addressing
        check_state(state, seed=plan.seed, fingerprint=plan.fingerprint, items=self.dealing.items)
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

    def ahead(self, workers: int = 1) -> Ahead:
        """How much is made ahead in each of some processes, with what was left to voxpress filled in."""
        maker = self._addressing.maker
        remote = maker.cohort.store.source.remote
        batch_bytes = maker.bytes_per_item * self.dealing.batch_size
        threads = self._threads
        if threads is None and remote:
            threads = max(1, _REMOTE_THREADS // workers)
        elif threads is None:
            threads = available_cpus() if get_worker_info() is None else 1
            if self.transform is None:
                threads = min(threads, max(_FEW_THREADS, batch_bytes // _BYTES_A_THREAD))
        batches = (self._prefetch_bytes or PREFETCH_BYTES) // (workers * batch_bytes)
        most = _MOST_AHEAD if remote else max(_MOST_AHEAD_LOCALLY, 4 * threads)
        return Ahead(threads=threads, batches=min(max(2, batches), most), timeout_s=self._timeout_s)

    def _orders(
        self, dealing: Dealing, steps: Sequence[int], epoch: int, fetcher: ShardFetcher | None
    ) -> Iterator[Callable[[], Making]]:
        """What makes the batches of some steps."""
        transform = None if self.transform is None else PerThread(self.transform)
        seeds = transform is not None
        for last_place, items in self._addressing.batches(dealing, steps, epoch, seeds=seeds):
            if fetcher is not None:
                fetcher.reached(last_place)
            yield partial(self._making, items, transform)

    def _making(self, items: Callable[[], list[Addressed]], transform: PerThread | None) -> Making:
        return Making(
            items=items(),
            maker=self._addressing.maker,
            buffers=self._buffers,
            transform=transform,
            single=self._batch_size is None,
            mark_padding=self.dealing.remainder == "pad",
        )


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
