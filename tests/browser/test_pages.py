"""The pages in a real browser: they draw, search and switch colors, without an error and without a request."""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest

from slomo_batch.evaluation.compare_page import PageFrames, compare_page
from slomo_batch.evaluation.evaluate import evaluate_clips
from slomo_batch.evaluation.methods import OpenMethod, method_choices
from slomo_batch.evaluation.report import ClipProtocol
from slomo_batch.media.jpeg import encode_jpeg
from slomo_batch.report.ledger import read_ledger
from slomo_batch.report.pages.job_page import job_page
from slomo_batch.report.pages.plan_page import plan_page
from tests.interpolators.footage import real_clip
from tests.report.pages.ledgers import archive_ledger
from tests.report.pages.test_job_page import REST
from tests.report.pages.test_plan_page import archive_plan
from tests.report.test_ledger import DONE, MADE, Driver

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

playwright = pytest.importorskip("playwright.sync_api")
pytestmark = pytest.mark.browser


class Tab:
    """A browser's tab that shows one page, and what went wrong in it."""

    def __init__(self, page: "Page", path: Path) -> None:
        self.page, self.faults, self.requests = page, list[str](), list[str]()
        page.on("console", lambda message: self.faults.append(message.text))
        page.on("pageerror", lambda error: self.faults.append(error.message))
        page.on("request", lambda request: self.requests.append(request.url))
        page.goto(path.as_uri())
        self.requests = [url for url in self.requests if not url.startswith(("data:", path.as_uri()))]

    def check(self) -> None:
        """No error was written, and nothing was requested."""
        assert self.faults == []
        assert self.requests == []


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("no chromium found: install it, on Debian with apt install chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "report.html"
    path.write_text(job_page(archive_ledger(200), state="finished", num_videos=200, **REST), "utf-8")
    return path


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pages") / "plan.html"
    path.write_text(plan_page(archive_plan(400), job="archive", price_per_hour=2.0), "utf-8")
    return path


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of duplicate and blend on 25 real frames."""
    frames, path = PageFrames(), tmp_path_factory.mktemp("pages") / "compare.html"
    protocol = ClipProtocol(skip=0, frames=25, max_width=320, factors=(2,), cuts="hold")
    opened = [OpenMethod(one, precision="fp32", threads=1) for one in method_choices(["duplicate", "blend"], [], None)]
    clip = str(real_clip("bikes"))
    report = evaluate_clips([clip], opened, protocol, collectors=[frames], on_progress=lambda _: None)
    path.write_text(compare_page(report, frames), "utf-8")
    return path


@pytest.fixture
def tab(browser: "Browser", report: Path) -> Iterator[Tab]:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    opened = Tab(page, report)
    yield opened
    opened.check()
    page.close()


def test_the_table_is_searched_filtered_and_opened(tab: Tab) -> None:
    page = tab.page
    assert page.locator("#shown").inner_text() == "200 of 200"
    page.keyboard.press("/")
    page.keyboard.type("goal 00007")
    playwright.expect(page.locator("#shown")).to_have_text("1 of 200")
    row = page.locator(".tabulator-row")
    assert "goal-left_00007.mov" in row.inner_text()
    row.locator(".tabulator-cell").first.click()  # between columns there are handles to resize them
    detail, holder = page.locator(".detail"), page.locator(".tabulator-tableholder")
    assert "SourceUnsupported: " in detail.inner_text()
    inner, outer = detail.bounding_box(), holder.bounding_box()
    assert inner is not None
    assert outer is not None
    assert inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1
    row.locator(".tabulator-cell").first.click()
    assert detail.count() == 0
    page.fill("#search", "")
    page.select_option("#state", "failed")
    playwright.expect(page.locator("#shown")).to_have_text("7 of 200")


def test_the_timeline_names_chunks_zooms_and_listens_to_keys(tab: Tab) -> None:
    page = tab.page
    lanes = page.locator("#lanes")
    lanes.scroll_into_view_if_needed()
    box = lanes.bounding_box()
    assert box is not None
    y = box["y"] + 31
    seen = set()
    for x in range(int(box["x"]) + 200, int(box["x"] + box["width"]), 40):
        page.mouse.move(x, y)
        seen.add(page.locator("#lane-text").inner_text())
    assert any("worker 1000, slot 1: chunk " in text for text in seen)
    assert page.evaluate("view.end") == page.evaluate("DATA.span_s")
    page.mouse.move(box["x"] + 300, y)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, y)
    page.mouse.up()
    zoomed = page.evaluate("[view.begin, view.end]")
    assert 0 < zoomed[0] < zoomed[1] < page.evaluate("DATA.span_s")
    lanes.press("ArrowRight")
    moved = page.evaluate("[view.begin, view.end]")
    assert moved[0] > zoomed[0]
    assert moved[1] - moved[0] == pytest.approx(zoomed[1] - zoomed[0])
    lanes.press("+")
    assert page.evaluate("view.end - view.begin") < moved[1] - moved[0]
    lanes.press("0")
    assert page.evaluate("[view.begin, view.end]") == [0, page.evaluate("DATA.span_s")]


def ledger_with_a_strip() -> pa.Table:
    """The ledger of a job of one chunk, which left a strip."""
    driver = Driver()
    driver.writer.attempt(replace(MADE, result=replace(DONE, strip_frame=1, strip_doubt=9)))
    driver.writer.flush()
    return read_ledger(driver.parts.values())


def test_a_strip_becomes_a_slider_of_the_source_frame_and_the_made_frame(browser: "Browser", tmp_path: Path) -> None:
    frames = [np.roll(np.linspace(0, 255, 64, dtype=np.uint8), 2 * step) for step in range(3)]
    pictures = [np.broadcast_to(frame[None, :, None], (36, 64, 3)) for frame in frames]
    path = tmp_path / "report.html"
    for shown in (3, 2):
        jpeg = encode_jpeg(np.concatenate(pictures[:shown], axis=1), quantizer=2)
        rest = REST | {"picture": lambda _, jpeg=jpeg: jpeg}
        path.write_text(job_page(ledger_with_a_strip(), state="", num_videos=1, **rest), "utf-8")
        page = browser.new_page()
        tab = Tab(page, path)
        page.locator(".slide").click()
        playwright.expect(page.locator("#look img-comparison-slider .half")).to_have_count(2)
        assert f"width: {100 * shown}%" in (page.locator(".half img").first.get_attribute("style") or "")
        page.locator(".slide").click()
        playwright.expect(page.locator("#look img-comparison-slider")).to_have_count(0)
        tab.check()
        page.close()


def test_colors_follow_the_system_and_the_button(browser: "Browser", report: Path) -> None:
    page = browser.new_page(color_scheme="dark")
    tab = Tab(page, report)
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(ground)
    page.locator("#theme").click()
    light = page.evaluate(ground)
    assert (dark, light) == ("rgb(20, 23, 26)", "rgb(255, 255, 255)")
    tab.check()
    page.close()


def test_a_phone_shows_the_page_without_scrolling_sideways(browser: "Browser", report: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    tab = Tab(page, report)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    tab.check()
    page.close()


def test_text_has_contrast(tab: Tab) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1, in both colors."""
    for _ in range(2):
        worst = tab.page.evaluate(CONTRAST)
        assert worst >= 4.5
        tab.page.locator("#theme").click()


CONTRAST = """() => {
  const channels = (name) => color(name).match(/\\d+/g).slice(0, 3).map((c) => {
    const part = c / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const light = (name) => { const [r, g, b] = channels(name); return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
  const contrast = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const texts = ["text", "quiet", "accent", "good", "bad"];
  const pairs = texts.flatMap((text) => ["ground", "raised"].map((ground) => [text, ground]));
  return Math.min(...pairs.map(([text, ground]) => contrast(text, ground)));
}"""


def test_ten_thousand_videos_open_within_two_seconds(browser: "Browser", tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    ledger = archive_ledger(10_000, num_workers=200)
    path.write_text(job_page(ledger, state="finished", num_videos=10_000, **REST), "utf-8")
    assert path.stat().st_size < 20_000_000
    took_ms = []
    for _ in range(3):
        page = browser.new_page()
        tab = Tab(page, path)
        page.wait_for_selector(".tabulator-row")
        took_ms.append(page.evaluate("performance.now()"))
        tab.check()
        page.close()
    assert min(took_ms) < 2000


# ---- a plan ----------------------------------------------------------------------------------------------------------


def test_the_table_of_a_plan_is_sorted_searched_filtered_and_opened(browser: "Browser", plan: Path) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    tab = Tab(page, plan)
    rows = page.locator(".tabulator-row")
    assert "fail" in rows.first.inner_text(), "problems come first"
    page.locator(".tabulator-col", has_text="Price").click()
    page.locator(".tabulator-col", has_text="Price").click()
    playwright.expect(rows.first).to_contain_text("13.00")
    page.keyboard.press("/")
    page.keyboard.type("reel data tracks")
    playwright.expect(page.locator("#shown")).to_have_text("80 of 400")
    rows.first.locator(".tabulator-cell").first.click()
    assert "data tracks not kept" in page.locator(".detail").inner_text()
    page.fill("#search", "")
    page.select_option("#state", "fail")
    playwright.expect(page.locator("#shown")).to_have_text("40 of 400")
    rows.first.locator(".tabulator-cell").first.click()
    assert "not a video" in page.locator(".detail").last.inner_text()
    tab.check()
    page.close()


def test_a_plan_fits_a_phone_in_the_dark(browser: "Browser", plan: Path) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
    tab = Tab(page, plan)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(20, 23, 26)"
    assert page.evaluate(CONTRAST) >= 4.5
    tab.check()
    page.close()


# ---- a comparison ----------------------------------------------------------------------------------------------------


def test_pictures_are_compared_by_dragging_keys_and_curves(browser: "Browser", comparison: Path) -> None:
    page = browser.new_page(viewport={"width": 1200, "height": 1400})
    tab = Tab(page, comparison)
    which = page.locator("#which")
    assert which.inner_text().endswith(" dB")
    slider = page.locator("#slider")
    box = slider.bounding_box()
    assert box is not None
    halves = page.screenshot(clip=box)
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 50, box["y"] + 100, steps=5)
    page.mouse.up()
    assert page.screenshot(clip=box) != halves
    first = which.inner_text()
    page.keyboard.press("ArrowRight")
    assert which.inner_text() != first
    page.keyboard.press("1")
    assert page.locator("#right").input_value() == "duplicate"
    page.keyboard.press("2")
    assert page.locator("#right").input_value() == "blend"
    page.keyboard.press("d")
    playwright.expect(page.locator("#difference-picture")).to_be_visible()
    page.wait_for_function("document.getElementById('difference-picture').width === 320")
    page.keyboard.press("d")
    playwright.expect(slider).to_be_visible()
    page.keyboard.press("z")
    assert page.locator("#zoom").input_value() == "4"
    over = page.locator("#curves .u-over")
    page.select_option("#measure", label="SSIM")
    box = over.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + 3, box["y"] + 20)
    at_start = which.inner_text()
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + 20)
    assert which.inner_text() != at_start
    tab.check()
    page.close()


def test_a_comparison_fits_a_phone(browser: "Browser", comparison: Path) -> None:
    page = browser.new_page(viewport={"width": 375, "height": 800}, color_scheme="dark")
    tab = Tab(page, comparison)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    scrolling = "[...document.querySelectorAll('.scroll')].filter(part => part.scrollWidth > part.clientWidth).length"
    assert page.evaluate(scrolling) == 0
    tab.check()
    page.close()
