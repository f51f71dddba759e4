"""What is published: files and phases, limits of the Hub, and the card, before anything is sent."""

from __future__ import annotations

import pytest
from published_stores import carded, collection, next_version

from voxpress import release, store
from voxpress.builder.publishing.card_check import check_card
from voxpress.builder.publishing.contents import read_contents
from voxpress.builder.publishing.hub_plan import RemoteFile, plan_commits, stale_files
from voxpress.builder.publishing.limits import check_hub_limits
from voxpress.errors import CorruptError, PublishError, StoreNotFoundError
from voxpress.store.published import Phase, published_files


@pytest.fixture
def root(tiny_store):
    return carded(tiny_store)


def test_volumes_come_first_and_the_manifest_last(root) -> None:
    (root / ".hidden").write_text("x")
    files = published_files(root, store.open(root).manifest)
    assert list(files.values()) == sorted(files.values())
    assert list(files)[-2:] == ["README.md", "voxpress.json"]
    assert files["quality/report.json"] == files["recipe.yaml"] == Phase.BESIDE
    assert files["metadata/train-00000-of-00001.parquet"] == Phase.TABLE
    assert set(files) == {
        path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file() and path.name[0] != "."
    }


def test_the_tag_is_that_of_the_version(root) -> None:
    contents = read_contents(root)
    assert (contents.name, contents.version, contents.tag) == ("tiny-brains", "1.0.0", "v1.0.0")
    assert contents.manifests == {"voxpress.json": store.open(root).manifest.digest}
    assert read_contents(root, "1.0.0").tag == "1.0.0"
    assert read_contents(root, "first").tag == "first"


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("v2.0.0", r"the tag v2\.0\.0 is not that of version 1\.0\.0"),
        ("main", "not main"),
        ("a b", "letters, digits"),
        ("../x", "letters, digits"),
        ("versions.json", "v1.0.0 would do"),
    ],
)
def test_a_tag_that_is_none_is_refused(root, tag, said) -> None:
    with pytest.raises(PublishError, match=said):
        read_contents(root, tag)


def test_a_collection_is_all_its_data_sets(sealed_store, tmp_path) -> None:
    root = collection(sealed_store, tmp_path / "both")
    contents = read_contents(root)
    assert contents.is_collection
    assert (contents.name, contents.tag) == ("both", "v1.0.0")
    assert set(contents.manifests) == {"coarse/voxpress.json", "fine/voxpress.json"}
    sealing = [file.path for file in contents.files if file.phase == Phase.SEAL]
    assert sealing == sorted(["README.md", "coarse/voxpress.json", "fine/voxpress.json"])
    assert check_card(contents) == (
        "README.md says that no licence has been chosen; edit it before people use the data set",
    )


def test_a_collection_of_different_versions_needs_a_tag(sealed_store, tmp_path) -> None:
    root = collection(sealed_store, tmp_path / "both")
    next_version(root / "fine", root / "finest")
    with pytest.raises(PublishError, match=r"different versions \(coarse 1\.0\.0, .* finest 2\.0\.0\); .* --tag"):
        read_contents(root)
    assert read_contents(root, "v7.0.0").version == "7.0.0"
    with pytest.raises(PublishError, match=r"must be as v1\.0\.0"):
        read_contents(root, "seventh")


@pytest.mark.parametrize(("name", "said"), [("half", "is unfinished"), ("notes", "is no data set")])
def test_a_collection_with_something_else_in_it_is_refused(sealed_store, tmp_path, name, said) -> None:
    root = collection(sealed_store, tmp_path / "both")
    (root / name / (store.WORK_FOLDER if name == "half" else "x")).mkdir(parents=True)
    with pytest.raises(StoreNotFoundError, match=f"{name} in it {said}"):
        read_contents(root)


def test_a_file_that_belongs_to_no_data_set_of_a_collection_is_told(sealed_store, tmp_path) -> None:
    root = collection(sealed_store, tmp_path / "both")
    (root / "LICENSE").write_text("mine")
    with pytest.raises(PublishError, match="LICENSE in it belongs to no data set"):
        read_contents(root)


def test_a_file_that_is_not_there_is_told(root) -> None:
    (root / "recipe.yaml").unlink()
    with pytest.raises(CorruptError, match=r"recipe\.yaml is missing"):
        read_contents(root)


def changed(root, old: str, new: str) -> None:
    card = (root / "README.md").read_text()
    assert old in card
    (root / "README.md").write_text(card.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param("configs:", "other:", r"no configuration 'default' \(its `configs` are: none\)", id="no configs"),
        pytest.param(
            "train-*.parquet", "train-00001-of-*.parquet", "split 'train' the files none", id="matches nothing"
        ),
        pytest.param("metadata/train-*", "metadata/*", "the split 'train' the files metadata/train", id="too many"),
        pytest.param("split: validation", "split: valid", "gives the split 'valid' the files", id="another name"),
        pytest.param("  - split: validation\n    path: metadata/validation-*.parquet\n", "", "none, but", id="missing"),
        pytest.param("pretty_name: tiny", "pretty_name: [", "cannot be read", id="no YAML"),
    ],
)
def test_a_card_that_is_wrong_is_told_with_what_would_be_right(root, old, new, said) -> None:
    changed(root, old, new)
    with pytest.raises(PublishError, match=said) as caught:
        check_card(read_contents(root))
    if "its header should have" in str(caught.value):
        assert "- split: validation\n    path: metadata/validation-*.parquet" in str(caught.value)


def test_a_card_that_is_missing_is_made(root) -> None:
    (root / "README.md").unlink()
    with pytest.raises(PublishError, match=r"there is no README\.md"):
        check_card(read_contents(root))
    assert release.write_missing_card(root, repository="org/brains")
    assert "load_dataset('org/brains'" in (root / "README.md").read_text()
    check_card(read_contents(root))
    assert not release.write_missing_card(root)


def test_the_card_of_a_collection_is_made(sealed_store, tmp_path) -> None:
    root = collection(sealed_store, tmp_path / "both")
    (root / "README.md").unlink()
    assert release.write_missing_card(root, repository="org/both")
    card = (root / "README.md").read_text()
    assert "voxpress.load_dataset('org/both', 'coarse', split='train')" in card
    assert "| fine | 1.0.0 | 12 | 16 x 20 x 18 | 1 x 1.5 x 2 |" in card
    check_card(read_contents(root))


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ({f"a/{n // 9000}/{n}": 1 for n in range(100_001)}, "100,001 files, 100,000 is the limit"),
        ({f"a/{n}": 1 for n in range(10_001)}, "10,001 entries in a, 10,000 is the limit"),
        ({f"{n}/x": 1 for n in range(10_001)}, "10,001 entries in the top folder"),
        ({"big": 500 * 10**9 + 1}, r"big has 500\.0 GB, 500\.0 GB is the limit"),
    ],
    ids=["files", "entries", "folders", "bytes"],
)
def test_what_the_hub_does_not_take_is_told_in_numbers(sizes, said) -> None:
    with pytest.raises(PublishError, match=said):
        check_hub_limits(sizes)


def test_what_the_hub_takes() -> None:
    assert check_hub_limits({f"a/{n // 9000}/{n}": 1 for n in range(100_000)}) == ()
    assert check_hub_limits({f"a/{n}": 1 for n in range(10_000)}) == ()
    assert check_hub_limits({"big": 200 * 10**9}) == ()
    (warning,) = check_hub_limits({"big": 201 * 10**9})
    assert warning == "big has 201.0 GB; the Hub advises at most 200.0 GB a file"


def remote(file) -> RemoteFile:
    return RemoteFile(bytes=file.record.bytes, blob_id="", sha256=file.record.sha256)


def test_commits_are_bounded_and_the_last_one_seals(root, monkeypatch) -> None:
    files = read_contents(root).files
    monkeypatch.setattr("voxpress.builder.publishing.hub_plan._COMMIT_BYTES", 20_000)
    commits = plan_commits(files, {}, [])
    assert [file for plan in commits for file in plan.add] == list(files)
    assert {file.phase for file in commits[-1].add} == {Phase.SEAL}
    assert len(commits) > 2
    for plan in commits[:-1]:
        assert len(plan.add) == 1 or sum(file.record.bytes for file in plan.add) <= 20_000
        assert Phase.SEAL not in {file.phase for file in plan.add}


def test_whatever_is_there_already_is_left_out(root) -> None:
    files = read_contents(root).files
    for count in range(len(files) + 1):
        tree = {file.path: remote(file) for file in files[:count]}
        commits = plan_commits(files, tree, [])
        assert [file for plan in commits for file in plan.add] == list(files[count:])
    assert plan_commits(files, {file.path: remote(file) for file in files}, []) == []


def test_an_older_manifest_goes_first(root, tmp_path) -> None:
    old, new = read_contents(root), read_contents(next_version(root, tmp_path / "next"))
    tree = {file.path: remote(file) for file in old.files} | {"LICENSE": RemoteFile(bytes=1, blob_id="", sha256=None)}
    stale = stale_files(new.files, tree, {"LICENSE"})
    assert all("validation" in path or path.startswith("spare/") for path in stale)
    first, spares, last = plan_commits(new.files, tree, stale)
    assert first.delete == ("voxpress.json",)
    quality = ["quality/parts/conditions.json", "quality/report.json"]
    assert [file.path for file in first.add] == ["volumes/train.zarr/image/c.1.0.0.0", *quality]
    assert {file.path.partition("/")[0] for file in spares.add} == {"spare"}
    assert [file.path for file in last.add] == ["README.md", "voxpress.json"]
    assert last.delete == tuple(stale)
    assert len(stale) == len(old.files) - len(new.files) + len(spares.add)


def test_the_same_size_is_not_the_same_file(root) -> None:
    files = read_contents(root).files
    tree = {file.path: remote(file) for file in files}
    shard = files[0]
    tree[shard.path] = RemoteFile(bytes=shard.record.bytes, blob_id="", sha256="0" * 64)
    tree["recipe.yaml"] = RemoteFile(bytes=len(b"name: tiny-brains\n"), blob_id="0" * 40, sha256=None)
    first, second = plan_commits(files, tree, [])[0].add
    assert [first.path, second.path] == [shard.path, "recipe.yaml"]
