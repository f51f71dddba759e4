"""A real `Trainer` on the CPU: what it sees, stopped at every batch and resumed, is what it sees uninterrupted."""

from __future__ import annotations

import importlib
import sys

import pytest
import torch

from voxpress import store

lightning = pytest.importorskip("lightning.pytorch")

from lightning.pytorch.callbacks import ModelCheckpoint  # noqa: E402

from voxpress.loaders.lightning import VolumeDataModule  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
    # a checkpoint is resumed without the callback that wrote it, or in another folder
    pytest.mark.filterwarnings(
        "ignore:Be aware that when using `ckpt_path`, callbacks", "ignore:The dirpath has changed"
    ),
]

EPOCHS, BATCH = 3, 2
TRAIN = {"batch_size": BATCH, "patch": (4, 4, 4), "shuffle": True, "seed": 7}


class Watcher(lightning.LightningModule):
    """A model that writes down what it is shown."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.layer = torch.nn.Linear(64, 1)
        self.seen = {"train": [], "validation": [], "test": [], "predict": []}
        self.stop_at = stop_at

    def training_step(self, batch, number):
        here = (self.current_epoch, number, *batch["sample_id"], *batch["image"].affine[:, 0, 3].tolist())
        if (self.current_epoch, number) == self.stop_at:
            raise StoppedError
        self.seen["train"].append(here)
        return self.layer(batch["image"].as_tensor().flatten(1)).mean()

    def validation_step(self, batch, number):
        self.seen["validation"] += batch["sample_id"]

    def test_step(self, batch, number):
        self.seen["test"] += batch["sample_id"]

    def predict_step(self, batch, number):
        self.seen["predict"] += batch["sample_id"]
        return len(batch["sample_id"])

    def configure_optimizers(self):
        return torch.optim.SGD(self.parameters(), lr=0.1)


class StoppedError(Exception):
    pass


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store)


def trainer(folder, *callbacks, **options):
    return lightning.Trainer(
        accelerator="cpu",
        max_epochs=EPOCHS,
        default_root_dir=folder,
        logger=False,
        enable_checkpointing=bool(callbacks),
        callbacks=list(callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


def every_batch(folder):
    return ModelCheckpoint(folder, filename="{epoch}-{step}", every_n_train_steps=1, save_top_k=-1)


def fit(folder, cohort, *callbacks, train=TRAIN, resume=None, stop_at=None, workers=0, **options):
    watcher = Watcher(stop_at)
    data = VolumeDataModule(cohort, train=train, evaluate={"keys": ("label",)}, num_workers=workers)
    runs = trainer(folder, *callbacks, **options)
    try:
        runs.fit(watcher, data, ckpt_path=resume)
    except StoppedError:
        runs.save_checkpoint(folder / "stopped.ckpt")
    return watcher.seen


@pytest.fixture(scope="module")
def uninterrupted(cohort, tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    return folder, fit(folder, cohort, every_batch(folder))


def test_every_epoch_has_each_sample_once_in_another_sequence(cohort, uninterrupted):
    _, seen = uninterrupted
    steps = len(cohort.split("train")) // BATCH
    assert [each[:2] for each in seen["train"]] == [(epoch, n) for epoch in range(EPOCHS) for n in range(steps)]
    epochs = [
        [name for each in seen["train"] if each[0] == epoch for name in each[2 : 2 + BATCH]] for epoch in range(EPOCHS)
    ]
    assert all(len(set(names)) == steps * BATCH for names in epochs)
    assert len({tuple(names) for names in epochs}) == EPOCHS
    validation = cohort.split("validation").table["sample_id"].to_pylist()
    # two batches of the sanity check, then all after each epoch
    assert seen["validation"] == [*validation[:2], *(EPOCHS * validation)]


@pytest.mark.timeout(240)
def test_resumed_after_any_batch_the_rest_is_the_same(cohort, uninterrupted, tmp_path):
    folder, seen = uninterrupted
    saved = sorted(folder.glob("*.ckpt"), key=lambda path: int(path.stem.rpartition("=")[2]))
    assert len(saved) == len(seen["train"])
    for done, checkpoint in enumerate(saved, start=1):
        assert fit(tmp_path, cohort, resume=checkpoint)["train"] == seen["train"][done:], checkpoint.name


def test_resumed_with_workers_and_from_workers_the_rest_is_the_same(cohort, uninterrupted, tmp_path):
    folder, seen = uninterrupted
    saved = folder / "epoch=1-step=6.ckpt"
    assert fit(tmp_path, cohort, every_batch(tmp_path), resume=saved, workers=2)["train"] == seen["train"][6:]
    assert fit(tmp_path, cohort, resume=tmp_path / "epoch=1-step=7.ckpt")["train"] == seen["train"][7:]


@pytest.mark.parametrize("stop_at", [(0, 0), (0, 2), (1, 0), (2, 3)], ids=str)
def test_a_batch_in_which_training_failed_is_given_again(cohort, uninterrupted, tmp_path, stop_at):
    _, seen = uninterrupted
    before = fit(tmp_path, cohort, stop_at=stop_at)["train"]
    after = fit(tmp_path, cohort, resume=tmp_path / "stopped.ckpt")["train"]
    assert before + after == seen["train"]


def test_a_validation_in_the_middle_of_an_epoch_changes_nothing(cohort, uninterrupted, tmp_path):
    _, seen = uninterrupted
    found = fit(tmp_path, cohort, every_batch(tmp_path), val_check_interval=3)
    assert found["train"] == seen["train"]
    for step in (3, 4):
        after = fit(tmp_path, cohort, resume=tmp_path / f"epoch={step // 4 if step < 4 else 0}-step={step}.ckpt")
        assert after["train"] == seen["train"][step:]


@pytest.mark.parametrize("batch_size", [1, 3, 4])
@pytest.mark.parametrize("step", [2, 4, 5])
def test_resumed_with_another_batch_size_no_sample_is_lost_or_seen_twice(cohort, tmp_path, batch_size, step):
    """As with another number of ranks, which changes the global batch likewise."""
    keep = TRAIN | {"remainder": "keep"}
    before = fit(tmp_path, cohort, every_batch(tmp_path), train=keep, max_steps=step)["train"]
    (saved,) = tmp_path.glob(f"*step={step}.ckpt")
    after = fit(tmp_path, cohort, train=keep | {"batch_size": batch_size}, resume=saved, max_steps=-1)
    names = names_by_epoch(before + after["train"])
    everybody = sorted(cohort.split("train").table["sample_id"].to_pylist())
    assert [sorted(each) for each in names] == EPOCHS * [everybody]
    validation = cohort.split("validation").table["sample_id"].to_pylist()
    # an epoch has five batches of two, and validation follows its last
    assert after["validation"] == (EPOCHS - step // 5) * validation


def names_by_epoch(seen):
    return [
        [name for each in seen if each[0] == epoch for name in each[2:] if isinstance(name, str)]
        for epoch in range(EPOCHS)
    ]


def test_evaluation_reads_each_split_in_order(cohort, tmp_path):
    watcher, runs = Watcher(), trainer(tmp_path)
    splits = {"test": cohort.split("validation"), "predict": cohort.select([4, 1, 7])}
    data = VolumeDataModule(splits, evaluate={"batch_size": 2})
    runs.test(watcher, data, verbose=False)
    runs.predict(watcher, data)
    assert watcher.seen["test"] == splits["test"].table["sample_id"].to_pylist()
    assert watcher.seen["predict"] == splits["predict"].table["sample_id"].to_pylist()
    assert watcher.seen["validation"] == []


def test_what_has_no_split_is_a_hook_that_is_missing(cohort, tmp_path):
    watcher = Watcher()
    data = VolumeDataModule({"train": cohort}, train=TRAIN)
    with pytest.warns(UserWarning, match="Skipping val loop"):
        trainer(tmp_path).fit(watcher, data)
    assert watcher.seen["train"]
    with pytest.raises(Exception, match="test_dataloader"):
        trainer(tmp_path).test(watcher, data)


def test_the_state_of_another_selection_is_refused(cohort, uninterrupted, tmp_path):
    folder, _ = uninterrupted
    with pytest.raises(ValueError, match="fingerprint"):
        fit(tmp_path, cohort.where("age > 55"), resume=folder / "epoch=0-step=2.ckpt")


def test_without_a_trainer_it_is_one_rank(cohort):
    data = VolumeDataModule(cohort, train={"batch_size": 3})
    assert [len(batch["sample_id"]) for batch in data.train_dataloader()] == [3, 3, 3]
    assert data.test_dataloader is None


def test_a_split_that_lightning_does_not_know_is_refused(cohort):
    with pytest.raises(ValueError, match="got 'val'"):
        VolumeDataModule({"val": cohort})


def test_without_lightning_the_error_says_how_to_get_it(monkeypatch):
    for name in ("lightning", "lightning.pytorch"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "voxpress.loaders.lightning")
    with pytest.raises(ImportError, match=r"pip install 'voxpress\[lightning\]'"):
        importlib.import_module("voxpress.loaders.lightning")
