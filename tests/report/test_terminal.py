"""Displays of a running job: live, and in lines."""

import io
from collections.abc import Callable, Sequence

import pytest

from slomo_batch.report.events import Display, Event, JobEnded, JobStarted, VideoGivenUp
from slomo_batch.report.json_log import JsonDisplay
from slomo_batch.report.terminal import PlainDisplay, RichDisplay, display_for
from tests.report.events import EVENTS, SNAPSHOT


class Terminal(io.StringIO):
    """A stream whose `isatty` is true."""

    def isatty(self) -> bool:
        return True


def shown(make: Callable[[io.StringIO], Display], stream: io.StringIO, events: Sequence[Event] = EVENTS) -> str:
    with make(stream) as display:
        for event in events:
            display.show(event)
    return stream.getvalue()


def test_a_terminal_gets_the_live_display_a_pipe_lines_and_json_on_request() -> None:
    assert isinstance(display_for(Terminal(), as_json=False, job="derby"), RichDisplay)
    assert isinstance(display_for(io.StringIO(), as_json=False, job="derby"), PlainDisplay)
    assert isinstance(display_for(Terminal(), as_json=True, job="derby"), JsonDisplay)


def test_lines_report_every_video_and_the_end() -> None:
    assert shown(PlainDisplay, io.StringIO()).splitlines() == [
        "derby: 3 videos, work in s3://scratch/slomo",
        "opened     a.mov: 1,000 frames in 4 chunks",
        "retry      a.mov, chunk 2: WorkerLost: the worker that held this chunk is lost, got the worker died",
        "published  o/a.mp4 (1,000 frames, 1.5 MB)",
        "           no chapters",
        "skipped    b.mov: made before",
        "FAILED     c [bold]x.mov: SourceUnreadable: ends early",
        "note       one worker only",
        "note       a.mov: variable frame rate",
        "1 video published, 1 skipped, 1 FAILED; 1,000 frames in 1 min 21 s",
    ]


def test_the_header_counts_all_videos_of_the_job() -> None:
    started = JobStarted(name="j", num_videos=2, work="w", videos_done=3, videos_failed=1, videos_refused=1)
    assert shown(PlainDisplay, io.StringIO(), [started]) == (
        "j: 7 videos (3 done before, 1 failed before, 1 refused, 2 to make), work in w\n"
    )
    done = JobStarted(name="j", num_videos=0, work="w", videos_done=3)
    assert shown(PlainDisplay, io.StringIO(), [done]) == "j: 3 videos (3 done before), work in w\n"


def test_a_log_gets_lines_of_progress_at_intervals_however_frequent_the_events() -> None:
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


def test_the_live_display_shows_bars_and_the_lines_above_them() -> None:
    output = shown(RichDisplay, Terminal())
    for expected in ("videos", "chunks", "frames", "published", "FAILED", "c [bold]x.mov", "1 video published"):
        assert expected in output
    assert "12.3 frames/s" in output


def test_an_interrupted_job_says_that_the_next_run_resumes() -> None:
    ended = JobEnded(videos_published=0, videos_skipped=0, videos_failed=0, num_frames=1, seconds=2.0, interrupted=True)
    output = shown(PlainDisplay, io.StringIO(), [ended])
    assert output == "interrupted: 0 videos published; 1 frame in 2 s; the next run resumes\n"


@pytest.mark.parametrize("make", [PlainDisplay, RichDisplay])
def test_control_characters_in_a_name_are_shown_escaped(make: Callable[[io.StringIO], Display]) -> None:
    name = "a\n\x1b[31m[red] :smile: \u202e\x9b.mov"
    event = VideoGivenUp(uri=name, video_id="", output_uri="o", error="E", reason="r\r\nr")
    output = shown(make, io.StringIO(), [event])
    assert r"FAILED     a\n\x1b[31m[red] :smile: \u202e\x9b.mov: E: r\r\nr" in output
    assert output.replace("\n", "").isprintable()
