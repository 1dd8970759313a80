"""The log: an object per line, with its time, level, event and job."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from slomo_batch.report.events import Event, Note
from slomo_batch.report.json_log import Displays, JsonDisplay
from tests.report.events import EVENTS, FINISHED, SNAPSHOT

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def logged(*events: Event) -> list[dict[str, Any]]:
    stream = io.StringIO()
    with JsonDisplay(stream, job="derby", clock=lambda: NOON) as display:
        for event in events:
            display.show(event)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_every_event_is_an_object_with_its_time_level_name_and_job() -> None:
    recorded = logged(*EVENTS)
    assert {(entry["time"], entry["job"]) for entry in recorded} == {("2026-05-01T12:00:00.000+00:00", "derby")}
    assert [(entry["level"], entry["event"]) for entry in recorded] == [
        ("info", "activity"),
        ("info", "job_started"),
        ("info", "video_opened"),
        ("info", "step_finished"),
        ("info", "chunk_finished"),
        ("warning", "attempt_failed"),
        ("info", "frames_taken_back"),
        ("info", "video_published"),
        ("info", "video_skipped"),
        ("warning", "attempt_failed"),
        ("error", "video_given_up"),
        ("info", "note"),
        ("info", "note"),
        ("info", "snapshot"),
        ("info", "job_stopping"),
        ("info", "job_ended"),
        ("error", "job_failed"),
    ]


def test_a_chunk_is_logged_with_its_video_attempt_machine_and_seconds() -> None:
    [entry] = logged(FINISHED)
    assert (entry["uri"], entry["video_id"], entry["chunk"], entry["attempt"]) == ("a.mov", "v1", 1, "a1")
    assert (entry["stint"]["host"], entry["stint"]["process"], entry["seconds"]["model"]) == (
        "node-1",
        4711,
        3.0,
    )


def test_snapshots_are_logged_at_intervals_and_everything_else_always() -> None:
    stream, now = io.StringIO(), [NOON]
    with JsonDisplay(stream, job="derby", seconds_between_snapshots=60.0, clock=lambda: now[0]) as display:
        for second in range(150):
            now[0] = NOON + timedelta(seconds=second)
            display.show(SNAPSHOT)
            display.show(Note(text="x"))
    recorded = [json.loads(line)["event"] for line in stream.getvalue().splitlines()]
    assert (recorded.count("snapshot"), recorded.count("note")) == (3, 150)


@pytest.mark.parametrize(
    "name",
    ["a\n{}.mov", "\x1b[2J", "\x9b31m", "\u202egpj", "\u2028", "\x7f", "caf\u00e9 \U0001f3ac", "\udc9b", "\U000e0001"],
)
def test_a_name_stays_one_printable_line_and_comes_back_whole(name: str) -> None:
    stream = io.StringIO()
    with JsonDisplay(stream, job="derby") as display:
        display.show(Note(text="x", uri=name))
    [line, rest] = stream.getvalue().split("\n")
    assert rest == ""
    assert line.isprintable()
    assert json.loads(line)["uri"] == name


def test_several_displays_show_the_same() -> None:
    one, other = io.StringIO(), io.StringIO()
    with Displays(JsonDisplay(one, job="a"), JsonDisplay(other, job="b")) as display:
        display.show(Note(text="x"))
    assert [json.loads(stream.getvalue())["job"] for stream in (one, other)] == ["a", "b"]
