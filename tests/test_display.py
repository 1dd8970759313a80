"""What displays write of a job: live, in lines, and as JSON; and the answers of plan and status."""

import io
import json
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.display import (
    JsonDisplay,
    PlainDisplay,
    RichDisplay,
    display_for,
    duration,
    show_plan,
    show_status,
    size,
)
from slomo_batch.progress import (
    ChunkFinished,
    ChunkRetried,
    Display,
    Event,
    Failure,
    JobEnded,
    JobStarted,
    JobStatus,
    Note,
    PlanRow,
    Snapshot,
    VideoOpened,
    VideoPublished,
    VideoSkipped,
)
from slomo_batch.records import VideoFailed

SNAPSHOT = Snapshot(
    videos_done=1,
    videos_failed=1,
    videos_total=1200,
    chunks_done=10,
    chunks_total=40,
    frames_done=1000,
    frames_total=4000,
    frames_per_s=12.34,
    eta_s=243.0,
    workers=1,
)
EVENTS: Sequence[Event] = (
    JobStarted(name="derby", num_videos=3, work="s3://scratch/slomo"),
    VideoOpened(uri="a.mov", num_chunks=4, num_frames=1000),
    ChunkFinished(uri="a.mov", num_frames=250),
    ChunkRetried(uri="a.mov", index=2, error="WorkerLost", reason="the worker died"),
    VideoPublished(uri="a.mov", output_uri="o/a.mp4", num_frames=1000, size_bytes=1_500_000, notes=("no chapters",)),
    VideoSkipped(uri="b.mov", output_uri="o/b.mp4", reason="made before"),
    VideoFailed(source_uri="c [bold]x.mov", output_uri="o/c.mp4", error="SourceUnreadable", reason="ends early"),
    Note(text="one worker only"),
    Note(uri="a.mov", text="variable frame rate"),
    SNAPSHOT,
    JobEnded(videos_published=1, videos_skipped=1, videos_failed=1, num_frames=1000, seconds=81.2),
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def shown(make: Callable[[io.StringIO], Display], stream: io.StringIO, events: Sequence[Event] = EVENTS) -> str:
    with make(stream) as display:
        for event in events:
            display.show(event)
    return stream.getvalue()


def test_a_terminal_gets_the_live_display_a_pipe_lines_and_a_machine_json() -> None:
    assert isinstance(display_for(Terminal(), as_json=False), RichDisplay)
    assert isinstance(display_for(io.StringIO(), as_json=False), PlainDisplay)
    assert isinstance(display_for(Terminal(), as_json=True), JsonDisplay)


def test_lines_tell_of_every_video_and_of_the_end() -> None:
    assert shown(PlainDisplay, io.StringIO()).splitlines() == [
        "derby: 3 videos, work in s3://scratch/slomo",
        "opened     a.mov: 1,000 frames in 4 chunks",
        "retry      a.mov, chunk 2: WorkerLost: the worker died",
        "published  o/a.mp4 (1,000 frames, 1.5 MB)",
        "           no chapters",
        "skipped    b.mov: made before",
        "FAILED     c [bold]x.mov: SourceUnreadable: ends early",
        "note       one worker only",
        "note       a.mov: variable frame rate",
        "1 video published, 1 skipped, 1 FAILED; 1,000 frames in 1 min 21 s",
    ]


def test_a_log_gets_a_line_of_progress_now_and_then_however_often_the_job_tells() -> None:
    now = [0.0]
    stream = io.StringIO()
    with PlainDisplay(stream, clock=lambda: now[0]) as display:
        for tenth in range(350):
            now[0] = tenth / 10
            display.show(SNAPSHOT)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0] == (
        "videos 1/1,200 (1 failed), chunks 10/40, frames 1,000/4,000, 12.3 frames/s, 1 worker, 4 min 03 s left"
    )


def test_a_name_with_line_breaks_and_escapes_stays_one_plain_line() -> None:
    event = VideoFailed(source_uri="a\n\x1b[31m.mov", output_uri="o", error="E", reason="r\r\nr")
    for make in (PlainDisplay, RichDisplay):
        told = shown(make, io.StringIO(), [event])
        assert "\x1b" not in told
        assert len(told.strip().splitlines()) == 1


def test_json_is_an_object_per_line_that_names_its_event() -> None:
    objects = [json.loads(line) for line in shown(JsonDisplay, io.StringIO()).splitlines()]
    assert [entry["event"] for entry in objects] == [
        "job_started",
        "video_opened",
        "chunk_finished",
        "chunk_retried",
        "video_published",
        "video_skipped",
        "video_failed",
        "note",
        "note",
        "snapshot",
        "job_ended",
    ]
    assert objects[4] == {
        "event": "video_published",
        "uri": "a.mov",
        "output_uri": "o/a.mp4",
        "num_frames": 1000,
        "size_bytes": 1_500_000,
        "notes": ["no chapters"],
    }


def test_the_live_display_shows_bars_and_the_lines_above_them() -> None:
    told = shown(RichDisplay, Terminal())
    for expected in ("videos", "chunks", "frames", "published", "FAILED", "c [bold]x.mov", "1 video published"):
        assert expected in told
    assert "12.3 frames/s" in told


def test_an_interrupted_job_says_that_the_next_run_resumes() -> None:
    ended = JobEnded(videos_published=0, videos_skipped=0, videos_failed=0, num_frames=1, seconds=2.0, interrupted=True)
    told = shown(PlainDisplay, io.StringIO(), [ended])
    assert told == "interrupted: 0 videos published; 1 frame in 2 s; the next run resumes\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (3600, "1 h 00 min"),
        (90061, "25 h 01 min"),
    ],
)
def test_durations_are_told_for_people(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("num_bytes", "words"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (1_500_000, "1.5 MB"), (10**18, "1000.0 PB")]
)
def test_sizes_are_told_for_people(num_bytes: int, words: str) -> None:
    assert size(num_bytes) == words


@given(st.integers(0, 10**20))
def test_every_size_has_its_words(num_bytes: int) -> None:
    assert size(num_bytes).split(" ")[1] in {"B", "kB", "MB", "GB", "TB", "PB"}


# ---- answers -------------------------------------------------------------------------------------------------------

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


def test_a_plan_is_told_video_by_video_and_in_all() -> None:
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
    }


def test_a_status_is_told_with_its_failures() -> None:
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
        "  videos 1/3, 1 failed",
        "  chunks 10/40, frames 1,000",
        "  FAILED c.mov: SourceUnreadable: ends early",
    ]
    stream = io.StringIO()
    show_status(status, as_json=True, stream=stream)
    assert json.loads(stream.getvalue())["failures"] == [
        {"uri": "c.mov", "error": "SourceUnreadable", "reason": "ends early"}
    ]
