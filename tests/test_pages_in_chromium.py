"""The pages in a real browser, where there is one: nothing is refused, nothing overflows, and the viewer filters."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import tiny_report

from voxpress import store
from voxpress.cards import viewer_page, write_report_page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here"),
    pytest.mark.slow,
]

_WIDTH = "<script>document.title = `wide ${document.documentElement.scrollWidth}`;</script></body>"
_PICK = """<script>
const form = document.getElementById("filter");
const low = form.querySelector("[data-name=age][data-end=low]");
low.value = "55"; form.querySelector("select[data-name=sex]").value = "F";
low.dispatchEvent(new Event("input", {bubbles: true}));
</script></body>"""


def dom(path, tmp_path, *, width: int = 1200) -> tuple[str, str]:
    """What the browser makes of a page, and what it complains of."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--enable-logging=stderr", "--v=0"]
    command = [
        CHROMIUM,
        *options,
        f"--user-data-dir={tmp_path / 'profile'}",
        f"--window-size={width},900",
        f"file://{path}",
    ]
    said = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    complaints = [line for line in said.stderr.splitlines() if "CONSOLE" in line]
    return said.stdout, "\n".join(complaints)


def without_policy(html: str) -> str:
    """So that a test may look from inside."""
    return re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>\n', "", html)


@pytest.fixture
def pages(tiny_store, tmp_path):
    tiny_report.report(tiny_store, hostile=True)
    viewer = tmp_path / "viewer.html"
    viewer.write_text(viewer_page(store.open(tiny_store), range(6)))
    return {"report": write_report_page(store.open(tiny_store)), "viewer": viewer}


def test_the_browser_refuses_and_runs_nothing(pages, tmp_path) -> None:
    for path in pages.values():
        html, complaints = dom(path, tmp_path)
        assert "</html>" in html
        assert complaints == ""


@pytest.mark.parametrize("width", [500, 1200])
def test_nothing_is_wider_than_the_window(pages, tmp_path, width) -> None:
    for name, path in pages.items():
        page = tmp_path / f"{name}-open.html"
        page.write_text(without_policy(path.read_text()).replace("</body>", _WIDTH))
        html, _ = dom(page, tmp_path, width=width)
        assert int(re.search(r"<title>wide (\d+)", html)[1]) <= width, name


def test_the_viewer_filters(pages, tmp_path) -> None:
    html, _ = dom(pages["viewer"], tmp_path)
    assert "6 of 6 shown" in html
    page = tmp_path / "open.html"
    page.write_text(without_policy(pages["viewer"].read_text()).replace("</body>", _PICK))
    html, _ = dom(page, tmp_path)
    # samples 0 to 4 and 6, of 50, 53, … years: the women above 55 are 2, 4 and 6
    assert "3 of 6 shown" in html
    assert len(re.findall(r'<li class="sample" hidden="">', html)) == 3
