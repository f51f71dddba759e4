"""The store is read by libraries that know nothing of voxpress."""

from __future__ import annotations

import numpy as np
import pyarrow.parquet as pq
import pytest
import tensorstore
import tiny_store as tiny
import xarray
import zarr

ARRAYS = [(split, name) for split in tiny.SLOTS for name in tiny.SPECS]


def expected(split: str, name: str) -> np.ndarray:
    first = 0 if split == "train" else tiny.SLOTS["train"]
    volumes = [tiny.voxels(first + slot)[name] for slot in range(tiny.SLOTS[split])]
    if split == "train":
        volumes[tiny.HOLE] = np.zeros_like(volumes[0])
    return np.stack(volumes)


@pytest.mark.parametrize(("split", "name"), ARRAYS)
def test_zarr_python(sealed_store, split: str, name: str) -> None:
    group = zarr.open_group(sealed_store / f"volumes/{split}.zarr", mode="r")
    assert sorted(group.array_keys()) == ["image", "label"]
    assert group.attrs["synthetic"] is True
    array = group[name]
    np.testing.assert_array_equal(array[:], expected(split, name))
    np.testing.assert_array_equal(array[1:3, 2:9, ::3, -1], expected(split, name)[1:3, 2:9, ::3, -1])
    assert array.metadata.dimension_names == ("sample", "x", "y", "z")
    assert array.shards == (tiny.SHARD_SAMPLES, *tiny.SHAPE)
    assert array.attrs["not_for_clinical_use"] is True


@pytest.mark.parametrize(("split", "name"), ARRAYS)
def test_tensorstore(sealed_store, split: str, name: str) -> None:
    path = str(sealed_store / f"volumes/{split}.zarr/{name}/")
    array = tensorstore.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}, read=True).result()
    np.testing.assert_array_equal(array.read().result(), expected(split, name))
    assert array.domain.labels == ("sample", "x", "y", "z")


@pytest.mark.parametrize("split", tiny.SLOTS)
def test_xarray(sealed_store, split: str) -> None:
    path = sealed_store / f"volumes/{split}.zarr"
    with xarray.open_zarr(path, consolidated=False, zarr_format=3, chunks=None) as data:
        for name in tiny.SPECS:
            assert data[name].dims == ("sample", "x", "y", "z")
            assert data[name].dtype == np.uint8
            np.testing.assert_array_equal(data[name].values, expected(split, name))
        assert data.attrs["synthetic"] is True


def test_parquet_needs_no_voxpress(sealed_store) -> None:
    table = pq.read_table(sealed_store / "metadata")
    assert table.num_rows == tiny.SAMPLES
    assert not (table.schema.metadata or {}).keys() & {b"huggingface", b"pandas"}
