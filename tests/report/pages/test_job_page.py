"""The page of a job: complete in itself, with every name escaped."""

import base64
import json
import re
from dataclasses import replace
from fractions import Fraction
from html.parser import HTMLParser
from typing import Any

import pyarrow as pa

from slomo_batch.records.results import VideoFailed
from slomo_batch.report.ledger import read_ledger
from slomo_batch.report.pages.job_history import StripHistory
from slomo_batch.report.pages.job_page import job_page
from slomo_batch.uri import Uri
from tests.report.pages.ledgers import archive_ledger
from tests.report.test_ledger import DONE, HEAD, MADE, PUBLISHED, Driver

RETRY = "slomo-batch run derby.yaml --retry-failed"


def no_picture(strip: StripHistory) -> None:
    """The pictures of all strips are deleted."""


REST: Any = {"retry": RETRY, "picture": no_picture}


class Outline(HTMLParser):
    """The tags of a page that are still open, and its links and sources."""

    VOID = frozenset({"meta", "link", "input", "br", "img"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []
        self.ids: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.links += [named[name] or "" for name in ("href", "src") if name in named]
        self.ids += [named["id"] or ""] if "id" in named else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag of SVG."""

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def data_of(page: str) -> dict[str, object]:
    [text] = re.findall(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    data: dict[str, object] = json.loads(text)
    return data


def test_a_page_is_complete_and_links_only_to_itself() -> None:
    page = job_page(archive_ledger(60), state="finished", num_videos=60, **REST)
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {link for link in outline.links if not link.startswith(("#", "data:"))} == set()
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)


def test_a_page_shows_totals_failures_and_the_command_that_tries_again() -> None:
    page = job_page(archive_ledger(60), state="finished", num_videos=75, **REST)
    text = re.sub(r"<[^>]+>", " ", page[page.index("<body>") : page.index('<script type="application/json"')])
    words = re.sub(r"\s+", " ", text)
    assert "58 published of 75 2 failed 15 left" in words
    assert f"2 failed videos Fix the causes, then make these videos again: {RETRY}" in words
    assert "2 videos SourceUnsupported: not yet supported: video whose pictures are single fields" in words
    assert len(data_of(page)["videos"]) == 60  # type: ignore[arg-type]


def test_stages_have_the_names_that_the_documentation_uses() -> None:
    page = job_page(archive_ledger(60), state="finished", num_videos=60, **REST)
    section = page[page.index('<section id="stages"') :].partition("</section>")[0]
    assert re.findall(r'<th scope="row">(.*?)</th>', section) == [
        "fetch", "decode", "cut detection", "color", "model", "hash", "encode", "upload",
    ]  # fmt: skip


def test_a_job_on_s3_shows_its_requests_and_one_on_disk_none() -> None:
    ledger = archive_ledger(60)
    page = job_page(ledger, state="finished", num_videos=60, work_is_billed=True, **REST)
    rows = dict(re.findall(r'<tr><th scope="row">(.*?)</th><td class="number">([\d,]+)</td>', page))
    assert {"PUT, COPY and POST", "LIST", "GET and HEAD"} <= rows.keys()
    assert int(rows["PUT, COPY and POST"].replace(",", "")) > 4 * 60
    assert "About 0." in page
    assert "Requests to S3" not in job_page(history_on_disk(), state="", num_videos=1, **REST)


def history_on_disk() -> pa.Table:
    """The ledger of a job whose source and output are files."""
    driver = Driver()
    uri = "/films/a.mp4"
    driver.writer.attempt(replace(MADE, head=replace(HEAD, uri=uri)))
    driver.writer.published(
        replace(PUBLISHED, source=replace(PUBLISHED.source, uri=Uri(uri)), output_uri=Uri("/slow/a.mp4"))
    )
    driver.writer.flush()
    return read_ledger(driver.parts.values())


def test_the_time_of_runs_and_that_between_the_first_and_the_last_are_both_shown() -> None:
    page = job_page(archive_ledger(60), state="finished", num_videos=60, **REST)
    tiles = {label: value for value, label in re.findall(r"<strong>(.*?)</strong><span>(.*?)</span>", page)}
    assert "in 2 runs" in tiles
    later = archive_ledger(60, days_between=3)
    tiles = {
        label: value
        for value, label in re.findall(
            r"<strong>(.*?)</strong><span>(.*?)</span>", job_page(later, state="finished", num_videos=60, **REST)
        )
    }
    assert tiles["from first to last"].startswith("72 h ")
    assert "min" in tiles["in 2 runs"]
    assert " h " not in tiles["in 2 runs"]


def test_hostile_names_stay_text() -> None:
    name = "s3://archive/</script><script>alert(1)</script>&\u202e\x1b[2J.mp4"
    driver = Driver()
    driver.writer.attempt(replace(MADE, head=replace(MADE.head, uri=name)))
    driver.writer.published(replace(PUBLISHED, notes=("<img src=x onerror=alert(1)>",)))
    driver.writer.failed(VideoFailed(source_uri=name, output_uri="", error="SourceUnreadable", reason=f"{name}: <b>"))
    driver.writer.flush()
    page = job_page(read_ledger(driver.parts.values()), state="", num_videos=2, **REST)
    assert Outline(page).open == []
    assert page.encode()
    assert "alert(1)</script>" not in page
    assert "<img src=x" not in page
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_a_job_with_one_failure_before_anything_ran_has_a_page() -> None:
    driver = Driver()
    driver.writer.failed(VideoFailed(source_uri="a.mp4", output_uri="", error="SourceUnreadable", reason="it is empty"))
    page = job_page(read_ledger(driver.parts.values()), state="finished", num_videos=1, **REST)
    assert Outline(page).open == []
    assert "SourceUnreadable: it is empty" in page


def test_a_page_of_ten_thousand_videos_is_small() -> None:
    driver = Driver()
    for number in range(10_000):
        uri = Uri(f"s3://archive/tapes/{number:05}.mov")
        driver.writer.published(replace(PUBLISHED, source=replace(PUBLISHED.source, uri=uri)))
    driver.writer.flush()
    page = job_page(
        read_ledger(driver.parts.values()), state="finished", num_videos=10_000, retry=RETRY, picture=no_picture
    )
    assert len(page) < 5_000_000


def test_the_pairs_that_are_doubted_most_are_shown_first() -> None:
    driver = Driver()
    for number, doubt in enumerate((3, 16, -1, 0, 9)):
        done = replace(DONE, chunk_id=f"c{number}", strip_frame=40 * number, strip_doubt=doubt)
        head = replace(HEAD, chunk=number, chunk_id=f"c{number}", attempt=done.attempt)
        driver.writer.attempt(replace(MADE, head=head, result=done))
    driver.writer.published(replace(PUBLISHED, num_frames=200, duration_s=Fraction(100)))
    driver.writer.flush()
    asked: list[str] = []

    def picture(strip: StripHistory) -> bytes | None:
        asked.append(strip.chunk_id)
        return None if strip.chunk_id == "c4" else b"the jpeg of " + strip.chunk_id.encode()

    ledger = read_ledger(driver.parts.values())
    page = job_page(ledger, state="", num_videos=1, retry=RETRY, picture=picture, folder="videos")
    assert asked == ["c1", "c4", "c0"]
    assert re.findall(r"<figcaption>(.*?)</figcaption>", page) == [
        "a.mp4, 0:20.0, frame 40, doubt 16/16",
        "a.mp4, 0:00.0, frame 0, doubt 3/16",
    ]
    assert base64.b64encode(b"the jpeg of c1").decode() in page
    linked = data_of(page)["strips"]
    assert min(linked) == [0, "v1/strips/c0.jpg", 0, 3]  # type: ignore[call-overload]
    assert len(linked) == 5  # type: ignore[arg-type]
    assert data_of(job_page(ledger, state="", num_videos=1, retry=RETRY, picture=picture))["strips"] == []
