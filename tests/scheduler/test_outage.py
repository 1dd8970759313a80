"""Whether the store is away, overloaded, or only refuses one object."""

from typing import Literal

from slomo_batch.attempts import Attempt, Errored
from slomo_batch.errors import SlomoError, SourceUnreadable, StorageBusy, StoreUnusableHere
from slomo_batch.scheduler.messages import StoreAsked
from slomo_batch.scheduler.outage import CANARY_S, LONG_S, REFUSED_S, WINDOW_S, Outage, StoreCall
from tests.attempts import chunk_head, chunk_lost, chunk_made


def call(number: int) -> StoreCall:
    return number, ("chunk", 0)


def ended(outage: Outage, number: int, now_s: float, error: SlomoError | None = None, machine: str = "") -> bool:
    """A call ends, with success or an error. Returns whether the store is to blame."""
    head = chunk_head(0, video=number)
    attempt: Attempt = Errored(head=head, error=error, machine=machine) if error else chunk_made(0, video=number)
    return outage.ended(call(number), attempt, now_s)


BUSY = StorageBusy("the store is busy")
REFUSED = StoreUnusableHere("no usable credentials")


def test_three_machines_that_find_the_store_busy_pause_the_job() -> None:
    outage = Outage()
    assert not ended(outage, 0, 0.0, BUSY, "a")
    assert not ended(outage, 1, 1.0, BUSY, "b")
    assert not ended(outage, 2, 2.0, BUSY, "b")
    assert not outage.is_on
    assert ended(outage, 3, 3.0, BUSY, "c")
    assert outage.since_s == 3.0
    assert outage.take_back() == [call(0), call(1), call(2)], "what failed a moment ago does not count either"
    assert outage.take_back() == []
    assert ended(outage, 4, 4.0, BUSY, "a")


def test_failures_far_apart_or_with_a_success_between_do_not_pause_it() -> None:
    outage = Outage()
    for number, machine in enumerate("abcdef"):
        assert not ended(outage, number, number * (WINDOW_S / 2 + 1), BUSY, machine)
    outage = Outage(num_machines=1)
    for number in range(6):
        assert not ended(outage, number, float(number), BUSY)
        if number % 2:
            ended(outage, 100, float(number))
    assert not outage.is_on


def test_failures_on_three_machines_beside_successes_are_an_overload_and_do_not_count() -> None:
    outage = Outage()
    counts = []
    for number, machine in enumerate("abcd"):
        counts.append(not ended(outage, number, float(number), BUSY, machine))
        ended(outage, 100, float(number))
    assert counts == [True, True, False, False]
    assert outage.take_back() == [call(0), call(1)]
    assert not outage.is_on
    assert not ended(outage, 5, 4.0 + WINDOW_S, BUSY, "a"), "it is over"


def test_on_one_machine_three_failures_of_different_calls_pause_the_job() -> None:
    outage = Outage(num_machines=1)
    for now_s in (0.0, 1.0, 2.0, 3.0):
        assert not ended(outage, 0, now_s, BUSY), "the object that it reads may be to blame"
    assert ended(outage, 1, 4.0, BUSY)
    assert outage.is_on


def test_a_driver_that_finds_the_store_busy_pauses_the_job() -> None:
    outage = Outage()
    ended(outage, 0, 0.0, BUSY, "a")
    outage.hear(StoreAsked(outcome="busy"), 1.0)
    assert outage.is_on
    assert outage.take_back() == [call(0)]


def test_canaries_come_less_and_less_often_and_the_first_success_ends_the_pause() -> None:
    outage = Outage()
    outage.hear(StoreAsked(outcome="busy"), 0.0)
    began: list[float] = []
    now_s = 0.0
    while now_s < 100.0:
        assert outage.most_to_start(8, now_s) in {0, 1}
        if outage.most_to_start(8, now_s):
            outage.started(call(len(began)), now_s)
            began.append(now_s)
        now_s += 0.5
    waits = [after - before for before, after in zip([0.0, *began], began, strict=False)]
    assert waits[:5] == [1.0, 2.0, 4.0, 8.0, CANARY_S]
    assert set(waits[5:]) == {CANARY_S}
    outage.ended(call(50), chunk_lost(0, "preempted", explained=True), now_s)
    assert outage.is_on, "a lost worker says nothing of the store"
    ended(outage, 1000, now_s)
    assert outage.is_on, "it began before the pause"
    ended(outage, 0, now_s)
    assert not outage.is_on
    assert outage.most_to_start(8, now_s) == 8


def test_progress_of_a_canary_ends_the_pause() -> None:
    outage = Outage()
    outage.hear(StoreAsked(outcome="busy"), 0.0)
    outage.started(call(1), 1.0)
    outage.progressed(call(0))
    assert outage.is_on
    outage.progressed(call(1))
    assert not outage.is_on


def test_an_answer_that_is_an_error_of_a_video_ends_the_pause_too() -> None:
    outage = Outage()
    outage.hear(StoreAsked(outcome="busy"), 0.0)
    outage.started(call(0), 1.0)
    assert not ended(outage, 0, 1.0, SourceUnreadable("not a video"))
    assert not outage.is_on


def test_a_canary_counts_if_the_driver_itself_can_write() -> None:
    outage = Outage(num_machines=1)
    outcomes: tuple[tuple[Literal["answered", "busy"], bool], ...] = (("busy", True), ("answered", False))
    for outcome, is_of_the_store in outcomes:
        for number in range(3):
            ended(outage, number, 0.0, BUSY)
        outage.hear(StoreAsked(outcome=outcome), 1.0)
        outage.started(call(0), 2.0)
        assert ended(outage, 1, 3.0, BUSY), "it began before the pause"
        assert ended(outage, 0, 4.0, BUSY) is is_of_the_store
        assert outage.is_on


def test_a_long_pause_lets_workers_go() -> None:
    outage = Outage()
    outage.hear(StoreAsked(outcome="busy"), 0.0)
    outage.started(call(0), LONG_S)
    assert not outage.is_long
    outage.started(call(0), LONG_S + CANARY_S)
    assert outage.is_long
    ended(outage, 0, LONG_S + CANARY_S)
    assert not outage.is_long


def test_a_refusal_of_all_machines_is_borne_for_a_short_time() -> None:
    outage = Outage()
    assert outage.bears_refusal(None, 0.0)
    assert ended(outage, 0, 0.0, REFUSED)
    assert outage.is_on
    assert outage.bears_refusal(None, REFUSED_S - 1)
    outage.hear(StoreAsked(outcome="refused"), REFUSED_S - 1)
    assert not outage.bears_refusal(None, REFUSED_S)
    assert outage.bears_refusal(call(7), REFUSED_S), "it began before the pause"
    outage.started(call(7), REFUSED_S)
    assert not outage.bears_refusal(call(7), REFUSED_S)
    outage.started(call(1), REFUSED_S)
    ended(outage, 1, REFUSED_S)
    assert outage.bears_refusal(None, REFUSED_S)
    assert not outage.is_on
