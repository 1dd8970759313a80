"""The machine hours that a ledger shows."""

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from slomo_batch.report.ledger import SCHEMA
from slomo_batch.report.spent_hours import spent_hours


def _row(kind: str, epoch: int, **cells: Any) -> dict[str, Any]:
    whole = dict.fromkeys(SCHEMA.names) | {"kind": kind, "epoch": epoch, "row": 0, "job": "j"}
    return whole | {"time_utc": datetime(2026, 1, 1, tzinfo=UTC)} | cells


def _attempt(kind: str, epoch: int, host: str, began_s: float, took_s: float | None) -> dict[str, Any]:
    return _row(kind, epoch, host=host, began_utc=datetime.fromtimestamp(1e6 + began_s, UTC), took_s=took_s)


def _hours(*rows: dict[str, Any]) -> float:
    return spent_hours(pa.Table.from_pylist(list(rows), schema=SCHEMA))


def test_runs_count_with_what_they_recorded() -> None:
    rows = [_row("spent", epoch, machine_s=seconds) for epoch, seconds in ((1, 60.0), (1, 60.0), (2, 600.0))]
    assert _hours(*rows, _attempt("chunk", 2, "a", 0.0, 9000.0)) == pytest.approx(720 / 3600)


def test_runs_of_earlier_versions_count_with_the_time_in_which_attempts_ran_on_a_machine() -> None:
    """Failed ones too; a lost process sent no time."""
    rows = [
        _attempt("chunk", 1, "a", 0.0, 100.0),
        _attempt("failure", 1, "a", 50.0, 100.0),
        _attempt("step", 1, "b", 0.0, 30.0),
        _attempt("failure", 1, "b", 500.0, None),
        _row("spent", 2, machine_s=20.0),
    ]
    assert _hours(*rows) == pytest.approx(200 / 3600)


def test_an_empty_ledger_has_no_hours() -> None:
    assert _hours() == 0.0
