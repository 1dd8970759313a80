"""The answer of plan, for a person or as JSON."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any, TextIO

from slomo_batch.plan.s3_requests import PRICED, S3Requests, of_driving, price_usd
from slomo_batch.report.plan_row import PlanRow
from slomo_batch.report.units import counted, size, without_uri
from slomo_batch.sanitize import json_line, one_line
from slomo_batch.timeline.retiming import NOTABLE_FRAME_RATIO


def show_plan(
    rows: Sequence[PlanRow], *, empty: Sequence[str] = (), as_json: bool, stream: TextIO = sys.stdout
) -> None:
    """Show what a run would do; `empty` lists the inputs without a video."""
    notes = [{"event": "note", "text": "no videos found", "uri": uri} for uri in empty]
    if as_json:
        total = {"event": "total", **_plan_total(rows), **_plan_cost(rows)}
        _print((*_json_lines("video", rows), *map(json_line, notes), json_line(total)), stream)
    else:
        _print((*(f"note     {note['uri']}: {note['text']}" for note in notes), *_plan_lines(rows)), stream)


def _json_lines(event: str, records: Iterable[Any]) -> Iterator[str]:
    return (json_line({"event": event, **asdict(record)}) for record in records)


def _plan_total(rows: Sequence[PlanRow]) -> dict[str, int]:
    return {
        "videos": len(rows),
        "problems": sum(bool(row.problem) for row in rows),
        "source_frames": sum(row.num_source_frames for row in rows),
        "output_frames": sum(row.num_output_frames for row in rows),
        "chunks": sum(row.num_chunks for row in rows),
        "size_bytes": sum(row.size_bytes for row in rows),
        "videos_with_many_frames": sum(
            row.num_output_frames > NOTABLE_FRAME_RATIO * row.num_source_frames for row in rows if row.num_source_frames
        ),
    }


def _plan_cost(rows: Sequence[PlanRow]) -> dict[str, Any]:
    """The number and cost of requests to S3, if there are any."""
    asked = sum((row.s3_requests for row in rows), S3Requests())
    if asked == S3Requests():
        return {}
    return {"s3_requests": asdict(asked), "s3_requests_usd": round(price_usd(asked), 6), "s3_prices": PRICED}


def _plan_lines(rows: Sequence[PlanRow]) -> Iterator[str]:
    for row in rows:
        yield f"{row.state:<8} {row.uri}"
        if row.problem:
            yield f"         problem: {without_uri(row.problem, row.uri)}"
            continue
        yield f"         -> {row.output_uri}"
        frames = f"{row.num_source_frames:,} -> {counted(row.num_output_frames, 'frame')}"
        yield f"         {frames} in {counted(row.num_chunks, 'chunk')}, {size(row.size_bytes)} to read"
        yield from (f"         note: {note}" for note in row.notes)
    total = _plan_total(rows)
    problems = f", {counted(total['problems'], 'problem')}" if total["problems"] else ""
    yield (
        f"{counted(total['videos'], 'video')}{problems}: {total['source_frames']:,} -> "
        f"{counted(total['output_frames'], 'frame')} in {counted(total['chunks'], 'chunk')}, "
        f"{size(total['size_bytes'])} to read"
    )
    if cost := _plan_cost(rows):
        asked = S3Requests(**cost["s3_requests"])
        yield (
            f"about {asked.put:,} PUT, {asked.list:,} LIST and {asked.get:,} GET requests to S3, "
            f"{price_usd(asked):,.4f} USD ({PRICED}); if the work place is on S3, the driver adds "
            f"{price_usd(of_driving(1)):.2f} USD an hour"
        )
    if number := total["videos_with_many_frames"]:
        yield (
            f"warning: {counted(number, 'video')} with more than {NOTABLE_FRAME_RATIO} output frames for each source "
            "frame; see the notes above"
        )


def _print(lines: Iterable[str], stream: TextIO) -> None:
    for line in lines:
        print(one_line(line), file=stream)
