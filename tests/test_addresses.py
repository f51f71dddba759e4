from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import tiny_store as tiny
from hypothesis import given
from hypothesis import strategies as st

from voxpress import store
from voxpress.errors import CorruptError
from voxpress.loaders.addresses import Address, AddressReader, addresses


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store)


@given(
    st.sampled_from(
        ["/data/brains", "brains", "https://host:81/a/b", "s3://bucket/brains", "hf://datasets/o/n@v1.0.0"]
    ),
    st.sampled_from(["train", "validation-2"]),
    st.integers(0, 10**9),
    st.none() | st.text("0123456789abcdef", min_size=12, max_size=12),
)
def test_an_address_reads_as_it_was_written_also_after_pathlib_had_it(url, split, slot, digest):
    address = Address(url=url, split=split, array="image", slot=slot, digest=digest)
    assert Address.parse(str(address)) == address
    assert Address.parse(str(Path(str(address)))) == address


def test_what_it_looks_like():
    address = Address(url="brains/", split="train", array="image", slot=12)
    assert str(address) == "brains/volumes/train.zarr/image#12"


@pytest.mark.parametrize(
    "text",
    ["", "brains", "brain.nii.gz", "b/volumes/train.zarr/image", "b/volumes/train.zarr/image#x", "b/volumes/t/image#1",
     "b/volumes/../x.zarr/image#1", "b/volumes/train.zarr/image#1@xyz", "b/volumes/train.zarr/image#1\n"],
)  # fmt: skip
def test_other_texts_are_none(text):
    with pytest.raises(ValueError, match="is no volume of a data set"):
        Address.parse(text)


def test_every_row_is_read_by_its_address(cohort):
    reader = AddressReader()
    selection = cohort.select([11, 4, 5, 0])
    for array in ("image", "label"):
        for row, text in enumerate(addresses(selection, array)):
            voxels, spec, manifest, digest = reader.read(Address.parse(text))
            assert manifest == cohort.manifest
            np.testing.assert_array_equal(voxels, selection.read(row, array))
            assert spec == cohort.specs[array]
            assert digest == cohort.manifest.digest


def test_a_data_set_is_opened_once_in_a_process(cohort):
    asked = []
    reader = AddressReader(opened=lambda url: asked.append(url) or store.open(url))
    for text in addresses(cohort, "image"):
        reader.read(Address.parse(text))
    assert asked == [cohort.url]
    given_reader = AddressReader(cohort.select([1]), opened=asked.append)
    given_reader.read(Address.parse(addresses(cohort, "image")[0]))
    assert len(asked) == 1


def test_a_copy_opens_for_itself(cohort):
    reader = AddressReader()
    reader.read(Address.parse(addresses(cohort, "image")[0]))
    assert pickle.dumps(reader) == pickle.dumps(AddressReader())


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"split": "test"}, "the splits are train, validation"),
        ({"array": "mask"}, "the arrays image, label"),
        ({"slot": tiny.HOLE}, "no volume"),
        ({"slot": tiny.SLOTS["train"]}, "no volume"),
    ],
    ids=["split", "array", "hole", "too far"],
)
def test_a_volume_that_is_not_there_is_refused(cohort, change, told):
    place = {"url": cohort.url, "split": "train", "array": "image", "slot": 0} | change
    with pytest.raises(KeyError, match=told):
        AddressReader().read(Address(**place))


def test_another_version_at_the_same_place_is_noticed(cohort):
    address = Address(url=cohort.url, split="train", array="image", slot=0, digest="0" * 12)
    with pytest.raises(CorruptError, match="make the list again"):
        AddressReader().read(address)
