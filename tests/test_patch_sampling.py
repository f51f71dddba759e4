"""Foreground and labels: boxes from the table alone, each position that is allowed reached, none that is not."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voxpress.errors import FormatError
from voxpress.loaders.patches import Foreground, Labels, Uniform, centred_box, foreground_box, random_box
from voxpress.loaders.random_words import PATCH as PATCH_WORDS
from voxpress.loaders.random_words import WORDS, random_words
from voxpress.store import ArraySpec

SHAPE = (16, 20, 18)
PATCH = (5, 6, 7)
AFFINE = ((1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1))
SIX = tuple[int, int, int, int, int, int]


def spec(name, kind, shape=SHAPE):
    labels = {0: "background", 1: "brain", 2: "ventricles", 7: "lesion"} if kind == "label" else None
    return ArraySpec(name=name, kind=kind, dtype="uint8", shape=shape, shard_samples=2, affine=AFFINE, labels=labels)


SPECS = {"image": spec("image", "image"), "label": spec("label", "label")}


def table(rows):
    """A table of extents from (foreground, {label: (voxels, box)}) a row."""
    return pa.table(
        {
            "image_box": pa.array([foreground for foreground, _ in rows], pa.list_(pa.int16())),
            "label_values": pa.array([list(labels) for _, labels in rows], pa.list_(pa.int32())),
            "label_counts": pa.array([[n for n, _ in labels.values()] for _, labels in rows], pa.list_(pa.int64())),
            "label_boxes": pa.array(
                [[end for _, box in labels.values() for end in box] for _, labels in rows], pa.list_(pa.int16())
            ),
        }
    )


BRAIN = [2, 14, 3, 18, 1, 17]
ROWS = table(
    [
        (BRAIN, {1: (900, BRAIN), 2: (30, [6, 9, 8, 11, 7, 10]), 7: (1, [15, 16, 0, 1, 17, 18])}),
        (BRAIN, {1: (900, BRAIN)}),
        (None, {}),
        ([5, 6, 5, 6, 5, 6], {}),
    ]
)


def box_of(placement, row, *, index, number=0, seed=0, epoch=0):
    address = {"seed": seed, "epoch": epoch, "index": index, "number": number}
    return placement.box(row, random_words(**address, purpose=PATCH_WORDS, count=WORDS).tolist())


def as_box(six):
    return (six[0], six[1]), (six[2], six[3]), (six[4], six[5])


def boxes(sampling, row, *, patch=PATCH, count=400, rows=ROWS, specs=SPECS):
    placement = sampling.placement(SHAPE, patch, specs, rows)
    return [box_of(placement, row, seed=3, epoch=1, index=41, number=number) for number in range(count)]


@st.composite
def a_box_in_a_volume(draw):
    """Shape, patch that fits, box that is not empty and lies inside."""
    shape = tuple(draw(st.integers(1, 9)) for _ in range(3))
    patch = tuple(draw(st.integers(1, size)) for size in shape)
    ends = [sorted((draw(st.integers(0, size - 1)), draw(st.integers(1, size)))) for size in shape]
    return shape, patch, tuple((first, stop if stop > first else first + 1) for first, stop in ends)


any_words = st.lists(st.integers(0, 2**64 - 1), min_size=3, max_size=3)


def overlap(box, other):
    return [max(0, min(a[1], b[1]) - max(a[0], b[0])) for a, b in zip(box, other, strict=True)]


@given(a_box_in_a_volume(), any_words)
def test_a_foreground_box_covers_as_much_as_any_box_of_its_size(case, drawn):
    shape, patch, foreground = case
    box = foreground_box(shape, patch, foreground, drawn)
    assert tuple(stop - start for start, stop in box) == patch
    assert all(start >= 0 and stop <= size for (start, stop), size in zip(box, shape, strict=True))
    best = [min(extent, stop - first) for extent, (first, stop) in zip(patch, foreground, strict=True)]
    assert overlap(box, foreground) == best


@given(a_box_in_a_volume())
def test_every_position_that_covers_best_is_reached(case):
    shape, patch, foreground = case
    for axis in range(3):
        size, extent = shape[axis], patch[axis]
        first, stop = foreground[axis]
        best = min(extent, stop - first)
        allowed = {start for start in range(size - extent + 1) if min(start + extent, stop) - max(start, first) == best}
        drawn = {foreground_box(shape, patch, foreground, [n << 59] * 3)[axis][0] for n in range(32)}
        assert drawn == allowed


@given(a_box_in_a_volume(), any_words)
def test_a_centred_box_holds_its_centre_and_lies_inside(case, drawn):
    shape, patch, around = case
    box = centred_box(shape, patch, around, drawn)
    assert tuple(stop - start for start, stop in box) == patch
    assert all(start >= 0 and stop <= size for (start, stop), size in zip(box, shape, strict=True))
    assert min(overlap(box, around)) >= 1


@given(a_box_in_a_volume())
def test_every_centre_is_reached(case):
    shape, patch, around = case
    for axis in range(3):
        expected = {
            min(max(0, centre - patch[axis] // 2), shape[axis] - patch[axis]) for centre in range(*around[axis])
        }
        assert {centred_box(shape, patch, around, [n << 59] * 3)[axis][0] for n in range(32)} == expected


def test_uniform_is_the_random_box():
    expected = [random_box(SHAPE, PATCH, seed=3, epoch=1, index=41, number=number) for number in range(400)]
    assert boxes(Uniform(), 0) == expected


def test_foreground_patches_lie_in_the_brain():
    drawn = boxes(Foreground(), 0)
    for axis, (first, stop) in enumerate(as_box(BRAIN)):
        assert {box[axis][0] for box in drawn} == set(range(first, stop - PATCH[axis] + 1))


def test_a_margin_of_half_a_patch_lets_the_centre_be_any_voxel_of_the_brain():
    drawn = boxes(Foreground(margin=3), 0, patch=(6, 6, 6), count=800)
    for axis, (first, stop) in enumerate(as_box(BRAIN)):
        reached = {box[axis][0] + 3 for box in drawn}
        assert reached == set(range(max(3, first), min(SHAPE[axis] - 3, stop) + 1))


def test_a_sample_without_foreground_has_patches_anywhere():
    assert boxes(Foreground(), 2) == boxes(Uniform(), 2)


@pytest.mark.parametrize(
    ("weights", "share"),
    [({"brain": 1, "ventricles": 3}, 0.75), ({1: 1, 2: 1}, 0.5), ({"ventricles": 1, "brain": 0}, 1.0)],
    ids=["names", "values", "a weight of 0"],
)
def test_a_label_is_drawn_by_its_weight(weights, share):
    placement = Labels(weights).placement(SHAPE, (1, 1, 1), SPECS, ROWS)
    drawn = [box_of(placement, 0, index=n) for n in range(2000)]
    small = as_box([6, 9, 8, 11, 7, 10])
    inside = np.mean([overlap(box, small) == [1, 1, 1] for box in drawn])
    # the brain's box holds the ventricles' too: 27 of its 12 x 15 x 16 voxels; 0.011 is one standard deviation
    assert inside == pytest.approx(share + (1 - share) * 27 / (12 * 15 * 16), abs=0.045)


def test_weights_by_count_follow_the_voxels():
    weights = {"brain": 1, "ventricles": 30}
    placement = Labels(weights, by_count=True).placement(SHAPE, (1, 1, 1), SPECS, ROWS)
    drawn = [box_of(placement, 0, index=n) for n in range(2000)]
    small = as_box([6, 9, 8, 11, 7, 10])
    assert np.mean([overlap(box, small) == [1, 1, 1] for box in drawn]) == pytest.approx(0.5, abs=0.045)


def test_the_background_is_anywhere_and_counts_what_no_label_has():
    anywhere = boxes(Uniform(), 0)
    assert boxes(Labels({"background": 2}), 0) == anywhere
    assert boxes(Labels({0: 1}, by_count=True), 0) == anywhere
    placement = Labels({0: 1, 1: 1, 2: 1}, by_count=True).placement(SHAPE, (1, 1, 1), SPECS, ROWS)
    assert placement._weights(0).tolist() == [900, 30, 16 * 20 * 18 - 931]


def test_labels_that_a_sample_does_not_have_are_left_out():
    assert boxes(Labels({"brain": 1, "lesion": 9}), 1) == boxes(Labels({"brain": 1}), 1)


@pytest.mark.parametrize("row", [1, 2, 3], ids=["brain", "nothing", "foreground without labels"])
@pytest.mark.parametrize("by_count", [False, True])
def test_without_any_of_the_labels_patches_are_on_the_foreground_and_then_anywhere(row, by_count):
    assert boxes(Labels({"lesion": 1}, by_count=by_count), row) == boxes(Foreground(), row)


def test_a_label_at_the_edge_is_held_by_every_patch():
    drawn = boxes(Labels({"lesion": 1}), 0)
    assert set(drawn) == {((11, 16), (0, 6), (11, 18))}


def test_the_order_of_the_weights_does_not_matter():
    assert boxes(Labels({"brain": 1, "lesion": 2, 2: 3}), 0) == boxes(Labels({2: 3, "lesion": 2, 1: 1}), 0)


def test_seed_epoch_sample_and_number_all_move_the_box():
    base = {"seed": 0, "epoch": 0, "index": 0, "number": 0}
    for sampling, number in itertools.product((Foreground(), Labels({"brain": 1})), range(4)):
        placement = sampling.placement(SHAPE, PATCH, SPECS, ROWS)
        drawn = {box_of(placement, 0, **(base | {name: 1 + number})) for name in base}
        assert len(drawn) == 4


@pytest.mark.parametrize(
    ("sampling", "expected"),
    [
        (Foreground(), [((2, 7), (9, 15), (1, 8)), ((6, 11), (9, 15), (2, 9)), ((7, 12), (5, 11), (1, 8))]),
        (
            Labels({"ventricles": 1, "brain": 1}),
            [((0, 5), (10, 16), (0, 7)), ((6, 11), (10, 16), (1, 8)), ((7, 12), (4, 10), (0, 7))],
        ),
    ],
    ids=["foreground", "labels"],
)
def test_known_boxes_stay_the_same_across_versions(sampling, expected):
    assert boxes(sampling, 0, count=3) == expected


def test_only_the_columns_that_are_needed_are_asked_for():
    assert Uniform().columns(SPECS) == ()
    assert Foreground().columns(SPECS) == ("image_box",)
    assert Labels({1: 1}).columns(SPECS) == ("label_values", "label_boxes", "image_box")
    assert Labels({1: 1}, by_count=True).columns(SPECS) == ("label_values", "label_boxes", "label_counts", "image_box")
    only = {"label": SPECS["label"]}
    assert Labels({1: 1}).columns(only) == ("label_values", "label_boxes")
    assert boxes(Labels({"lesion": 1}), 1, specs=only) == boxes(Uniform(), 1)


def test_chunks_slices_and_rows_taken_in_another_order_are_read_alike():
    whole = pa.concat_tables([ROWS, ROWS.slice(1, 2), ROWS]).slice(1)
    order = [8, 0, 3, 5, 1]
    origin = [*range(4), 1, 2, *range(4)][1:]
    for sampling in (Foreground(), Labels({"brain": 1, "lesion": 1}, by_count=True)):
        sliced = sampling.placement(SHAPE, PATCH, SPECS, whole)
        taken = sampling.placement(SHAPE, PATCH, SPECS, whole.take(order))
        plain = sampling.placement(SHAPE, PATCH, SPECS, ROWS)
        for row, old in enumerate(origin):
            assert box_of(sliced, row, seed=1, epoch=0, index=row) == box_of(plain, old, seed=1, epoch=0, index=row)
        for row, old in enumerate(order):
            assert box_of(taken, row, seed=1, epoch=0, index=7) == box_of(plain, origin[old], seed=1, epoch=0, index=7)


def test_a_choice_is_a_value():
    assert Labels({"brain": 1, 2: 0.5}) == Labels({"brain": 1.0, 2: 0.5})
    assert repr(Labels({"brain": 1})) == "Labels(weights={'brain': 1.0}, array='label', by_count=False)"
    assert len({Foreground(), Foreground(array="image"), Uniform(), Uniform()}) == 2
    given_weights = {"brain": 1}
    sampling = Labels(given_weights)
    given_weights["brain"] = 5
    assert sampling.weights == {"brain": 1.0}


def test_a_table_of_format_1_says_how_to_add_the_columns():
    old = ROWS.select([])
    for sampling, column in ((Foreground(), "image_box"), (Labels({1: 1}), "label_values, label_boxes")):
        with pytest.raises(FormatError, match=rf"no column {column}.*voxpress recode"):
            sampling.placement(SHAPE, PATCH, SPECS, old)


@pytest.mark.parametrize(
    ("wrong", "sampling", "told"),
    [
        (table([([0, 17, 0, 1, 0, 1], {})]), Foreground(), "image_box"),
        (table([([-1, 1, 0, 1, 0, 1], {})]), Foreground(), "image_box"),
        (table([([3, 3, 0, 1, 0, 1], {})]), Foreground(), "image_box"),
        (table([([0, 1, 0, 1], {})]), Foreground(), "image_box"),
        (table([([0, 1] * 6, {})]), Foreground(), "image_box"),
        (table([(None, {1: (5, [0, 1])})]), Labels({1: 1}), "label_boxes"),
        (table([(None, {1: (5, [0, 1, 0, 30, 0, 1])})]), Labels({1: 1}), "label_boxes"),
        (table([(None, {1: (0, BRAIN)})]), Labels({1: 1}, by_count=True), "label_counts"),
        (table([(None, {1: (10**6, BRAIN)})]), Labels({1: 1}, by_count=True), "label_counts"),
    ],
    ids=["too far", "negative", "empty", "short", "long", "short label", "label too far", "no voxels", "many voxels"],
)
def test_a_table_that_lies_is_refused(wrong, sampling, told):
    with pytest.raises(FormatError, match=told):
        sampling.placement(SHAPE, PATCH, SPECS, wrong)


def test_a_column_of_another_type_is_refused():
    wrong = ROWS.set_column(0, "image_box", pa.array(["0 1 0 1 0 1"] * 4))
    with pytest.raises(FormatError, match="lists of integers, got string"):
        Foreground().placement(SHAPE, PATCH, SPECS, wrong)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Labels({}), "at least one above 0"),
        (lambda: Labels({"brain": 0}), "at least one above 0"),
        (lambda: Labels({"brain": -1, 2: 3}), "0 or more"),
        (lambda: Labels({"brain": float("nan")}), "finite"),
        (lambda: Foreground(margin=-1), "margin must be"),
        (lambda: Labels({"heart": 1}).columns(SPECS), r"no label 'heart'.*2 \(ventricles\)"),
        (lambda: Labels({9: 1}).columns(SPECS), "no label 9"),
        (lambda: Labels({True: 1}).columns(SPECS), "no label True"),
        (lambda: Labels({"brain": 1, 1: 2}).columns(SPECS), "two weights"),
        (lambda: Labels({1: 1}, array="image").columns(SPECS), "no label array 'image'; it has label"),
        (lambda: Foreground(array="label").columns(SPECS), "no image 'label'; it has image"),
        (lambda: Foreground().placement(SHAPE, (17, 1, 1), SPECS, ROWS), "larger than the volumes"),
        (lambda: Foreground().placement((8, 8, 8), (2, 2, 2), SPECS, ROWS), "cannot follow array 'image'"),
    ],
)
def test_what_cannot_be_is_refused(make, told):
    with pytest.raises(ValueError, match=told):
        make()


def test_memory_is_that_of_the_labels_asked_for():
    placement = Labels({"lesion": 1}).placement(SHAPE, PATCH, SPECS, ROWS)
    assert placement.boxes.shape == (4, 1, 6)
    assert placement.boxes.dtype == np.int16
    assert placement.counts is None
