"""Dispatch: simulated jobs with faults in random order, and single cases."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.attempts import Lost
from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.dispatch import Dispatch
from slomo_batch.scheduler.limits import Limits
from slomo_batch.scheduler.messages import (
    ChunkReady,
    Event,
    Fail,
    MakeAudio,
    MakeChunk,
    NeedsSurvey,
    NoMoreVideos,
    Open,
    Opened,
    Split,
    Stitch,
    Stop,
    VideoFound,
)
from slomo_batch.scheduler.ranking import SWEEP_FROM, Ranking
from slomo_batch.scheduler.retry import MAX_DEATHS
from tests.attempts import chunk_error, chunk_lost, chunk_made, step_done, step_error, step_head
from tests.scheduler.simulation import Faults, Simulation, Video

LIMITS = Limits(max_open_videos=4, max_attempts=3, max_splits=2, max_stitches=1, max_ready_chunks=20)


@st.composite
def videos(draw: st.DrawFn, *, good: bool = False) -> Video:
    num_chunks = draw(st.integers(1, 8))
    some = st.frozensets(st.integers(0, num_chunks - 1))
    few = st.just(frozenset[int]()) | st.frozensets(st.integers(0, num_chunks - 1), max_size=1)
    return Video(
        num_chunks=num_chunks,
        audio=draw(st.booleans()),
        done=draw(st.just(frozenset[int]()) | some),
        ready=draw(st.just(frozenset[int]()) | some),
        unreadable=not good and draw(st.integers(0, 9)) == 0,
        poison=frozenset() if good else draw(few),
        lane=draw(st.sampled_from(["copy", "decode"])),
        undecodable=draw(few) if good else draw(some),
        needs_survey=draw(st.booleans()),
        mismatch=draw(st.integers(0, 3)) == 0,
        hopeless=False if good else draw(st.booleans()),
    )


some_limits = st.builds(
    Limits,
    max_open_videos=st.integers(1, 6),
    max_attempts=st.just(3),
    max_splits=st.integers(1, 3),
    max_stitches=st.integers(1, 2),
    max_ready_chunks=st.integers(1, 12),
)
faults = st.builds(
    Faults,
    error=st.sampled_from([0.0, 0.1, 0.5]),
    preemption=st.sampled_from([0.0, 0.3]),
    damage=st.sampled_from([0.0, 0.4]),
)


def _ends_as(video: Video) -> set[str]:
    """How a simulated video may end."""
    if video.unreadable:
        return {"SourceUnreadable"}
    ends = set()
    to_make = set(range(video.num_chunks)) - video.done
    changes = video.lane == "copy" and bool(video.undecodable & to_make or video.mismatch)
    if changes:
        to_make = set(range(video.num_chunks))
    if video.poison & to_make:
        ends.add("WorkerLost")
    if video.hopeless and (changes or video.lane == "decode"):
        ends |= {"FrameMissing"} if video.undecodable & to_make else set()
        ends |= {"BorderMismatch"} if video.mismatch else set()
    return ends or {"stitched"}


@settings(max_examples=250, deadline=None)
@given(
    archive=st.lists(videos(), max_size=12),
    limits=some_limits,
    faults=faults,
    machines=st.tuples(st.integers(1, 6), st.integers(1, 4), st.integers(1, 3), st.integers(1, 2)),
    seed=st.integers(0, 2**32),
)
def test_every_video_ends_as_expected_under_any_faults_in_any_order(
    archive: list[Video], limits: Limits, faults: Faults, machines: tuple[int, int, int, int], seed: int
) -> None:
    num_workers, num_cpus, num_machines, slots = machines
    job = Simulation(
        videos=archive,
        limits=limits,
        num_workers=num_workers,
        num_cpus=num_cpus,
        num_machines=num_machines,
        slots=slots,
        seed=seed,
        faults=faults,
    ).run()
    for number, video in enumerate(archive):
        assert job.outcomes[number] in _ends_as(video), job.reasons.get(number)
    assert all(deaths <= MAX_DEATHS for deaths in job.deaths.values())


@settings(max_examples=100, deadline=None)
@given(archive=st.lists(videos(good=True), min_size=1, max_size=8), limits=some_limits, seed=st.integers(0, 2**32))
def test_transient_faults_lose_no_good_video(archive: list[Video], limits: Limits, seed: int) -> None:
    often = Faults(error=0.6, preemption=0.6, damage=0.4)
    job = Simulation(videos=archive, limits=limits, num_workers=3, num_cpus=2, seed=seed, faults=often).run()
    assert set(job.outcomes.values()) <= {"stitched"}


@settings(max_examples=100, deadline=None)
@given(
    archive=st.lists(videos(), min_size=1, max_size=8),
    faults=faults,
    seed=st.integers(0, 2**32),
    stop_after=st.integers(1, 60),
)
def test_stop_finishes_running_calls_and_starts_only_stitches(
    archive: list[Video], faults: Faults, seed: int, stop_after: int
) -> None:
    job = Simulation(
        videos=archive, limits=LIMITS, num_workers=3, num_cpus=3, seed=seed, faults=faults, stop_after=stop_after
    )
    assert job.run().dispatch.finished


def test_after_a_stop_only_complete_videos_are_stitched() -> None:
    job = Job().handle(VideoFound(video=0), VideoFound(video=1), NoMoreVideos())
    job.tasks()
    job.handle(_opened(0, num_chunks=2), _opened(1, num_chunks=2))
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
    job = _running(num_chunks=1).handle(Stop(), chunk_made(0))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    failed = step_error("stitch", "StorageBusy", lane="copy")
    assert job.handle(failed).dispatch.finished
    assert job.dispatch.take_failures() == []


def _equal_videos(count: int, *, num_workers: int, limits: Limits) -> Simulation:
    videos = [Video(num_chunks=10, audio=True)] * count
    return Simulation(videos=videos, limits=limits, num_workers=num_workers, num_cpus=12)


def test_with_a_thousand_videos_open_the_first_output_comes_after_a_few_chunks_and_in_order() -> None:
    limits = Limits(max_open_videos=1000, max_attempts=3, max_splits=8, max_stitches=4, max_ready_chunks=200)
    job = _equal_videos(1000, num_workers=16, limits=limits).run()
    assert len(job.order) == 1000
    assert job.chunks_before_first_output < 150
    late = [place - number for place, number in enumerate(job.order)]
    assert max(late) < 60


def test_a_film_before_many_clips_neither_blocks_them_nor_starves() -> None:
    limits = Limits(max_open_videos=20, max_attempts=3, max_splits=16, max_stitches=4, max_ready_chunks=60)
    archive = [Video(num_chunks=600, ready=frozenset(range(600)))] + [Video(num_chunks=4)] * 400
    job = Simulation(videos=archive, limits=limits, num_workers=2, num_cpus=20).run()
    assert job.chunks_before_first_output < 100
    assert 100 < job.order.index(0) < 250, "half of the turns are the film's while it is the oldest"


def test_memory_is_bounded_by_the_open_videos() -> None:
    limits = replace(LIMITS, max_open_videos=5)
    job = Simulation(videos=[Video(num_chunks=2)] * 400, limits=limits, num_workers=4, num_cpus=4).run()
    held = {**vars(job.dispatch), **vars(job.dispatch._ready_queue)}
    assert not any(
        value for value in held.values() if isinstance(value, dict | set | list) and value is not held["_wanting"]
    )
    rankings = [*held["_wanting"].values(), *(value for value in held.values() if isinstance(value, Ranking))]
    assert len(rankings) == 9
    assert all(not ranking and len(ranking._entries) <= SWEEP_FROM + 1 for ranking in rankings)


# ---- single cases --------------------------------------------------------------------------------------------------


class Job:
    """A Dispatch that receives its events from the test."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.dispatch = Dispatch(limits, jitter=lambda: 0.0)

    def handle(self, *events: Event, now_s: float = 0.0) -> "Job":
        for event in events:
            self.dispatch.handle(event, now_s)
        return self

    def tasks(self, now_s: float = 0.0) -> list[object]:
        return list(self.dispatch.take_tasks(100, now_s))

    def chunks(self, slots: int = 100, now_s: float = 0.0) -> list[MakeChunk]:
        return self.dispatch.take_chunks(slots, now_s)

    def isolated(self, machines: int = 100, now_s: float = 0.0) -> list[MakeChunk]:
        return self.dispatch.take_isolated(machines, now_s)


def _opened(video: int = 0, num_chunks: int = 2, *, audio: bool = False, ready: bool = True) -> Opened:
    objects = frozenset(range(num_chunks)) if ready else frozenset[int]()
    return _opened_with(video, num_chunks=num_chunks, ready=objects, audio=audio)


def _opened_with(
    video: int = 0,
    *,
    num_chunks: int,
    lane: Lane = "copy",
    done: frozenset[int] = frozenset(),
    ready: frozenset[int] = frozenset(),
    audio: bool = False,
) -> Opened:
    existing = ExistingWork(num_chunks=num_chunks, lane=lane, done=done, ready=ready, needs_audio=audio)
    return Opened(video=video, existing=existing)


def _running(num_chunks: int = 2) -> Job:
    """A job of one video with all its chunks running."""
    job = Job().handle(VideoFound(video=0), NoMoreVideos())
    job.tasks()
    job.handle(_opened(num_chunks=num_chunks))
    job.chunks()
    return job


def test_a_video_goes_through_its_steps_in_order_and_a_chunk_starts_while_the_split_still_runs() -> None:
    job = Job().handle(VideoFound(video=0), NoMoreVideos())
    assert job.tasks() == [Open(video=0)]
    job.handle(_opened(audio=True, ready=False))
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
    job.handle(_opened_with(num_chunks=5, lane="decode", done=done, ready=ready))
    assert job.tasks() == [Split(video=0, lane="decode", wanted=frozenset({2, 4}), audio=False)]
    assert [run.chunk for run in job.chunks()] == [1]


def test_a_video_with_all_chunks_committed_is_stitched_at_once() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(_opened_with(num_chunks=2, done=frozenset({0, 1})))
    assert job.tasks() == [Stitch(video=0, lane="copy")]


MANY_STITCHES = replace(LIMITS, max_open_videos=40, max_stitches=20, max_splits=20)


def _with_stitches_ready(number: int) -> Job:
    """A job of so many videos whose chunks are all made."""
    job = Job(MANY_STITCHES).handle(*(VideoFound(video=video) for video in range(number)))
    job.tasks()
    return job.handle(*(_opened_with(video, num_chunks=1, done=frozenset({0})) for video in range(number)))


def test_stitches_leave_half_of_the_slots_to_steps_that_feed_the_workers() -> None:
    job = _with_stitches_ready(10).handle(*(VideoFound(video=video) for video in range(10, 20)))
    assert [type(task) for task in job.dispatch.take_tasks(8, 0.0)] == [Stitch] * 4 + [Open] * 4


def test_stitches_take_all_slots_if_nothing_else_can_start() -> None:
    job = _with_stitches_ready(10).handle(NoMoreVideos())
    assert [type(task) for task in job.dispatch.take_tasks(8, 0.0)] == [Stitch] * 8


def test_a_video_is_split_for_its_audio_alone() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(_opened(audio=True))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset(), audio=True)]


def test_a_retry_waits_for_its_back_off() -> None:
    job = _running().handle(chunk_error(0, "StorageBusy"), now_s=10.0)
    assert job.chunks(now_s=10.4) == []
    (again,) = job.chunks(now_s=10.5)
    assert (again.chunk, again.attempt_number, again.isolated) == (0, 2, False)


def test_a_chunk_that_used_up_its_attempts_fails_its_video_once_with_the_last_reason() -> None:
    job = _running()
    for attempt in range(3):
        job.handle(chunk_error(0, "StorageBusy"), now_s=100.0 * attempt)
        job.chunks(now_s=100.0 * (attempt + 1))
    assert job.dispatch.take_failures() == [Fail(video=0, error="StorageBusy", reason="chunk 0: why (failed 3 times)")]
    assert job.dispatch.take_failures() == []
    assert not job.dispatch.finished, "its other chunk is still running"
    assert job.handle(chunk_made(1)).dispatch.finished


def test_preempted_chunks_run_again_at_once_with_others_however_often() -> None:
    job = _running()
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
    job = _running(num_chunks=3).handle(
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
    job = _running(num_chunks=1).handle(chunk_error(0, "StorageBusy", machine="a"))
    (again,) = job.chunks(now_s=9.0)
    assert (again.isolated, again.avoid) == (False, frozenset({"a"}))
    job.handle(chunk_error(0, "StorageBusy", machine="b"), now_s=10.0)
    (again,) = job.chunks(now_s=99.0)
    assert again.avoid == frozenset({"a", "b"})


def test_the_third_unexplained_death_fails_the_video() -> None:
    job = _running(num_chunks=1)
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
    job.handle(_opened(ready=how != "split"))
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
    job = _running().handle(chunk_error(1, "FrameMissing"))
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
    job.handle(_opened(ready=False))
    job.tasks()
    job.handle(ChunkReady(video=0, lane="copy", chunk=0))
    job.chunks()
    job.handle(chunk_error(0, "FrameMissing"))
    assert job.tasks() == []
    job.handle(ChunkReady(video=0, lane="copy", chunk=1), step_done("split", video=0, lane="copy"))
    assert job.chunks() == []
    assert job.tasks() == [Split(video=0, lane="decode", wanted=frozenset({0, 1}), audio=False)]


def test_the_decode_lane_is_the_last_resort() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    everything = frozenset({0})
    job.handle(_opened_with(num_chunks=1, lane="decode", done=everything))
    job.tasks()
    job.handle(step_error("stitch", "BorderMismatch", lane="decode"))
    assert job.dispatch.take_failures() == [Fail(video=0, error="BorderMismatch", reason="why")]


def test_a_bad_video_stops_no_other() -> None:
    job = Job().handle(VideoFound(video=0), VideoFound(video=1))
    job.tasks()
    job.handle(step_error("open", "SourceUnreadable", "empty"))
    job.handle(_opened(video=1))
    assert job.dispatch.take_failures() == [Fail(video=0, error="SourceUnreadable", reason="empty")]
    assert [run.video for run in job.chunks()] == [1, 1]


def test_a_split_that_omits_a_chunk_is_retried_and_then_given_up() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(_opened(ready=False))
    for attempt in range(3):
        (split,) = job.tasks(now_s=100.0 * attempt)
        assert isinstance(split, Split)
        assert split.wanted == ({0, 1} if attempt == 0 else {1})
        job.handle(
            ChunkReady(video=0, lane="copy", chunk=0), step_done("split", video=0, lane="copy"), now_s=100.0 * attempt
        )
    (failure,) = job.dispatch.take_failures()
    assert "without storing chunks [1]" in failure.reason


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
    job.handle(_opened(num_chunks=5))
    assert job.dispatch.demand == 5
    job.chunks(slots=2)
    job.handle(chunk_made(0), chunk_error(1, "StorageBusy"))
    assert job.dispatch.demand == 4
    assert job.handle(Stop()).dispatch.demand == 0


def test_the_chunks_of_a_running_split_are_foreseen() -> None:
    job = Job().handle(VideoFound(video=0))
    job.tasks()
    job.handle(_opened(num_chunks=5, ready=False))
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


def test_a_chunk_whose_object_is_damaged_is_split_again_at_once_and_the_others_go_on() -> None:
    job = _running(num_chunks=3).handle(chunk_error(1, "WorkDamaged"))
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
    job.handle(_opened(num_chunks=2, ready=False))
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
    job.handle(_opened_with(num_chunks=1, done=frozenset({0}), audio=True))
    job.tasks()
    job.handle(step_done("split", video=0, lane="copy"))
    assert job.tasks() == [MakeAudio(video=0)]
    job.handle(step_error("sound", "WorkDamaged"))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset(), audio=True)]
    job.handle(step_done("split", video=0, lane="copy"))
    assert job.tasks(now_s=60.0) == [MakeAudio(video=0)]


def test_a_video_is_opened_again_if_an_input_of_its_stitch_is_damaged() -> None:
    job = _running(num_chunks=2).handle(chunk_made(0), chunk_made(1))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    job.handle(step_error("stitch", "WorkDamaged", lane="copy"))
    assert job.tasks() == [Open(video=0)]
    job.handle(_opened_with(num_chunks=2, done=frozenset({0})))
    assert job.tasks() == [Split(video=0, lane="copy", wanted=frozenset({1}), audio=False)]
    job.handle(ChunkReady(video=0, lane="copy", chunk=1), step_done("split", video=0, lane="copy"))
    assert [run.chunk for run in job.chunks()] == [1]
    assert job.handle(chunk_made(1)).tasks(now_s=60.0) == [Stitch(video=0, lane="copy")]


def test_a_video_that_is_opened_again_in_another_lane_is_still_stitched() -> None:
    job = _running(num_chunks=1).handle(chunk_made(0))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    job.handle(step_error("stitch", "WorkDamaged", lane="copy"))
    assert job.tasks() == [Open(video=0)]
    job.handle(_opened_with(num_chunks=1, lane="decode", done=frozenset({0})))
    assert job.tasks(now_s=60.0) == [Stitch(video=0, lane="decode")]


def test_a_late_event_of_a_chunk_that_is_not_running_changes_nothing() -> None:
    job = _running(num_chunks=1).handle(chunk_made(0))
    job.handle(chunk_lost(0, "killed by signal 9", explained=False), chunk_made(0))
    assert job.tasks() == [Stitch(video=0, lane="copy")]
    assert job.chunks(now_s=1e6) == []


def test_limits_that_allow_nothing_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        replace(LIMITS, max_stitches=0)


def _ready_videos(job: Job, *chunks: int) -> Job:
    """Videos of so many chunks, all ready."""
    job.handle(*(VideoFound(video=number) for number in range(len(chunks))))
    job.tasks()
    return job.handle(*(_opened(number, num_chunks) for number, num_chunks in enumerate(chunks)))


def test_a_video_runs_at_most_one_chunk_more_than_it_has_finished_while_others_wait() -> None:
    job = _ready_videos(Job(), 9, 9)
    assert sorted(run.video for run in job.chunks(2)) == [0, 1], "the first of each, before the second of any"
    job.handle(chunk_made(0))
    assert [run.video for run in job.chunks(2)] == [0, 0], "one is made, so two may run"
    job.handle(chunk_made(1), chunk_made(2))
    assert [run.video for run in job.chunks(4)] == [0, 0, 0, 0], "three are made, so four may run"


def test_no_worker_is_idle_because_of_the_limit_per_video() -> None:
    assert len(_ready_videos(Job(), 9, 9).chunks(18)) == 18


def test_few_chunks_are_wasted_on_videos_that_need_the_other_lane() -> None:
    limits = replace(LIMITS, max_open_videos=40, max_splits=16, max_ready_chunks=400)
    archive = [Video(num_chunks=20, undecodable=frozenset({0}))] * 20
    in_vain = 0
    for seed in range(5):
        job = Simulation(videos=archive, limits=limits, num_workers=4, num_cpus=16, slots=2, seed=seed).run()
        in_vain += sum(times for (_, lane, _), times in job.made.items() if lane == "copy")
    assert in_vain < 5 * len(archive) / 2, "it is 23 here, and 67 without the limit by each video's finished chunks"


def test_after_the_last_video_the_longest_goes_before_the_oldest() -> None:
    job = _ready_videos(Job(), 3, 2, 9)
    assert [run.video for run in job.chunks(2)] == [0, 1], "the oldest, and the one with the fewest chunks left"
    job.handle(NoMoreVideos())
    assert [run.video for run in job.chunks(1)] == [2]


def test_counters_of_open_videos_match_their_states() -> None:
    job = _ready_videos(Job(), 3, 4).handle(chunk_lost(0, "preempted", explained=True))
    job.chunks(3)
    job.handle(chunk_error(0, "StorageBusy"), chunk_made(1))
    census, videos = job.dispatch.census, list(job.dispatch._ready_queue._videos.values())
    assert census.chunks_waiting == sum(video.num_missing + video.num_delayed for video in videos)
    assert census.chunks_ready == sum(video.num_ready - video.num_delayed for video in videos) == job.dispatch.num_ready
    assert census.videos_open == len(videos)
