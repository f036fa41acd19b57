"""The report that Start offers: a file that draws itself without a network, in the reader's colours and for paper."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.e2e
DARK = "rgb(23, 22, 20)"
# The colour in a corner of a picture of a figure, and whether any figure was not drawn.
CORNER = """() => {
  const image = document.querySelector("img.paper"), pen = document.createElement("canvas").getContext("2d")
  pen.drawImage(image, 0, 0)
  return [...pen.getImageData(2, 2, 1, 1).data]
}"""


def test_a_report_needs_nothing_but_itself(tab, chromium, tmp_path):
    """Downloaded, opened on a dark telephone without a network, and printed: drawn, no wider, light on paper."""
    page = tab().open("/?case=digits&class=9").ready().page
    with page.expect_download(timeout=60_000) as download:
        page.get_by_role("button", name="Report of this case").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert file.name == "report-digits-9.html"

    context = chromium.new_context(offline=True, color_scheme="dark", viewport={"width": 390, "height": 844})
    report, wrong = context.new_page(), []
    report.on("request", lambda asked: asked.url.startswith(("file:", "data:", "blob:")) or wrong.append(asked.url))
    report.on("pageerror", lambda error: wrong.append(str(error)))
    report.on("console", lambda said: said.type in ("error", "warning") and wrong.append(said.text))
    report.goto(file.as_uri())
    report.wait_for_selector("body[data-ready]", state="attached", timeout=60_000)
    drawings = report.locator("figure.drawing")
    assert report.locator("figure.drawing.on-paper canvas").count() >= drawings.count() > 20
    assert report.locator("[data-failed]").count() == 0
    assert report.evaluate("document.documentElement.scrollWidth") <= 390
    assert report.evaluate("getComputedStyle(document.body).backgroundColor") == DARK
    assert report.evaluate(CORNER) == [255, 255, 255, 255]
    report.emulate_media(media="print")
    assert report.locator("img.paper").first.is_visible()
    assert not report.locator(".drawn").first.is_visible()
    context.close()
    assert wrong == []
