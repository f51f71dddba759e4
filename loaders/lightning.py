"""A cohort as a `LightningDataModule`: batches of `VolumeStream`, ranks from the trainer, resume exact at any batch."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from torch.utils.data import DataLoader

from ..store.cohort import Cohort
from .extras import missing
from .stream import VolumeStream

try:
    from lightning.pytorch import LightningDataModule
except ImportError as error:
    raise missing("lightning", "lightning", "VolumeDataModule") from error

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from .dealing import Dealing

__all__ = ["VolumeDataModule"]

_TRAIN: Final = {"shuffle": True, "batch_size": 1, "remainder": "drop"}
_EVALUATE: Final = {"batch_size": 1}
_NAMES: Final = ("train", "validation", "test", "predict")
_HOOKS: Final = ("train_dataloader", "val_dataloader", "test_dataloader", "predict_dataloader")


class VolumeDataModule(LightningDataModule):
    """The splits of a cohort as what a `Trainer` reads.

    Checkpoints hold where the training stream stands. Resuming from one goes on exactly there, at any batch, also with
    another number of ranks or workers or another batch size: no sample of the epoch is seen twice, none is left out.

    Args:
        cohort: its splits `train`, `validation` and `test` are read; or one cohort for each of these names and
            `predict`, which is `test` if it is not given. Where there is none, Lightning finds the hook missing: it
            skips validation, and refuses to train, test or predict.
        train: options of the `VolumeStream` of training, for example ``{"batch_size": 2, "patch": (96, 96, 96)}``.
            Shuffled, batches of 1, and the last items of an epoch that do not fill a step of all ranks dropped,
            unless they say otherwise.
        evaluate: options of the other streams. Not shuffled, batches of 1 unless they say otherwise. On several ranks
            the last step is padded, and the items that pad it are marked in the key `is_padding`.
        num_workers: processes that read, beside the threads of a stream; worth it for slow transforms in Python.

    Raises:
        ValueError: a name of a cohort is none of the four.

    Example:
        >>> train = {"batch_size": 2, "patch": (96, 96, 96)}                              # doctest: +SKIP
        >>> data = VolumeDataModule(voxpress.open("brains"), train=train)                 # doctest: +SKIP
        >>> Trainer(max_epochs=10).fit(model, data)                                       # doctest: +SKIP
        >>> Trainer(max_epochs=10).fit(model, data, ckpt_path="last.ckpt")                # doctest: +SKIP
    """

    def __init__(
        self,
        cohort: Cohort | Mapping[str, Cohort],
        *,
        train: Mapping[str, Any] | None = None,
        evaluate: Mapping[str, Any] | None = None,
        num_workers: int = 0,
    ) -> None:
        super().__init__()
        if isinstance(cohort, Cohort):
            cohort = {name: cohort.split(name) for name in _NAMES if name in cohort.splits}
        if unknown := [name for name in cohort if name not in _NAMES]:
            msg = f"cohorts must be named {', '.join(_NAMES)}, got {unknown[0]!r}"
            raise ValueError(msg)
        self._cohorts = dict(cohort)
        if "test" in cohort:
            self._cohorts.setdefault("predict", cohort["test"])
        for name, hook in zip(_NAMES, _HOOKS, strict=True):
            if name not in self._cohorts:
                setattr(self, hook, None)
        self._train = _TRAIN | dict(train or {})
        self._evaluate = _EVALUATE | dict(evaluate or {})
        self._num_workers = num_workers

    def train_dataloader(self) -> Any:
        """Batches of the split `train`."""
        return self._batches("train", self._train)

    def val_dataloader(self) -> Any:
        """Batches of the split `validation`."""
        return self._batches("validation", self._evaluate)

    def test_dataloader(self) -> Any:
        """Batches of the split `test`."""
        return self._batches("test", self._evaluate)

    def predict_dataloader(self) -> Any:
        """Batches of the cohort `predict`, or of the split `test`."""
        return self._batches("predict", self._evaluate)

    def _batches(self, name: str, options: Mapping[str, Any]) -> Any:
        trainer = self.trainer
        rank, world_size = (0, 1) if trainer is None else (trainer.global_rank, trainer.world_size)
        if world_size > 1:
            options = {"remainder": "pad"} | dict(options)
        stream = VolumeStream(self._cohorts[name], rank=rank, world_size=world_size, **options)
        source: Any = stream
        if self._num_workers:
            source = DataLoader(stream, batch_size=None, num_workers=self._num_workers)
        return _Batches(stream, source) if name != "train" or trainer is None else _Training(stream, source, trainer)


class _Batches:
    """Batches and their number, as Lightning asks for them: it mistrusts a stream that workers share.

    Args:
        stream: that they are of.
        source: what gives them, the stream or a `DataLoader` around it.
    """

    def __init__(self, stream: VolumeStream, source: Any) -> None:
        self._stream = stream
        self._source = source

    def __len__(self) -> int:
        return len(self._stream)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._source)


class _Training(_Batches):
    """What the fit loop iterates, saves and restores.

    The loop asks for an iterator before it sets the epoch, and saves a checkpoint while a batch is worked on. So the
    epoch, and how many batches are done, are asked of the loop's own counts, at the first batch and when a state is
    saved: a batch during which training failed counts as not done, here as there.

    Args:
        stream: of training.
        source: what gives its batches.
        trainer: that iterates this.
    """

    def __init__(self, stream: VolumeStream, source: Any, trainer: Any) -> None:
        super().__init__(stream, source)
        self._trainer = trainer
        self._start: dict[str, Any] | None = None
        self._skipped = 0

    def __iter__(self) -> Iterator[Any]:
        # a generator runs when its first batch is asked for: after the loop has chosen the epoch
        self._stream.set_epoch(self._trainer.current_epoch)
        self._start, self._skipped = self._stream.state_dict(steps=0), self._done.ready
        yield from self._source

    @property
    def _done(self) -> Any:
        """The loop's counts of batches in the epoch: `ready`, `started`, `processed`, `completed`."""
        return self._trainer.fit_loop.epoch_loop.batch_progress.current

    def state_dict(self) -> dict[str, Any]:
        """State of the stream after the batches that the loop is done with.

        Counted from where the iteration began: workers may be at the end of the epoch already.
        """
        if self._start is None:
            return self._stream.state_dict(steps=0)
        dealing, taken = _dealing(self._stream, self._start["items"]), self._done.processed - self._skipped
        if taken and taken == dealing.steps:
            return self._start | {"epoch": self._start["epoch"] + 1, "items": 0}
        return self._start | {"items": dealing.after(taken)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a state stands, and tell the loop at which batch that is."""
        self._stream.load_state_dict(state)
        ended = state["epoch"] > self._trainer.current_epoch
        done = len(self) - (0 if ended else _dealing(self._stream, state["items"]).steps)
        # the same unless the size of the global batch has changed, and with it the number of batches in an epoch
        shift = done - self._done.processed
        for count in ("ready", "started", "processed", "completed"):
            setattr(self._done, count, getattr(self._done, count) + shift)


def _dealing(stream: VolumeStream, start: int) -> Dealing:
    """What is left of an epoch from an item on."""
    return dataclasses.replace(stream.dealing, start=start)
