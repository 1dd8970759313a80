"""Dispatch: what follows if a chunk or a step fails: retries, isolation, the decode lane, lost inputs made again."""

from dataclasses import replace

import pytest

from slomo_batch.attempts import Lost
from slomo_batch.scheduler.messages import ChunkReady, Fail, MakeAudio, NoMoreVideos, Open, Split, Stitch, VideoFound
from tests.attempts import chunk_error, chunk_lost, chunk_made, step_done, step_error, step_head
from tests.scheduler.dispatch_job import LIMITS, Job, opened, opened_with, running_job


def test_a_retry_waits_for_its_back_off() -> None:
    job = running_job().handle(chunk_error(0, "StorageBusy"), now_s=10.0)
    assert job.chunks(now_s=10.4) == []
    (again,) = job.chunks(now_s=10.5)
    assert (again.chunk, again.attempt_number, again.isolated) == (0, 2, False)


def test_a_chunk_that_used_up_its_attempts_fails_its_video_once_with_the_last_reason() -> None:
    job = running_job()
    for attempt in range(3):
        job.handle(chunk_error(0, "StorageBusy"), now_s=100.0 * attempt)
        job.chunks(now_s=100.0 * (attempt + 1))
    assert job.dispatch.take_failures() == [Fail(video=0, error="StorageBusy", reason="chunk 0: why (failed 3 times)")]
    assert job.dispatch.take_failures() == []
    assert not job.dispatch.finished, "its other chunk is still running"
    assert job.handle(chunk_made(1)).dispatch.finished


def test_preempted_chunks_run_again_at_once_with_others_however_often() -> None:
    job = running_job()
    for _ in range(20):
        job.handle(chunk_lost(0, "preempted", explained=True))
        (again,) = job.chunks()
        assert (again.chunk, again.isolated) == (0, False)


def test_a_step_whose_process_was_preempted_starts_again_at_once_however_often() -> None:
    job = Job().handle(VideoFound(video=0))
    for _ in range(20):
        assert job.tasks() == [Open(video=0)]
        job.handle(Lost(head=step_head("open"), explained=True, cause="preempted"))
    assert job.dispatch.take_failures() == []


def test_an_isolated_chunk_runs_alone_names_its_failed_machine_and_blocks_nothing_else() -> None:
    job = running_job(num_chunks=3).handle(
        chunk_lost(0, "killed by signal 9", explained=False, machine="a"), chunk_error(2, "StorageBusy")
    )
    assert job.isolated(now_s=0.4) == [], "its back-off is not over"
    assert job.isolated(machines=0, now_s=9.0) == [], "no machine can be kept for it"
    (retried,) = job.isolated(now_s=9.0)
    assert (retried.chunk, retried.isolated, retried.avoid) == (0, True, frozenset({"a"}))
    (beside,) = job.chunks(now_s=9.0)
    assert (beside.chunk, beside.isolated, beside.avoid) == (2, False, frozenset())
    job.handle(chunk_lost(0, "killed by signal 9", explained=False, machine="b"), now_s=10.0)
    assert job.chunks(now_s=99.0) == []
    (again,) = job.isolated(now_s=99.0)
    assert again.avoid == frozenset({"a", "b"})


def test_a_chunk_that_failed_on_a_machine_avoids_that_machine() -> None:
    job = running_job(num_chunks=1).handle(chunk_error(0, "StorageBusy", machine="a"))
    (again,) = job.chunks(now_s=9.0)
    assert (again.isolated, again.avoid) == (False, frozenset({"a"}))
    job.handle(chunk_error(0, "StorageBusy", machine="b"), now_s=10.0)
    (again,) = job.chunks(now_s=99.0)
    assert again.avoid == frozenset({"a", "b"})


def test_the_third_unexplained_death_fails_the_video() -> None:
    job = running_job(num_chunks=1)
    for death in range(3):
        assert not job.dispatch.take_failures()
        job.handle(chunk_lost(0, "killed by signal 9", explained=False), now_s=100.0 * death)
        job.isolated(now_s=100.0 * (death + 1))
    (failure,) = job.dispatch.take_failures()
    assert failure.error == "WorkerLost"
    assert "3 workers died" in failure.reason
    assert job.dispatch.finished


@pytest.mark.parametrize("how", ["chunk", "stitch", "split"])
def test_a_video_that_fails_in_the_copy_lane_is_split_again_in_the_decode_lane(how: str) -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(opened(ready=how != "split"))
    if how == "split":
        job.tasks()
        job.handle(step_error("split", "BorderMismatch", lane="copy"))
    else:
        job.chunks()
        job.handle(chunk_made(0), chunk_error(1, "FrameMissing") if how == "chunk" else chunk_made(1))
    if how == "stitch":
        assert job.tasks() == [Stitch(video=0, lane="copy")]
        job.handle(step_error("stitch", "BorderMismatch", lane="copy"))
    assert job.tasks() == [Split(video=0, lane="decode", wanted=frozenset({0, 1}), audio=False)]
    assert job.dispatch.take_failures() == []


def test_calls_still_running_in_an_abandoned_lane_are_awaited_and_ignored() -> None:
    job = running_job().handle(chunk_error(1, "FrameMissing"))
    job.tasks()
    job.handle(ChunkReady(video=0, lane="decode", chunk=0))
    assert [run.lane for run in job.chunks()] == ["decode"]
    job.handle(chunk_made(0), ChunkReady(video=0, lane="decode", chunk=1), step_done("split", video=0, lane="decode"))
    assert [run.chunk for run in job.chunks()] == [1]
    job.handle(chunk_made(1, lane="decode"))
    assert job.tasks() == [], "chunk 0 of the decode lane is not made"
    job.handle(chunk_made(0, lane="decode"))
    assert job.tasks() == [Stitch(video=0, lane="decode")]


def test_a_split_of_an_abandoned_lane_counts_as_running_until_it_ends() -> None:
    job = Job(replace(LIMITS, max_splits=1)).handle(VideoFound(video=0))
    job.tasks()
    job.handle(opened(ready=False))
    job.tasks()
    job.handle(ChunkReady(video=0, lane="copy", chunk=0))
    job.chunks()
    job.handle(chunk_error(0, "FrameMissing"))
    assert job.tasks() == []
    job.handle(ChunkReady(video=0, lane="copy", chunk=1), step_done("split", video=0, lane="copy"))
    assert job.chunks() == []
    assert job.tasks() == [Split(video=0, lane="decode", wanted=frozenset({0, 1}), audio=False)]


def test_a_video_is_opened_again_beside_a_split_of_an_abandoned_lane_whose_outcome_is_ignored() -> None:
    job = Job().handle(VideoFound(video=0), NoMoreVideos())
    job.tasks()
    job.handle(opened(ready=False)).tasks()
    job.handle(ChunkReady(video=0, lane="copy", chunk=0)).chunks()
    job.handle(chunk_error(0, "FrameMissing"))
    assert job.tasks() == [Split(video=0, lane="decode", wanted=frozenset({0, 1}), audio=False)]
    job.handle(step_error("split", "WorkDamaged", lane="decode"))
    assert job.tasks(now_s=60.0) == [Open(video=0)]
    job.handle(ChunkReady(video=0, lane="copy", chunk=1), step_done("split", video=0, lane="copy"), now_s=60.0)
    job.handle(opened_with(num_chunks=2, lane="decode"), now_s=60.0)
    assert job.tasks(now_s=120.0) == [Split(video=0, lane="decode", wanted=frozenset({0, 1}), audio=False)]
    assert job.chunks(now_s=120.0) == []


def test_the_decode_lane_is_the_last_resort() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    everything = frozenset({0})
    job.handle(opened_with(num_chunks=1, lane="decode", done=everything))
    job.tasks()
    job.handle(step_error("stitch", "BorderMismatch", lane="decode"))
    assert job.dispatch.take_failures() == [Fail(video=0, error="BorderMismatch", reason="why")]


def test_a_bad_video_stops_no_other() -> None:
    job = Job().handle(VideoFound(video=0), VideoFound(video=1))
    job.tasks()
    job.handle(step_error("open", "SourceUnreadable", "empty"))
    job.handle(opened(video=1))
    assert job.dispatch.take_failures() == [Fail(video=0, error="SourceUnreadable", reason="empty")]
    assert [run.video for run in job.chunks()] == [1, 1]


def test_a_split_that_omits_a_chunk_is_retried_and_then_given_up() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(opened(ready=False))
    for attempt in range(3):
        (split,) = job.tasks(now_s=100.0 * attempt)
        assert isinstance(split, Split)
        assert split.wanted == ({0, 1} if attempt == 0 else {1})
        job.handle(
            ChunkReady(video=0, lane="copy", chunk=0), step_done("split", video=0, lane="copy"), now_s=100.0 * attempt
        )
    (failure,) = job.dispatch.take_failures()
    assert "without storing chunks [1]" in failure.reason


def test_a_chunk_whose_object_is_damaged_is_split_again_at_once_and_the_others_go_on() -> None:
    job = running_job(num_chunks=3).handle(chunk_error(1, "WorkDamaged"))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset({1}), audio=False)]
    job.handle(ChunkReady(video=0, lane="copy", chunk=1), step_done("split", video=0, lane="copy"))
    assert [(run.chunk, run.attempt_number) for run in job.chunks()] == [(1, 2)]
    job.handle(chunk_error(1, "WorkDamaged")).tasks()
    job.handle(ChunkReady(video=0, lane="copy", chunk=1)).chunks()
    job.handle(chunk_error(1, "WorkDamaged"))
    assert job.dispatch.take_failures() == [Fail(video=0, error="WorkDamaged", reason="chunk 1: why (failed 3 times)")]


def test_a_chunk_lost_during_the_split_does_not_count_as_omitted() -> None:
    job = Job().handle(VideoFound(video=0), NoMoreVideos())
    job.tasks()
    job.handle(opened(num_chunks=2, ready=False))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset({0, 1}), audio=False)]
    job.handle(ChunkReady(video=0, lane="copy", chunk=0)).chunks()
    job.handle(
        chunk_error(0, "WorkDamaged"),
        ChunkReady(video=0, lane="copy", chunk=1),
        step_done("split", video=0, lane="copy"),
    )
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset({0}), audio=False)]


def test_audio_whose_packets_are_damaged_is_split_again_before_it_is_made() -> None:
    job = Job().handle(VideoFound(video=0), NoMoreVideos())
    job.tasks()
    job.handle(opened_with(num_chunks=1, done=frozenset({0}), audio=True))
    job.tasks()
    job.handle(step_done("split", video=0, lane="copy"))
    assert job.tasks() == [MakeAudio(video=0)]
    job.handle(step_error("sound", "WorkDamaged"))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset(), audio=True)]
    job.handle(step_done("split", video=0, lane="copy"))
    assert job.tasks(now_s=60.0) == [MakeAudio(video=0)]


def test_a_video_is_opened_again_if_an_input_of_its_stitch_is_damaged() -> None:
    job = running_job(num_chunks=2).handle(chunk_made(0), chunk_made(1))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    job.handle(step_error("stitch", "WorkDamaged", lane="copy"))
    assert job.tasks() == [Open(video=0)]
    job.handle(opened_with(num_chunks=2, done=frozenset({0})))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset({1}), audio=False)]
    job.handle(ChunkReady(video=0, lane="copy", chunk=1), step_done("split", video=0, lane="copy"))
    assert [run.chunk for run in job.chunks()] == [1]
    assert job.handle(chunk_made(1)).tasks(now_s=60.0) == [Stitch(video=0, lane="copy")]


def test_a_video_that_is_opened_again_in_another_lane_is_still_stitched() -> None:
    job = running_job(num_chunks=1).handle(chunk_made(0))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    job.handle(step_error("stitch", "WorkDamaged", lane="copy"))
    assert job.tasks() == [Open(video=0)]
    job.handle(opened_with(num_chunks=1, lane="decode", done=frozenset({0})))
    assert job.tasks(now_s=60.0) == [Stitch(video=0, lane="decode")]


def test_a_late_event_of_a_chunk_that_is_not_running_changes_nothing() -> None:
    job = running_job(num_chunks=1).handle(chunk_made(0))
    job.handle(chunk_lost(0, "killed by signal 9", explained=False), chunk_made(0))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    assert job.chunks(now_s=1e6) == []
