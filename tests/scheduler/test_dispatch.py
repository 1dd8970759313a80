"""Dispatch: which task and which chunk comes next, and how many workers could be busy."""

from dataclasses import replace

import pytest

from slomo_batch.scheduler.messages import (
    ChunkReady,
    MakeAudio,
    MakeChunk,
    NeedsSurvey,
    NoMoreVideos,
    Open,
    Split,
    Stitch,
    Stop,
    VideoFound,
)
from tests.attempts import chunk_error, chunk_lost, chunk_made, step_done, step_error
from tests.scheduler.dispatch_job import LIMITS, Job, opened, opened_with, ready_videos, running_job


def test_after_a_stop_only_complete_videos_are_stitched() -> None:
    job = Job().handle(VideoFound(video=0), VideoFound(video=1), NoMoreVideos())
    job.tasks()
    job.handle(opened(0, num_chunks=2), opened(1, num_chunks=2))
    assert len(job.chunks(slots=3)) == 3
    job.handle(Stop(), chunk_made(0, video=0))
    assert (job.tasks(), job.dispatch.finished) == ([], False)
    job.handle(chunk_made(1, video=0), chunk_made(0, video=1))
    assert not job.dispatch.finished
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    assert not job.dispatch.finished
    job.handle(step_done("stitch", video=0, lane="copy"))
    assert (job.chunks(), job.tasks(), job.dispatch.finished) == ([], [], True)


def test_after_a_stop_a_failed_stitch_is_left_to_the_next_run() -> None:
    job = running_job(num_chunks=1).handle(Stop(), chunk_made(0))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    failed = step_error("stitch", "StorageBusy", lane="copy")
    assert job.handle(failed).dispatch.finished
    assert job.dispatch.take_failures() == []


def test_a_video_goes_through_its_steps_in_order_and_a_chunk_starts_while_the_split_still_runs() -> None:
    job = Job().handle(VideoFound(video=0), NoMoreVideos())
    assert job.tasks() == [Open(video=0)]
    job.handle(opened(audio=True, ready=False))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset({0, 1}), audio=True)]
    job.handle(ChunkReady(video=0, lane="copy", chunk=0))
    assert job.chunks() == [MakeChunk(video=0, lane="copy", chunk=0, attempt_number=1, isolated=False)]
    job.handle(ChunkReady(video=0, lane="copy", chunk=1), step_done("split", video=0, lane="copy"))
    assert job.tasks() == [MakeAudio(video=0)]
    job.handle(chunk_made(0), step_done("sound", video=0))
    assert job.tasks() == []
    job.chunks()
    job.handle(chunk_made(1))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    assert not job.dispatch.finished
    assert job.handle(step_done("stitch", video=0, lane="copy")).dispatch.finished


def test_a_resumed_video_is_split_for_its_missing_chunks_only() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    done, ready = frozenset({0, 3}), frozenset({1, 3})
    job.handle(opened_with(num_chunks=5, lane="decode", done=done, ready=ready))
    assert job.tasks() == [Split(video=0, lane="decode", wanted=frozenset({2, 4}), audio=False)]
    assert [run.chunk for run in job.chunks()] == [1]


def test_a_video_with_all_chunks_committed_is_stitched_at_once() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(opened_with(num_chunks=2, done=frozenset({0, 1})))
    assert job.tasks() == [Stitch(video=0, lane="copy")]


MANY_STITCHES = replace(LIMITS, max_open_videos=40, max_stitches=20, max_splits=20)


def _with_stitches_ready(number: int) -> Job:
    """A job of so many videos whose chunks are all made."""
    job = Job(MANY_STITCHES).handle(*(VideoFound(video=video) for video in range(number)))
    job.tasks()
    return job.handle(*(opened_with(video, num_chunks=1, done=frozenset({0})) for video in range(number)))


def test_stitches_leave_half_of_the_slots_to_steps_that_feed_the_workers() -> None:
    job = _with_stitches_ready(10).handle(*(VideoFound(video=video) for video in range(10, 20)))
    assert [type(task) for task in job.dispatch.take_tasks(8, 0.0)] == [Stitch] * 4 + [Open] * 4


def test_stitches_take_all_slots_if_nothing_else_can_start() -> None:
    job = _with_stitches_ready(10).handle(NoMoreVideos())
    assert [type(task) for task in job.dispatch.take_tasks(8, 0.0)] == [Stitch] * 8


def test_a_video_is_split_for_its_audio_alone() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(opened(audio=True))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset(), audio=True)]


def test_videos_are_requested_only_up_to_the_limit() -> None:
    job = Job(replace(LIMITS, max_open_videos=2)).handle(VideoFound(video=0))
    assert job.dispatch.wants_video
    job.handle(VideoFound(video=1))
    assert not job.dispatch.wants_video
    job.tasks()
    job.handle(step_error("open", "SourceUnreadable"))
    assert job.dispatch.wants_video
    assert not job.handle(NoMoreVideos()).dispatch.wants_video


def test_demand_counts_the_chunks_that_could_run() -> None:
    job = Job().handle(VideoFound(video=0))
    assert job.dispatch.demand == 0
    assert job.dispatch.foreseen == 1, "a video that is about to be opened has a chunk at least"
    job.tasks()
    job.handle(opened(num_chunks=5))
    assert job.dispatch.demand == 5
    job.chunks(slots=2)
    job.handle(chunk_made(0), chunk_error(1, "StorageBusy"))
    assert job.dispatch.demand == 4
    assert job.handle(Stop()).dispatch.demand == 0


def test_the_chunks_of_a_running_split_are_foreseen() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(opened(num_chunks=5, ready=False))
    assert job.dispatch.foreseen == 1, "it waits for a CPU"
    job.tasks()
    assert job.dispatch.foreseen == 5
    job.handle(ChunkReady(video=0, lane="copy", chunk=0))
    assert (job.dispatch.demand, job.dispatch.foreseen) == (1, 4)
    assert job.handle(Stop()).dispatch.foreseen == 0


def test_nothing_is_foreseen_of_a_video_that_is_surveyed() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    assert job.handle(NeedsSurvey(video=0)).dispatch.foreseen == 0


def test_limits_that_allow_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        replace(LIMITS, max_stitches=0)


def test_a_video_runs_at_most_one_chunk_more_than_it_has_finished_while_others_wait() -> None:
    job = ready_videos(Job(), 9, 9)
    assert sorted(run.video for run in job.chunks(2)) == [0, 1], "the first of each, before the second of any"
    job.handle(chunk_made(0))
    assert [run.video for run in job.chunks(2)] == [0, 0], "one is made, so two may run"
    job.handle(chunk_made(1), chunk_made(2))
    assert [run.video for run in job.chunks(4)] == [0, 0, 0, 0], "three are made, so four may run"


def test_no_worker_is_idle_because_of_the_limit_per_video() -> None:
    assert len(ready_videos(Job(), 9, 9).chunks(18)) == 18


def test_after_the_last_video_the_longest_goes_before_the_oldest() -> None:
    job = ready_videos(Job(), 3, 2, 9)
    assert [run.video for run in job.chunks(2)] == [0, 1], "the oldest, and the one with the fewest chunks left"
    job.handle(NoMoreVideos())
    assert [run.video for run in job.chunks(1)] == [2]


def test_counters_of_open_videos_match_their_states() -> None:
    job = ready_videos(Job(), 3, 4).handle(chunk_lost(0, "preempted", explained=True))
    job.chunks(3)
    job.handle(chunk_error(0, "StorageBusy"), chunk_made(1))
    census, videos = job.dispatch.census, list(job.dispatch._ready_queue._videos.values())
    assert census.chunks_waiting == sum(video.num_missing + video.num_delayed for video in videos)
    assert census.chunks_ready == sum(video.num_ready - video.num_delayed for video in videos) == job.dispatch.num_ready
    assert census.videos_open == len(videos)
