"""Where each row of a copy goes, and how it is packed: plans alone."""

from __future__ import annotations

from dataclasses import replace

import pytest
import tiny_store as tiny

from voxpress import store
from voxpress.errors import FormatError, QueryError
from voxpress.store.codec_chain import CODECS, FAST_CODECS, TRAINING_CODECS, UNCOMPRESSED_CODECS
from voxpress.store.packing import Packing, plan_copy

SPEC = tiny.SPECS["image"]


@pytest.mark.parametrize(
    ("shape", "chunk", "expected"),
    [
        ((160, 224, 160), "slab", (80, 224, 160)),
        ((64, 64, 64), "slab", (64, 64, 64)),
        ((7, 2048, 2048), "slab", (1, 2048, 2048)),
        ((7, 4096, 2048), "slab", (1, 4096, 2048)),
        ((160, 224, 160), "patch", (16, 28, 160)),
        ((160, 224, 160), "10,224,160", (10, 224, 160)),
        ((160, 224, 160), "same", (160, 112, 80)),
    ],
)
def test_chunks(shape, chunk, expected) -> None:
    spec = replace(SPEC, shape=shape, chunk=(160, 112, 80) if shape == (160, 224, 160) else shape)
    assert Packing(chunk=chunk).applied(spec).chunk == expected


def test_slabs_of_two_bytes_a_voxel_have_half_as_many_planes() -> None:
    spec = replace(SPEC, shape=(160, 224, 160), chunk=(160, 224, 160), dtype="int16")
    assert Packing(chunk="slab").applied(spec).chunk == (40, 224, 160)
    assert Packing(chunk="patch").applied(spec).chunk == (16, 16, 160)


@pytest.mark.parametrize("codec", ["zstd", "zstd-fast", "none"])
def test_slabs_of_other_codecs_are_the_published_ones(codec) -> None:
    spec = replace(SPEC, shape=(160, 224, 160), chunk=(160, 224, 160))
    assert Packing(codec=codec).applied(spec).chunk == (20, 224, 160)


def test_codecs_and_shards() -> None:
    assert Packing().applied(SPEC).codecs == TRAINING_CODECS["uint8"]
    assert Packing().applied(replace(SPEC, dtype="int16")).codecs == TRAINING_CODECS["int16"]
    assert Packing(codec="zstd").applied(SPEC).codecs == CODECS
    assert Packing(codec="zstd-fast").applied(SPEC).codecs == FAST_CODECS
    assert Packing(codec="none").applied(SPEC).codecs == UNCOMPRESSED_CODECS
    assert Packing().applied(SPEC).shard_samples == tiny.SHARD_SAMPLES
    packed = replace(SPEC, shard_samples=3, codecs=TRAINING_CODECS["uint8"], chunk=SPEC.shape)
    assert Packing(shard_samples=3).applied(SPEC) == packed


@pytest.mark.parametrize(
    "wrong", [{"codec": "gzip"}, {"chunk": "ball"}, {"chunk": "1,2"}, {"chunk": "-1,2,3"}, {"chunk": "1,2,3,4"}]
)
def test_what_is_no_packing_is_refused(wrong) -> None:
    with pytest.raises(FormatError, match="must be"):
        Packing(**wrong)


@pytest.mark.parametrize("wrong", [{"chunk": "3,20,18"}, {"chunk": "0,20,18"}, {"chunk": "32,20,18"}])
def test_a_chunk_that_does_not_divide_is_refused(wrong) -> None:
    with pytest.raises(FormatError, match="divisors of the shape"):
        Packing(**wrong).applied(SPEC)


def test_a_whole_copy_keeps_every_slot(sealed_store) -> None:
    cohort = store.open(sealed_store)
    plan = plan_copy(cohort.manifest, cohort.locations, Packing(shard_samples=3), whole=True)
    assert plan.slots == {"train": (0, 1, 2, 3, 4, None, 5, 6, 7, 8), "validation": (9, 10, 11)}
    assert plan.samples == tiny.SAMPLES
    assert [(job.split, job.number, job.rows) for job in plan.jobs()] == [
        ("train", 0, (0, 1, 2)),
        ("train", 1, (3, 4, None)),
        ("train", 2, (5, 6, 7)),
        ("train", 3, (8,)),
        ("validation", 0, (9, 10, 11)),
    ]


def test_some_rows_close_up(sealed_store) -> None:
    cohort = store.open(sealed_store).where("diagnosis == 'AD' and age < 77")
    plan = plan_copy(cohort.manifest, cohort.locations, Packing(), whole=False)
    assert cohort.table["index"].to_pylist() == [2, 8]
    assert plan.slots == {"train": (0, 1)}


def test_no_row_is_an_error(sealed_store) -> None:
    cohort = store.open(sealed_store).where("age > 200")
    with pytest.raises(QueryError, match="no sample"):
        plan_copy(cohort.manifest, cohort.locations, Packing(), whole=False)
