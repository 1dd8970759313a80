"""What the log of a long run keeps: what a person is shown, and progress now and then."""

from dataclasses import replace
from itertools import pairwise

from slomo_batch.report.brief_log import MAX_BETWEEN_S, MAX_SILENCE_S, MAX_SKIPPED, BriefLog
from slomo_batch.report.events import ActivityAdvanced, Snapshot, SurveyAdvanced, VideoSkipped
from slomo_batch.report.lines import lines_of
from tests.report.events import EVENTS, SNAPSHOT

HOURS_S = 4 * 3600


def progress(number: int) -> Snapshot:
    return replace(SNAPSHOT, frames_in_progress=number)


def kept(log: BriefLog, *, until_s: int, changes: bool) -> list[int]:
    """The seconds at which progress is kept that is shown each second."""
    return [at_s for at_s in range(until_s) if log.keeps(progress(at_s if changes else 0), float(at_s))]


def test_everything_that_a_person_is_shown_is_kept() -> None:
    log = BriefLog()
    for number, event in enumerate(EVENTS):
        is_kept = log.keeps(event, 1000.0 * number)
        assert is_kept or not list(lines_of(event))


def test_progress_is_kept_each_second_at_first_and_less_often_later() -> None:
    log = BriefLog()
    seconds = kept(log, until_s=HOURS_S, changes=True)
    assert seconds[:300] == list(range(300))
    betweens = [right - left for left, right in pairwise(seconds)]
    assert betweens == sorted(betweens)
    assert betweens[-1] == MAX_BETWEEN_S
    assert len(seconds) < 2000


def test_progress_that_says_nothing_new_is_kept_once_a_minute() -> None:
    seconds = kept(BriefLog(), until_s=3600, changes=False)
    assert seconds == list(range(0, 3600, int(MAX_SILENCE_S)))
    log = BriefLog()
    assert log.keeps(SNAPSHOT, 0.0)
    assert not log.keeps(replace(SNAPSHOT, eta_s=1.0, frames_per_s=9.0, spent_hours=3.0), 30.0)
    assert log.keeps(replace(SNAPSHOT, phase="stopping"), 30.0)


def test_of_many_headers_that_are_read_few_are_kept() -> None:
    log = BriefLog()
    events = [ActivityAdvanced(text="reading", num_done=number, num_total=40_000) for number in range(3600)]
    assert sum(log.keeps(event, number / 2) for number, event in enumerate(events)) < 1000


def test_of_surveys_only_the_begin_and_of_skipped_videos_only_some_are_kept() -> None:
    log = BriefLog()
    surveys = [SurveyAdvanced(uri="a.mov", num_pictures=number, num_total=9) for number in range(1, 10)]
    assert [log.keeps(event, 0.0) for event in surveys] == [True, *[False] * 8]
    skipped = VideoSkipped(uri="a.mov", output_uri="b.mov", reason="published before")
    assert sum(log.keeps(skipped, 0.0) for _ in range(1000)) == MAX_SKIPPED
