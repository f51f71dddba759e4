"""What only a GPU can show of loaders: page-locked memory and copies in the background. Skipped where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tiny_store as tiny
import torch
from monai.transforms import Compose, RandFlipd
from torch.utils.data import DataLoader

import voxpress
from voxpress.loaders import VolumeStream

if TYPE_CHECKING:
    from pathlib import Path

    from voxpress.store.cohort import Cohort

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
EPOCHS = 20
A_SECOND = 2_000_000_000
"""Cycles of the device, about."""


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    return voxpress.open(tiny.build(tmp_path / "tiny-brains"))


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for part in value.values() for tensor in tensors(part)] if isinstance(value, dict) else []


@pytest.mark.parametrize("dtype", [None, torch.float32, torch.bfloat16])
@pytest.mark.parametrize("transform", [None, Compose([RandFlipd(["image", "label"], prob=0.5)])])
def test_all_tensors_of_a_batch_are_page_locked(cohort, dtype, transform) -> None:
    stream = VolumeStream(cohort, dtype=dtype, batch_size=2, transform=transform, pin_memory=True)
    plain = VolumeStream(cohort, dtype=dtype, batch_size=2, transform=transform)
    for batch, expected in zip(stream, plain, strict=True):
        assert all(tensor.is_pinned() for tensor in tensors(batch))
        assert len(tensors(batch)) == len(tensors(expected)) >= 3
        torch.testing.assert_close(batch["image"].as_tensor(), expected["image"].as_tensor(), rtol=0, atol=0)
        assert batch["image"].meta["sample_id"] == expected["image"].meta["sample_id"]


@pytest.mark.parametrize("first", [0, 3], ids=["whole", "part"])
def test_memory_is_not_used_again_before_it_is_copied(cohort, first) -> None:
    """Nobody holds a batch whose copy waits behind other work of the device."""
    expected = [batch["image"].as_tensor() for batch in VolumeStream(cohort, dtype=None, batch_size=1)]
    stream = VolumeStream(cohort, dtype=None, batch_size=1, threads=2, pin_memory=True)
    list(stream)
    torch.cuda.synchronize()
    torch.cuda._sleep(2 * A_SECOND)
    copies = []
    for epoch in range(EPOCHS):
        stream.set_epoch(epoch)
        copies += [batch["image"].as_tensor()[:, :, first:].cuda(non_blocking=True) for batch in stream]
    assert not torch.cuda.current_stream().query(), "the copies did not wait, so nothing is shown"
    torch.cuda.synchronize()
    assert len(copies) == EPOCHS * len(cohort)
    for number, copy in enumerate(copies):
        torch.testing.assert_close(copy.cpu(), expected[number % len(cohort)][:, :, first:], rtol=0, atol=0)


@pytest.mark.timeout(120)
def test_workers_leave_page_locking_to_their_loader(cohort) -> None:
    """A worker that is forked after CUDA has started cannot use it."""
    torch.cuda.init()
    stream = VolumeStream(cohort, dtype=None, batch_size=2, pin_memory=True)
    loader = DataLoader(stream, batch_size=None, num_workers=2, multiprocessing_context="fork", pin_memory=True)
    expected = VolumeStream(cohort, dtype=None, batch_size=2)
    for batch, other in zip(loader, expected, strict=True):
        assert batch["image"].is_pinned()
        torch.testing.assert_close(batch["image"].as_tensor(), other["image"].as_tensor(), rtol=0, atol=0)
