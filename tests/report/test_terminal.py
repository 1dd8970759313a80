"""Displays of a running job: live, in lines, and quiet."""

import io
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from slomo_batch.report.bars import Bars
from slomo_batch.report.events import (
    ActivityAdvanced,
    Display,
    Event,
    JobEnded,
    JobStarted,
    JobStopping,
    VideoGivenUp,
    VideoPublished,
)
from slomo_batch.report.json_log import JsonDisplay
from slomo_batch.report.lines import progress_line
from slomo_batch.report.terminal import PlainDisplay, QuietDisplay, RichDisplay, display_for, wrapped
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
    assert isinstance(display_for(Terminal(), as_json=False, job="derby", verbosity="quiet"), QuietDisplay)
    assert isinstance(display_for(Terminal(), as_json=True, job="derby", verbosity="quiet"), JsonDisplay)


def test_lines_report_every_video_and_the_end() -> None:
    assert shown(PlainDisplay, io.StringIO()).splitlines() == [
        "starting Ray ...",
        "derby: 3 videos; work in s3://scratch/slomo",
        "opened     a.mov: 1,000 frames in 4 chunks",
        "retry      a.mov, chunk 2: WorkerLost: the worker that held this chunk is lost, got the worker died",
        "           120 frames of chunk 2 must be made again",
        "published  o/a.mp4 (1,000 frames, 1.5 MB)",
        "           no chapters",
        "FAILED     c [bold]x.mov: SourceUnreadable: ends early",
        "note       one worker only",
        "note       a.mov: variable frame rate",
        "Stopping.",
        "",
        "FAILED     c [bold]x.mov: SourceUnreadable: ends early",
        "outputs    o/ (1 file, 1.5 MB)",
        "           a.mp4  1,000 frames  1.5 MB  1 note",
        "1 video published, 1 skipped, 1 FAILED; 1,000 frames in 1 min 21 s (12.3 frames/s)",
    ]


def test_a_verbose_display_shows_skipped_videos_chunks_and_details() -> None:
    lines = shown(lambda stream: PlainDisplay(stream, verbosity="verbose"), io.StringIO()).splitlines()
    more = set(lines) - set(shown(PlainDisplay, io.StringIO()).splitlines())
    assert more == {"skipped    b.mov: made before", "made       a.mov, chunk 1: 250 frames in 4 s"}


def test_a_quiet_display_shows_failures_and_an_end_that_is_not_complete() -> None:
    failed = "FAILED     c [bold]x.mov: SourceUnreadable: ends early"
    assert shown(QuietDisplay, io.StringIO()).splitlines() == [
        failed,
        "Stopping.",
        "1 video published, 1 skipped, 1 FAILED; 1,000 frames in 1 min 21 s (12.3 frames/s)",
    ]
    complete = JobEnded(videos_published=1, videos_skipped=0, videos_failed=0, num_frames=1, seconds=2.0)
    assert shown(QuietDisplay, io.StringIO(), [complete]) == ""


def test_a_video_that_failed_in_an_earlier_run_is_listed_at_the_end_only() -> None:
    earlier = VideoGivenUp(uri="c", video_id="", output_uri="o", error="E", reason="r", in_earlier_run=True)
    ended = JobEnded(videos_published=0, videos_skipped=9, videos_failed=2, num_frames=0, seconds=2.0)
    assert shown(PlainDisplay, io.StringIO(), [earlier, replace(earlier, uri="d"), ended]).splitlines() == [
        "",
        "FAILED     c: E: r",
        "FAILED     d: E: r",
        "0 videos published, 9 skipped, 2 FAILED; 0 frames in 2 s",
    ]


def test_the_end_of_a_large_run_counts_outputs_and_notes() -> None:
    events: list[Event] = [
        VideoPublished(
            uri=f"{number}.mov",
            video_id="v",
            output_uri=f"s3://slow/{number % 2}/{number}.mp4",
            num_frames=10,
            size_bytes=1000,
            notes=("no chapters",) if number < 400 else (),
        )
        for number in range(500)
    ]
    failed = [VideoGivenUp(uri=f"{n}", video_id="", output_uri="o", error="E", reason="r") for n in range(12)]
    ended = JobEnded(videos_published=500, videos_skipped=0, videos_failed=12, num_frames=5000, seconds=100.0)
    lines = shown(PlainDisplay, io.StringIO(), [*events, *failed, ended]).splitlines()
    end = lines[lines.index("") + 1 :]
    assert end == [
        *[f"FAILED     {number}: E: r" for number in range(10)],
        "FAILED     2 more; `slomo-batch status` lists them",
        "outputs    s3://slow/ (500 files, 500.0 kB)",
        "note       400 videos: no chapters",
        "500 videos published, 12 FAILED; 5,000 frames in 1 min 40 s (50.0 frames/s)",
    ]


def test_the_outputs_of_a_few_videos_are_a_table() -> None:
    videos = [
        VideoPublished(
            uri="a", video_id="v", output_uri=f"/slow/{name}.mp4", num_frames=frames, size_bytes=1000, notes=()
        )
        for name, frames in (("a", 1), ("long", 1200))
    ]
    ended = JobEnded(videos_published=2, videos_skipped=0, videos_failed=0, num_frames=1201, seconds=10.0)
    assert shown(PlainDisplay, io.StringIO(), [*videos, ended]).splitlines()[2:] == [
        "",
        "outputs    /slow/ (2 files, 2.0 kB)",
        "           a.mp4          1 frame  1.0 kB",
        "           long.mp4  1,200 frames  1.0 kB",
        "2 videos published; 1,201 frames in 10 s (120.1 frames/s)",
    ]


def test_the_header_counts_all_videos_of_the_job() -> None:
    started = JobStarted(name="j", num_videos=2, work="w", videos_done=3, videos_failed=1, videos_refused=1)
    assert shown(PlainDisplay, io.StringIO(), [started]) == (
        "j: 7 videos: 3 done before, 1 failed before, 1 refused, 2 to make; work in w\n"
    )
    done = JobStarted(name="j", num_videos=0, work="w", videos_done=3)
    assert shown(PlainDisplay, io.StringIO(), [done]) == "j: 3 videos: 3 done before; work in w\n"
    titled = replace(started, title="a.mp4 -> b.mp4")
    assert shown(PlainDisplay, io.StringIO(), [titled]) == "a.mp4 -> b.mp4\n"


@pytest.mark.parametrize("display", [PlainDisplay, QuietDisplay])
def test_the_end_says_which_option_tries_failed_videos_again(display: Callable[..., Display]) -> None:
    ended = JobEnded(videos_published=0, videos_skipped=0, videos_failed=2, num_frames=0, seconds=2.0)
    hint = "the next run tries 1 failed video again with --retry-failed, or if its file is replaced\n"
    assert hint in shown(display, io.StringIO(), [replace(ended, videos_to_retry=1)])
    assert "--retry-failed" not in shown(display, io.StringIO(), [ended])


def test_a_log_gets_lines_of_progress_at_growing_intervals_however_frequent_the_events() -> None:
    now = [0.0]
    stream = io.StringIO()
    with PlainDisplay(stream, clock=lambda: now[0]) as display:
        for tenth in range(350):
            now[0] = tenth / 10
            display.show(SNAPSHOT)
        lines = stream.getvalue().splitlines()
        for second in range(35, 3600):
            now[0] = second
            display.show(SNAPSHOT)
    assert len(lines) == 3
    assert lines[0] == (
        "progress   making frames: 5 %, 1,500/~30,000 frames, 12.3 frames/s, 4 min 03 s left, "
        "1/1,200 videos (1 failed), 1 worker and 2 starting, 1 fault"
    )
    assert 60 < len(stream.getvalue().splitlines()) < 90


def test_a_log_says_at_once_that_a_phase_begins() -> None:
    waiting = replace(SNAPSHOT, phase="waiting for workers", workers=0)
    assert "2 workers starting: they load PyTorch or wait for a machine" in progress_line(waiting)
    assert "1 worker starting: it loads" in progress_line(replace(waiting, workers_pending=1))
    joining = replace(SNAPSHOT, phase="joining", fraction=1.0, eta_s=0.2, videos_total=1, workers_pending=0, faults=0)
    output = shown(PlainDisplay, io.StringIO(), [joining, joining])
    assert output == "progress   joining: 100 %, 1,500/30,000 frames, 1 s left\n"


def test_the_live_display_shows_bars_and_the_lines_above_them() -> None:
    output = shown(RichDisplay, Terminal(), [*EVENTS, SNAPSHOT])
    for expected in ("starting Ray", "published", "FAILED", "c [bold]x.mov", "1 video published"):
        assert expected in output
    assert "opened" not in output


@pytest.mark.parametrize("width", [62, 80, 120])
def test_bars_fit_the_terminal(width: int) -> None:
    from rich.console import Console  # noqa: PLC0415 only this test draws on a console of its own

    console = Console(file=io.StringIO(), width=width, height=24)
    bars = Bars(clock=lambda: 0.0)
    bars.snapshot = SNAPSHOT
    with console.capture() as captured:
        console.print(bars)
    job, aside, video = captured.get().splitlines()
    assert job.startswith("making frames ")
    assert job.rstrip().endswith("5 %  1,500/~30,000 frames 0:00:00")
    assert aside.startswith("  12.3 frames/s, 4 min 03 s left, 1/1,200 videos (1 failed)")
    assert (video.split()[0], video.split()[-2:]) == ("a.mov", ["500/1,000", "making"])
    assert max(map(len, (job, aside, video))) <= width - len("^C"), "so that its echo begins no line"


READING = ActivityAdvanced(text="reading headers", num_done=4800, num_total=40_000, per_s=5.1, eta_s=6902.0)


def test_what_can_be_counted_has_a_bar_on_a_terminal_and_a_line_now_and_then_in_a_pipe() -> None:
    from rich.console import Console  # noqa: PLC0415 only here

    bars, console = Bars(clock=lambda: 0.0), Console(file=io.StringIO(), width=80, height=24)
    bars.advanced = READING
    with console.capture() as captured:
        console.print(bars)
    row, aside = captured.get().splitlines()
    assert row.startswith("reading headers ")
    assert row.rstrip().endswith("12 %  4,800/40,000 0:00:00")
    assert aside == "  5.1/s, 1 h 55 min left"
    now_s, stream = [0.0], io.StringIO()
    with PlainDisplay(stream, clock=lambda: now_s[0]) as display:
        for now_s[0] in (1.0, 9.0, 11.0, 12.0):
            display.show(READING)
    assert stream.getvalue() == "progress   reading headers: 4,800/40,000, 5.1/s, 1 h 55 min left\n"
    quiet = io.StringIO()
    assert shown(QuietDisplay, quiet, [READING]) == ""


def test_long_lines_break_between_words_and_paths_stay_whole() -> None:
    line = f"published  /{'x' * 70}.mp4 (1,000 frames, 1.5 MB)"
    assert wrapped(line, 40) == ["published", f"{' ' * 11}/{'x' * 70}.mp4", f"{' ' * 11}(1,000 frames, 1.5 MB)"]
    assert wrapped("note       short", 40) == ["note       short"]


def test_a_stop_is_answered_on_every_display() -> None:
    for make in (PlainDisplay, RichDisplay, QuietDisplay):
        assert "Stopping." in shown(make, Terminal(), [JobStopping(text="Stopping.")])


def test_an_interrupted_job_says_that_the_next_run_resumes() -> None:
    ended = JobEnded(videos_published=0, videos_skipped=0, videos_failed=0, num_frames=1, seconds=2.0, interrupted=True)
    output = shown(PlainDisplay, io.StringIO(), [ended])
    assert output == "interrupted: 0 videos published; 1 frame in 2 s (0.5 frames/s); the next run resumes\n"


STOPPED = JobEnded(
    videos_published=2,
    videos_skipped=0,
    videos_failed=0,
    num_frames=500,
    seconds=35.0,
    interrupted=True,
    videos_left=58,
    budget_reached=True,
    spent_hours=0.5,
    budget_hours=0.4,
    hours_left=2.6,
)


@pytest.mark.parametrize("make", [PlainDisplay, QuietDisplay])
def test_a_job_that_its_budget_stopped_says_what_is_left_and_what_to_do(make: Callable[[io.StringIO], Display]) -> None:
    assert shown(make, io.StringIO(), [STOPPED]).splitlines()[-4:] == [
        "stopped by its budget: 2 videos published; 500 frames in 35 s (14.3 frames/s)",
        "budget     30 min 00 s of 24 min 00 s spent",
        "left       58 videos, about 2 h 36 min of one machine",
        "           Raise budget.hours to about 3.1 and run again: it goes on where it was.",
    ]
    money = replace(STOPPED, price_per_hour=100.0)
    assert shown(make, io.StringIO(), [money]).splitlines()[-3:] == [
        "budget     50.00 of 40.00 spent",
        "left       58 videos, about 2 h 36 min of one machine, 260.00",
        "           Raise budget.money to about 310 and run again: it goes on where it was.",
    ]
    unknown = replace(STOPPED, hours_left=None)
    assert shown(make, io.StringIO(), [unknown]).splitlines()[-2:] == [
        "left       58 videos; `slomo-batch plan` shows how long they take",
        "           Raise budget.hours and run again: it goes on where it was.",
    ]


def test_progress_shows_what_is_spent_of_a_budget() -> None:
    of_hours = replace(SNAPSHOT, spent_hours=12.3, budget_hours=200.0)
    assert progress_line(of_hours).endswith(", 1 fault, spent 12 h 18 min of 200 h 00 min")
    assert progress_line(replace(of_hours, price_per_hour=1.2)).endswith(", spent 14.76 of 240.00")
    assert "spent" not in progress_line(replace(SNAPSHOT, spent_hours=12.3))


@pytest.mark.parametrize("make", [PlainDisplay, RichDisplay, QuietDisplay])
def test_control_characters_in_a_name_are_shown_escaped(make: Callable[[io.StringIO], Display]) -> None:
    name = "a\n\x1b[31m[red] :smile: \u202e\x9b.mov"
    event = VideoGivenUp(uri=name, video_id="", output_uri="o", error="E", reason="r\r\nr")
    output = shown(make, io.StringIO(), [event])
    assert r"FAILED     a\n\x1b[31m[red] :smile: \u202e\x9b.mov: E: r\r\nr" in output
    assert output.replace("\n", "").isprintable()
