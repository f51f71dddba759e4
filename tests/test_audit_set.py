"""The audit as a whole, over references in memory: without a holdout, with unusable volumes, stopped and gone on."""

import dataclasses

import numpy as np
import pytest
from head_scans import Scans, scan

from voxpress.errors import QualityError
from voxpress.quality.audit import audit_set
from voxpress.quality.audit.closeness import TrainingSet
from voxpress.quality.audit.control import planted_copies
from voxpress.quality.audit.embedding import embedded
from voxpress.quality.audit.kept_rows import rows_of
from voxpress.quality.audit.planting import COPY_KINDS, planted_copy
from voxpress.quality.audit.space import audit_space
from voxpress.quality.features import FeatureSet
from voxpress.quality.features.copy_dct import CopyDct

TRAIN = Scans(tuple(range(24)))
PEOPLE = Scans(tuple(range(100, 120)), name="other")
NEW = Scans(tuple(range(200, 203)), name="new")


def _training(subjects=None):
    known = embedded(TRAIN, CopyDct())
    return TrainingSet(known, subjects or TRAIN.subjects, audit_space(known, CopyDct()))


def test_without_a_holdout_every_training_subject_is_held_against_all_others():
    found = audit_set(NEW, TRAIN, copies=len(COPY_KINDS))
    scores = {score.id: score for score in found.scores}
    assert scores["audit.flagged_share"].value == 0
    assert scores["audit.copy_excess"].n == {"synthetic": 3, "train": 24, "left_out": 24}
    assert "no holdout was given" in scores["audit.membership_auc"].reason
    assert "There is no holdout" in found.notes[0]
    assert found.quarantine == found.pairs == ()


def test_scans_of_one_subject_are_no_neighbours_of_each_other():
    alone = _training().own_closeness()
    pairs = tuple(f"patient-{number // 2}" for number in range(24))
    together = _training(pairs).own_closeness(np.array([3, 5]))
    assert (alone.distance > 0).all()
    assert (together.row != [2, 4]).all()
    assert (together.distance >= alone.distance[[3, 5]]).all()


def test_a_set_without_a_training_set_is_not_run():
    found = audit_set(NEW, None)
    assert not found.was_run
    assert {score.value for score in found.scores} == {None}


@pytest.mark.parametrize(
    ("train", "holdout", "message"),
    [
        (Scans((1, 2, 3)), PEOPLE, "has 3 training subjects, and an audit needs at least 10"),
        (TRAIN, Scans((100, 101)), "has 2 held-out subjects, and an audit needs at least 20"),
        (Scans(tuple(range(15))), None, "has 15 training subjects, and an audit needs at least 21"),
        (TRAIN, Scans(tuple(range(10, 40))), "14 subjects are in the training set"),
    ],
    ids=["few-train", "few-holdout", "few-without-holdout", "in-both"],
)
def test_unusable_sets_are_refused_before_anything_is_read(train, holdout, message):
    with pytest.raises(QualityError, match=message):
        audit_set(NEW, train, holdout, cache=None)


@dataclasses.dataclass(frozen=True)
class _Faulty(Scans):
    fault: float = np.nan

    def volume(self, row):
        volume = super().volume(row)
        if row != 3:
            return volume
        image = volume.image.copy()
        image[:] = self.fault
        return dataclasses.replace(volume, image=image)


@pytest.mark.parametrize("fault", [np.nan, 0.0], ids=["nan", "empty"])
def test_a_volume_that_cannot_be_used_is_named(fault):
    with pytest.raises(QualityError, match=r"/private/patient: patient-0003-scan cannot be compared"):
        audit_set(NEW, _Faulty(TRAIN.numbers, fault=fault), PEOPLE)


def test_training_volumes_that_are_all_the_same_are_refused():
    same = np.ones((12, CopyDct.width), np.float32)
    features = FeatureSet(name="copy_dct", feature_id="x", ids=tuple(map(str, range(12))), values=same)
    with pytest.raises(QualityError, match="give volumes that differ"):
        audit_space(features, CopyDct())


def test_constant_coefficients_do_not_count():
    known = embedded(TRAIN, CopyDct())
    values = known.values.copy()
    values[:, 7] = 5
    space = audit_space(dataclasses.replace(known, values=values), CopyDct())
    assert not space.kept[7]
    assert np.isfinite(space.of(values)).all()


@pytest.mark.parametrize("kind", COPY_KINDS)
def test_planted_copies_are_close_to_their_source_and_not_the_same(kind):
    training, random = _training(), np.random.default_rng(2)
    copy = planted_copy(scan(4), kind, random)
    found = training.closeness(CopyDct().embed(copy)[None])
    assert found.row[0] == 4
    assert found.mirrored[0] == (kind == "mirror")
    assert not np.array_equal(copy.image, scan(4).image)
    # what is not body stays background
    assert copy.image[0].max() == 0


def test_planted_copies_are_those_of_their_seed():
    one, same, other = (planted_copies(TRAIN, count=60, seed=seed) for seed in (1, 1, 2))
    assert (one.rows, one.kinds, one.digest) == (same.rows, same.kinds, same.digest)
    assert one.rows != other.rows
    assert one.digest != other.digest
    assert set(one.rows[:24]) == set(range(24))
    assert (one.volume(4).image == same.volume(4).image).all()


@dataclasses.dataclass
class _Counting:
    """Rows that fail at some number."""

    fails_at: int = 10**9
    made: list[int] = dataclasses.field(default_factory=list)
    digest: str = "counting"
    width: int = 2

    def __len__(self):
        return 40

    def row(self, number):
        if number >= self.fails_at:
            raise QualityError("stopped")
        self.made.append(number)
        return np.array([number, number**2], np.float32)


def test_stopped_work_goes_on(tmp_path):
    cache = tmp_path / "cache"
    with pytest.raises(QualityError):
        rows_of(_Counting(fails_at=35), cache)
    work = _Counting()
    rows = rows_of(work, cache)
    assert (rows[:, 1] == np.arange(40) ** 2).all()
    assert work.made == list(range(32, 40))
    assert cache.stat().st_mode & 0o077 == 0
    next(cache.rglob("*.npy")).write_bytes(b"damaged")
    again = _Counting()
    assert (rows_of(again, cache) == rows).all()
    assert len(again.made) == 16


def test_processes_make_the_same():
    train = Scans(tuple(range(20)))
    assert (embedded(train, CopyDct(), workers=2).values == embedded(train, CopyDct()).values).all()
