"""Charts: scales, shapes, and both ways to draw them."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest

from voxpress.cards.charts import Measured, bars, calibration, curves, floors, histogram, mosaic, png, scatter, svg
from voxpress.cards.charts.axes import Scale, fitted_scale, shown
from voxpress.cards.charts.marks import Box, Dot

HISTOGRAM = histogram([0, 1, 2, 3], {"a": [1, 2, 1], "b": [0, 0, 8]}, title="h", x_title="ml", limits={"limit": 2.5})
CURVES = curves([1, 2, 3], {"a": [100, 10, 1], "b": [90, 9, 2]}, title="c", log=True)
BARS = bars(["one", "two"], {"": [1.0, -2.0]}, title="b")
CALIBRATION = calibration([1, 2, 3], [1.1, 2.0, 4.0], [(1, 1.2), (1.9, 2.1), (3.5, 4.5)], title="k", unit="ml")
SCATTER = scatter([1, 2, 3], [1, 2, 6], title="s", unit="ml")
FLOORS = floors(
    [Measured(name="kid", value=0.2, interval=(0.1, 0.3), floor=0.05, floor_interval=(0.0, 0.1), role="bad")], title="f"
)
ALL = {
    "histogram": HISTOGRAM,
    "curves": CURVES,
    "bars": BARS,
    "calibration": CALIBRATION,
    "scatter": SCATTER,
    "floors": FLOORS,
}


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 60, [0, 10, 20, 30, 40, 50, 60]), (-5, 5, [-4, -2, 0, 2, 4])],
)
def test_ticks_are_round_and_within(low, high, ticks) -> None:
    found = Scale(low=low, high=high, start=0, end=100).ticks()
    np.testing.assert_allclose(found, ticks)


def test_ticks_of_a_logarithmic_axis_are_powers_of_ten() -> None:
    np.testing.assert_allclose(
        Scale(low=0.01, high=1000, start=0, end=1, log=True).ticks(), [0.01, 0.1, 1, 10, 100, 1000]
    )


@pytest.mark.parametrize("values", [[], [3.0], [0.0, 0.0], [float("nan"), 2.0], [1e-9, 2e-9], [-7.0, 12.0]])
@pytest.mark.parametrize("log", [False, True])
def test_a_scale_holds_its_values(values, log) -> None:
    scale = fitted_scale(values, 10, 90, log=log)
    assert scale.low < scale.high
    for value in values:
        if np.isfinite(value) and (value > 0 or not log):
            assert scale.low <= value * (1 + 1e-12)
            assert value <= scale.high * (1 + 1e-12)
            assert 10 <= scale.at(value) <= 90


def test_a_scale_may_run_upwards() -> None:
    scale = Scale(low=0, high=10, start=200, end=0)
    assert [scale.at(value) for value in (0, 5, 10, 99)] == [200, 100, 0, 0]


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.01234, "0.0123"), (12.345, "12.3"), (1234.5, "1,234"), (25000.0, "25,000")]
)
def test_numbers_have_no_more_digits_than_people_read(value, text) -> None:
    assert shown(value) == text


def test_a_histogram_shows_parts_so_that_sets_of_different_size_compare() -> None:
    boxes = [mark for mark in HISTOGRAM.marks if isinstance(mark, Box) and mark.opacity < 1]
    heights = [round(box.height, 6) for box in boxes]
    # a: ¼ ½ ¼, b: 0 0 1
    assert heights[0] == heights[2] == pytest.approx(heights[1] / 2)
    assert heights[5] == pytest.approx(2 * heights[1])


def test_a_perfect_generator_lies_on_the_diagonal() -> None:
    chart = scatter([1, 2, 3], [1, 2, 3], title="s")
    dots = [(mark.x, mark.y) for mark in chart.marks if isinstance(mark, Dot)]
    slopes = np.diff([y for _, y in dots]) / np.diff([x for x, _ in dots])
    assert slopes[0] == pytest.approx(slopes[1])
    assert chart.description.endswith("from the diagonal 0.")


def test_of_many_samples_an_even_choice_is_drawn() -> None:
    chart = scatter(list(range(5000)), list(range(5000)), title="s")
    assert 500 < sum(isinstance(mark, Dot) for mark in chart.marks) <= 800


@pytest.mark.parametrize("chart", ALL.values(), ids=ALL)
def test_svg_is_xml_with_words_for_people_who_do_not_see_it(chart) -> None:
    element = ET.fromstring(svg(chart))
    assert element.get("role") == "img"
    assert chart.title in element.get("aria-label")
    assert len(element.get("aria-label")) > len(chart.title) + 10
    classes = {each.get("class") for each in element.iter() if each.get("class")}
    assert all(name[:2] in {"c-", "s-"} for name in classes)


def test_text_in_svg_is_text() -> None:
    chart = bars(["<b>&\"'"], {"</svg><script>": [1.0]}, title='<i>"')
    element = ET.fromstring(svg(chart))
    assert {each.tag for each in element.iter()} <= {"svg", "rect", "text", "polyline", "circle"}
    assert "<b>&\"'" in [each.text for each in element.iter("text")]


@pytest.mark.parametrize("chart", ALL.values(), ids=ALL)
def test_a_picture_shows_every_mark_within_its_frame(chart) -> None:
    picture = png(chart)
    assert picture.size == (chart.width * 2, (chart.height + 26) * 2)
    assert len(picture.getcolors(1 << 24)) > 10
    # nothing but the ground at the very edge
    assert (np.asarray(picture)[0] == 255).all()


def test_a_mosaic_is_the_same_each_time_and_refuses_nothing() -> None:
    assert mosaic([BARS, SCATTER]).tobytes() == mosaic([BARS, SCATTER]).tobytes()
    with pytest.raises(ValueError, match="nothing to draw"):
        mosaic([])
