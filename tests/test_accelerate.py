"""A stream under Hugging Face Accelerate: batches, and going on in the middle of an epoch."""

import pytest
from accelerate import Accelerator
from accelerate.data_loader import skip_first_batches
from accelerate.utils import DataLoaderConfiguration
from torch.utils.data import DataLoader

from voxpress import store
from voxpress.loaders import VolumeStream

# torchdata calls what torch has deprecated
pytestmark = pytest.mark.filterwarnings("ignore:'set_vital' is deprecated:UserWarning")


def stream_of(path, accelerator=None):
    ranks = {} if accelerator is None else {"rank": accelerator.process_index, "world_size": accelerator.num_processes}
    return VolumeStream(store.open(path), keys=("label",), batch_size=2, shuffle=True, seed=5, **ranks)


def accelerator_of(**options):
    # otherwise Accelerate splits batches itself, and knows how for tensors only
    return Accelerator(cpu=True, dataloader_config=DataLoaderConfiguration(dispatch_batches=False, **options))


def ids(batches):
    return [batch["sample_id"] for batch in batches]


@pytest.fixture
def everything(sealed_store):
    return ids(stream_of(sealed_store))


@pytest.mark.parametrize("workers", [0, 2])
def test_a_prepared_loader_gives_the_same_batches(sealed_store, everything, workers):
    accelerator = accelerator_of()
    loader = DataLoader(stream_of(sealed_store, accelerator), batch_size=None, num_workers=workers)
    assert ids(accelerator.prepare(loader)) == everything


@pytest.mark.parametrize("done", [1, 3, 5])
def test_the_state_of_the_stream_goes_on_exactly(sealed_store, everything, done):
    accelerator = accelerator_of()
    stream = stream_of(sealed_store, accelerator)
    loader = accelerator.prepare(DataLoader(stream, batch_size=None))
    before = [batch["sample_id"] for batch, _ in zip(loader, range(done), strict=False)]
    # Accelerate is a batch ahead of the loop, which knows what it was given
    state = stream.state_dict(steps=done)
    other = stream_of(sealed_store, accelerator)
    other.load_state_dict(state)
    assert before + ids(accelerator.prepare(DataLoader(other, batch_size=None))) == everything


@pytest.mark.parametrize("workers", [0, 2])
def test_a_stateful_loader_goes_on_exactly(sealed_store, everything, workers):
    accelerator = accelerator_of(use_stateful_dataloader=True)

    def prepared():
        stream = stream_of(sealed_store, accelerator)
        return accelerator.prepare(DataLoader(stream, batch_size=None, num_workers=workers))

    loader, before = prepared(), []
    for batch in loader:
        before.append(batch["sample_id"])
        if len(before) == 3:
            state = loader.state_dict()
            break
    again = prepared()
    again.load_state_dict(state)
    assert before + ids(again) == everything


def test_skipping_batches_skips_what_was_seen(sealed_store, everything):
    accelerator = accelerator_of()
    loader = accelerator.prepare(DataLoader(stream_of(sealed_store, accelerator), batch_size=None))
    assert ids(skip_first_batches(loader, 2)) == everything[2:]
