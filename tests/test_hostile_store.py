"""Stores made to do harm, consistent in all that a checksum can see: each is refused in our own words."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_store as tiny
from crc32c import crc32c
from numcodecs.zstd import Zstd

from voxpress import store
from voxpress.errors import CorruptError, FormatError, UnsafePathError, VoxpressError
from voxpress.store.parsing import canonical_json

ROWS = "metadata/validation-00000-of-00001.parquet"
IMAGE = "volumes/validation.zarr/image"


def change_rows(root, change: Any) -> None:
    """Replace the rows of the validation split, and the manifest with them."""
    rows = pq.read_table(root / ROWS).to_pylist()
    change(rows)
    table = pa.Table.from_pylist(rows, schema=tiny.schema())
    store.write_rows(root / ROWS, [table], scratch=root.parent)
    tiny.rewrite(root)


PATHS = ["../../../etc/passwd", "/etc/passwd", "volumes/train.zarr/image", "volumes/validation.zarr/label", "", None]


@pytest.mark.parametrize("path", PATHS)
def test_a_row_cannot_lead_elsewhere(tiny_store, path: str | None) -> None:
    change_rows(tiny_store, lambda rows: rows[1]["image"].update(path=path))
    with pytest.raises(FormatError, match="must name"):
        _ = store.open(tiny_store).table


@pytest.mark.parametrize("index", [-1, 3, 0, 2**62, None])
def test_a_row_cannot_name_another_slot(tiny_store, index: int | None) -> None:
    change_rows(tiny_store, lambda rows: rows[1]["image"].update(index=index))
    with pytest.raises(FormatError, match="slots"):
        _ = store.open(tiny_store).table


def test_a_row_cannot_be_of_another_split(tiny_store) -> None:
    change_rows(tiny_store, lambda rows: rows[1].update(split="train"))
    with pytest.raises(FormatError, match="hold rows of another"):
        _ = store.open(tiny_store).table


@pytest.mark.parametrize("change", [lambda rows: rows.append(rows[2]), lambda rows: rows.pop()], ids=["more", "fewer"])
def test_rows_must_be_as_many_as_the_manifest_says(tiny_store, change) -> None:
    change_rows(tiny_store, change)
    with pytest.raises(FormatError):
        _ = store.open(tiny_store).table


def test_a_small_file_of_very_many_rows_is_not_decoded(tiny_store) -> None:
    count = 50_000_000
    bomb = pa.table({"sample_id": pa.array([None], pa.string()).take(pa.array([0] * 1000))})
    with pq.ParquetWriter(tiny_store / ROWS, bomb.schema) as writer:
        writer.write_table(pa.concat_tables([bomb] * (count // 1000 // 100)))
    tiny.rewrite(tiny_store)
    with pytest.raises(FormatError, match="more rows"):
        _ = store.open(tiny_store).table


@pytest.mark.parametrize("column", ["sample_id", "split", "image"])
def test_a_column_of_another_type_is_refused(tiny_store, column: str) -> None:
    table = pq.read_table(tiny_store / ROWS)
    place = table.schema.get_field_index(column)
    table = table.set_column(place, column, pa.array([1, 2, 3]))
    store.write_rows(tiny_store / ROWS, [table], scratch=tiny_store.parent)
    tiny.rewrite(tiny_store)
    with pytest.raises(FormatError, match=f"column '{column}'"):
        _ = store.open(tiny_store).table


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1", b"x" * 1000])
def test_what_is_not_parquet_is_refused(tiny_store, data: bytes) -> None:
    (tiny_store / ROWS).write_bytes(data)
    tiny.rewrite(tiny_store)
    with pytest.raises(FormatError, match="not a Parquet file"):
        _ = store.open(tiny_store).table


@pytest.mark.parametrize(
    "link", [f"{IMAGE}/c.0.0.0.0", f"{IMAGE}/zarr.json", IMAGE, "volumes", ROWS, "metadata", "voxpress.json"]
)
def test_no_link_leads_out(tiny_store, tmp_path, link: str) -> None:
    outside = tmp_path / "outside"
    (tiny_store / link).rename(outside)
    (tiny_store / link).symlink_to(outside)
    with pytest.raises(UnsafePathError, match="leads out of the store"):
        _ = store.open(tiny_store).split("validation")[0], store.open(tiny_store).arrays["validation/image"]


ZARR_JSON: dict[str, Any] = {
    "shape": lambda d: d.update(shape=[2**62, 16, 20, 18]),
    "chunk": lambda d: d["chunk_grid"]["configuration"].update(chunk_shape=[2**31, 2**31, 2**31, 2**31]),
    "inner chunk": lambda d: d["codecs"][0]["configuration"].update(chunk_shape=[1, 2**40, 20, 18]),
    "codec": lambda d: d["codecs"][0]["configuration"].update(codecs=[{"name": "numcodecs.pickle"}]),
    "dtype": lambda d: d.update(data_type="variable_length_bytes"),
    "format": lambda d: d.update(zarr_format=2),
    "group": lambda d: d.update(node_type="group"),
    "attributes": lambda d: d.update(attributes=[]),
}


@pytest.mark.parametrize("change", ZARR_JSON.values(), ids=ZARR_JSON.keys())
def test_zarr_sees_no_metadata_that_the_manifest_does_not_say(tiny_store, change) -> None:
    document = json.loads((tiny_store / IMAGE / "zarr.json").read_text())
    change(document)
    (tiny_store / IMAGE / "zarr.json").write_bytes(canonical_json(document))
    tiny.rewrite(tiny_store)
    with pytest.raises(FormatError):
        store.open(tiny_store).arrays["validation/image"]


@pytest.mark.parametrize("data", [b"[" * 50_000, b"{}", b"null", b"\xff", b'{"zarr_format": NaN}'])
def test_zarr_json_that_is_not_one(tiny_store, data: bytes) -> None:
    (tiny_store / IMAGE / "zarr.json").write_bytes(data)
    tiny.rewrite(tiny_store)
    with pytest.raises(FormatError):
        store.open(tiny_store).arrays["validation/image"]


def sealed(body: bytes) -> bytes:
    return body + crc32c(body).to_bytes(4, "little")


def shard_of(chunk: bytes, offset: int = 0, size: int | None = None) -> bytes:
    """A shard whose first inner chunk is `chunk`, with a right checksum wherever there is one."""
    spec = tiny.SPECS["image"]
    index = bytearray(b"\xff" * (store.index_bytes(spec) - 4))
    index[:16] = offset.to_bytes(8, "little") + (len(chunk) if size is None else size).to_bytes(8, "little")
    return chunk + sealed(bytes(index))


SHARDS = {
    "no zstd": shard_of(sealed(b"not zstd at all")),
    "too long": shard_of(sealed(Zstd(level=1).encode(bytes(10**7)))),
    "too short": shard_of(sealed(Zstd(level=1).encode(b"x"))),
    "range beyond the file": shard_of(b"", 2**40, 100),
    "size beyond the file": shard_of(b"", 0, 2**62),
    "empty chunk": shard_of(b"", 0, 0),
    "wrapping range": shard_of(b"", 2**64 - 10, 100),
    "too short for an index": b"\xff" * 8,
}


@pytest.mark.parametrize("data", SHARDS.values(), ids=SHARDS.keys())
def test_a_shard_made_to_mislead(tiny_store, data: bytes) -> None:
    (tiny_store / IMAGE / "c.0.0.0.0").write_bytes(data)
    tiny.rewrite(tiny_store)
    with pytest.raises(CorruptError) as caught:
        store.open(tiny_store).split("validation").read(0)
    assert caught.value.path == f"{IMAGE}/c.0.0.0.0"


def test_a_pipe_does_not_hang(tiny_store) -> None:
    import os

    path = tiny_store / IMAGE / "c.0.0.0.0"
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CorruptError):
        store.open(tiny_store).split("validation").read(0)
    assert [problem.kind for problem in store.verify(tiny_store).problems] == ["missing"]


def test_a_sparse_giant_manifest_is_not_read(tiny_store) -> None:
    with (tiny_store / "voxpress.json").open("wb") as file:
        file.truncate(2**42)
    with pytest.raises(VoxpressError, match="limit"):
        store.open(tiny_store)
