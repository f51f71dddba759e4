"""The page of a quality report: what it says, that nothing runs in it, and that it shows what was not run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
import tiny_report

from voxpress import store
from voxpress.cards import report_html, write_report_page
from voxpress.cards.report import judged_from_json
from voxpress.cards.report.drawing import chart_of
from voxpress.cards.report.samples import choose
from voxpress.errors import FormatError, QualityError
from voxpress.quality.parts import write_beside


class Tags(HTMLParser):
    """Counts tags, and collects text and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_data(self, data):
        self.words.append(data)


def parsed(html: str) -> Tags:
    tags = Tags()
    tags.feed(html)
    return tags


@pytest.fixture(scope="module")
def judged_store(sealed_store, tmp_path_factory):
    import shutil

    root = shutil.copytree(sealed_store, tmp_path_factory.mktemp("judged") / "tiny-brains")
    tiny_report.report(root)
    return root


@pytest.fixture(scope="module")
def page(judged_store) -> str:
    return write_report_page(store.open(judged_store)).read_text()


def test_the_first_screen_says_what_was_and_was_not_checked(page) -> None:
    text = " ".join(" ".join(parsed(page).words).split())
    first = text[: text.index("How to read it")]
    for part in (
        "Quality report: tiny-brains 1.0.0",
        "synthetic data, not for clinical use",
        "checks were not run, and nothing is known of what they would find",
        "What was checked",
        "What was not checked",
        "What to beware of",
        "– NOT RUN Copies of patients",
        "They show no patient",
    ):
        assert part in first, part


def test_what_was_not_run_is_never_shown_as_passed(page) -> None:
    assert not [each for each in re.findall(r"<tr.*?</tr>", page, flags=re.DOTALL) if "set.ms_ssim_difference" in each]
    row = next(each for each in re.findall(r"<li.*?</li>", page, flags=re.DOTALL) if "set.ms_ssim_difference" in each)
    assert "NOT RUN" in row
    assert "v-none" in row
    assert "No reference was given; name one with --reference" in row
    assert "PASS" not in row
    assert "v-good" not in row


def test_numbers_stand_beside_their_floors_with_feature_ids(page, judged_store) -> None:
    row = next(each for each in re.findall(r"<tr.*?</tr>", page, flags=re.DOTALL) if "set.kid.random_conv<" in each)
    for part in ("0.012", "0.008 to 0.016", "0.004", "0.001 to 0.007", "random_conv-1-seed-0-3mm", "12 synthetic"):
        assert part in row, part
    assert store.open(judged_store).manifest.digest in page


def test_nothing_runs_and_nothing_is_fetched(page) -> None:
    tags = parsed(page)
    assert not {"script", "link", "iframe", "object", "embed", "form"} & set(tags.tags)
    assert not [each for each in tags.attributes if each[1].startswith("on") or each[1] == "style"]
    sources = [value for _, name, value in tags.attributes if name in {"src", "href"}]
    assert all(value.startswith(("data:image/", "#")) for value in sources)
    policy = next(value for tag, name, value in tags.attributes if tag == "meta" and "default-src" in value)
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "script-src" not in policy


def test_people_who_do_not_see_it_get_words(page) -> None:
    tags = parsed(page)
    images = [value for tag, name, value in tags.attributes if tag == "img" and name == "alt"]
    assert len(images) == tags.tags.count("img") == 2
    assert all("Axial, coronal and sagittal" in alt for alt in images)
    assert tags.tags.count("svg") == len([each for each in tags.attributes if each[:2] == ("svg", "aria-label")])
    assert tags.tags.count("table") == tags.tags.count("caption")
    assert ("html", "lang", "en") in tags.attributes
    headings = [int(tag[1]) for tag in tags.tags if re.fullmatch(r"h\d", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1


def test_every_kind_of_figure_is_drawn_and_another_is_told(page) -> None:
    for title in (
        "Distances, as multiples of their floors",
        "Power spectrum",
        "Volume of the ventricles",
        "Scores beside",
    ):
        assert f"<figcaption>{title}" in page, title
    assert "Not drawn: unknown." in page


def test_text_from_data_stays_text(tiny_store) -> None:
    tiny_report.report(tiny_store, hostile=True)
    html = write_report_page(store.open(tiny_store)).read_text()
    tags = parsed(html)
    assert "script" not in tags.tags
    assert tags.tags.count("style") == 1
    assert any(tiny_report.HOSTILE in word for word in tags.words)


def test_the_verdict_of_the_gate_is_the_verdict_of_the_page(judged_store) -> None:
    document = json.loads((judged_store / "quality/report.json").read_bytes())
    judged = judged_from_json(document, "the report")
    html = report_html(judged)
    word = {"PASS": "✓ PASS", "WARN": "! WARN", "FAIL": "✕ FAIL"}[document["verdict"]]
    assert f'<span class="word">{word}</span>' in html
    assert html == report_html(judged)


def test_real_data_are_not_called_synthetic(judged_store) -> None:
    judged = judged_from_json(json.loads((judged_store / "quality/report.json").read_bytes()), "the report")
    html = report_html(judged, synthetic=False)
    assert "synthetic data" not in html
    assert 'name="synthetic"' not in html
    assert "Real people are shown here" in html


def test_no_page_is_made_of_a_report_that_does_not_hold(tiny_store) -> None:
    with pytest.raises(QualityError, match="there is no quality report"):
        write_report_page(store.open(tiny_store))
    tiny_report.report(tiny_store)
    written = (tiny_store / "quality/report.json").read_bytes()
    write_beside(tiny_store, "quality/report.json", written.replace(b'"FAIL"', b'"PASS"').replace(b'"WARN"', b'"PASS"'))
    with pytest.raises(QualityError, match="edited"):
        write_report_page(store.open(tiny_store))
    assert not (tiny_store / "quality/report.html").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"verdict": "SPLENDID"}, "verdict must be one of"),
        ({"sections": [{"name": "set"}]}, "entries"),
        (
            {
                "sections": [
                    {"name": "set", "verdict": "PASS", "entries": [{"id": "a", "verdict": "PASS", "value": "x"}]}
                ]
            },
            "value",
        ),
        ({"dataset": []}, "dataset"),
    ],
)
def test_what_is_no_report_is_told(judged_store, change, message) -> None:
    document = json.loads((judged_store / "quality/report.json").read_bytes())
    with pytest.raises(FormatError, match=message):
        judged_from_json(document | change, "the report")


@pytest.mark.parametrize(
    "figure",
    [
        {"kind": "histogram", "edges": [0, 1, 2], "counts": [1]},
        {"kind": "histogram", "edges": [], "counts": []},
        {"kind": "curve", "x": [1, 2], "y": ["a", "b"]},
        {"kind": "curve", "x": 3},
        {"kind": "calibration", "ordered": [1, 2], "measured": [1]},
        {"kind": "bars", "labels": [], "values": []},
        {"kind": "bars", "labels": ["a"], "values": [float("inf")]},
        {"kind": ["bars"]},
        {},
    ],
)
def test_a_figure_that_cannot_be_drawn_is_none(figure) -> None:
    assert chart_of("f", figure) is None


def test_figures_of_the_conditions_are_drawn() -> None:
    common = {"condition": "age", "unit": "years", "ordered": [1, 2], "delivered": [1, 3], "measured": [0, 4]}
    assert chart_of("coverage", {"kind": "histogram", "edges": [0, 1, 2], **common}) is not None
    chart = chart_of("coverage", {"kind": "bars", "names": ["CN", "AD"], **common})
    assert chart is not None
    assert "ordered: CN 1, AD 2" in chart.description


def test_the_worst_stand_out_and_the_median_does_not() -> None:
    noise = np.random.default_rng(3).normal(size=40)
    figures = {"efc": np.concatenate([noise, [30.0]]), "cnr": np.concatenate([[25.0], noise[::-1]])}
    choice = choose(figures, refused=[7])
    assert choice is not None
    assert choice.worst[0] == 7
    assert set(choice.worst[1:]) == {40, 0}
    assert choice.why[40].startswith("efc, ")
    assert choice.why[0].startswith("cnr, ")
    assert choice.median not in {0, 7, 40}
    assert choose({}) is None
    assert choose({"constant": np.ones(5)}) is not None


@pytest.mark.parametrize("of_this", [True, False])
def test_the_samples_shown_are_chosen_by_the_checks(tiny_store, of_this) -> None:
    """By what an inspection of this very version found, and otherwise by the measures of the table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    cohort = store.open(tiny_store)
    tiny_report.report(tiny_store)
    ids = cohort.table["sample_id"].to_pylist()
    inspection = {"manifest_sha256": cohort.manifest.digest if of_this else "0" * 64}
    columns = {
        "sample_id": ids[::-1],
        "reasons": [["FOV_CUT"] if name == ids[4] else [] for name in ids[::-1]],
        "efc": [9.0 if name == ids[7] else 0.1 * place for place, name in enumerate(ids)][::-1],
    }
    table = pa.table(columns).replace_schema_metadata({"inspection": json.dumps(inspection)})
    pq.write_table(table, tiny_store / "quality/samples.parquet")
    html = write_report_page(cohort).read_text()
    assert ("efc, " in html) is of_this
    if of_this:
        alt = next(each for each in re.findall(r'alt="([^"]+)"', html) if "planes of the samples" in each)
        assert ids[4] in alt
        assert ids[7] in alt
