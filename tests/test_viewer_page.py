"""The page to look through samples: its script may run and nothing else, and it filters."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest
import tiny_report
import tiny_store as tiny
from test_report_page import parsed

from voxpress import store
from voxpress.cards import viewer_page


@pytest.fixture(scope="module")
def page(sealed_store) -> str:
    seen = []
    html = viewer_page(store.open(sealed_store), range(5), progress=lambda *at: seen.append(at))
    assert seen == [(number, 5) for number in range(1, 6)]
    return html


def test_each_sample_has_its_picture_and_its_values(page) -> None:
    tags = parsed(page)
    assert tags.tags.count("img") == 5
    ages = re.findall(r'<data value="([\d.]+)" data-name="age">', page)
    assert [float(age) for age in ages] == [50.0, 53.0, 56.0, 59.0, 62.0]
    assert page.count('data-name="measured_brain_ml"') == 5 + 2
    assert tags.attributes.count(("option", "value", "AD")) == 1
    assert "5 of 12 samples" in page


def test_only_its_own_script_and_style_may_run(page) -> None:
    tags = parsed(page)
    assert tags.tags.count("script") == tags.tags.count("style") == 1
    policy = next(value for tag, name, value in tags.attributes if tag == "meta" and "default-src" in value)
    for tag in ("script", "style"):
        content = page.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    script = page.partition("<script>")[2].partition("</script>")[0]
    assert not re.search(r"eval|Function\(|innerHTML|fetch|XMLHttp|import\(|document\.write", script)
    assert not [each for each in tags.attributes if each[1].startswith("on") or each[1] == "style"]
    assert all(value.startswith("data:image/jpeg;base64,") for _, name, value in tags.attributes if name == "src")


def test_text_from_data_stays_text(tiny_store) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tiny_store / store.metadata_path("train", 0, 1)
    table = pq.read_table(path)
    place = table.column_names.index("diagnosis")
    table = table.set_column(place, table.field(place), pa.array([tiny_report.HOSTILE] * len(table)))
    pq.write_table(table, path, row_group_size=4)
    tiny.rewrite(tiny_store)
    tags = parsed(viewer_page(store.open(tiny_store), [0]))
    assert tags.tags.count("script") == 1
    assert ("option", "value", tiny_report.HOSTILE) in tags.attributes
