"""Answers of plan."""

import csv
import io
import json
from dataclasses import fields, replace
from typing import Any

import pytest

from slomo_batch.plan.s3_requests import S3Requests
from slomo_batch.report.plan_answers import show_plan, write_csv
from slomo_batch.report.plan_row import MeasuredSize, Plan, PlanRow

MADE = PlanRow(
    uri="/in/a.mov",
    output_uri="/out/a.mp4",
    state="make",
    num_source_frames=72,
    num_output_frames=288,
    num_chunks=3,
    size_bytes=900_000,
    notes=("variable frame rate",),
    problem="",
    slowdown=4.0,
    source_rate="24000/1001",
    output_rate="24000/1001",
    width=1920,
    height=1080,
    codec="h264",
    quality=18,
    encoder="libx264",
    pixel_format="yuv420p",
    method="superslomo",
    weights="compact-3",
    audio="stretch",
    source_s=3.003,
    output_s=12.012,
    output_bytes=5_000_000,
    join_bytes=6_700_000,
    frames_to_make=288,
)
BROKEN = PlanRow(
    uri="/in/b.mov",
    output_uri="/out/b.mp4",
    state="fail",
    num_source_frames=0,
    num_output_frames=0,
    num_chunks=0,
    size_bytes=10,
    notes=(),
    problem="/in/b.mov: not a video",
)
DONE = replace(BROKEN, uri="/in/c.mov", output_uri="/out/c.mp4", state="skip", problem="", notes=("published before",))


def _plan(*rows: PlanRow, **more: Any) -> Plan:
    return Plan(rows=rows, **{"empty": (), **more})


def _text(plan: Plan, **options: Any) -> list[str]:
    stream = io.StringIO()
    show_plan(plan, **options, stream=stream)
    return stream.getvalue().splitlines()


def _json(plan: Plan, **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _text(plan, as_json=True, **options)]


def test_a_plan_of_one_video() -> None:
    assert _text(_plan(MADE)) == [
        "from       /in/",
        "to         /out/",
        "as         4x slower, superslomo compact-3, h264 quality 18 yuv420p, audio stretched",
        "",
        "      video  duration         frames     picture                  size",
        "make  a.mov  3.0 s -> 12.0 s  72 -> 288  1920x1080 23.976 fps  ~5.0 MB",
        "",
        "note       variable frame rate",
        "total      1 video, 1 to make",
        "length     72 -> 288 frames in 3 chunks, 3.0 s -> 12.0 s",
        "storage    900.0 kB to read, about 5.0 MB to write; joining the largest output needs about 6.7 MB of disk",
        "time       not known: run some of the videos first, or pass --frames-per-second of one machine",
    ]


def test_problems_come_first_and_skipped_videos_are_summed_up() -> None:
    found = _text(_plan(BROKEN, DONE, replace(DONE, uri="/in/d.mov"), MADE, empty=("none/*.mp4",)))
    assert found[:3] == [
        "note       none/*.mp4: no videos found",
        "fail       /in/b.mov: not a video",
        "skip       2 videos: published before (-v lists them)",
    ]
    assert "total      4 videos, 1 problem, 1 to make" in found
    assert any(line.startswith("storage    900.0 kB to read") for line in found), "skipped sources are not read"


def test_a_finished_job_has_nothing_to_make() -> None:
    assert _text(_plan(DONE)) == [
        "skip       1 video: published before (-v lists them)",
        "total      1 video, 0 to make",
    ]


def test_settings_that_differ_are_in_the_table() -> None:
    ramp = replace(MADE, uri="/in/x/r.mov", output_uri="s3://out/r.mp4", is_ramp=True, slowdown=2.5, audio="none")
    lossless = replace(MADE, uri="/in/l.mov", codec="ffv1", quality=None, weights="", method="flow", slowdown=1.0)
    lines = _text(_plan(MADE, ramp, lossless))
    assert lines[:2] == ["from       /in/", "to         several places"]
    assert lines[2] == "as         audio stretched", "the others have no audio"
    assert "4x slower, superslomo compact-3, h264 quality 18 yuv420p" in lines[5]
    assert "ramp, 2.5x slower on average, superslomo compact-3, h264 quality 18 yuv420p" in lines[6]
    assert "same duration, flow, ffv1 yuv420p" in lines[7]


def test_equal_notes_of_many_videos_are_said_once() -> None:
    rows = [
        replace(MADE, uri=f"/in/{number:04}.mov", notes=("variable frame rate", f"{number} data tracks not kept"))
        for number in range(3000)
    ]
    lines = _text(_plan(*rows))
    assert len(lines) < 3020
    notes = [line for line in lines if line.startswith("note")]
    names = "(3,000 videos, 0000.mov, 0001.mov, 0002.mov and 2,997 more"
    assert notes == [
        f"note       variable frame rate {names})",
        f"note       0 data tracks not kept {names}; for the others with other numbers)",
    ]


def test_a_verbose_plan_names_everything_with_its_video() -> None:
    lines = _text(_plan(DONE, MADE), verbose=True)
    assert lines[0] == "skip       /in/c.mov: published before"
    row = next(number for number, line in enumerate(lines) if line.startswith("make"))
    assert lines[row + 1 : row + 3] == ["           to /out/a.mp4", "           note: variable frame rate"]


@pytest.mark.parametrize("width", [30, 60, 80, 100, 120])
def test_a_table_fits_the_terminal(width: int) -> None:
    long = replace(MADE, uri=f"/in/{'very/' * 30}long-映画.mov", slowdown=8.0)
    lines = _text(_plan(MADE, long), width=width)
    table = [line for line in lines if line.startswith(("make", "      video"))]
    assert len(table) == 3
    assert max(map(len, table)) <= max(width, 44)
    assert "..." in table[2]
    assert ("settings" in table[0]) == (width >= 60)
    assert ("picture" in table[0]) == (width >= 80)
    assert ("(no room for frames, size: widen the terminal, or use --csv)" in lines) == (width == 80)
    assert ("frames" in table[0]) == (width >= 100)
    assert "3.0 s -> 12.0 s" in table[1]


def test_hours_and_money_follow_from_the_speed_of_a_machine() -> None:
    timed = replace(MADE, machine_hours=2.0)
    on = MeasuredSize(width=640, height=360, frames=240)
    measured = _plan(timed, timed, frames_per_s=0.04, measured_on=(on,), is_scaled=True)
    time = "time       4 h 00 min of one machine at 0.04 frames/s, as measured in this job"
    assert _text(measured)[-1] == f"{time} (from 240 frames of 640x360, scaled by size)"
    assert _text(measured, price_per_hour=1.5)[-1].endswith("scaled by size): 6.00 at 1.50 an hour")
    two = replace(measured, measured_on=(on, replace(on, width=320, frames=24)), is_scaled=False)
    assert _text(two)[-1] == f"{time} (from 240 frames of 640x360 and 24 of 320x360)"
    four = replace(two, measured_on=(*two.measured_on, on, on))
    assert _text(four)[-1] == f"{time} (from 240 frames of 640x360, 24 of 320x360 and 2 other sizes)"
    total = _json(measured, price_per_hour=1.5)[-1]
    assert (total["machine_hours"], total["machine_price"]) == (4.0, 6.0)
    unknown = _text(_plan(timed, MADE), price_per_hour=1.5)[-1]
    assert unknown.startswith("time       not known for 1 of 2 videos, nor the price: run some of the videos first")


def test_a_plan_says_whether_the_budget_is_enough() -> None:
    timed = replace(MADE, machine_hours=2.0)

    def line(plan: Plan) -> str:
        return _text(plan)[-1]

    hours = _plan(timed, spent_hours=1.0, budget_hours=4.0)
    assert line(hours) == "budget     1 h 00 min of 4 h 00 min spent; about enough for the rest"
    more = "; the job needs about 30 min 00 s more than that, and stops before its end"
    assert line(replace(hours, budget_hours=2.5)) == f"budget     1 h 00 min of 2 h 30 min spent{more}"
    money = replace(hours, budget_hours=2.5, price_per_hour=2.0)
    assert (
        line(money)
        == "budget     2.00 of 5.00 spent; the job needs about 1.00 more than that, and stops before its end"
    )
    unknown = _plan(MADE, spent_hours=1.0, budget_hours=4.0)
    assert line(unknown) == "budget     1 h 00 min of 4 h 00 min spent"
    assert line(replace(unknown, spent_hours=4.0)).endswith("4 h 00 min of 4 h 00 min spent; a run stops at once")
    assert _json(money)[-1]["over_budget_hours"] == 0.5


def test_a_plan_in_json_ends_with_the_total() -> None:
    first, second, note, total = _json(_plan(MADE, BROKEN, empty=("none/*.mp4",)))
    assert (first["event"], first["num_output_frames"], first["output_rate"]) == ("video", 288, "24000/1001")
    assert second["problem"] == "/in/b.mov: not a video"
    assert note == {"event": "note", "text": "no videos found", "uri": "none/*.mp4"}
    assert total == {
        "event": "total",
        "videos": 2,
        "problems": 1,
        "source_frames": 72,
        "output_frames": 288,
        "chunks": 3,
        "size_bytes": 900_010,
        "videos_with_many_frames": 0,
        "source_s": 3.003,
        "output_s": 12.012,
        "bytes_to_read": 900_000,
        "bytes_to_write": 5_000_000,
        "join_bytes": 6_700_000,
        "frames_to_make": 288,
        "machine_hours": None,
        "measured_on": [],
        "is_scaled": False,
        "spent_hours": 0.0,
        "budget_hours": None,
        "over_budget_hours": None,
        "machine_price": None,
    }


def test_a_plan_ends_with_a_warning_if_outputs_are_very_long() -> None:
    long = _plan(replace(MADE, num_output_frames=51 * 72), MADE, BROKEN)
    assert _text(long)[-1] == (
        "warning    1 video with more than 50 output frames for each source frame; see the notes above"
    )
    assert _json(long)[-1]["videos_with_many_frames"] == 1


def test_a_plan_on_s3_shows_the_requests_and_their_price() -> None:
    asked = replace(MADE, s3_requests=S3Requests(list=4, put=1996, get=10_000, delete=2))
    assert _text(_plan(asked, asked))[-1] == (
        "requests   about 3,992 PUT, 8 LIST and 20,000 GET requests to S3, 0.0280 USD (list prices of S3 Standard in"
        " us-east-1); if the work place is on S3, the driver adds 0.01 USD an hour"
    )
    total = _json(_plan(asked, asked))[-1]
    assert total["s3_requests"] == {"list": 8, "put": 3992, "get": 20_000, "delete": 4}
    assert total["s3_requests_usd"] == 0.028


def test_csv_has_a_row_per_video_with_all_fields() -> None:
    stream = io.StringIO()
    hostile = replace(BROKEN, uri='/in/"b",\n.mov', notes=("one", "two"), s3_requests=S3Requests(put=3))
    write_csv([MADE, hostile], stream)
    first, second = csv.DictReader(io.StringIO(stream.getvalue()))
    named = {field.name for field in fields(PlanRow)} - {"s3_requests"}
    assert set(first) == named | {"s3_list", "s3_put", "s3_get", "s3_delete"}
    assert (first["width"], first["quality"], first["machine_hours"], first["is_ramp"]) == ("1920", "18", "", "False")
    assert (second["uri"], second["notes"], second["s3_put"]) == ('/in/"b",\\n.mov', "one; two", "3")
