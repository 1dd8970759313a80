"""The table of `make bench-device`: a part that fails or hangs is a row, and what it printed before is kept."""

import sys

import pytest

from tests.benchmarks.device import LIMIT_S, PARTS, rows_of
from tests.benchmarks.device_rows import SMALL


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_a_part_that_fails_is_a_row() -> None:
    rows = list(rows_of("copies", python("print('| a | 1 |'); raise RuntimeError('no device')"), 60))
    assert rows == ["| a | 1 |", "| part copies | FAILED with exit code 1: RuntimeError: no device |"]


def test_a_part_that_hangs_is_stopped_with_what_it_started() -> None:
    code = (
        "import subprocess, sys; print('| a | 1 |', flush=True);"
        "subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    )
    assert list(rows_of("graphs", python(code), 1)) == ["| a | 1 |", "| part graphs | STOPPED after 1 s |"]


def test_all_parts_together_take_less_than_eight_minutes() -> None:
    assert LIMIT_S < 480
    assert all(part.limit_s <= 120 for part in PARTS.values())


@pytest.mark.parametrize("name", ["opens", "colors"])
def test_a_part_runs_here(name: str) -> None:
    rows = list(PARTS[name].rows(SMALL))
    assert len(rows) >= 4
    assert not any("differ" in row.value for row in rows)
