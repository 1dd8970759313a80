"""Progress: frames add up whatever is lost or late, and the time left is right on steady, bursty and resumed work."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.attempts import ChunkHead
from slomo_batch.scheduler.progress import (
    MAX_WINDOW_S,
    SETTLING_S,
    WARM_UP_S,
    Fraction,
    Frames,
    MakingRate,
    NotOpened,
    Rate,
    RunningChunks,
    StepSeconds,
    seconds_left,
)

PIXELS = 640 * 480
REPORTS = st.lists(st.tuples(st.sampled_from("abc"), st.integers(-5, 60)), max_size=40)


def rate_of(bursts: int, every_s: float, frames: int, *, starts_s: float = 0.0) -> tuple[MakingRate, float]:
    """The rate after so many bursts of frames at regular times, and the time of the last one."""
    rate = MakingRate()
    for number in range(bursts):
        rate.add(Frames(frames, frames * PIXELS), starts_s + number * every_s)
    return rate, starts_s + (bursts - 1) * every_s


def head_of(name: str, *, video: int) -> ChunkHead:
    """Of the only attempt at a chunk."""
    return ChunkHead(
        video=video, uri="", video_id="", lane="copy", chunk=ord(name), chunk_id=name, attempt=f"attempt at {name}"
    )


# ---- counts --------------------------------------------------------------------------------------------------------


@given(reports=REPORTS, lost=st.sets(st.integers(0, 39)))
def test_a_count_is_that_of_the_latest_report_whatever_is_lost_late_or_wrong(
    reports: list[tuple[str, int]], lost: set[int]
) -> None:
    chunks = RunningChunks()
    for name in "ab":
        chunks.begin(head_of(name, video=ord(name)), num_frames=50)
    arrived = [report for number, report in enumerate(reports) if number not in lost]
    new = {"a": 0, "b": 0, "c": 0}
    for name, made in arrived:
        new[name] += chunks.report(head_of(name, video=ord(name)), made)
    for name in "ab":
        highest = max([min(50, made) for which, made in arrived if which == name and made > 0], default=0)
        assert new[name] == chunks.made_by_video()[ord(name)] == highest
        assert chunks.left_by_video()[ord(name)] == 50 - highest
    assert new["c"] == 0, "it was never begun"


@given(reports=REPORTS)
def test_what_ends_gives_back_exactly_what_it_reported(reports: list[tuple[str, int]]) -> None:
    chunks = RunningChunks()
    heads = {name: head_of(name, video=name == "c") for name in "abc"}
    for head in heads.values():
        chunks.begin(head, num_frames=50)
    for name, made in reports:
        chunks.report(heads[name], made)
    before = chunks.made_by_video()
    assert chunks.end(heads["a"]) + chunks.drop(False) == before[False]
    assert chunks.made_by_video() == {True: before[True]}
    assert (chunks.end(heads["a"]), chunks.drop(False), chunks.report(heads["a"], 9)) == (0, 0, 0)


def test_of_two_attempts_at_a_chunk_the_one_counts_that_is_ahead() -> None:
    chunks = RunningChunks()
    first = head_of("a", video=1)
    second = replace(first, attempt="another")
    chunks.begin(first, num_frames=50)
    reports = [(first, 20), (second, 5), (second, 30), (first, 25)]
    assert [chunks.report(head, made) for head, made in reports] == [20, 0, 10, 0]
    assert chunks.end(second) == 30
    assert chunks.made_by_video() == {}


@given(steps=st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100), st.booleans()), max_size=30))
def test_a_fraction_falls_only_where_it_is_explained(steps: list[tuple[int, int, bool]]) -> None:
    fraction = Fraction()
    shown = [(fraction.of(0, 0), True)]
    for done, expected, is_explained in steps:
        if is_explained:
            fraction.explain()
        shown.append((fraction.of(done, expected), is_explained))
    assert all(0 <= value <= 1 for value, _ in shown)
    assert all(later >= earlier or is_explained for (earlier, _), (later, is_explained) in pairwise(shown))


@given(sizes=st.lists(st.integers(1, 10**9), min_size=1, max_size=10), per_byte=st.integers(1, 5))
def test_videos_that_are_not_opened_count_by_their_bytes(sizes: list[int], per_byte: int) -> None:
    not_opened = NotOpened(num_bytes=sum(sizes))
    assert not not_opened.is_known
    total = sum(sizes) * per_byte
    opened = 0
    for size in sizes:
        not_opened.opened(size, Frames(size * per_byte, size * per_byte * PIXELS))
        opened += size * per_byte
        assert not_opened.is_known
        assert opened + not_opened.frames.number == pytest.approx(total, abs=1)
    assert not_opened.frames == Frames()


def test_a_video_that_fails_before_it_is_opened_is_not_expected() -> None:
    not_opened = NotOpened(num_bytes=30)
    not_opened.opened(10, Frames(100, 100.0))
    not_opened.ended(10)
    assert not_opened.frames == Frames(100, 100.0)


# ---- how fast ------------------------------------------------------------------------------------------------------


@given(every_s=st.floats(0.1, 20.0), frames=st.integers(1, 500), starts_s=st.floats(0, 1e6))
def test_the_rate_does_not_depend_on_when_the_first_frame_comes(every_s: float, frames: int, starts_s: float) -> None:
    bursts = 5 + int(SETTLING_S / every_s)
    rate, now_s = rate_of(bursts, every_s, frames, starts_s=starts_s)
    found = rate.rate(now_s)
    assert found is not None
    assert found.frames_per_s == pytest.approx(frames / every_s, rel=0.02)
    assert found.pixels_per_s == pytest.approx(found.frames_per_s * PIXELS, rel=1e-6)


def test_there_is_no_rate_before_the_third_frame_or_at_once() -> None:
    rate = MakingRate()
    assert rate.rate(100.0) is None
    for at_s in (100.0, 100.0 + SETTLING_S):
        rate.add(Frames(8, 8.0), at_s)
    assert rate.rate(100.0 + 2 * SETTLING_S) is None
    rate.add(Frames(8, 8.0), 100.0 + 2 * SETTLING_S)
    assert rate.rate(100.0 + 2 * SETTLING_S - 0.1) is None
    assert rate.rate(100.0 + 2 * SETTLING_S) is not None


@given(warm_up_s=st.floats(0, WARM_UP_S - 1), every_s=st.floats(0.2, 4.0), frames=st.integers(1, 50))
def test_frames_that_wait_for_the_first_use_of_a_network_do_not_slow_the_rate(
    warm_up_s: float, every_s: float, frames: int
) -> None:
    rate = MakingRate()
    rate.add(Frames(2, 2.0 * PIXELS), 0.0)
    shown = []
    for number in range(1, 5 + int(SETTLING_S / every_s)):
        now_s = warm_up_s + number * every_s
        rate.add(Frames(frames, frames * PIXELS), now_s)
        shown.append(rate.rate(now_s))
    assert shown[0] is None
    known = [found.frames_per_s for found in shown if found]
    assert known == pytest.approx([frames / every_s] * len(known), rel=0.02)
    assert len(known) >= 2


def test_the_time_left_counts_down_between_bursts_of_frames() -> None:
    rate, now_s = rate_of(20, 4.0, 8)
    left = Frames(200, 200 * PIXELS)
    shown = [seconds_left(left, rate.rate(now_s + after_s), to_join=0.0, joining=()) for after_s in (0.0, 1.0, 3.0)]
    assert shown == pytest.approx([100.0, 99.0, 97.0])


def test_the_rate_falls_when_frames_stop_coming_and_follows_a_change() -> None:
    rate, now_s = rate_of(100, 1.0, 10)
    stalled = rate.rate(now_s + 60)
    assert stalled is not None
    assert stalled.frames_per_s < 6
    for second in range(1, int(MAX_WINDOW_S) + 1):
        rate.add(Frames(100, 100 * PIXELS), now_s + second)
    faster = rate.rate(now_s + MAX_WINDOW_S)
    assert faster is not None
    assert faster.frames_per_s == pytest.approx(100, rel=0.01)


# ---- how long ------------------------------------------------------------------------------------------------------


@given(
    left=st.integers(0, 10**6),
    per_s=st.floats(0.1, 1e4),
    silence_s=st.floats(0, 10),
    to_join=st.floats(0, 1e4),
    joining=st.lists(st.floats(-100, 1e4), max_size=3),
)
def test_time_left_is_at_least_a_second_and_contains_the_joins(
    left: int, per_s: float, silence_s: float, to_join: float, joining: list[float]
) -> None:
    rate = Rate(frames_per_s=per_s, pixels_per_s=per_s * PIXELS, silence_s=silence_s)
    found = seconds_left(Frames(left, left * PIXELS), rate, to_join=to_join, joining=joining)
    assert found is not None
    assert found >= max([1.0, *joining])
    if left:
        assert found >= to_join


def test_time_left_is_unknown_while_there_are_frames_and_no_rate() -> None:
    assert seconds_left(Frames(1, 1.0), None, to_join=0.0, joining=()) is None
    assert seconds_left(Frames(), None, to_join=0.0, joining=(7.0,)) == 7.0


def test_a_step_takes_as_long_as_those_before_but_small_ones_do_not_decide_about_large_ones() -> None:
    steps = StepSeconds(base_s=1.0, s_per_unit=0.5, typical=100.0)
    assert steps.expected(10) == pytest.approx(6.0)
    for _ in range(100):
        steps.took(1, 3.0)
    assert steps.expected(1) == pytest.approx(3.0, rel=0.01)
    assert steps.expected(100) == pytest.approx(51.0, rel=0.01)
    for size in (10, 100, 1000):
        for _ in range(100):
            steps.took(size, 2.0 + 3 * size)
    assert steps.expected(500) == pytest.approx(1500, rel=0.01)
