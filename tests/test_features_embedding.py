"""Many volumes are embedded once, in processes, and kept where only their owner can read them."""

from __future__ import annotations

import stat

import numpy as np
import pytest
from tiny_features import Scans, Tones

from voxpress.errors import FormatError
from voxpress.quality.features.embedding import embed, embed_volumes, features_cache
from voxpress.quality.features.pieces import piece_rows


def test_every_volume_has_its_vector_in_order(tmp_path):
    scans, told = Scans(20), []
    done = embed_volumes(scans, [Tones()], cache=tmp_path / "kept", progress=lambda *state: told.append(state))
    features = done.features["tones"]
    assert features.ids == scans.ids
    assert features.feature_id == "tones/1"
    for number in (0, 7, 19):
        np.testing.assert_array_equal(features.values[number], Tones().embed(scans.volume(number)))
    assert done.failed == {}
    assert told[0] == (0, 20)
    assert told[-1] == (20, 20)


def test_processes_give_the_same(tmp_path):
    alone = embed_volumes(Scans(40), [Tones()], cache=tmp_path / "a")
    both = embed_volumes(Scans(40), [Tones()], cache=tmp_path / "b", workers=2)
    np.testing.assert_array_equal(alone.features["tones"].values, both.features["tones"].values)


def test_nothing_is_embedded_twice(tmp_path):
    extractor, kept = Tones(tmp_path / "log"), tmp_path / "kept"
    first = embed_volumes(Scans(5), [extractor], cache=kept)
    again = embed_volumes(Scans(5), [extractor], cache=kept)
    assert extractor.calls == 5
    np.testing.assert_array_equal(first.features["tones"].values, again.features["tones"].values)
    embed_volumes(Scans(6), [extractor], cache=kept)
    assert extractor.calls == 11
    embed_volumes(Scans(5), [Tones(tmp_path / "log", version=2)], cache=kept)
    assert extractor.calls == 16


def test_a_run_that_was_stopped_goes_on(tmp_path):
    extractor, kept, count = Tones(tmp_path / "log"), tmp_path / "kept", 4 * piece_rows(128**3)
    with pytest.raises(KeyboardInterrupt):
        embed_volumes(Scans(count, stop=count - 1), [extractor], cache=kept)
    before = extractor.calls
    assert before >= 3 * piece_rows(128**3)
    told = []
    embed_volumes(Scans(count), [extractor], cache=kept, progress=lambda *state: told.append(state))
    assert extractor.calls == before + piece_rows(128**3)
    assert told[0] == (3 * piece_rows(128**3), count)


def test_the_folder_is_readable_by_its_owner_alone(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    embed_volumes(Scans(1), [Tones()])
    assert features_cache() == tmp_path / "voxpress" / "features"
    assert stat.S_IMODE(features_cache().stat().st_mode) == 0o700
    assert not list(features_cache().rglob("pieces-*"))


def test_a_scan_with_nan_is_named(tmp_path):
    with pytest.raises(FormatError, match=r"sub-002/anat\.nii\.gz: 1 of 2097152 voxels are NaN"):
        embed_volumes(Scans(4, broken=2), [Tones()], cache=tmp_path)


def test_an_extractor_that_cannot_take_a_volume_says_which(tmp_path):
    done = embed_volumes(Scans(4), [Tones(refuses=2.0)], cache=tmp_path)
    assert done.features == {}
    assert done.failed == {"tones": "sub-002/anat.nii.gz: this one is refused"}
    assert embed_volumes(Scans(4), [Tones(refuses=2.0)], cache=tmp_path).failed == done.failed


def test_no_volumes_are_no_error(tmp_path):
    assert len(embed_volumes(Scans(0), [Tones()], cache=tmp_path).features["tones"]) == 0


def test_an_extractor_that_breaks_its_contract_is_told():
    class Wide(Tones):
        width = 4

    class Infinite(Tones):
        def embed(self, volume):
            return np.full(3, np.inf, np.float32)

    vectors, failed = embed(Scans(1).volume(0), [Wide()])
    assert vectors == {"tones": None}
    assert "must give 4 numbers" in failed["tones"]
    assert "3 numbers that are not finite" in embed(Scans(1).volume(0), [Infinite()])[1]["tones"]
