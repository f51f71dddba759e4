"""Features that are made while the voxels are in memory are those of the stored voxels, and change no other byte."""

from __future__ import annotations

import numpy as np
import pytest
import tiny_brains
from tiny_factory import SAMPLES, balls, contents, order, press
from tiny_features import Tones

import voxpress
from voxpress import store
from voxpress.errors import StoreNotFoundError
from voxpress.generation.next_version import make_next, plan_next
from voxpress.quality.features.standard import standard_extractors
from voxpress.quality.features.table import feature_files, read_features
from voxpress.quality.inspecting import inspect_store


def features_of(root):
    return {path: digest for path, digest in contents(root).items() if path.startswith("quality/")}


def test_the_store_is_the_same_with_and_without(pressed_balls, tmp_path):
    press(order(), tmp_path / "balls", extractors=[Tones()])
    found = contents(tmp_path / "balls")
    assert {path: digest for path, digest in found.items() if "features" not in path} == contents(pressed_balls)
    assert store.verify(tmp_path / "balls").ok
    assert not (tmp_path / "balls" / store.WORK_FOLDER).exists()


def test_they_are_those_that_the_inspection_computes(pressed_balls, tmp_path):
    run = press(order(), tmp_path / "balls", extractors=standard_extractors())
    cohort = store.open(tmp_path / "balls")
    made = {file.path: (cohort.path / file.path).read_bytes() for file in feature_files(run.manifest)}
    done = inspect_store(cohort, standard_extractors())
    assert done.reasons == {}
    inspect_store(cohort, standard_extractors(), again=True)
    assert {path: (cohort.path / path).read_bytes() for path in made} == made


def test_the_inspection_does_not_make_them_again(tmp_path):
    press(order(), tmp_path / "balls", extractors=[Tones()])
    counting = Tones(tmp_path / "log")
    inspect_store(store.open(tmp_path / "balls"), [counting])
    assert counting.calls == 0


def test_samples_that_no_attempt_made_have_no_row(tmp_path):
    press(order("backend.fail={3: 99, 4: 2}"), tmp_path / "balls", extractors=[Tones()])
    cohort = store.open(tmp_path / "balls")
    assert len(read_features(cohort, Tones())) == len(cohort) == SAMPLES - 1


def test_a_run_that_began_without_them_leaves_holes_that_the_inspection_fills(tmp_path):
    target = tmp_path / "balls"

    def stop(progress):
        if progress.done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        press(order(), target, progress=stop)
    press(order(), target, extractors=[Tones()])
    cohort, counting = store.open(target), Tones(tmp_path / "log")
    with pytest.raises(StoreNotFoundError, match="is not there"):
        read_features(cohort, Tones())
    inspect_store(cohort, [counting])
    assert 0 < counting.calls < SAMPLES
    assert len(read_features(cohort, Tones())) == SAMPLES


def test_a_stopped_run_keeps_those_of_its_shards(tmp_path):
    target, counting = tmp_path / "balls", Tones(tmp_path / "log")

    def stop(progress):
        if progress.done == 7:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        press(order(), target, extractors=[counting], progress=stop)
    press(order(), target, extractors=[counting])
    assert SAMPLES <= counting.calls < SAMPLES + 2
    assert len(read_features(store.open(target), Tones())) == SAMPLES


def test_the_next_version_takes_them_over(tmp_path):
    press(order(), tmp_path / "one", extractors=[Tones()])
    counting = Tones(tmp_path / "log")
    plan = plan_next(store.open(tmp_path / "one"), version="1.1.0", sets=["samples=18"], load=balls)
    run = make_next(plan, tmp_path / "two", extractors=[counting])
    assert plan.reused_samples > 0
    assert counting.calls == run.made < 18
    press(order("samples=18", "version=1.1.0"), tmp_path / "fresh", extractors=[Tones()])
    assert features_of(tmp_path / "two") == features_of(tmp_path / "fresh")


def test_the_next_version_of_one_without_has_holes(tmp_path):
    press(order(), tmp_path / "one")
    plan = plan_next(store.open(tmp_path / "one"), version="1.1.0", sets=["samples=18"], load=balls)
    run = make_next(plan, tmp_path / "two", extractors=[Tones()])
    counting = Tones(tmp_path / "log")
    inspect_store(store.open(tmp_path / "two"), [counting])
    assert counting.calls == 18 - run.made


def test_generate_makes_them_unless_told_not_to(brains, tmp_path):
    cohort = store.open(brains)
    extractors = standard_extractors(cohort.specs)
    for extractor in extractors:
        assert len(read_features(cohort, extractor)) == len(cohort)
    without = voxpress.generate(tiny_brains.RECIPE, tmp_path / "brains", workers=1, features=False)
    assert not (without.path / "quality/features").exists()
    assert without.manifest.digest == cohort.manifest.digest or without.manifest.files != cohort.manifest.files
    volumes = read_features(cohort, extractors[-1])
    measured = np.asarray(cohort.table["measured_ventricular_volume_ml"].to_pylist())
    np.testing.assert_allclose(volumes.values[:, 0], measured, rtol=1e-5)
