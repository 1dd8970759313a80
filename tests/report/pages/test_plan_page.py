"""The page of a plan: complete in itself, problems first, what videos share said once, every name escaped."""

import re
from dataclasses import replace

from slomo_batch.report.pages.plan_page import MOST_NAMED, plan_page
from slomo_batch.report.plan_row import MeasuredSize, Plan
from tests.report.pages.test_job_page import Outline, data_of
from tests.report.test_plan_answers import BROKEN, DONE, MADE


def archive_plan(num_videos: int) -> Plan:
    """Of every ten videos one is broken, one is done, and two have a note; the hours and a budget are known."""
    rows = []
    for number in range(num_videos):
        uri, output_uri = f"/archive/reel_{number:05}.mov", f"/slow/reel_{number:05}.mp4"
        if number % 10 == 3:
            row = replace(BROKEN, problem=f"{uri}: not a video")
        elif number % 10 == 5:
            row = DONE
        else:
            notes = (f"{number} data tracks not kept",) if number % 10 in {1, 2} else ()
            width = 1280 if number % 2 else 1920
            row = replace(MADE, notes=notes, width=width, machine_hours=0.5 + number % 7)
        rows.append(replace(row, uri=uri, output_uri=output_uri))
    return Plan(
        rows=tuple(rows),
        empty=("/none/*.mov",),
        frames_per_s=4.2,
        measured_on=(MeasuredSize(width=640, height=360, frames=240),),
        is_scaled=True,
        spent_hours=1.5,
        budget_hours=20.0,
        price_per_hour=2.0,
    )


def words_of(page: str) -> str:
    """What the page says, apart from the data of its table."""
    text = re.sub(r"<[^>]+>", " ", page[page.index("<body>") : page.index('<script type="application/json"')])
    return re.sub(r"\s+", " ", text)


def test_a_page_is_complete_and_links_only_to_itself() -> None:
    page = plan_page(archive_plan(60), job="archive", price_per_hour=2.0)
    outline = Outline(page)
    assert outline.open == []
    assert len(outline.ids) == len(set(outline.ids))
    assert {link for link in outline.links if not link.startswith(("#", "data:"))} == set()
    assert {link[1:] for link in outline.links if link.startswith("#")} <= set(outline.ids)


def test_a_page_shows_problems_totals_hours_money_and_shared_notes() -> None:
    words = words_of(plan_page(archive_plan(60), job="archive", price_per_hour=2.0))
    assert "48 to make of 60 6 problems 6 published before" in words
    assert "from /archive/ " in words
    assert "No videos found: /none/*.mov" in words
    assert "6 videos not a video" in words
    assert "as measured in this job (from 240 frames of 640x360, scaled by size)" in words
    assert re.search(r"budget 3.00 of 40.00 spent; the job needs about [0-9.]+ more than that", words)
    assert "12 videos 1 data tracks not kept (with other numbers for the others)" in words


def test_the_table_has_every_video_problems_first() -> None:
    data = data_of(plan_page(archive_plan(60), job="archive", price_per_hour=2.0))
    columns, videos = data["columns"], data["videos"]
    assert isinstance(columns, list)
    assert isinstance(videos, list)
    rows = [dict(zip(columns, video, strict=True)) for video in videos]
    assert [row["state"] for row in rows] == ["fail"] * 6 + ["make"] * 48 + ["skip"] * 6
    first = rows[6]
    assert (first["source"], first["frames"], first["fps"], first["hours"]) == (
        "/archive/reel_00000.mov",
        288,
        "23.976",
        0.5,
    )
    assert first["settings"] == "", "what all videos share is said once"
    assert data["price_per_hour"] == 2.0


def test_many_videos_with_one_problem_are_named_in_the_table_only() -> None:
    rows = tuple(replace(BROKEN, uri=f"/in/{number}.mov", problem="not a video") for number in range(MOST_NAMED + 5))
    assert "and 5 more; see the table of all videos" in words_of(plan_page(Plan(rows=rows, empty=()), job="archive"))


def test_hostile_names_stay_text() -> None:
    name = "/in/</script><script>alert(1)</script>&\u202e\x1b[2J.mov"
    rows = (replace(BROKEN, uri=name, problem=f"{name}: <b>no</b>"), replace(MADE, uri=name, notes=("<i>odd</i>",)))
    page = plan_page(Plan(rows=rows, empty=(name,)), job="archive")
    assert Outline(page).open == []
    assert "<script>alert" not in page
    assert "<b>no" not in page
    assert "<i>odd" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page


def test_a_finished_job_has_a_page_too() -> None:
    words = words_of(plan_page(Plan(rows=(DONE,), empty=()), job="archive"))
    assert "0 to make of 1 0 problems 1 published before" in words
