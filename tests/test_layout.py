from __future__ import annotations

import pytest

from voxpress.errors import UnsafePathError
from voxpress.store import layout


def test_names_are_those_of_the_format() -> None:
    assert layout.array_path("train", "image") == "volumes/train.zarr/image"
    assert layout.shard_path("train", "image", 3) == "volumes/train.zarr/image/c.3.0.0.0"
    assert layout.metadata_path("test", 1, 12) == "metadata/test-00001-of-00012.parquet"
    assert layout.group_zarr_json_path("train") == "volumes/train.zarr/zarr.json"
    assert layout.array_zarr_json_path("train", "label") == "volumes/train.zarr/label/zarr.json"


def test_a_shard_path_is_read_back() -> None:
    assert layout.parse_shard_path(layout.shard_path("train", "label", 12)) == ("train", "label", 12)
    assert layout.parse_shard_path("volumes/train.zarr/label/zarr.json") is None
    assert layout.parse_shard_path("volumes/train.zarr/label/c.1.0.0.1") is None


@pytest.mark.parametrize(
    ("path", "editable"),
    [
        ("README.md", True),
        ("croissant.json", True),
        ("quality/report.json", True),
        ("quality/figures/a.png", True),
        ("quality", False),
        ("recipe.yaml", False),
        ("metadata/README.md", False),
    ],
)
def test_what_may_change_after_the_manifest(path: str, editable: bool) -> None:
    assert layout.is_editable(path) is editable


UNSAFE = {
    "empty": "",
    "absolute": "/etc/passwd",
    "up": "../other",
    "up in the middle": "volumes/../../other",
    "here": "./recipe.yaml",
    "double slash": "volumes//train.zarr",
    "backslash": "volumes\\..\\x",
    "drive": "C:/windows",
    "stream": "recipe.yaml:hidden",
    "null": "recipe.yaml\0.png",
    "newline": "a\nb",
    "long": "a" * 2000,
    "trailing slash": "volumes/",
}


@pytest.mark.parametrize("path", UNSAFE.values(), ids=UNSAFE.keys())
def test_unsafe_paths_are_refused(path: str, tmp_path) -> None:
    with pytest.raises(UnsafePathError):
        layout.safe_path(tmp_path, path)


def test_a_link_that_leads_out_is_refused(tmp_path) -> None:
    root, outside = tmp_path / "store", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    (root / "volumes").symlink_to(outside)
    with pytest.raises(UnsafePathError, match="leads out of the store"):
        layout.safe_path(root, "volumes/train.zarr/zarr.json")


def test_a_link_inside_the_store_is_followed(tmp_path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "b").symlink_to("a")
    assert layout.safe_path(tmp_path, "b") == (tmp_path / "a").resolve()


def test_a_snapshot_in_the_hubs_cache_may_link_to_its_blobs_only(tmp_path) -> None:
    snapshot, blobs = tmp_path / "snapshots" / "abc", tmp_path / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / "123").write_text("x")
    (snapshot / "recipe.yaml").symlink_to("../../blobs/123")
    (snapshot / "evil").symlink_to("../../refs")
    assert layout.safe_path(snapshot, "recipe.yaml") == (blobs / "123").resolve()
    with pytest.raises(UnsafePathError):
        layout.safe_path(snapshot, "evil")
