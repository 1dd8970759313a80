"""Simulated jobs: every video ends as expected, with faults in random order."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.scheduler.limits import Limits
from slomo_batch.scheduler.ranking import SWEEP_FROM, Ranking
from slomo_batch.scheduler.retry import MAX_DEATHS
from tests.scheduler.dispatch_job import LIMITS
from tests.scheduler.simulated_videos import Faults, Video
from tests.scheduler.simulation import Simulation


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
    held = {**vars(job.dispatch), **vars(job.dispatch._ready_queue), **vars(job.dispatch._in_flight)}
    assert not any(
        value for value in held.values() if isinstance(value, dict | set | list) and value is not held["_wanting"]
    )
    rankings = [*held["_wanting"].values(), *(value for value in held.values() if isinstance(value, Ranking))]
    assert len(rankings) == 9
    assert all(not ranking and len(ranking._entries) <= SWEEP_FROM + 1 for ranking in rankings)


def test_few_chunks_are_wasted_on_videos_that_need_the_other_lane() -> None:
    limits = replace(LIMITS, max_open_videos=40, max_splits=16, max_ready_chunks=400)
    archive = [Video(num_chunks=20, undecodable=frozenset({0}))] * 20
    in_vain = 0
    for seed in range(5):
        job = Simulation(videos=archive, limits=limits, num_workers=4, num_cpus=16, slots=2, seed=seed).run()
        in_vain += sum(times for (_, lane, _), times in job.made.items() if lane == "copy")
    assert in_vain < 5 * len(archive) / 2, "it is 23 here, and 67 without the limit by each video's finished chunks"
