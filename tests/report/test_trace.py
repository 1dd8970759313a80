"""The ledger as a trace: always valid, each attempt in its own slot, each loss and retry visible."""

import json
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.attempts import CallStats, Errored
from slomo_batch.errors import StorageBusy
from slomo_batch.records.commits import StageSeconds
from slomo_batch.report.ledger import read_ledger
from slomo_batch.report.stages import STAGES
from slomo_batch.report.trace import trace
from tests.report.test_ledger import DONE, FAILED, FOUND, LOST, MADE, PUBLISHED, SPLIT, Driver
from tests.report.traces import Event, check_slots, checked_trace, outermost, threads


def stint(host: str, process: int, began_s: float, took_s: float) -> CallStats:
    return CallStats(
        host=host, process=process, began_s=1_700_000_000 + began_s, took_s=took_s, read_bytes=9, written_bytes=8
    )


def drawn(driver: Driver, **options: Any) -> list[Event]:
    driver.writer.flush()
    return checked_trace("".join(trace(read_ledger(driver.parts.values()), **options)))


def test_an_empty_ledger_is_an_empty_trace() -> None:
    assert drawn(Driver()) == []


def test_a_worker_with_two_slots_has_two_tracks_and_its_machine_one_process() -> None:
    driver = Driver()
    for began_s in (0.0, 1.0, 2.0, 3.0):
        driver.writer.attempt(replace(MADE, stats=stint("node-1", 7, began_s, 2.0)))
    driver.writer.attempt(replace(SPLIT, stats=stint("node-1", 9, 0.5, 9.0)))
    other = replace(DONE, machine=replace(DONE.machine, host="node-2"))
    driver.writer.attempt(replace(MADE, result=other, stats=stint("node-2", 7, 0.0, 2.0)))
    events = drawn(driver)
    check_slots(events)
    assert sorted(threads(events).values()) == [
        "steps, slot 1",
        "worker 7, slot 1",
        "worker 7, slot 1",
        "worker 7, slot 2",
    ]
    machines = {event["args"]["name"] for event in events if event["name"] == "process_name"}
    assert machines == {"node-1", "node-2"}
    assert [(event["ts"], event["dur"]) for event in outermost(events)] == [
        (0, 2_000_000),
        (0, 2_000_000),
        (500_000, 9_000_000),
        (1_000_000, 2_000_000),
        (2_000_000, 2_000_000),
        (3_000_000, 2_000_000),
    ]


def test_a_chunk_holds_its_stages_one_after_the_other() -> None:
    driver = Driver()
    seconds = StageSeconds(fetch=0.25, decode=0.5, judge=0.125, model=1.0, upload=0.125, total=2.0)
    driver.writer.attempt(replace(MADE, result=replace(DONE, seconds=seconds), stats=stint("node-1", 7, 0.0, 2.1)))
    slices = [(event["name"], event["ts"], event["dur"]) for event in drawn(driver) if event["ph"] == "X"]
    assert slices == [
        ("chunk 3 of a.mp4", 0, 2_100_000),
        ("fetch", 0, 250_000),
        ("decode", 250_000, 500_000),
        ("cut detection", 750_000, 125_000),
        ("model", 875_000, 1_000_000),
        ("upload", 1_875_000, 125_000),
    ]


def test_failures_losses_and_ends_are_instants() -> None:
    driver = Driver()
    driver.writer.attempt(replace(MADE, stats=stint("node-1", 7, 0.0, 2.0)))
    driver.writer.attempt(LOST)
    driver.writer.attempt(Errored(head=LOST.head, error=StorageBusy("busy"), stats=stint("node-1", 7, 2.0, 1.0)))
    driver.writer.published(PUBLISHED)
    driver.writer.failed(FAILED)
    events = drawn(driver)
    tracks = threads(events)
    instants = {event["name"]: tracks[event["pid"], event["tid"]] for event in events if event["ph"] == "i"}
    assert instants == {
        "StorageBusy": "worker 7, slot 1",
        "chunk 3 of a.mp4": "lost processes",
        "published a.mp4": "videos",
        "given up b.mp4": "videos",
    }
    [lost] = [event for event in events if event["ph"] == "i" and event["name"].startswith("chunk")]
    assert (lost["args"]["error"], lost["args"]["reason"]) == ("WorkerLost", LOST.reason)


def test_a_chunk_found_committed_has_no_duration() -> None:
    driver = Driver()
    driver.writer.attempt(FOUND)
    assert drawn(driver) == []


def test_the_last_hours_count_back_from_the_end() -> None:
    driver = Driver()
    for hour in range(5):
        driver.writer.attempt(replace(MADE, stats=stint("node-1", 7, 3600.0 * hour, 60.0)))
    assert len(outermost(drawn(driver, last_hours=2.0))) == 3


def test_a_hostile_name_stays_inside_its_string() -> None:
    driver = Driver()
    name = 'a"}]}\x1b[2J\n\u202e.mp4'
    driver.writer.attempt(replace(MADE, head=replace(MADE.head, uri=name), stats=stint("node-1", 7, 0.0, 2.0)))
    driver.writer.flush()
    text = "".join(trace(read_ledger(driver.parts.values())))
    assert text.replace("\n", "").isprintable()
    assert outermost(json.loads(text)["traceEvents"])[0]["args"]["source_uri"] == name


TIMES = st.integers(0, 10_000_000).map(lambda microseconds: microseconds / 1e6)
ATTEMPTS = st.tuples(
    st.sampled_from(["chunk", "split", "failure"]),
    st.builds(stint, st.sampled_from(["a", "b"]), st.integers(1, 3), TIMES, TIMES),
    st.lists(TIMES, min_size=8, max_size=8),
)


@settings(deadline=None, max_examples=20)
@given(st.lists(ATTEMPTS, max_size=10))
def test_a_trace_is_valid_for_any_attempts(attempts: list[tuple[str, CallStats, list[float]]]) -> None:
    driver = Driver()
    for kind, ran, stages in attempts:
        if kind == "chunk":
            seconds = StageSeconds(**dict(zip(STAGES, stages, strict=True)), total=ran.took_s)
            driver.writer.attempt(replace(MADE, result=replace(DONE, seconds=seconds), stats=ran))
        elif kind == "split":
            driver.writer.attempt(replace(SPLIT, stats=ran))
        else:
            driver.writer.attempt(Errored(head=LOST.head, error=StorageBusy("busy"), stats=ran))
    events = drawn(driver)
    check_slots(events)
    assert len(outermost(events)) == len(attempts)
