"""A run's log, cut anywhere, gives back its events and the other lines."""

import io
from itertools import pairwise
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.attempts import Attempt
from slomo_batch.cluster.log_reader import ALL, LogReader
from slomo_batch.report.events import Event
from slomo_batch.report.json_log import JsonDisplay
from slomo_batch.report.lines import lines_of
from tests.report.events import EVENTS

ENTRYPOINT = 'exec slomo-batch run - <<\'MANIFEST\'\n{"event": "note", "text": "no event of the run"}\nMANIFEST'
BESIDE = ["slomo-batch: 2 faults", '{"event": "of a later version"}', "[1, 2]", '{"event": "note"}']


def log() -> str:
    written = io.StringIO()
    with JsonDisplay(written, job="derby") as display:
        for event in EVENTS:
            display.show(event)
    preface = f"2026-11-25 INFO -- Runtime env is setting up.\nRunning entrypoint for job j-1: {ENTRYPOINT}\n"
    return preface + written.getvalue() + "".join(f"{line}\n" for line in BESIDE)


def shown(event: Event | None) -> list[str]:
    return list(lines_of(event)) if event else []


@given(st.lists(st.integers(0, len(log())), max_size=30))
def test_events_and_lines_come_back_wherever_the_log_is_cut(cuts: list[int]) -> None:
    text, reader, found = log(), LogReader(entrypoint=ENTRYPOINT), []
    borders = [0, *sorted(cuts), len(text)]
    for begin, end in pairwise(borders):
        found += list(reader.feed(text[begin:end]))
    assert [line.is_event for line in found] == [*(True for _ in EVENTS), *(False for _ in BESIDE)]
    assert [shown(line.event) for line in found] == [*map(shown, EVENTS), *([] for _ in BESIDE)]
    attempts = get_args(Attempt)
    others = [line.event for line in found if line.event and not isinstance(line.event, attempts)]
    assert others == [event for event in EVENTS if not isinstance(event, attempts)]
    assert "".join(f"{line.text}\n" for line in found) == text.split("MANIFEST\n")[-1]


LINES = [f'{{"event": "note", "text": "{number}"}}' if number % 3 else f"line {number // 6}" for number in range(60)]
"""Some are no events, and some of those are equal."""
PREFACE = f"2026-11-25 INFO -- Runtime env is setting up.\nRunning entrypoint for job j-1: {ENTRYPOINT}\n"


def whole(number: int = len(LINES)) -> str:
    """The log once so many lines are written."""
    return PREFACE + "".join(f"{line}\n" for line in LINES[:number])


def tail(text: str, lines: int) -> str:
    return text if lines == ALL else "".join(text.splitlines(keepends=True)[-lines:])


def texts(reader: LogReader, text: str) -> list[str]:
    return [line.text for line in reader.feed(text)]


@given(st.lists(st.integers(0, len(LINES)), max_size=5), st.integers(0, 20))
def test_after_each_break_the_log_goes_on_where_it_broke(breaks: list[int], cut: int) -> None:
    reader, found = LogReader(entrypoint=ENTRYPOINT), list[str]()
    for number in [*sorted(breaks), len(LINES)]:
        asked = reader.begin()
        text = tail(whole(number), asked)
        found += texts(reader, text[: len(text) - cut] if number < len(LINES) else text)
        assert not reader.lacks_lines
    assert found == LINES


def test_more_lines_are_asked_for_as_long_as_the_last_event_is_not_among_them() -> None:
    reader = LogReader(entrypoint=ENTRYPOINT)
    assert reader.begin() == ALL
    seen = texts(reader, whole())
    many = "".join(f'{{"event": "note", "text": "later {number}"}}\n' for number in range(150_000))
    for asked in (1000, 10_000, 100_000):
        assert reader.begin() == asked
        assert texts(reader, tail(whole() + many, asked)) == []
        assert reader.lacks_lines
    assert reader.begin() == ALL
    later = texts(reader, whole() + many)
    assert not reader.lacks_lines
    assert seen == LINES
    assert later == many.splitlines()
    assert reader.begin() == 1000


def test_a_tail_begins_with_the_first_event_in_it_and_omits_what_ray_writes() -> None:
    for lines in (1, 4, 5, 7, len(LINES), len(LINES) + 1, len(LINES) + 3, 1000):
        reader = LogReader(entrypoint=ENTRYPOINT, lines=lines)
        assert reader.begin() == lines
        shown = texts(reader, tail(whole(), lines))
        expected = LINES[-lines:]
        is_cut = lines < len(LINES) + 3  # else all of the echo of the command is there
        assert shown == (expected[1:] if is_cut and not expected[0].startswith("{") else expected), lines
