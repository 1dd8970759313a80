"""Answers of plan."""

import io
import json
from dataclasses import replace

from slomo_batch.plan.s3_requests import S3Requests
from slomo_batch.report.plan_answers import show_plan
from slomo_batch.report.plan_row import PlanRow

ROWS = (
    PlanRow(
        uri="a.mov",
        output_uri="o/a.mp4",
        state="make",
        num_source_frames=72,
        num_output_frames=288,
        num_chunks=3,
        size_bytes=900_000,
        notes=("variable frame rate",),
        problem="",
    ),
    PlanRow(
        uri="b.mov",
        output_uri="o/b.mp4",
        state="fail",
        num_source_frames=0,
        num_output_frames=0,
        num_chunks=0,
        size_bytes=10,
        notes=(),
        problem="not a video",
    ),
)


def test_a_plan_is_shown_by_video_and_in_total() -> None:
    stream = io.StringIO()
    show_plan(ROWS, as_json=False, stream=stream)
    assert stream.getvalue().splitlines() == [
        "make     a.mov",
        "         -> o/a.mp4",
        "         72 -> 288 frames in 3 chunks, 900.0 kB to read",
        "         note: variable frame rate",
        "fail     b.mov",
        "         problem: not a video",
        "2 videos, 1 problem: 72 -> 288 frames in 3 chunks, 900.0 kB to read",
    ]


def test_a_plan_names_the_inputs_without_a_video() -> None:
    text, lines = io.StringIO(), io.StringIO()
    show_plan(ROWS, empty=["none/*.mp4"], as_json=False, stream=text)
    show_plan(ROWS, empty=["none/*.mp4"], as_json=True, stream=lines)
    assert text.getvalue().splitlines()[0] == "note     none/*.mp4: no videos found"
    shown = [json.loads(line) for line in lines.getvalue().splitlines()]
    assert [line["event"] for line in shown] == ["video", "video", "note", "total"]
    assert shown[2] == {"event": "note", "text": "no videos found", "uri": "none/*.mp4"}


def test_a_plan_in_json_ends_with_the_total() -> None:
    stream = io.StringIO()
    show_plan(ROWS, as_json=True, stream=stream)
    first, second, total = (json.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["num_output_frames"], second["problem"]) == ("video", 288, "not a video")
    assert total == {
        "event": "total",
        "videos": 2,
        "problems": 1,
        "source_frames": 72,
        "output_frames": 288,
        "chunks": 3,
        "size_bytes": 900_010,
        "videos_with_many_frames": 0,
    }


def test_a_plan_ends_with_a_warning_if_outputs_are_very_long() -> None:
    long = replace(ROWS[0], num_output_frames=51 * 72)
    text, lines = io.StringIO(), io.StringIO()
    show_plan([long, *ROWS], as_json=False, stream=text)
    show_plan([long, *ROWS], as_json=True, stream=lines)
    assert text.getvalue().splitlines()[-1] == (
        "warning: 1 video with more than 50 output frames for each source frame; see the notes above"
    )
    assert json.loads(lines.getvalue().splitlines()[-1])["videos_with_many_frames"] == 1


def test_a_plan_on_s3_shows_the_requests_and_their_price() -> None:
    asked = replace(ROWS[0], s3_requests=S3Requests(list=4, put=1996, get=10_000, delete=2))
    text, lines = io.StringIO(), io.StringIO()
    show_plan([asked, asked], as_json=False, stream=text)
    assert text.getvalue().splitlines()[-1] == (
        "about 3,992 PUT, 8 LIST and 20,000 GET requests to S3, 0.0280 USD (list prices of S3 Standard in us-east-1); "
        "if the work place is on S3, the driver adds 0.01 USD an hour"
    )
    show_plan([asked, asked], as_json=True, stream=lines)
    total = json.loads(lines.getvalue().splitlines()[-1])
    assert total["s3_requests"] == {"list": 8, "put": 3992, "get": 20_000, "delete": 4}
    assert total["s3_requests_usd"] == 0.028
