"""Second attempts: a chunk that is late is made twice at once, and whatever becomes of both, one outcome counts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import inf
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.attempts import Attempt, ChunkHead, Errored, FramesMade, Lost, Succeeded
from slomo_batch.errors import BorderMismatch, StorageBusy
from slomo_batch.records.commits import ChunkDone
from slomo_batch.scheduler.calls import ChunkCall, Outcome
from slomo_batch.scheduler.placement import Placement
from slomo_batch.scheduler.ray_engine import RayEngine
from slomo_batch.scheduler.second_attempts import FACTOR, LEAST_S, MIN_MADE, SecondAttempts, UsualSeconds
from tests.scale import products
from tests.scheduler.virtual_job import VirtualJob
from tests.scheduler.virtual_ray import Scenario, VirtualRay, chunk_calls, made

MACHINES = [f"machine {number}" for number in range(8)]
USUAL_S = products.SECONDS.total


# ---- which chunks are late -------------------------------------------------------------------------------------------


def test_no_chunk_is_late_before_it_is_known_how_long_they_take() -> None:
    usual = UsualSeconds()
    for _ in range(MIN_MADE - 1):
        usual.made(1.0, 20.0)
    assert not usual.is_late(1.0, 1e6)
    usual.made(1.0, 20.0)
    assert usual.is_late(1.0, 1e6)


def test_a_chunk_is_late_by_its_size_and_never_within_seconds() -> None:
    usual = UsualSeconds()
    for _ in range(MIN_MADE):
        usual.made(2.0, 20.0)
    assert not usual.is_late(2.0, FACTOR * 20.0)
    assert usual.is_late(2.0, FACTOR * 20.0 + 1)
    assert not usual.is_late(4.0, FACTOR * 20.0 + 1)
    assert not usual.is_late(0.1, LEAST_S)
    assert usual.is_late(0.1, LEAST_S + 1)


# ---- which outcome counts --------------------------------------------------------------------------------------------


def made_by(call: ChunkCall) -> Attempt:
    """It succeeds."""
    return Succeeded(head=call.head, result=products.chunk_done(call.task, "machine"), stats=products.STINT)


def fails(call: ChunkCall) -> Attempt:
    """It fails."""
    return Errored(head=call.head, error=StorageBusy("slow down"))


def is_lost(call: ChunkCall) -> Attempt:
    """Its worker dies."""
    return Lost(head=call.head, explained=False, cause="died")


End = Callable[[ChunkCall], Attempt]
ENDS = st.sampled_from([made_by, fails, is_lost])


@given(ends=st.tuples(ENDS, ENDS), first_ends_first=st.booleans())
def test_of_two_attempts_the_first_success_counts_or_else_the_last_failure(
    ends: tuple[End, End], first_ends_first: bool
) -> None:
    [first] = chunk_calls(1)
    attempts = SecondAttempts()
    assert attempts.may_have_one(first)
    second = attempts.begin(first)
    assert second.head.attempt != first.head.attempt
    assert second.task.chunk == first.task.chunk
    assert not attempts.may_have_one(first)
    assert not attempts.may_have_one(second)
    order = [first, second] if first_ends_first else [second, first]
    outcomes = [
        outcome
        for call, end in zip(order, ends, strict=True)
        for _, outcome in attempts.those_that_count([(call, end(call))])
    ]
    expected = ends.index(made_by) if made_by in ends else 1
    assert [outcome.head for outcome in outcomes] == [order[expected].head]
    assert attempts.may_have_one(first), "nothing of the pair is left"


def test_a_beaten_attempt_reports_no_frames_and_a_failure_leaves_an_ordinary_attempt() -> None:
    first, other = chunk_calls(2)
    attempts = SecondAttempts()
    second = attempts.begin(first)
    frames = FramesMade(num_frames=3)
    assert attempts.those_that_count([(first, frames), (second, frames)]) == [(first, frames), (second, frames)]
    assert attempts.those_that_count([(first, fails(first))]) == []
    assert attempts.may_have_one(second)
    again = attempts.begin(second)
    assert len(attempts.those_that_count([(again, made_by(again))])) == 1
    assert attempts.those_that_count([(second, frames), (other, frames)]) == [(other, frames)]
    assert attempts.those_that_count([(second, made_by(second))]) == []


# ---- where it runs ---------------------------------------------------------------------------------------------------


def test_a_second_attempt_goes_to_an_idle_worker_of_another_machine() -> None:
    placement: Placement[str, str] = Placement(slots=2)
    for worker, machine in (("a0", "a"), ("a1", "a"), ("b0", "b")):
        placement.up(worker, machine)
    busy = placement.take()
    assert busy == "a0"
    assert placement.num_idle == 2
    assert placement.take_idle(beside="a") == "b0"
    assert placement.take_idle(beside="a") is None, "only the machine itself has an idle worker"
    assert placement.num_idle == 1


def engine_at_work(ray: VirtualRay, calls: list[ChunkCall], *, num_workers: int) -> RayEngine:
    """An engine with so many workers, which have got these chunks."""
    engine = ray.engine(max_workers=num_workers, slots=1)
    engine.scale(num_workers)
    while engine.num_workers < num_workers:
        engine.outcomes(0.5)
    for call in calls:
        engine.start(call)
    return engine


def chunks_until(engine: RayEngine, ray: VirtualRay, until_s: float, *, demand: int) -> list[tuple[float, int]]:
    """The chunks that are made until then, and when. Each turn so many chunks run or could run."""
    came: list[tuple[float, int]] = []
    while ray.now_s < until_s:
        engine.scale(demand)
        for call, outcome in engine.outcomes(0.5):
            assert isinstance(call, ChunkCall)
            assert isinstance(outcome, Succeeded)
            came.append((ray.now_s, call.task.chunk.index))
    return came


def took(machine: str, call: ChunkCall, seconds: float) -> tuple[float, Outcome]:
    """The chunk, made, with a record that says so."""
    _, done = made(machine, call)
    assert isinstance(done, Succeeded)
    assert isinstance(done.result, ChunkDone)
    return seconds, replace(done, result=replace(done.result, seconds=replace(products.SECONDS, total=seconds)))


def straggling(monkeypatch: pytest.MonkeyPatch, slow: str, usual_s: float = USUAL_S) -> VirtualRay:
    """A cluster on which the last of 11 chunks takes 40 times as long on one machine."""

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        is_slow = call.task.chunk.index == MIN_MADE and machine == slow
        return took(machine, call, 40 * usual_s if is_slow else usual_s)

    ray = VirtualRay([*MACHINES, "machine 8", "machine 9", "machine 10"], Scenario(chunk=chunk))
    ray.plug_in(monkeypatch)
    return ray


@pytest.mark.parametrize("usual_s", [USUAL_S, 600.0])
def test_an_idle_worker_makes_a_late_chunk_and_is_first(usual_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    ray = straggling(monkeypatch, "machine 10", usual_s)
    calls = list(chunk_calls(MIN_MADE + 1))
    engine = engine_at_work(ray, calls, num_workers=len(calls))
    begun_s = ray.now_s
    came = chunks_until(engine, ray, begun_s + 50 * usual_s, demand=1)
    assert sorted(chunk for _, chunk in came) == list(range(MIN_MADE + 1))
    last_s = max(at_s for at_s, _ in came)
    assert (FACTOR + 1) * usual_s <= last_s - begun_s <= (FACTOR + 1) * usual_s + 5


def test_no_second_attempt_begins_while_other_chunks_wait_for_the_idle_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    ray = straggling(monkeypatch, slow="machine 10")
    calls = list(chunk_calls(MIN_MADE + 1))
    engine = engine_at_work(ray, calls, num_workers=len(calls))
    came = chunks_until(engine, ray, ray.now_s + 30 * USUAL_S, demand=1 + len(calls))
    assert sorted(chunk for _, chunk in came) == list(range(MIN_MADE))


def test_a_machine_alone_makes_nothing_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: Counter[int] = Counter()

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        begun[call.task.chunk.index] += 1
        return made(machine, call, seconds=inf if call.task.chunk.index == MIN_MADE else USUAL_S)

    ray = VirtualRay(["machine"], Scenario(chunk=chunk))
    ray.plug_in(monkeypatch)
    calls = list(chunk_calls(MIN_MADE + 1))
    engine = engine_at_work(ray, [], num_workers=1)
    for call in calls:
        engine.start(call)
        chunks_until(engine, ray, ray.now_s + 2 * USUAL_S, demand=1)
    assert set(begun.values()) == {1}


# ---- a whole job -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
def test_every_video_is_published_once_whatever_becomes_of_late_chunks(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance, begun = Random(seed), Counter[str]()

    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        begun[call.task.chunk.chunk_id] += 1
        seconds = USUAL_S * chance.choice([1, 1, 1, 1, 5, 15])
        kind = chance.random()
        if kind < 0.1:
            return seconds, Errored(head=call.head, error=StorageBusy("slow down"))
        if kind < 0.12 and call.head.lane == "copy":
            return seconds, Errored(head=call.head, error=BorderMismatch("the packets do not give the frames"))
        return made(machine, call, seconds=seconds)

    ray = VirtualRay(MACHINES, Scenario(chunk=chunk))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=12, max_workers=8).run()
    assert ended.given_up == []
    assert ended.num_published == 12
    counted = Counter(
        (event.head.video, event.head.lane, event.head.chunk)
        for event in ended.events
        if isinstance(event, Succeeded) and isinstance(event.head, ChunkHead)
    )
    assert set(counted.values()) == {1}
    assert begun.total() > len(counted) + len(ended.failed_attempts), "some were made twice"


def test_a_slow_machine_does_not_hold_up_the_end_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    def chunk(machine: str, call: ChunkCall) -> tuple[float, Outcome]:
        return made(machine, call, seconds=USUAL_S * (30 if machine == "machine 3" else 1))

    ray = VirtualRay(MACHINES, Scenario(chunk=chunk))
    ray.plug_in(monkeypatch)
    ended = VirtualJob(ray, num_videos=8, max_workers=8).run()
    assert ended.num_published == 8
    assert ray.now_s < 20 * USUAL_S, "64 chunks on 7 machines, and one more on another"
