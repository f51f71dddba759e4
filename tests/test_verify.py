from __future__ import annotations

import json
import re

import pytest
import tiny_store as tiny
from damage import damages

from voxpress import store
from voxpress.errors import CorruptError, FormatError, StoreNotFoundError
from voxpress.store.parsing import canonical_json

SHARD = "volumes/train.zarr/image/c.1.0.0.0"
IDS = ("tiny-000004", "tiny-000006", "tiny-000007")


def found(path) -> list[tuple[str, str]]:
    report = store.verify(path)
    assert report.ok is (not report.problems)
    assert all(problem.message for problem in report.problems)
    return [(problem.kind, problem.path) for problem in report.problems]


def test_a_sound_store_is_ok(sealed_store) -> None:
    report = store.verify(sealed_store)
    assert report.problems == ()
    sizes = [path.stat().st_size for path in sealed_store.rglob("*") if path.is_file() and path.name != "voxpress.json"]
    assert (report.files, report.bytes) == (len(sizes), sum(sizes))


def test_progress_only_grows_and_ends_at_the_total(sealed_store) -> None:
    calls: list[tuple[int, int]] = []
    report = store.verify(sealed_store, progress=lambda done, total: calls.append((done, total)))
    assert calls == sorted(calls)
    assert calls[-1] == (report.bytes, report.bytes)


def test_progress_ends_at_the_total_though_files_are_missing(tiny_store) -> None:
    (tiny_store / SHARD).unlink()
    calls: list[tuple[int, int]] = []
    report = store.verify(tiny_store, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (report.bytes, report.bytes)


def test_a_missing_shard_names_its_samples(tiny_store) -> None:
    (tiny_store / SHARD).unlink()
    [problem] = store.verify(tiny_store).problems
    assert (problem.kind, problem.path, problem.samples) == ("missing", SHARD, IDS)
    assert "from its source" in problem.message


def test_a_cut_shard(tiny_store) -> None:
    (tiny_store / SHARD).write_bytes((tiny_store / SHARD).read_bytes()[:-1])
    assert found(tiny_store) == [("size", SHARD)]


def test_every_damage_to_every_file_is_found(tiny_store) -> None:
    """Each file of the store in turn; what people may edit is none of it."""
    files = sorted(path for path in tiny_store.rglob("*") if path.is_file())
    assert len(files) == 27
    for file in files:
        relative = file.relative_to(tiny_store).as_posix()
        for way in damages(file):
            [problem] = store.verify(tiny_store).problems
            assert (problem.path, problem.samples) == (relative, samples_of(relative)), way
    assert store.verify(tiny_store).ok


def samples_of(relative: str) -> tuple[str, ...]:
    """What the builder of the store put there."""
    everyone = {
        f"tiny-{index:06d}": ("train", index) if index < 10 else ("validation", index - 10) for index in range(13)
    }
    del everyone[f"tiny-{tiny.HOLE:06d}"]
    if relative.startswith("spare/"):
        return ()
    for split in tiny.SLOTS:
        mine = {id_: slot for id_, (other, slot) in everyone.items() if other == split}
        shard = re.fullmatch(rf"volumes/{split}.zarr/\w+/c.(\d+).0.0.0", relative)
        if shard:
            return tuple(id_ for id_, slot in mine.items() if slot // tiny.SHARD_SAMPLES == int(shard[1]))
        if split in relative:
            return tuple(mine)
    return tuple(everyone)


def test_samples_are_named_though_the_table_is_damaged_too(tiny_store) -> None:
    table = tiny_store / "metadata/train-00000-of-00001.parquet"
    table.write_bytes(b"x")
    (tiny_store / SHARD).unlink()
    assert [(problem.path, problem.samples) for problem in store.verify(tiny_store).problems] == [
        ("metadata/train-00000-of-00001.parquet", samples_of("metadata/train-")),
        (SHARD, IDS),
    ]
    record = store.verify(tiny_store)
    assert record.samples == tiny.SAMPLES
    copy = store.Manifest.from_bytes((tiny_store / "voxpress.json").read_bytes(), "").files[
        table.relative_to(tiny_store).as_posix()
    ]
    (tiny_store / "spare" / copy.sha256).unlink()
    assert [problem.samples for problem in store.verify(tiny_store).problems] == [(), (), ()]


def test_a_manifest_and_its_copy_that_are_both_damaged(tiny_store) -> None:
    """Nothing says which of them is right: that is no report, but an error."""
    [copy] = (tiny_store / "spare").glob("voxpress-*.json")
    for file in (copy, tiny_store / "voxpress.json"):
        file.write_bytes(file.read_bytes().replace(b'"tiny-brains"', b'"tiny-brainz"'))
    with pytest.raises(CorruptError, match="edited or damaged"):
        store.verify(tiny_store)
    (tiny_store / "voxpress.json").unlink()
    with pytest.raises(StoreNotFoundError):
        store.verify(tiny_store)


def test_the_copy_of_a_manifest_does_not_finish_a_run(tiny_store) -> None:
    (tiny_store / "voxpress.json").unlink()
    assert found(tiny_store) == [("missing", "voxpress.json")]
    (tiny_store / store.WORK_FOLDER).mkdir()
    (tiny_store / store.WORK_FOLDER / "order.json").touch()
    with pytest.raises(StoreNotFoundError, match="unfinished"):
        store.verify(tiny_store)


def test_a_copy_of_another_manifest_is_not_listed(tiny_store) -> None:
    """A name that was changed: the copy that should be there is missing."""
    [copy] = (tiny_store / "spare").glob("voxpress-*.json")
    copy.rename(copy.with_name(f"voxpress-{'0' * 64}.json"))
    with pytest.raises(CorruptError, match="edited or damaged"):
        store.verify(tiny_store)


@pytest.mark.parametrize("file", [SHARD, "recipe.yaml", "metadata/train-00000-of-00001.parquet"])
def test_a_flipped_bit(tiny_store, file: str) -> None:
    data = bytearray((tiny_store / file).read_bytes())
    data[5] ^= 1
    (tiny_store / file).write_bytes(data)
    assert found(tiny_store) == [("checksum", file)]


@pytest.mark.parametrize("file", ["volumes/train.zarr/image/c.9.0.0.0", "metadata/extra.parquet", "notes.txt", "a/b"])
def test_a_file_that_is_not_listed(tiny_store, file: str) -> None:
    (tiny_store / file).parent.mkdir(exist_ok=True)
    (tiny_store / file).write_bytes(b"x")
    assert found(tiny_store) == [("unlisted", file)]


@pytest.mark.parametrize("file", ["README.md", "croissant.json", "quality/report.json", ".gitattributes", ".cache/x"])
def test_what_people_add_is_no_problem(tiny_store, file: str) -> None:
    (tiny_store / file).parent.mkdir(exist_ok=True)
    (tiny_store / file).write_bytes(b"x")
    assert found(tiny_store) == []


def test_a_link_that_leads_out_is_not_hashed(tiny_store, tmp_path) -> None:
    (tmp_path / "copy").write_bytes((tiny_store / SHARD).read_bytes())
    (tiny_store / SHARD).unlink()
    (tiny_store / SHARD).symlink_to(tmp_path / "copy")
    assert found(tiny_store) == [("unsafe", SHARD)]


def test_a_linked_folder_is_named_and_not_followed(tiny_store, tmp_path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    (tiny_store / "volumes" / "more").symlink_to(tmp_path / "outside")
    assert found(tiny_store) == [("unlisted", "volumes/more")]


def test_an_affine_that_differs_from_the_manifest(tiny_store) -> None:
    file = "volumes/validation.zarr/label/zarr.json"
    document = json.loads((tiny_store / file).read_text())
    document["attributes"]["affine"][0][3] = 0.0
    (tiny_store / file).write_bytes(canonical_json(document))
    tiny.rewrite(tiny_store)
    [problem] = store.verify(tiny_store).problems
    assert (problem.kind, problem.path) == ("format", file)
    assert "affine" in problem.message


def test_holes_that_differ_from_the_manifest(tiny_store) -> None:
    file = "volumes/train.zarr/image/zarr.json"
    document = json.loads((tiny_store / file).read_text())
    document["attributes"]["holes"] = []
    (tiny_store / file).write_bytes(canonical_json(document))
    tiny.rewrite(tiny_store)
    assert found(tiny_store) == [("format", file)]


def test_rows_that_differ_from_the_manifest(tiny_store) -> None:
    import pyarrow.parquet as pq

    file = tiny_store / "metadata/validation-00000-of-00001.parquet"
    rows = pq.read_table(file).to_pylist()
    rows[1]["sample_id"] = rows[0]["sample_id"]
    store.write_rows(file, [pq.read_table(file).from_pylist(rows, schema=tiny.schema())], scratch=tiny_store.parent)
    tiny.rewrite(tiny_store)
    [problem] = store.verify(tiny_store).problems
    assert problem.kind == "format"
    assert "sample_id twice" in problem.message


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("image_box", [0, 16, 0, 20, 0, 19], "leaves the sample"),
        ("label_counts", [1], "wrong length"),
        ("label_boxes", None, "wrong length"),
    ],
)
def test_extents_that_no_sample_can_have(tiny_store, column: str, value: object, said: str) -> None:
    import pyarrow.parquet as pq

    file = tiny_store / "metadata/validation-00000-of-00001.parquet"
    rows = pq.read_table(file).to_pylist()
    rows[1][column] = value
    store.write_rows(file, [pq.read_table(file).from_pylist(rows, schema=tiny.schema())], scratch=tiny_store.parent)
    tiny.rewrite(tiny_store)
    [problem] = store.verify(tiny_store).problems
    assert problem.kind == "format"
    assert said in problem.message


def test_since_format_2_the_extents_must_be_there(tiny_store) -> None:
    import pyarrow.parquet as pq

    for file in tiny_store.glob("metadata/*.parquet"):
        store.write_rows(file, [pq.read_table(file).drop_columns("image_box")], scratch=tiny_store.parent)
    tiny.rewrite(tiny_store)
    [problem] = store.verify(tiny_store).problems
    assert "must have one column 'image_box' of type list<" in problem.message
    tiny.rewrite(tiny_store, format_version=1)
    assert store.verify(tiny_store).problems == ()


def test_parts_that_say_otherwise_whether_they_are_synthetic(tiny_store) -> None:
    tiny.rewrite(tiny_store, synthetic=False, format_version=0)
    problems = store.verify(tiny_store).problems
    assert len([p for p in problems if "attributes.synthetic must be False" in p.message]) == 4
    assert any("'is_synthetic'" in p.message for p in problems if p.path == "metadata")
    with pytest.raises(FormatError, match="must be False in every row"):
        _ = store.open(tiny_store).table
