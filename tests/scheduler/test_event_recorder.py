"""Events, ledger rows and status that a run records."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from slomo_batch.attempts import FramesMade, Lost, Succeeded
from slomo_batch.commands.ledger_parts import compact_ledger
from slomo_batch.errors import StorageBusy
from slomo_batch.records.results import VideoFailed
from slomo_batch.report.events import FramesTakenBack, JobStatus, Note, Snapshot, VideoGivenUp
from slomo_batch.report.ledger import LedgerWriter, read_ledger
from slomo_batch.report.spent_hours import spent_hours
from slomo_batch.scheduler.active_video import ActiveVideo
from slomo_batch.scheduler.budget_meter import BudgetMeter
from slomo_batch.scheduler.event_recorder import WAITING_S, EventRecorder
from slomo_batch.scheduler.messages import Fail
from slomo_batch.scheduler.state_counts import Census
from slomo_batch.scheduler.tally import Tally
from slomo_batch.serialization import from_json
from slomo_batch.storage.work_layout import Layout
from tests.heard import Heard
from tests.memory_store import MemoryStore
from tests.scale.products import STINT, chunk_done, opened, pending_video
from tests.scheduler.virtual_ray import chunk_calls, open_call

PENDING = pending_video(0)
FAIL = Fail(video=0, error="SourceUnreadable", reason="no")
FAILED = VideoFailed(
    source_uri=PENDING.request.source.uri,
    output_uri=PENDING.request.output_uri,
    error="SourceUnreadable",
    reason="no",
)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def recorder(
    store: MemoryStore,
    heard: Heard,
    clock: Clock,
    is_superseded: Callable[[], bool] = lambda: False,
    meter: BudgetMeter | None = None,
) -> EventRecorder:
    layout = Layout("job")
    ledger = LedgerWriter(
        lambda part, data: store.put(layout.ledger_part(1, part), data), clock, job=layout.name, epoch=1
    )
    tally = Tally(videos_total=3, videos_skipped=1)
    return EventRecorder(
        store=store,
        layout=layout,
        epoch=1,
        ledger=ledger,
        display=heard,
        tally=tally,
        is_superseded=is_superseded,
        meter=meter,
        clock=clock,
    )


def test_a_note_reports_that_no_worker_comes_up() -> None:
    heard, clock = Heard(), Clock()
    event_recorder = recorder(MemoryStore(), heard, clock)
    for seconds in range(int(2.5 * WAITING_S)):
        clock.now = 1000.0 + seconds
        event_recorder.tick(workers=0, workers_pending=0, slots=0, demand=4, census=Census, is_stopping=False)
    assert sum(isinstance(event, Note) for event in heard.events) == 2
    for seconds in range(int(2.5 * WAITING_S)):
        clock.now += seconds
        event_recorder.tick(workers=1, workers_pending=0, slots=1, demand=4, census=Census, is_stopping=False)
    assert sum(isinstance(event, Note) for event in heard.events) == 2


def test_machine_time_is_in_the_ledger_once_a_minute_also_if_nothing_ends() -> None:
    """So a driver that is killed has recorded all but the last minute."""
    store, clock, meter = MemoryStore(), Clock(), BudgetMeter()
    event_recorder = recorder(store, Heard(), clock, meter=meter)
    for seconds in range(150):
        clock.now = 1000.0 + seconds
        meter.charge(2, clock.now)
        event_recorder.tick(workers=2, workers_pending=0, slots=2, demand=2, census=Census, is_stopping=False)
    parts = [store.get(Layout("job").ledger_part(1, part)) for part in (0, 1)]
    rows = read_ledger(parts).to_pylist()
    assert [(row["kind"], row["machine_s"]) for row in rows] == [("spent", 120.0), ("spent", 120.0)]
    event_recorder.close(finished=True)
    assert spent_hours(read_ledger([*parts, store.get(Layout("job").ledger_part(1, 2))])) == pytest.approx(298 / 3600)


def test_a_failure_is_stored_and_in_the_ledger_before_it_is_shown() -> None:
    store, heard, clock = MemoryStore(), Heard(), Clock()
    event_recorder = recorder(store, heard, clock)
    event_recorder.failed(ActiveVideo(pending=PENDING), FAIL)
    assert from_json(VideoFailed, store.get(Layout("job").failure(1, PENDING.receipt_id))) == FAILED
    [row] = read_ledger([store.get(Layout("job").ledger_part(1, 0))]).to_pylist()
    assert (row["kind"], row["source_uri"], row["error"]) == ("failure", FAILED.source_uri, "SourceUnreadable")
    [event] = heard.events
    assert isinstance(event, VideoGivenUp)
    assert (event.uri, event.error, event.reason) == (FAILED.source_uri, "SourceUnreadable", "no")


def test_frames_of_a_lost_attempt_are_taken_back_after_the_line_that_says_why() -> None:
    heard, clock = Heard(), Clock()
    event_recorder = recorder(MemoryStore(), heard, clock)
    video = ActiveVideo(pending=PENDING)
    [first, second] = chunk_calls(2)
    planned = opened(open_call(), 2, audio=False)
    event_recorder.opened(video, planned)
    video.stored = planned.stored

    def shown(is_busy: int = 1) -> Snapshot:
        clock.now += 1
        event_recorder.tick(workers=is_busy, workers_pending=0, slots=2, demand=2, census=Census, is_stopping=False)
        snapshot = heard.events[-1]
        assert isinstance(snapshot, Snapshot)
        return snapshot

    for call in (first, second):
        event_recorder.started(call, video)
        event_recorder.frames_made(call.head, FramesMade(num_frames=30))
    assert (shown().frames_in_progress, shown().fraction) == (60, 60 / 248)
    event_recorder.attempt(Lost(head=first.head, explained=True, cause="killed"), video)
    *_, lost, taken_back = heard.events
    assert isinstance(lost, Lost)
    assert isinstance(taken_back, FramesTakenBack)
    assert (taken_back.chunk, taken_back.num_frames) == (0, 30)
    after = shown()
    assert (after.frames_in_progress, after.fraction, after.faults) == (30, 30 / 248, 1)
    event_recorder.frames_made(first.head, FramesMade(num_frames=40))
    assert shown().frames_in_progress == 30, "a report that comes after the end"
    done = Succeeded(head=second.head, result=chunk_done(second.task, "here"), stats=STINT)
    event_recorder.attempt(done, video)
    last = shown()
    assert (last.frames_done, last.frames_in_progress, last.fraction) == (124, 0, 0.5)


def test_a_chunk_of_the_lane_that_its_video_left_is_not_counted_as_done() -> None:
    event_recorder = recorder(MemoryStore(), Heard(), Clock())
    video = ActiveVideo(pending=PENDING)
    [first, second] = chunk_calls(2)
    planned = opened(open_call(), 2, audio=False)
    event_recorder.opened(video, planned)
    video.stored = planned.stored
    for call in (first, second):
        event_recorder.started(call, video)
    made = [Succeeded(head=call.head, result=chunk_done(call.task, "here"), stats=STINT) for call in (first, second)]
    event_recorder.attempt(made[0], video)
    video.lane = "decode"
    event_recorder.lane_changed(0, video)
    event_recorder.attempt(made[1], video)
    tally = event_recorder.tally
    assert (tally.chunks_done, tally.frames_done, tally.chunks_total) == (0, 0, 2)
    for late in made:
        event_recorder.attempt(replace(late, head=replace(late.head, lane="decode")), video)
    assert tally.chunks_done == tally.chunks_total == 2


@pytest.mark.parametrize("looks", [[True], [False, True]], ids=["before it writes", "while it writes"])
def test_a_superseded_driver_does_not_change_stored_failures(looks: list[bool]) -> None:
    store, layout = MemoryStore(), Layout("job")
    event_recorder = recorder(store, Heard(), Clock(), is_superseded=iter([*looks, *[True] * 9]).__next__)
    store.put(layout.failure(2, PENDING.receipt_id), b"what its successor recorded for the same video")
    event_recorder.failed(ActiveVideo(pending=PENDING), FAIL)
    event_recorder.close(finished=False)
    assert [found.key for found in store.list(layout.failures)] == [layout.failure(2, PENDING.receipt_id)]


def test_the_status_at_the_end_has_the_final_counts() -> None:
    store, heard, clock = MemoryStore(), Heard(), Clock()
    event_recorder = recorder(store, heard, clock)
    event_recorder.refused(VideoFailed(source_uri="a.mp4", output_uri="b.mp4", error="OutputExists", reason="stands"))
    event_recorder.close(finished=False)
    status = from_json(JobStatus, store.get(Layout("job").progress(1)))
    assert (status.state, status.videos_done, status.videos_failed, status.videos_total) == ("interrupted", 1, 1, 3)
    assert [failure.error for failure in status.failures] == ["OutputExists"]
    assert isinstance(heard.events[-1], Snapshot)


class Away(MemoryStore):
    """A store that is unavailable while `is_away` is set."""

    is_away = True

    def put(self, key: str, data: bytes) -> None:
        if self.is_away:
            raise StorageBusy("the store is busy", where=self.uri(key))
        super().put(key, data)


def test_an_unavailable_store_stops_no_work_and_gets_every_record_later() -> None:
    store, heard, clock = Away(), Heard(), Clock()
    event_recorder = recorder(store, heard, clock)
    event_recorder.failed(ActiveVideo(pending=PENDING), FAIL)
    for _ in range(5):
        clock.now += 10
        event_recorder.tick(workers=1, workers_pending=0, slots=1, demand=1, census=Census, is_stopping=False)
    assert sum(isinstance(event, Note) for event in heard.events) == 1, "said, and not again and again"
    with pytest.raises(StorageBusy):
        event_recorder.close(finished=True)
    store.is_away = False
    event_recorder.tick(workers=1, workers_pending=0, slots=1, demand=1, census=Census, is_stopping=False)
    assert from_json(VideoFailed, store.get(Layout("job").failure(1, PENDING.receipt_id))) == FAILED
    event_recorder.close(finished=True)
    [row] = read_ledger([store.get(Layout("job").ledger_part(1, 0))]).to_pylist()
    assert row["error"] == "SourceUnreadable"
    assert from_json(JobStatus, store.get(Layout("job").progress(1))).state == "finished"


def put_part(store: MemoryStore, epoch: int, part: int, data: bytes) -> None:
    store.put(Layout("job").ledger_part(epoch, part), data)


def test_a_superseded_driver_that_wakes_up_removes_nothing_from_the_ledger() -> None:
    store, layout = MemoryStore(), Layout("job")
    for epoch in (1, 2):
        put = partial(put_part, store, epoch)
        writer = LedgerWriter(put, Clock(), job="job", epoch=epoch)
        writer.failed(VideoFailed(source_uri=f"{epoch}.mp4", output_uri="", error="SourceUnreadable", reason="no"))
    late = store.get(layout.ledger_part(1, 0))
    compact_ledger(store, layout, 2)
    assert len(list(store.list(layout.ledger))) == 1
    store.put(layout.ledger_part(1, 0), late)
    rows = read_ledger(store.get(found.key) for found in store.list(layout.ledger)).to_pylist()
    assert [row["source_uri"] for row in rows] == ["1.mp4", "2.mp4"]
