"""Check a trace against Chrome's trace event format.

https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
"""

import json
from collections import Counter, defaultdict
from typing import Any

Event = dict[str, Any]


def checked_trace(text: str) -> list[Event]:
    """Return the events of a valid trace: slices nest within their track; every track and process has one name."""
    whole = json.loads(text)
    events: list[Event] = whole["traceEvents"]
    names = Counter((event["name"], event["pid"], event.get("tid")) for event in events if event["ph"] == "M")
    assert set(names.values()) <= {1}, "named once"
    tracks: dict[tuple[int, int], list[Event]] = defaultdict(list)
    for event in events:
        assert event["ph"] in {"M", "X", "i"}
        assert isinstance(event["name"], str)
        if event["ph"] != "M":
            assert isinstance(event["ts"], int)
            assert event["ts"] >= 0
            assert event["ph"] == "X" or event["s"] in {"g", "p", "t"}
            tracks[event["pid"], event["tid"]].append(event)
    for (pid, tid), track in tracks.items():
        assert names["process_name", pid, None] == 1
        assert names["thread_name", pid, tid] == 1
        check_track(track)
    return events


def check_track(events: list[Event]) -> None:
    """Check the order of time; a slice begins after the earlier ones end, or lies within an open one."""
    assert [event["ts"] for event in events] == sorted(event["ts"] for event in events)
    open_until: list[int] = []
    for event in events:
        if event["ph"] != "X":
            continue
        assert isinstance(event["dur"], int)
        assert event["dur"] >= 0
        while open_until and open_until[-1] <= event["ts"]:
            open_until.pop()
        end = event["ts"] + event["dur"]
        assert not open_until or end <= open_until[-1], f"{event} reaches beyond what holds it"
        open_until.append(end)


def outermost(events: list[Event]) -> list[Event]:
    """Return the slices of attempts: those inside no other slice."""
    return [event for event in events if event["ph"] == "X" and "source_uri" in event["args"]]


def threads(events: list[Event]) -> dict[tuple[int, int], str]:
    """Return the name of each track."""
    named = [event for event in events if event["name"] == "thread_name"]
    return {(event["pid"], event["tid"]): event["args"]["name"] for event in named}


def check_slots(events: list[Event]) -> None:
    """Check that attempts in one slot do not overlap."""
    free_at: dict[tuple[int, int], int] = defaultdict(int)
    for event in outermost(events):
        track = event["pid"], event["tid"]
        assert event["ts"] >= free_at[track], "two attempts at a time in one slot"
        free_at[track] = event["ts"] + event["dur"]
