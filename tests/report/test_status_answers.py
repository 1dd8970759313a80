"""Answers of status and jobs."""

import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from slomo_batch.report.events import Failure, JobStatus
from slomo_batch.report.status_answers import show_jobs, show_status


def test_a_status_is_shown_with_its_failures() -> None:
    status = JobStatus(
        job="derby",
        state="interrupted",
        videos_done=1,
        videos_failed=1,
        videos_total=3,
        chunks_done=10,
        chunks_total=40,
        frames_done=1000,
        updated="2019-05-01T12:00:00Z",
        failures=(Failure(uri="c.mov", error="SourceUnreadable", reason="ends early"),),
    )
    stream = io.StringIO()
    show_status(status, as_json=False, stream=stream)
    assert stream.getvalue().splitlines() == [
        "derby: interrupted, as of 2019-05-01T12:00:00Z",
        "  videos 1/3, 1 left, 1 failed",
        "  chunks 10/40, frames 1,000",
        "  FAILED c.mov: SourceUnreadable: ends early",
    ]
    stream = io.StringIO()
    budgeted = replace(status, spent_hours=0.5, budget_hours=2.0, failures=())
    show_status(budgeted, as_json=False, stream=stream)
    assert stream.getvalue().splitlines()[-1] == "  budget: 30 min 00 s of 2 h 00 min spent"
    stream = io.StringIO()
    show_status(status, as_json=True, stream=stream)
    assert json.loads(stream.getvalue())["failures"] == [
        {"uri": "c.mov", "error": "SourceUnreadable", "reason": "ends early"}
    ]


def test_a_running_job_is_shown_with_rate_and_remaining_time_and_outputs() -> None:
    now = datetime.now(UTC)
    status = JobStatus(
        job="derby",
        state="running",
        videos_done=9,
        videos_failed=0,
        videos_total=12,
        chunks_done=10,
        chunks_total=40,
        frames_done=1000,
        updated=(now - timedelta(seconds=3)).isoformat(timespec="seconds"),
        failures=(),
        began="2026-11-29T08:00:00+00:00",
        frames_total=4000,
        frames_per_s=12.34,
        eta_s=243.0,
        workers=2,
    )
    stream = io.StringIO()
    num_lines = show_status(status, outputs=(9, ["/out/a.mp4"]), as_json=False, stream=stream)
    first, *others = stream.getvalue().splitlines()
    assert first.startswith("derby: running, as of ")
    assert first.endswith(" s ago)")
    assert others == [
        "  the latest run began 2026-11-29T08:00:00+00:00",
        "  videos 9/12, 3 left, 0 failed",
        "  chunks 10/40, frames 1,000/4,000",
        "  12.3 frames/s, 2 workers, 4 min 03 s left",
        "  9 outputs published:",
        "    /out/a.mp4",
        "    and 8 more; --outputs lists all",
    ]
    assert num_lines == 1 + len(others)
    stream = io.StringIO()
    show_status(status, outputs=(40_000, []), as_json=False, stream=stream)
    assert stream.getvalue().splitlines()[-1] == "  40,000 outputs published; --outputs lists them"
    stream = io.StringIO()
    show_jobs([status, replace(status, job="a", updated="")], work="/work", files={}, as_json=False, stream=stream)
    assert stream.getvalue().splitlines() == [
        "2 jobs in /work:",
        f"  derby  running      {status.updated}  videos 9/12, 1,000 frames",
        "  a      nothing made yet",
    ]
    stream = io.StringIO()
    failures = tuple(Failure(uri="c", error=error, reason="") for error in ("SourceUnreadable", "OutputExists"))
    shown = replace(status, state="finished", videos_failed=2, failures=failures, frames_done=0)
    show_jobs([shown], work="/work", files={}, as_json=False, stream=stream)
    assert stream.getvalue().endswith("  videos 9/12, 1 failed, 1 refused: the output exists\n")
    stream = io.StringIO()
    shown = replace(status, job="convert-a-0123456789", state="finished", videos_done=1, videos_total=1)
    for output in ("/out/a.mkv", ""):
        show_jobs([shown], work="/work", files={shown.job: ("a.mp4", output)}, as_json=False, stream=stream)
    assert stream.getvalue().splitlines() == [
        "1 job in /work:",
        f"  a.mp4  finished     {status.updated}  videos 1/1, 1,000 frames  -> /out/a.mkv",
        "1 job in /work:",
        f"  a.mp4  finished     {status.updated}  videos 1/1, 1,000 frames",
    ]
