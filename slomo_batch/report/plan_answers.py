"""The answer of plan: as a table for a person, as JSON, or as CSV."""

import csv
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from typing import Any, TextIO

from slomo_batch.plan.s3_requests import S3Requests
from slomo_batch.report.plan_row import Plan, PlanRow
from slomo_batch.report.plan_table import plan_lines
from slomo_batch.report.plan_total import PlanTotal
from slomo_batch.sanitize import json_line, one_line


def show_plan(
    plan: Plan,
    *,
    as_json: bool = False,
    verbose: bool = False,
    price_per_hour: float | None = None,
    width: int | None = None,
    stream: TextIO = sys.stdout,
) -> None:
    """Show what a run would do.

    Args:
        plan: the answer.
        as_json: a JSON object per line, instead of a table.
        verbose: name each video that is skipped, each output, and each note with its video.
        price_per_hour: of a machine, in any currency.
        width: columns of the terminal; None if lines may be of any length.
        stream: where to write.
    """
    lines = (
        _json_lines(plan, price_per_hour)
        if as_json
        else plan_lines(plan, verbose=verbose, price_per_hour=price_per_hour, width=width)
    )
    for line in lines:
        print(one_line(line), file=stream)


def _json_lines(plan: Plan, price_per_hour: float | None) -> Iterator[str]:
    yield from (json_line({"event": "video", **asdict(row)}) for row in plan.rows)
    yield from (json_line({"event": "note", "text": "no videos found", "uri": uri}) for uri in plan.empty)
    yield json_line({"event": "total", **PlanTotal.of(plan, price_per_hour).as_json()})


# ---- CSV -------------------------------------------------------------------------------------------------------------

_LISTS = {"notes", "s3_requests"}
"""Fields that are not one value. Notes become one cell; requests a column each."""


def write_csv(rows: Iterable[PlanRow], stream: TextIO) -> None:
    """Write a row per video, with the fields of PlanRow as columns. Control characters are escaped."""
    names = [field.name for field in fields(PlanRow) if field.name not in _LISTS]
    requests = [f"s3_{field.name}" for field in fields(S3Requests)]
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*names, *requests, "notes"])
    for row in rows:
        cells = [getattr(row, name) for name in names]
        writer.writerow([_cell(cell) for cell in (*cells, *asdict(row.s3_requests).values(), "; ".join(row.notes))])


def _cell(value: Any) -> str:
    return "" if value is None else one_line(str(value))
