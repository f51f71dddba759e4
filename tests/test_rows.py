from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import tiny_store as tiny

from voxpress import store
from voxpress.errors import FormatError


def rows(*slots: int) -> pa.Table:
    return pa.Table.from_pylist([tiny.row(slot, "train", slot) for slot in slots], schema=tiny.schema())


def test_one_row_group_a_shard_even_where_all_are_holes(tmp_path) -> None:
    store.write_rows(tmp_path / "a.parquet", [rows(0, 1), rows(), rows(8)], scratch=tmp_path)
    metadata = pq.ParquetFile(tmp_path / "a.parquet").metadata
    assert [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)] == [2, 0, 1]


def test_the_schema_says_synthetic_and_nothing_of_any_library(tmp_path) -> None:
    tagged = rows(0).replace_schema_metadata({"huggingface": "{}", "pandas": "{}"})
    store.write_rows(tmp_path / "a.parquet", [tagged], scratch=tmp_path)
    assert pq.read_schema(tmp_path / "a.parquet").metadata == {b"synthetic": b"true", b"voxpress_format": b"3"}


def test_values_survive(tmp_path) -> None:
    record = store.write_rows(tmp_path / "a.parquet", [rows(0, 1), rows(2)], scratch=tmp_path)
    assert pq.read_table(tmp_path / "a.parquet").to_pylist() == [tiny.row(slot, "train", slot) for slot in (0, 1, 2)]
    assert store.hash_file(tmp_path / "a.parquet") == record


def test_the_same_rows_give_the_same_bytes(tmp_path) -> None:
    first = store.write_rows(tmp_path / "a.parquet", [rows(0, 1)], scratch=tmp_path)
    assert store.write_rows(tmp_path / "b.parquet", [rows(0, 1)], scratch=tmp_path) == first


def test_pages_are_indexed_and_compressed(tmp_path) -> None:
    store.write_rows(tmp_path / "a.parquet", [rows(0, 1)], scratch=tmp_path)
    column = pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(0)
    assert column.compression == "ZSTD"
    assert column.has_column_index


def test_groups_must_have_the_same_columns(tmp_path) -> None:
    with pytest.raises(FormatError, match="same columns"):
        store.write_rows(tmp_path / "a.parquet", [rows(0), rows(1).drop_columns("age")], scratch=tmp_path)
    with pytest.raises(FormatError, match="at least one"):
        store.write_rows(tmp_path / "a.parquet", [], scratch=tmp_path)


def test_a_condition_must_not_take_the_name_of_another_column() -> None:
    with pytest.raises(FormatError, match="seed"):
        store.rows_schema({"seed": "number"}, [], {"image": "image"})
