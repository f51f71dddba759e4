"""The codecs that a store may name: a closed set, with one spelling."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import pytest
import tiny_store as tiny
from zarr.codecs import BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec

from voxpress.errors import FormatError
from voxpress.store.codec_chain import (
    CODECS,
    FAST_CODECS,
    TRAINING_CODECS,
    UNCOMPRESSED_CODECS,
    has_checksum,
    parse_codecs,
    unpacks_fast,
)

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
TRANSPOSE = {"name": "transpose", "configuration": {"order": [0, 3, 2, 1]}}
ZSTD = {"name": "zstd", "configuration": {"level": 3, "checksum": True}}
BLOSC = {
    "name": "blosc",
    "configuration": {"blocksize": 0, "clevel": 5, "cname": "lz4", "shuffle": "shuffle", "typesize": 2},
}
GZIP = {"name": "gzip", "configuration": {"level": 6}}
CRC = {"name": "crc32c"}


@pytest.mark.parametrize(
    "chain",
    [
        [BYTES],
        [BYTES, CRC],
        [BYTES, ZSTD],
        [BYTES, BLOSC, CRC],
        [TRANSPOSE, BYTES, GZIP, CRC],
        [*CODECS],
        [*UNCOMPRESSED_CODECS],
        *(list(chain) for chain in TRAINING_CODECS.values()),
    ],
    ids=lambda chain: "-".join(codec["name"] for codec in chain),
)
def test_what_is_allowed_is_kept_as_it_is(chain) -> None:
    assert list(parse_codecs(chain, "here")) == chain
    assert parse_codecs(tuple(chain), "here") == tuple(chain)
    assert has_checksum(tuple(chain)) is (CRC in chain)


def with_setting(codec, setting, value):
    changed = copy.deepcopy(codec)
    changed["configuration"][setting] = value
    return changed


def without(codec, setting):
    changed = copy.deepcopy(codec)
    del changed["configuration"][setting]
    return changed


WRONG = {
    "nothing": [],
    "no list": {"name": "bytes"},
    "no document": ["bytes"],
    "no name": [{"configuration": {}}],
    "a name that is no text": [{"name": ["bytes"], "configuration": {}}],
    "no bytes": [ZSTD, CRC],
    "unknown": [BYTES, {"name": "numcodecs.pickle", "configuration": {}}],
    "two compressors": [BYTES, ZSTD, GZIP],
    "crc32c first": [CRC, BYTES],
    "crc32c before zstd": [BYTES, CRC, ZSTD],
    "crc32c twice": [BYTES, CRC, CRC],
    "transpose after": [BYTES, TRANSPOSE],
    "transpose twice": [TRANSPOSE, TRANSPOSE, BYTES],
    "bytes twice": [BYTES, BYTES],
    "sharding": [{"name": "sharding_indexed", "configuration": {"codecs": [BYTES]}}],
    "too many": [TRANSPOSE, BYTES, ZSTD, CRC, CRC],
    "big endian": [with_setting(BYTES, "endian", "big")],
    "no endian": [without(BYTES, "endian")],
    "level": [BYTES, with_setting(ZSTD, "level", 23)],
    "true level": [BYTES, with_setting(ZSTD, "level", True)],
    "float level": [BYTES, with_setting(ZSTD, "level", 1.0)],
    "checksum": [BYTES, with_setting(ZSTD, "checksum", 0)],
    "gzip level": [BYTES, with_setting(GZIP, "level", -1)],
    "cname": [BYTES, with_setting(BLOSC, "cname", "snappy")],
    "cname of a list": [BYTES, with_setting(BLOSC, "cname", ["lz4"])],
    "shuffle": [BYTES, with_setting(BLOSC, "shuffle", 1)],
    "typesize": [BYTES, with_setting(BLOSC, "typesize", 0)],
    "blocksize": [BYTES, with_setting(BLOSC, "blocksize", 2**31)],
    "unknown setting": [BYTES, with_setting(BLOSC, "nthreads", 4)],
    "missing setting": [BYTES, without(BLOSC, "shuffle")],
    "unknown field": [BYTES, {**CRC, "configuration": {}}],
    "axes": [with_setting(TRANSPOSE, "order", [0, 1, 2]), BYTES],
    "axis twice": [with_setting(TRANSPOSE, "order", [0, 1, 2, 2]), BYTES],
    "true axis": [with_setting(TRANSPOSE, "order", [0, True, 2, 3]), BYTES],
}


@pytest.mark.parametrize("chain", WRONG.values(), ids=WRONG.keys())
def test_anything_else_is_refused(chain) -> None:
    with pytest.raises(FormatError, match="here"):
        parse_codecs(chain, "here")


@pytest.mark.parametrize("codec", [BloscCodec, Crc32cCodec, GzipCodec, ZstdCodec])
def test_the_spelling_is_that_of_zarr(codec) -> None:
    document = codec().to_dict()
    assert parse_codecs([BYTES, document], "here") == (BYTES, document)


def test_bytes_are_shuffled_only_where_values_have_several() -> None:
    chains = {dtype: chain[1]["configuration"] for dtype, chain in TRAINING_CODECS.items()}
    assert {dtype: settings["shuffle"] for dtype, settings in chains.items()} == {
        "uint8": "noshuffle",
        "uint16": "shuffle",
        "int16": "shuffle",
    }
    assert {dtype: settings["typesize"] for dtype, settings in chains.items()} == {"uint8": 1, "uint16": 2, "int16": 2}


def test_what_codes_no_entropy_unpacks_fast() -> None:
    fast = [FAST_CODECS, UNCOMPRESSED_CODECS, *TRAINING_CODECS.values()]
    slow = [
        CODECS,
        (BYTES, {"name": "gzip", "configuration": {"level": 1}}),
        (BYTES, with_setting(BLOSC, "cname", "zstd")),
    ]
    assert [unpacks_fast(chain) for chain in (*fast, *slow)] == [True] * len(fast) + [False] * len(slow)


def test_a_spec_is_a_value() -> None:
    """Equal where all is equal, hashable, picklable."""
    spec = tiny.SPECS["image"]
    other = replace(spec, codecs=TRAINING_CODECS["uint8"])
    assert spec == replace(spec, codecs=copy.deepcopy(spec.codecs))
    assert spec != other
    assert spec != replace(spec, chunk=(4, 10, 18))
    assert len({spec, replace(spec), other}) == 2
    assert pickle.loads(pickle.dumps(other)) == other


@pytest.mark.parametrize("chunk", [(3, 20, 18), (2, 20), (2, 20, 18, 1), (16, 20, 36), (-2, 20, 18), (0, 20, 18)])
def test_a_chunk_that_does_not_divide_is_refused(chunk) -> None:
    with pytest.raises(FormatError, match="divisors"):
        replace(tiny.SPECS["image"], chunk=chunk)


def test_codecs_of_a_spec_are_checked() -> None:
    with pytest.raises(FormatError, match="array 'image': codecs"):
        replace(tiny.SPECS["image"], codecs=({"name": "evil"},))
