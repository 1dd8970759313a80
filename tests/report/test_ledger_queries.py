"""The example queries of docs/ledger.md, run on the ledger of a job with failures."""

import re
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from tests.architecture.ledger_page import PAGE
from tests.report.pages.ledgers import FRAMES, archive_ledger

LEDGER = "slow/.slomo-work/jobs/derby-2019/ledger"
SQL = re.findall(r"```sql\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
[PYTHON] = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
MAY_BE_EMPTY = frozenset({"share_lost", "host"})
"""Columns that have no value for some rows."""


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger where the page says one is."""
    (tmp_path / LEDGER).mkdir(parents=True)
    pq.write_table(archive_ledger(60), tmp_path / LEDGER / "000001-000000.parquet")
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("query", SQL, ids=range(len(SQL)))
def test_a_query_has_an_answer(query: str) -> None:
    found = duckdb.connect().execute(query)
    assert found.description is not None
    names = [column[0] for column in found.description]
    rows = found.fetchall()
    assert rows
    empty = {name for row in rows for name, value in zip(names, row, strict=True) if value is None}
    assert empty <= MAY_BE_EMPTY


@pytest.mark.usefixtures("ledger")
def test_the_frames_of_a_query_are_those_of_the_job() -> None:
    rows = duckdb.connect().execute(SQL[0]).fetchall()
    chunks = archive_ledger(60)["kind"].to_pylist().count("chunk")
    assert sum(rate for _, rate in rows) * 3600 == pytest.approx(FRAMES * chunks)


@pytest.mark.usefixtures("ledger")
def test_pyarrow_lists_the_failed_videos(capsys: pytest.CaptureFixture[str]) -> None:
    exec(PYTHON, {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert all("SourceUnsupported" in line for line in lines)
