"""The copies of what is no shard: written before the manifest, vouched for by their names."""

from __future__ import annotations

import hashlib
import json

import pytest
import tiny_store as tiny

from voxpress import store
from voxpress.errors import CorruptError
from voxpress.store import layout, spare


def manifest_of(root) -> store.Manifest:
    return store.Manifest.from_bytes((root / store.MANIFEST_NAME).read_bytes(), "here")


def test_there_is_a_copy_of_all_that_is_no_shard(sealed_store) -> None:
    manifest = manifest_of(sealed_store)
    originals = [path for path in manifest.files if "/c." not in path] + [store.MANIFEST_NAME]
    assert sorted(spare.spared(manifest)) == sorted(originals[:-1])
    assert {len(path.split("/")) for path in originals} == {1, 2, 3, 4}
    copies = {path.name: path.read_bytes() for path in (sealed_store / "spare").iterdir()}
    assert sorted(copies.values()) == sorted({(sealed_store / path).read_bytes() for path in originals})
    assert {f"spare/{name}" for name in copies} == set(store.spare_files(manifest))
    for name, data in copies.items():
        digest = hashlib.sha256(data).hexdigest()
        assert name in {digest, f"voxpress-{digest}.json"}
        assert store.spare_files(manifest)[f"spare/{name}"] == store.FileRecord(len(data), digest)


def test_a_copy_is_no_link(sealed_store) -> None:
    assert {path.stat().st_nlink for path in (sealed_store / "spare").iterdir()} == {1}


def test_older_formats_have_none(tiny_store) -> None:
    tiny.rewrite(tiny_store, format_version=2)
    assert not (tiny_store / "spare").exists()
    assert store.spare_files(manifest_of(tiny_store)) == {}
    assert store.verify(tiny_store).ok


def test_what_is_wrong_is_not_sealed(tiny_store, tmp_path) -> None:
    manifest = manifest_of(tiny_store)
    (tiny_store / store.MANIFEST_NAME).unlink()
    (tiny_store / "recipe.yaml").write_bytes(b"name: tiny-brainz\n")
    with pytest.raises(CorruptError, match=r"recipe\.yaml"):
        store.seal(tiny_store, manifest, scratch=tmp_path)
    assert not (tiny_store / store.MANIFEST_NAME).exists()


@pytest.mark.parametrize("field", ["scale", "offset"])
def test_a_changed_digit_of_the_manifest_is_found_when_it_is_opened(tiny_store, field) -> None:
    path = tiny_store / store.MANIFEST_NAME
    document = json.loads(path.read_bytes())
    for array in document["arrays"].values():
        array[field] += 1.0
    path.write_bytes(json.dumps(document, sort_keys=True, indent=1).encode() + b"\n")
    assert manifest_of(tiny_store).specs["image"].scale != 0
    with pytest.raises(CorruptError, match="voxpress repair") as caught:
        store.open(tiny_store)
    assert (caught.value.kind, caught.value.path) == ("checksum", "voxpress.json")


def test_a_download_without_copies_opens(tiny_store) -> None:
    for path in (tiny_store / "spare").iterdir():
        path.unlink()
    assert len(store.open(tiny_store)) == tiny.SAMPLES
    (tiny_store / "spare").rmdir()
    assert len(store.open(tiny_store)) == tiny.SAMPLES


def test_names_of_copies() -> None:
    digest = "0123456789abcdef" * 4
    assert layout.spare_manifest_digest(layout.spare_manifest_path(digest).removeprefix("spare/")) == digest
    for name in (digest, f"voxpress-{digest[1:]}.json", f"voxpress-{digest.upper()}.json", f"voxpress-{digest}.json.x"):
        assert layout.spare_manifest_digest(name) is None
    assert layout.is_spare(layout.spare_path(digest))
    assert not layout.is_spare("spare")
    assert not layout.is_spare("spares/x")
