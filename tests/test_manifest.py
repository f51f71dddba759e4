from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import math
from importlib.resources import files
from typing import Any

import jsonschema
import pytest
import tiny_store as tiny

from voxpress import store
from voxpress.errors import FormatError, UnsafePathError, VoxpressError
from voxpress.store import manifest as manifest_module
from voxpress.store.codec_chain import TRAINING_CODECS
from voxpress.store.parsing import canonical_json

SCHEMA = json.loads(files("voxpress.store").joinpath("manifest.schema.json").read_text())


@pytest.fixture(scope="module")
def data(sealed_store) -> bytes:
    return (sealed_store / store.MANIFEST_NAME).read_bytes()


def test_bytes_survive_a_round_trip(data: bytes) -> None:
    manifest = store.Manifest.from_bytes(data, "here")
    assert manifest.to_bytes() == data
    assert manifest.digest == hashlib.sha256(data).hexdigest()
    assert manifest.specs == tiny.SPECS
    assert manifest.split_names == ("train", "validation")
    assert manifest.holes("train") == [tiny.HOLE]
    assert manifest.sample_slots("train").tolist() == [0, 1, 2, 3, 4, 6, 7, 8, 9]
    assert manifest.metadata_files("train") == ["metadata/train-00000-of-00001.parquet"]


def test_the_text_is_canonical(data: bytes) -> None:
    document = json.loads(data)
    assert data == (json.dumps(document, sort_keys=True, indent=1, ensure_ascii=False) + "\n").encode()
    assert str(tiny.__file__).encode() not in data


def test_the_schema_accepts_what_is_written(data: bytes) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    jsonschema.validate(json.loads(data), SCHEMA)


def test_a_newer_format_version_says_to_upgrade(data: bytes) -> None:
    document = json.loads(data) | {"format_version": 5, "news": True}
    with pytest.raises(FormatError, match=r"format version 5; .* upgrade voxpress"):
        store.Manifest.from_bytes(canonical_json(document), "here")


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"chunk": [1, 4, 20, 18]},
        {"chunk": [1, 16, 10, 6]},
        {"codecs": [dict(codec) for codec in TRAINING_CODECS["uint8"]]},
        {"codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]},
    ],
    ids=["the rule", "slab", "box", "lz4", "bare"],
)
def test_chunk_and_codecs_are_free_since_version_2(data: bytes, changes: dict[str, Any]) -> None:
    document = json.loads(data)
    assert document["format_version"] == store.FORMAT_VERSION
    for path in document["arrays"]:
        document["arrays"][path] |= changes
    manifest = store.Manifest.from_bytes(canonical_json(document), "here")
    assert manifest.to_bytes() == canonical_json(document)
    for spec in manifest.specs.values():
        assert [1, *spec.chunk] == changes.get("chunk", [1, *tiny.SPECS["image"].chunk])
        assert spec.grid == tuple(size // step for size, step in zip(spec.shape, spec.chunk, strict=True))
        assert spec.chunks_per_sample == math.prod(spec.grid)
    jsonschema.validate(document, SCHEMA)
    old = document | {"format_version": 1}
    if changes:
        with pytest.raises(FormatError, match="in format version 1"):
            store.Manifest.from_bytes(canonical_json(old), "here")
        if "codecs" in changes:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(old, SCHEMA)
    else:
        again = store.Manifest.from_bytes(canonical_json(old), "here")
        assert (again.format_version, again.to_bytes()) == (1, canonical_json(old))
        assert again != manifest
        jsonschema.validate(old, SCHEMA)


@pytest.mark.parametrize("version", [0, -1, 1.0, "2", None, [2], True])
def test_what_is_no_version_is_refused(data: bytes, version: Any) -> None:
    with pytest.raises(FormatError, match="format_version 1 to 4"):
        store.Manifest.from_bytes(canonical_json(json.loads(data) | {"format_version": version}), "here")


NOT_JSON = {
    "empty": b"",
    "not utf-8": b"\xff\xfe",
    "cut": b'{"format_version": 1',
    "nan": b'{"format_version": NaN}',
    "twice": b'{"format_version": 1, "format_version": 1}',
    "deep": b"[" * 100_000,
    "list": b"[]",
    "digits": b'{"format_version": ' + b"9" * 10_000 + b"}",
    "a true version": b'{"format_version": true}',
}


@pytest.mark.parametrize("text", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_is_not_a_manifest_is_refused(text: bytes) -> None:
    with pytest.raises(FormatError, match="here"):
        store.Manifest.from_bytes(text, "here")


def test_a_manifest_that_is_too_large_is_refused(monkeypatch, data: bytes) -> None:
    monkeypatch.setattr(manifest_module, "MOST_MANIFEST_BYTES", len(data) - 1)
    with pytest.raises(FormatError, match="limit"):
        store.Manifest.from_bytes(data, "here")


IMAGE = ("arrays", "volumes/train.zarr/image")
# Third: whether the schema alone must refuse it too.
CHANGES: dict[str, tuple[tuple[Any, ...], Any, bool]] = {
    "version": (("version",), "1.0", True),
    "name": (("name",), "../x", True),
    "not synthetic, of an old version": (("synthetic",), False, True),
    "synthetic, but not said so": (("synthetic",), "yes", True),
    "recipe digest": (("recipe_sha256",), "abc", True),
    "unknown field": (("extra",), 1, True),
    "lock": (("lock", "packages"), "numpy", True),
    "huge slots": (("splits", "train", "slots"), 10**30, True),
    "negative slots": (("splits", "train", "slots"), -1, True),
    "fraction of a slot": (("splits", "train", "slots"), 10.5, True),
    "true slots": (("splits", "train", "slots"), True, True),
    "other slots": (("splits", "train", "slots"), 11, False),
    "samples do not add up": (("splits", "train", "samples"), 10, False),
    "no shard": (("splits", "train", "shard_samples"), 0, True),
    "other shard": (("splits", "train", "shard_samples"), 5, False),
    "split name": (("splits", "../x"), {"slots": 0, "samples": 0, "shard_samples": 4}, True),
    "huge axis": ((*IMAGE, "shape"), [10, 2**40, 20, 18], True),
    "huge sample": ((*IMAGE, "shape"), [10, 16384, 16384, 16384], False),
    "zero axis": ((*IMAGE, "shape"), [10, 0, 20, 18], True),
    "three axes": ((*IMAGE, "shape"), [10, 16, 20], True),
    "dtype": ((*IMAGE, "dtype"), "object", True),
    "codecs": ((*IMAGE, "codecs"), [], True),
    "codec": ((*IMAGE, "codecs", 1, "name"), "evil", True),
    "codec twice": ((*IMAGE, "codecs", 2), {"name": "zstd", "configuration": {"level": 1, "checksum": False}}, False),
    "level": ((*IMAGE, "codecs", 1, "configuration", "level"), 23, True),
    "true level": ((*IMAGE, "codecs", 1, "configuration", "level"), True, True),
    "chunk does not divide": ((*IMAGE, "chunk"), [1, 3, 20, 18], False),
    "chunk of two samples": ((*IMAGE, "chunk"), [2, 2, 20, 18], True),
    "empty chunk": ((*IMAGE, "chunk"), [1, 0, 0, 0], True),
    "chunk of one split only": ((*IMAGE, "chunk"), [1, 4, 20, 18], False),
    "huge chunk": ((*IMAGE, "chunk"), [1, 2**62, 20, 18], True),
    "shard of another shape": ((*IMAGE, "shard"), [4, 16, 20, 19], False),
    "affine of one split only": ((*IMAGE, "affine", 0, 3), 5.0, False),
    "singular affine": ((*IMAGE, "affine", 0, 0), 0.0, False),
    "last row": ((*IMAGE, "affine", 3, 3), 2.0, False),
    "integer in the affine": ((*IMAGE, "affine", 0, 0), 1, False),
    "no scale": ((*IMAGE, "scale"), 0.0, False),
    "huge scale": ((*IMAGE, "scale"), 10**400, False),
    "labels of an image": ((*IMAGE, "labels"), {"0": "x"}, False),
    "label value": (("arrays", "volumes/train.zarr/label", "labels"), {"01": "x"}, True),
    "label beyond dtype": (("arrays", "volumes/train.zarr/label", "labels"), {"256": "x"}, False),
    "array elsewhere": (("arrays", "other/image"), "same", True),
    "hole out of range": (("rejected", 0, "slot"), 10, False),
    "hole in no split": (("rejected", 0, "split"), "test", False),
    "reasons": (("rejected", 0, "attempts", 0, "reasons"), "x", True),
    "digest": (("files", "recipe.yaml", "sha256"), "0" * 63, True),
    "path up": (("files", "../x"), {"bytes": 1, "sha256": "0" * 64}, True),
    "path absolute": (("files", "/x"), {"bytes": 1, "sha256": "0" * 64}, True),
    "path with backslash": (("files", "a\\b"), {"bytes": 1, "sha256": "0" * 64}, True),
    "itself": (("files", "voxpress.json"), {"bytes": 1, "sha256": "0" * 64}, True),
    "the card": (("files", "README.md"), {"bytes": 1, "sha256": "0" * 64}, True),
    "the changelog": (("files", "CHANGELOG.md"), {"bytes": 1, "sha256": "0" * 64}, True),
    "a spare copy": (("files", f"spare/{'0' * 64}"), {"bytes": 1, "sha256": "0" * 64}, True),
    "the report": (("files", "quality/report.json"), {"bytes": 1, "sha256": "0" * 64}, True),
}


@pytest.mark.parametrize(("keys", "value", "by_schema"), CHANGES.values(), ids=CHANGES.keys())
def test_a_contradiction_is_refused(data: bytes, keys: tuple[Any, ...], value: Any, by_schema: bool) -> None:
    document: Any = copy.deepcopy(json.loads(data))
    place = document
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = copy.deepcopy(document["arrays"][IMAGE[1]]) if value == "same" else value
    with pytest.raises((FormatError, UnsafePathError)):
        store.Manifest.from_bytes(canonical_json(document), "here")
    if by_schema:
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document, SCHEMA)


@pytest.mark.parametrize("field", ["name", "files", "splits", "arrays", "lock", "rejected", "synthetic"])
def test_a_missing_field_is_named(data: bytes, field: str) -> None:
    document = json.loads(data)
    del document[field]
    with pytest.raises(FormatError, match=field):
        store.Manifest.from_bytes(canonical_json(document), "here")


@pytest.mark.parametrize(
    "path",
    [
        "volumes/train.zarr/image/c.2.0.0.0",
        "volumes/train.zarr/image/zarr.json",
        "metadata/train-00000-of-00001.parquet",
    ],
)
def test_each_file_that_reading_needs_must_be_listed(data: bytes, path: str) -> None:
    document = json.loads(data)
    del document["files"][path]
    with pytest.raises(FormatError, match=r"files"):
        store.Manifest.from_bytes(canonical_json(document), "here")


def test_another_spelling_is_refused_since_the_digest_is_the_identity(data: bytes) -> None:
    with pytest.raises(FormatError, match="canonical"):
        store.Manifest.from_bytes(json.dumps(json.loads(data)).encode(), "here")


def test_random_damage_is_never_a_raw_error(data: bytes) -> None:
    """Cut, or with one character replaced: refused in our own words, or still the same manifest."""
    for position in range(0, len(data), 37):
        for damaged in (data[:position], data[:position] + b"7" + data[position + 1 :]):
            try:
                manifest = store.Manifest.from_bytes(damaged, "here")
            except VoxpressError:
                continue
            assert manifest.to_bytes() == damaged


def test_samples_that_are_not_synthetic_need_version_4(data: bytes) -> None:
    """Readers of the versions before would take them for synthetic; what is synthetic keeps its version and bytes."""
    manifest = store.Manifest.from_bytes(data, "here")
    assert (manifest.synthetic, manifest.format_version) == (True, 3)
    real = dataclasses.replace(manifest, synthetic=False, format_version=0)
    assert real.format_version == 4
    again = store.Manifest.from_bytes(real.to_bytes(), "here")
    assert (again.synthetic, again.digest) == (False, real.digest)
    jsonschema.validate(json.loads(real.to_bytes()), SCHEMA)
    with pytest.raises(FormatError, match="synthetic must be true in format version 3"):
        dataclasses.replace(manifest, synthetic=False, format_version=3)
