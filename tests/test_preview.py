from __future__ import annotations

import numpy as np
import pytest
import tiny_store as tiny
from PIL import Image

from voxpress import store
from voxpress.cards import Scan, preview, preview_cohort
from voxpress.cards.captions import fitted, font_of, legend_lines, wrapped
from voxpress.cards.planes import PLANES, body_slices, cut, edges, focus, window

AXIAL, CORONAL, SAGITTAL = PLANES


@pytest.fixture(scope="module")
def cohort(sealed_store):
    return store.open(sealed_store)


def landmarks():
    """A volume with one bright voxel at each end of each axis, as far to R, L, A, P, S and I as there is."""
    volume = np.zeros((11, 13, 9), dtype=np.uint8)
    volume[-1, 6, 4], volume[0, 6, 4] = 201, 202
    volume[5, -1, 4], volume[5, 0, 4] = 203, 204
    volume[5, 6, -1], volume[5, 6, 0] = 205, 206
    return volume


@pytest.mark.parametrize(
    ("plane", "left", "right", "top", "bottom"),
    [(AXIAL, 201, 202, 203, 204), (CORONAL, 201, 202, 205, 206), (SAGITTAL, 203, 204, 205, 206)],
    ids=["axial", "coronal", "sagittal"],
)
def test_planes_are_in_radiological_orientation(plane, left, right, top, bottom):
    seen = cut(landmarks(), plane, (5, 6, 4))
    rows, columns = (size // 2 for size in seen.shape)
    assert seen[rows, 0] == left
    assert seen[rows, -1] == right
    assert seen[0, columns] == top
    assert seen[-1, columns] == bottom


def test_planes_go_through_the_ventricles():
    label = np.zeros((20, 20, 20), dtype=np.uint8)
    label[4:7, 10:13, 14:17] = label[13:16, 10:13, 14:17] = 3
    image = np.ones(label.shape)
    assert focus(image, label, {3: "lateral ventricles"}) == (5, 11, 15)
    assert focus(image, label, {3: "something else"}) == (10, 10, 10)
    assert focus(image, np.zeros_like(label), {3: "lateral ventricles"}) == (10, 10, 10)


def test_without_labels_planes_go_through_the_centre_of_mass():
    image = np.zeros((20, 20, 20))
    image[2:5, 7, 9] = 5
    assert focus(image) == (3, 7, 9)
    assert focus(np.zeros((20, 20, 20))) == (10, 10, 10)


def test_the_window_ignores_a_few_bright_voxels():
    image = np.zeros((20, 20, 20))
    image[5:15, 5:15, 5:15] = 100
    image[5, 5, 5] = 10_000
    assert window(image) == (0, 100)
    assert window(np.zeros((2, 2, 2))) == (0, 1)
    low, high = window(np.linspace(-1000, 1000, 1000).reshape(10, 10, 10))
    assert low < -990
    assert high > 990


def test_edges_are_the_outermost_pixels():
    mask = np.zeros((6, 6), dtype=bool)
    mask[1:5, 1:5] = True
    inside = np.zeros_like(mask)
    inside[2:4, 2:4] = True
    assert np.array_equal(edges(mask), mask & ~inside)
    assert not edges(np.ones((4, 4), dtype=bool)).any()


def test_the_body_is_found_in_all_volumes_together():
    first, second = np.zeros((2, 30, 30, 30))
    first[10, 12, 14] = second[20, 12, 14] = 1
    assert body_slices([first, second], margin=2) == (slice(8, 23), slice(10, 15), slice(12, 17))
    assert np.zeros((3, 4, 5))[body_slices([np.zeros((3, 4, 5))])].shape == (3, 4, 5)


def test_a_cohort_gives_a_picture(cohort):
    picture = preview_cohort(cohort, [0, 1, 11])
    assert picture.mode == "RGB"
    pixels = np.asarray(picture)
    assert pixels[:5].max() == 0
    coloured = (np.ptp(pixels.astype(int), axis=2) > 40).mean()
    assert coloured > 0.01
    grey = np.asarray(preview_cohort(cohort, [0, 1, 11], label_overlay=False)).astype(int)
    assert np.ptp(grey, axis=2).max() < 20


def test_the_same_samples_give_the_same_picture(cohort):
    assert preview_cohort(cohort, [3]).tobytes() == preview_cohort(cohort, [3]).tobytes()


def test_planes_keep_the_proportions_of_the_body():
    image = np.ones((10, 10, 10), dtype=np.uint8)
    picture = preview([Scan(image=image, spacing_mm=(1, 2, 4))], panel_height=200)
    bright = np.asarray(picture)[62:262].min(axis=2) > 150
    widths = [len(run) for run in np.split(*_runs(bright[90])) if len(run) > 20]
    # 5 pixels a millimetre: 10 mm, 10 mm and 20 mm across
    assert widths == [50, 50, 100]


def _runs(line):
    lit = np.flatnonzero(line)
    return lit, np.flatnonzero(np.diff(lit) > 4) + 1


@pytest.mark.parametrize(
    ("count", "columns", "per_row"), [(1, None, 1), (3, None, 1), (4, None, 2), (4, 4, 4), (2, 9, 2)]
)
def test_samples_stand_side_by_side(count, columns, per_row):
    scan = Scan(image=np.ones((40, 50, 40), dtype=np.uint8), title="a")
    one = preview([scan], panel_height=250)
    many = preview([scan] * count, columns=columns, panel_height=250)
    assert many.width == pytest.approx(one.width * per_row, rel=0.1)


def test_hostile_and_long_text_is_drawn_on_one_line():
    scan = Scan(image=np.ones((9, 9, 9)), title="a\n\nb\x00\u202e", details="é\u202e " * 5000, labels={1: "x\n" * 500})
    labelled = Scan(image=scan.image, label=np.ones((9, 9, 9), np.uint8), labels=scan.labels, title=scan.title)
    assert preview([scan]).size == preview([Scan(image=scan.image)]).size
    assert preview([labelled]).height < 500


def test_captions_are_columns_of_the_table(cohort):
    assert preview_cohort(cohort, [0], captions=["age"]) != preview_cohort(cohort, [0], captions=["sex"])
    with pytest.raises(KeyError, match="height"):
        preview_cohort(cohort, [0], captions=["height"])


@pytest.mark.parametrize(
    ("scans", "options"), [([], {}), ([Scan(image=np.ones((2, 2, 2)))], {"columns": 0}), ([None], {"panel_height": 0})]
)
def test_what_cannot_be_shown_is_refused(scans, options):
    with pytest.raises(ValueError, match=r"nothing to show|at least 1"):
        preview(scans, **options)


def test_a_row_that_does_not_exist_is_refused(cohort):
    with pytest.raises(IndexError):
        preview_cohort(cohort, [tiny.SAMPLES])


def test_it_can_be_saved(cohort, tmp_path):
    picture = preview_cohort(cohort, [0])
    picture.save(tmp_path / "preview.png")
    with Image.open(tmp_path / "preview.png") as saved:
        assert saved.size == picture.size


def test_captions_are_broken_after_commas_and_cut_at_the_end():
    font = font_of(13)
    text = "age 70, sex F, diagnosis AD, ventricular_volume_ml 45.3, brain_volume_ml 1100"
    assert wrapped(text, font, 10_000, most=2) == [text]
    lines = wrapped(text, font, 220, most=2)
    assert lines[0] == "age 70, sex F, diagnosis AD,"
    assert lines[1].startswith("ventricular_volume_ml")
    assert lines[1].endswith("...")
    assert all(font.getlength(line) <= 220 for line in lines)
    assert fitted("x" * 50, font, 60).endswith("x...")


def test_a_legend_takes_the_lines_it_needs():
    font = font_of(13)
    names = {value: f"structure {value}" for value in range(1, 30)}
    lines = legend_lines(names, font, 400)
    assert [value for line in lines for _, value in line] == list(names)
    assert len(lines) > 3
    assert all(line[0][0] == 0 for line in lines)
    assert legend_lines({}, font, 400) == []
