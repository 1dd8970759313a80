"""What a page says of a job: its history, its tracks and the advice."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slomo_batch.attempts import CallStats, Errored
from slomo_batch.errors import StorageBusy
from slomo_batch.records.commits import FrameCounts, StageSeconds
from slomo_batch.records.results import VideoFailed
from slomo_batch.report.events import Failure
from slomo_batch.report.ledger import read_ledger
from slomo_batch.report.pages.advice import advice_on
from slomo_batch.report.pages.job_history import JobHistory, history_of, throughput
from slomo_batch.report.pages.slot_history import slot_histories
from tests.report.pages.ledgers import FRAMES, archive_ledger
from tests.report.test_ledger import DONE, FOUND, HEAD, LOST, MADE, PUBLISHED, SPLIT, Driver


def stats(began_s: float, took_s: float, *, host: str = "node-1", process: int = 7) -> CallStats:
    return CallStats(
        host=host, process=process, began_s=1_700_000_000 + began_s, took_s=took_s, read_bytes=900, written_bytes=100
    )


def history(*drivers: Driver) -> JobHistory:
    for driver in drivers:
        driver.writer.flush()
    return history_of(read_ledger(part for driver in drivers for part in driver.parts.values()))


def test_a_video_has_its_frames_notes_and_the_time_of_all_attempts() -> None:
    driver = Driver()
    driver.writer.attempt(replace(SPLIT, stats=stats(0, 1.0)))
    driver.writer.attempt(Errored(head=HEAD, error=StorageBusy("busy"), stats=stats(1, 2.0)))
    driver.writer.attempt(replace(MADE, stats=stats(3, 4.0)))
    driver.writer.attempt(FOUND)
    driver.writer.published(PUBLISHED)
    [video] = history(driver).videos
    assert (video.state, video.output_uri, video.frames) == ("published", "s3://slow/a.mp4", 80)
    assert video.machine_s == pytest.approx(1.0 + 2.0 + 4.0)
    assert video.failed_attempts == 1
    assert video.counts["made"] == 60
    assert list(video.notes) == list(PUBLISHED.notes)


def test_the_last_outcome_of_a_video_counts() -> None:
    failed = VideoFailed(
        source_uri=PUBLISHED.source.uri, output_uri=PUBLISHED.output_uri, error="SourceUnreadable", reason="it is empty"
    )
    first, second, third = Driver(epoch=1), Driver(epoch=2), Driver(epoch=3)
    first.writer.failed(failed)
    assert [(one.state, one.reason) for one in history(first).videos] == [("failed", "it is empty")]
    second.writer.published(PUBLISHED)
    assert [(one.state, one.reason) for one in history(first, second).videos] == [("published", "")]
    third.writer.failed(failed)
    assert history(first, second, third).runs == 3
    assert [one.state for one in history(first, second, third).videos] == ["failed"]


def test_a_video_that_the_last_run_did_not_start_has_failed() -> None:
    driver = Driver()
    driver.writer.published(PUBLISHED)
    driver.writer.flush()
    refused = [Failure(uri=uri, error="OutputExists", reason="it exists") for uri in (PUBLISHED.source.uri, "new.mp4")]
    videos = history_of(read_ledger(driver.parts.values()), refused).videos
    assert [(video.source_uri, video.state) for video in videos] == [
        (PUBLISHED.source.uri, "failed"),
        ("new.mp4", "failed"),
    ]


def test_a_video_with_attempts_and_no_end_is_unfinished() -> None:
    driver = Driver()
    driver.writer.attempt(MADE)
    [video] = history(driver).videos
    assert (video.state, video.frames) == ("unfinished", 0)


def test_the_time_between_runs_is_not_that_of_a_run() -> None:
    trial, later = Driver(epoch=1), Driver(epoch=2)
    trial.writer.attempt(replace(MADE, stats=stats(0, 40.0)))
    trial.now_s = 1_700_000_000 + 50.0
    trial.writer.published(PUBLISHED)
    later.now_s = 1_700_000_000 + 200_000.0
    later.writer.attempt(replace(MADE, stats=stats(199_900, 100.0)))
    found = history(trial, later)
    assert found.runs == 2
    assert found.run_s == pytest.approx(50 + 100, abs=1)
    assert found.ended_s - found.began_s == pytest.approx(200_000, abs=1)


def test_faults_are_counted_by_error_and_step_with_their_machines() -> None:
    driver = Driver()
    for host in ("node-1", "node-2", "node-2"):
        driver.writer.attempt(Errored(head=HEAD, error=StorageBusy(f"busy {host}"), stats=stats(0, 2.0, host=host)))
    driver.writer.attempt(LOST)
    busy, lost = history(driver).faults
    assert (busy.error, busy.step, busy.number, busy.lost_s) == ("StorageBusy", "interpolate", 3, 6.0)
    assert (list(busy.hosts), busy.reason) == (["node-2", "node-1"], "busy node-2")
    assert (lost.error, lost.number, lost.lost_s, list(lost.hosts)) == ("WorkerLost", 1, 0.0, [])


def test_stages_are_spread_over_the_frames_of_chunks() -> None:
    driver = Driver()
    for model in (1.0, 2.0, 3.0):
        seconds = StageSeconds(model=model, encode=1.0, total=model + 1.0)
        driver.writer.attempt(replace(MADE, result=replace(DONE, num_frames=10, seconds=seconds)))
    spreads = {spread.stage: spread for spread in history(driver).spreads}
    assert spreads["model"].median == pytest.approx(200.0)
    assert spreads["model"].share == pytest.approx(6 / 9)
    assert (spreads["encode"].p5, spreads["encode"].p95) == pytest.approx((100.0, 100.0))


def test_the_curve_holds_every_frame_that_was_made() -> None:
    made = history_of(archive_ledger(40))
    times, rates = throughput(made)
    assert sum(rates) * (times[1] - times[0]) == pytest.approx(made.num_frames, rel=1e-3)
    assert made.num_frames == FRAMES * len(made.chunks)


TIMES = st.integers(0, 10_000).map(lambda thousandths: thousandths / 1000)
ATTEMPTS = st.lists(st.tuples(TIMES, TIMES, st.integers(1, 3), st.booleans()), min_size=1, max_size=60)


@settings(max_examples=50)
@given(attempts=ATTEMPTS, most_pieces=st.integers(1, 30))
def test_tracks_hold_every_attempt_once_without_overlap(
    attempts: list[tuple[float, float, int, bool]], most_pieces: int
) -> None:
    driver = Driver()
    for began_s, took_s, process, is_failure in attempts:
        ran = stats(began_s, took_s, process=process)
        driver.writer.attempt(
            Errored(head=HEAD, error=StorageBusy("busy"), stats=ran) if is_failure else replace(MADE, stats=ran)
        )
    of_job = history(driver)
    tracks = slot_histories(of_job, most_pieces)
    pieces = [piece for track in tracks for piece in track.pieces]
    assert sum(piece.number for piece in pieces) == len(attempts)
    assert sum(track.busy_s for track in tracks) == pytest.approx(sum(took_s for _, took_s, _, _ in attempts))
    for track in tracks:
        ends = [piece.ended_s for piece in track.pieces[:-1]]
        assert all(end <= piece.began_s + 1e-4 for end, piece in zip(ends, track.pieces[1:], strict=True))
    all_of_them = slot_histories(of_job)
    assert sum(len(track.pieces) for track in all_of_them) == len(attempts)


def test_a_long_timeline_has_a_bounded_number_of_pieces() -> None:
    of_job = history_of(archive_ledger(400))
    tracks = slot_histories(of_job, most_pieces=500)
    num_pieces = sum(len(track.pieces) for track in tracks)
    num_failures = sum(one.is_failure for one in of_job.attempts)
    assert 400 <= num_pieces <= 500 + len(tracks) + 2 * num_failures
    assert sum(piece.number for track in tracks for piece in track.pieces) == len(of_job.attempts)


def test_a_job_that_did_well_gets_no_advice() -> None:
    driver = Driver()
    driver.writer.attempt(replace(MADE, stats=stats(0, 4.25)))
    driver.writer.published(PUBLISHED)
    assert advice_on(history(driver)) == []


def test_advice_names_what_was_lost_and_why() -> None:
    driver = Driver()
    driver.writer.attempt(replace(MADE, stats=stats(0, 4.0)))
    driver.writer.attempt(replace(MADE, stats=stats(20, 4.0)))
    driver.writer.attempt(Errored(head=HEAD, error=StorageBusy("busy"), stats=stats(4, 2.0)))
    counts = FrameCounts(source=20, made=30, held_repeat=30, held_damaged=2)
    driver.writer.published(replace(PUBLISHED, counts=counts))
    titles = [one.title for one in advice_on(history(driver))]
    assert titles == [
        "2 source frames in 1 video could not be decoded",
        "38% of the output frames repeat others",
        "Failed attempts took 20% of the machine time",
        "Workers had nothing to do for 58% of their time",
    ]


def test_advice_on_stages_follows_their_shares() -> None:
    driver = Driver()
    seconds = StageSeconds(fetch=1.0, upload=1.0, encode=5.0, model=3.0, total=10.0)
    driver.writer.attempt(replace(MADE, result=replace(DONE, seconds=seconds), stats=stats(0, 10.0)))
    stores, encode = advice_on(history(driver))
    assert stores.title.startswith("Chunks spent 20% of their time on reading from and writing to the work place")
    assert stores.gain == "up to 2 s of worker time"
    assert encode.action == "Set a faster encode.preset."
