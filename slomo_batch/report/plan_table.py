"""The lines of a plan for a person: problems, a table with a line per video, notes, and totals."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from slomo_batch.plan.s3_requests import PRICED, S3Requests, of_driving, price_usd
from slomo_batch.report.columns import Column, aligned
from slomo_batch.report.plan_facets import Facet, folder_of, rate_of, shared_facets
from slomo_batch.report.plan_notes import alike_notes
from slomo_batch.report.plan_row import Plan, PlanRow
from slomo_batch.report.plan_total import PlanTotal
from slomo_batch.report.terminal import wrapped
from slomo_batch.report.units import clock, counted, duration, hours_or_money, size, spent, without_uri
from slomo_batch.timeline.retiming import NOTABLE_FRAME_RATIO

_NAMES_SHOWN = 3
"""Videos that a shared note names."""


def plan_lines(plan: Plan, *, verbose: bool, price_per_hour: float | None, width: int | None) -> Iterator[str]:
    """The lines of a plan, at most `width` columns wide if possible."""

    def broken(lines: Iterable[str]) -> Iterator[str]:
        for line in lines:
            yield from [line] if width is None else wrapped(line, width)

    yield from broken(_problems(plan))
    yield from broken(_skipped(plan.rows, verbose=verbose))
    made = [row for row in plan.rows if row.is_made]
    if made:
        sources = folder_of(row.uri for row in made)
        shared, facets = shared_facets(made)
        yield from broken(_heading(made, sources, shared))
        yield from ("", *_table(made, sources, facets, verbose=verbose, width=width), "")
        yield from broken([] if verbose else _notes(made, sources))
    yield from broken(total_lines(plan, PlanTotal.of(plan, price_per_hour), price_per_hour))


def _problems(plan: Plan) -> Iterator[str]:
    yield from (f"note       {uri}: no videos found" for uri in plan.empty)
    yield from (f"{row.state:<10} {row.uri}: {without_uri(row.problem, row.uri)}" for row in plan.rows if row.problem)


def _skipped(rows: Iterable[PlanRow], *, verbose: bool) -> Iterator[str]:
    reasons: dict[str, list[PlanRow]] = defaultdict(list)
    for row in rows:
        if row.state == "skip":
            reasons[", ".join(row.notes)].append(row)
    for reason, skipped in reasons.items():
        if verbose:
            yield from (f"skip       {row.uri}: {reason}" for row in skipped)
        else:
            yield f"skip       {counted(len(skipped), 'video')}: {reason} (-v lists them)"


# ---- the table -------------------------------------------------------------------------------------------------------


def _heading(rows: Sequence[PlanRow], sources: str, shared: Sequence[str]) -> Iterator[str]:
    yield f"from       {sources or 'several places'}"
    yield f"to         {folder_of(row.output_uri for row in rows) or 'several places'}"
    if shared:
        yield f"as         {', '.join(shared)}"


def _table(
    rows: Sequence[PlanRow], sources: str, facets: Sequence[Facet], *, verbose: bool, width: int | None
) -> Iterator[str]:
    settings = [", ".join(filter(None, (facet(row) for facet in facets))) for row in rows]
    columns = [*_columns(rows, sources), Column("settings", settings, rank=1)]
    head, *lines = aligned(columns, width)
    yield head
    for row, line in zip(rows, lines, strict=True):
        yield line
        if verbose:
            yield f"           to {row.output_uri}"
            yield from (f"           note: {note}" for note in row.notes)
    shown = {"", *head.split()}
    if left_out := [column.title for column in columns if any(column.cells) and column.title not in shown]:
        yield f"(no room for {', '.join(left_out)}: widen the terminal, or use --csv)"


def _columns(rows: Sequence[PlanRow], sources: str) -> list[Column]:
    return [
        Column("", [row.state for row in rows]),
        Column("video", [row.uri.removeprefix(sources) for row in rows], shrinks=True),
        Column("duration", [f"{clock(row.source_s)} -> {clock(row.output_s)}" for row in rows]),
        Column("frames", [f"{row.num_source_frames:,} -> {row.num_output_frames:,}" for row in rows], rank=5),
        Column("picture", [f"{row.width}x{row.height} {rate_of(row)} fps" for row in rows], rank=2),
        Column("size", [f"~{size(row.output_bytes)}" for row in rows], rank=4, is_number=True),
        Column("time", [_time(row.machine_hours) for row in rows], rank=3, is_number=True),
    ]


def _time(hours: float | None) -> str:
    """Machine time; empty if it is not known."""
    return "" if hours is None else duration(3600 * hours)


def _notes(rows: Sequence[PlanRow], sources: str) -> Iterator[str]:
    for one in alike_notes(rows):
        names = [uri.removeprefix(sources) for uri in one.uris]
        more = f" and {len(names) - _NAMES_SHOWN:,} more" if len(names) > _NAMES_SHOWN else ""
        of_many = f"{counted(len(names), 'video')}, " if len(rows) > 1 and len(names) > 1 else ""
        similar = "" if one.is_same else "; for the others with other numbers"
        where = "" if len(rows) == 1 else f" ({of_many}{', '.join(names[:_NAMES_SHOWN])}{more}{similar})"
        yield f"note       {one.text}{where}"


# ---- totals ----------------------------------------------------------------------------------------------------------


def total_lines(plan: Plan, total: PlanTotal, price_per_hour: float | None) -> Iterator[str]:
    """The totals of a plan, a line for each kind."""
    problems = f", {counted(total.problems, 'problem')}" if total.problems else ""
    made = sum(row.is_made for row in plan.rows)
    yield f"total      {counted(total.videos, 'video')}{problems}, {made:,} to make"
    if not made:
        return
    yield (
        f"length     {total.source_frames:,} -> {counted(total.output_frames, 'frame')} in"
        f" {counted(total.chunks, 'chunk')}, {clock(total.source_s)} -> {clock(total.output_s)}"
    )
    yield (
        f"storage    {size(total.bytes_to_read)} to read, about {size(total.bytes_to_write)} to write; joining the"
        f" largest output needs about {size(total.join_bytes)} of disk"
    )
    yield f"time       {_total_time(plan, total, price_per_hour)}"
    if plan.budget_hours is not None:
        yield f"budget     {spent(plan.spent_hours, plan.budget_hours, plan.price_per_hour)} spent{_over(plan, total)}"
    if total.s3_requests != S3Requests():
        asked = total.s3_requests
        yield (
            f"requests   about {asked.put:,} PUT, {asked.list:,} LIST and {asked.get:,} GET requests to S3, "
            f"{price_usd(asked):,.4f} USD ({PRICED}); if the work place is on S3, the driver adds "
            f"{price_usd(of_driving(1)):.2f} USD an hour"
        )
    if number := total.videos_with_many_frames:
        yield (
            f"warning    {counted(number, 'video')} with more than {NOTABLE_FRAME_RATIO} output frames for each source"
            " frame; see the notes above"
        )


def _over(plan: Plan, total: PlanTotal) -> str:
    """Whether the budget is enough."""
    match total.over_budget_hours:
        case None:
            return "" if plan.spent_hours < (plan.budget_hours or 0.0) else "; a run stops at once"
        case 0.0:
            return "; about enough for the rest"
        case over:
            more = hours_or_money(over, plan.price_per_hour)
            return f"; the job needs about {more} more than that, and stops before its end"


_SIZES_SHOWN = 2
"""Sizes of measured frames that are named."""


def _measured_on(plan: Plan) -> str:
    """What the speed was measured on."""
    first, *others = plan.measured_on
    sizes = [f"{counted(first.frames, 'frame')} of {first.width}x{first.height}"]
    sizes += [f"{one.frames:,} of {one.width}x{one.height}" for one in others[: _SIZES_SHOWN - 1]]
    sizes += [f"{counted(more, 'other size')}"] if (more := len(others) - _SIZES_SHOWN + 1) > 0 else []
    scaled = ", scaled by size" if plan.is_scaled else ""
    *most, last = sizes
    listed = f"{', '.join(most)} and {last}" if most else last
    return f"as measured in this job (from {listed}{scaled})"


def _total_time(plan: Plan, total: PlanTotal, price_per_hour: float | None) -> str:
    if total.machine_hours is None:
        price = "" if price_per_hour is None else ", nor the price"
        made = [row for row in plan.rows if row.is_made]
        unknown = sum(row.machine_hours is None for row in made)
        of_videos = "" if unknown == len(made) else f" for {unknown:,} of {counted(len(made), 'video')}"
        return f"not known{of_videos}{price}: run some of the videos first, or pass --frames-per-second of one machine"
    source = _measured_on(plan) if plan.measured_on else "as given"
    speed = f" at {plan.frames_per_s:,.3g} frames/s, {source}" if plan.frames_per_s else ""
    price = "" if total.machine_price is None else f": {total.machine_price:,.2f} at {price_per_hour:,.2f} an hour"
    return f"{duration(3600 * total.machine_hours)} of one machine{speed}{price}"
