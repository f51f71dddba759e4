"""Versions beside each other: their list, their order, and the addresses that name them."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress import store
from voxpress.errors import FormatError, StoreNotFoundError
from voxpress.store.sources.http import HttpSource
from voxpress.store.sources.local import LocalSource
from voxpress.store.sources.objects import ObjectSource
from voxpress.store.versions import Version, Versions, address_of_version, is_newer, is_tag

# semver.org 2.0.0, §11
ORDER = [
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.1",
    "1.2.0",
    "1.10.0",
    "2.0.0",
]


def versions(*names: str) -> Versions:
    return Versions(
        name="brains",
        versions={f"v{name}": Version(version=name, manifests={"voxpress.json": "a" * 64}) for name in names},
    )


@pytest.mark.parametrize("place", range(len(ORDER) - 1))
def test_versions_are_ordered_as_semver_says(place) -> None:
    assert is_newer(ORDER[place + 1], ORDER[place])
    assert not is_newer(ORDER[place], ORDER[place + 1])
    assert not is_newer(ORDER[place], f"{ORDER[place]}+build")


@given(st.permutations(ORDER))
def test_the_latest_does_not_depend_on_the_sequence(names) -> None:
    assert versions(*names).latest == "v2.0.0"
    assert versions(*[name for name in names if "-" in name]).latest == "v1.0.0-rc.1"


def test_a_list_is_itself_again() -> None:
    there = versions("1.0.0", "1.1.0-rc.1")
    assert Versions.from_bytes(there.to_bytes(), "there") == there
    assert there.to_bytes().startswith(b'{\n "format_version": 1,\n "latest": "v1.0.0",\n "name": "brains"')


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'"format_version": 1', b'"format_version": 2', "upgrade"),
        (b'"name": "brains"', b'"nom": "brains"', "lacks the fields name"),
        (b'"v1.0.0": {', b'"v1/../..": {', "which must match"),
        (b'"version": "1.0.0"', b'"version": "one"', "must be semantic"),
    ],
)
def test_a_list_that_is_wrong_is_refused(old, new, said) -> None:
    data = versions("1.0.0").to_bytes()
    assert old in data
    with pytest.raises(FormatError, match=said):
        Versions.from_bytes(data.replace(old, new), "there")


@pytest.mark.parametrize("text", ["v1.0.0", "1.0.0+b-2", "first", "A_1"])
def test_what_may_name_a_version(text) -> None:
    assert is_tag(text)


@pytest.mark.parametrize("text", ["", ".hidden", "a/b", "..", "versions.json", "a b", "x" * 101, "@"])
def test_what_may_not(text) -> None:
    assert not is_tag(text)


@pytest.fixture
def shelf(sealed_store, tmp_path):
    shutil.copytree(sealed_store, tmp_path / "shelf" / "v1.0.0")
    (tmp_path / "shelf" / "versions.json").write_bytes(versions("1.0.0").to_bytes())
    return tmp_path / "shelf"


def test_a_folder_of_versions_is_its_latest(shelf) -> None:
    assert store.open(shelf).path == shelf / "v1.0.0"
    assert store.open(f"{shelf}/").path == shelf / "v1.0.0"


def test_a_version_is_named_by_its_tag(shelf, monkeypatch) -> None:
    assert store.open(f"{shelf}@v1.0.0").path == shelf / "v1.0.0"
    monkeypatch.chdir(shelf.parent.parent)
    assert store.open(f"{shelf.parent.name}/shelf@v1.0.0").path == shelf / "v1.0.0"
    with pytest.raises(StoreNotFoundError, match=r"there is no version 'v1\.1\.0'"):
        store.open(f"{shelf}@v1.1.0")


def test_a_folder_that_has_the_sign_in_its_own_name_is_itself(shelf, sealed_store) -> None:
    shutil.copytree(sealed_store, f"{shelf}@v1.0.0")
    assert str(store.open(f"{shelf}@v1.0.0").path) == f"{shelf}@v1.0.0"


@pytest.mark.parametrize(
    "path",
    ["org/name@v1.0.0", "hf://datasets/org/name@v1.0.0", "/nowhere/name@v1.0.0", "name", Path("a@b"), "a@", "@b"],
)
def test_whatever_names_no_such_version_is_left_as_it_is(path) -> None:
    assert address_of_version(path) == path


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (LocalSource(Path("/data")), LocalSource(Path("/data/2mm"))),
        (HttpSource("https://u:p@host/data/?sig=1"), HttpSource("https://u:p@host/data/2mm?sig=1")),
        (HttpSource("https://host", hub=True), HttpSource("https://host/2mm", hub=True)),
        (ObjectSource("s3://bucket"), ObjectSource("s3://bucket/2mm")),
        (ObjectSource("gs://bucket/data/"), ObjectSource("gs://bucket/data/2mm")),
    ],
)
def test_a_folder_in_the_folder_of_a_source(source, expected) -> None:
    assert source.below("2mm") == expected
