"""A run's log, cut anywhere, gives back its events and the other lines."""

import io
from itertools import pairwise
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.attempts import Attempt
from slomo_batch.cluster.log_reader import LogReader
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
