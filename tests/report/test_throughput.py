"""The speed of a machine, from a ledger."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from slomo_batch.report.ledger import SCHEMA
from slomo_batch.report.throughput import FrameClass, Throughput, chunk_videos, measured_throughput

SMALL = FrameClass(method="flow", weights="", width=10, height=10)
LARGE = FrameClass(method="flow", weights="", width=20, height=20)
OTHER = FrameClass(method="superslomo", weights="compact-3", width=10, height=10)
CLASSES = {"small": SMALL, "large": LARGE}


def _chunk(video_id: str, host: str, began_s: float, took_s: float | None, frames: int = 60) -> dict[str, Any]:
    began = datetime.fromtimestamp(1_000_000 + began_s, UTC)
    row = dict.fromkeys(SCHEMA.names) | {"kind": "chunk", "epoch": 1, "row": 0, "time_utc": began, "job": "j"}
    return row | {"video_id": video_id, "host": host, "began_utc": began, "took_s": took_s, "frames": frames}


def _measured(*rows: dict[str, Any]) -> Throughput:
    return measured_throughput(pa.Table.from_pylist(list(rows), schema=SCHEMA), CLASSES.get)


def test_chunks_of_one_machine_share_its_time() -> None:
    """Two chunks at a time on each of two machines: 240 frames in twice 10 seconds."""
    found = _measured(*(_chunk("small", host, began_s, 10.0) for host in "ab" for began_s in (0.0, 0.0)))
    assert found.hours(240, SMALL) == pytest.approx(20 / 3600)


def test_time_in_which_a_machine_makes_nothing_does_not_count() -> None:
    found = _measured(
        _chunk("small", "a", 0.0, 10.0), _chunk("small", "a", 8.0, 10.0), _chunk("small", "a", 500.0, 2.0)
    )
    assert found.hours(180, SMALL) == pytest.approx(20 / 3600)


def test_other_picture_sizes_count_by_their_pixels() -> None:
    found = _measured(_chunk("small", "a", 0.0, 10.0))
    assert found.hours(60, LARGE) == pytest.approx(40 / 3600)
    assert found.hours(60, OTHER) is None
    both = _measured(_chunk("small", "a", 0.0, 10.0), _chunk("large", "a", 10.0, 30.0))
    assert both.hours(60, LARGE) == pytest.approx(30 / 3600)


def test_the_hours_rest_on_pictures_of_the_same_size_or_else_on_all_of_the_same_method() -> None:
    both = _measured(_chunk("small", "a", 0.0, 10.0), _chunk("large", "a", 10.0, 30.0))
    assert both.basis(LARGE) == [LARGE]
    assert both.basis(replace(LARGE, width=40)) == [SMALL, LARGE]
    assert both.basis(OTHER) == []


def test_rows_without_a_time_or_a_known_video_are_left_out() -> None:
    rows = _chunk("small", "a", 0.0, None), _chunk("gone", "a", 0.0, 10.0), _chunk("small", "a", 10.0, 5.0)
    assert _measured(*rows).measured[SMALL].seconds == 5.0
    ledger = pa.Table.from_pylist(list(rows), schema=SCHEMA)
    assert chunk_videos(ledger) == ["gone", "small"]


def test_a_given_speed_counts_for_all() -> None:
    assert Throughput(given_per_s=10.0).hours(36_000, OTHER) == 1.0
