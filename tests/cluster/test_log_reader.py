"""A run's log, cut anywhere, gives back the events that were told and the lines beside them."""

import io
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from slomo_batch.cluster.log_reader import LogReader
from slomo_batch.report.json_log import JsonDisplay
from tests.report.events import EVENTS

ENTRYPOINT = 'exec slomo-batch run - <<\'MANIFEST\'\n{"event": "note", "text": "no event of the run"}\nMANIFEST'
BESIDE = ["slomo-batch: 2 faults", '{"event": "of a later version"}', "[1, 2]", '{"event": "note"}']


def log() -> str:
    told = io.StringIO()
    with JsonDisplay(told, job="derby") as display:
        for event in EVENTS:
            display.show(event)
    preface = f"2026-11-25 INFO -- Runtime env is setting up.\nRunning entrypoint for job j-1: {ENTRYPOINT}\n"
    return preface + told.getvalue() + "".join(f"{line}\n" for line in BESIDE)


@given(st.lists(st.integers(0, len(log())), max_size=30))
def test_events_and_lines_come_back_wherever_the_log_is_cut(cuts: list[int]) -> None:
    text, reader, found = log(), LogReader(entrypoint=ENTRYPOINT), []
    borders = [0, *sorted(cuts), len(text)]
    for begin, end in pairwise(borders):
        found += list(reader.feed(text[begin:end]))
    assert [line.event for line in found] == [*EVENTS, *(None for _ in BESIDE)]
    assert "".join(f"{line.text}\n" for line in found) == text.split("MANIFEST\n")[-1]
