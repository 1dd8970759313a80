"""The page of a plan: what a run would do with each video, for a person."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slomo_batch.report.pages.page import Tile, render
from slomo_batch.report.plan_facets import Facet, folder_of, rate_of, shared_facets
from slomo_batch.report.plan_notes import alike_notes
from slomo_batch.report.plan_row import Plan, PlanRow
from slomo_batch.report.plan_table import total_lines
from slomo_batch.report.plan_total import PlanTotal
from slomo_batch.report.units import clock, duration, size, spent, without_uri
from slomo_batch.version import __version__

MOST_NAMED = 20
"""Videos that are named for each problem and each note; the table has them all."""
_STATES = ("fail", "wait", "changed", "make", "resume", "skip")
"""In the order of the table: problems first."""
_KIND = 11
"""Columns before the text of a line of the totals, for its kind."""


def plan_page(plan: Plan, *, job: str, price_per_hour: float | None = None) -> str:
    """Return the HTML of a plan. `price_per_hour`: of a machine, in any currency."""
    total = PlanTotal.of(plan, price_per_hour)
    rows = sorted(plan.rows, key=lambda row: _STATES.index(row.state))
    made = [row for row in rows if row.is_made]
    shared, facets = shared_facets(made)
    return render(
        "plan.html.jinja",
        {
            "version": __version__,
            "title": job,
            "sources": folder_of(row.uri for row in made) if made else "",
            "outputs": folder_of(row.output_uri for row in made) if made else "",
            "shared": shared,
            "tiles": list(_tiles(plan, total)),
            "empty": plan.empty,
            "num_problems": total.problems,
            "problems": _problems(rows),
            "notes": alike_notes(made),
            "most_named": MOST_NAMED,
            "totals": [(line[:_KIND].strip(), line[_KIND:]) for line in total_lines(plan, total, price_per_hour)],
            "states": [state for state in _STATES if any(row.state == state for row in rows)],
            "data": _data(rows, facets, price_per_hour),
        },
    )


def _tiles(plan: Plan, total: PlanTotal) -> Iterator[Tile]:
    made = sum(row.is_made for row in plan.rows)
    yield Tile(value=f"{made:,}", label=f"to make of {total.videos:,}")
    yield Tile(
        value=f"{total.problems:,}",
        label="problem" if total.problems == 1 else "problems",
        mood="bad" if total.problems else "good",
    )
    if skipped := sum(row.state == "skip" for row in plan.rows):
        yield Tile(value=f"{skipped:,}", label="published before")
    yield Tile(value=f"{clock(total.source_s)} → {clock(total.output_s)}", label="length")
    yield Tile(value=f"{total.frames_to_make:,}", label="frames to make")
    yield Tile(value=f"~{size(total.bytes_to_write)}", label="to write")
    hours = "not known" if total.machine_hours is None else duration(3600 * total.machine_hours)
    yield Tile(value=hours, label="of one machine")
    if total.machine_price is not None:
        yield Tile(value=f"{total.machine_price:,.2f}", label="for machines")
    if plan.budget_hours is not None:
        value = spent(plan.spent_hours, plan.budget_hours, plan.price_per_hour)
        yield Tile(value=value, label="of the budget spent", mood="bad" if total.over_budget_hours else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProblemsAlike:
    """Videos that cannot be made for the same reason."""

    reason: str
    uris: list[str]


def _problems(rows: Iterable[PlanRow]) -> Sequence[ProblemsAlike]:
    """The problems, those of most videos first."""
    groups: dict[str, ProblemsAlike] = {}
    for row in rows:
        if row.problem:
            reason = without_uri(row.problem, row.uri)
            groups.setdefault(reason, ProblemsAlike(reason=reason, uris=[])).uris.append(row.uri)
    return sorted(groups.values(), key=lambda group: -len(group.uris))


# ---- data of the script ----------------------------------------------------------------------------------------------

_COLUMNS = (
    *("source", "output", "state", "source_frames", "frames", "source_s", "output_s", "size_bytes"),
    *("width", "height", "fps", "hours", "chunks", "settings", "notes", "problem"),
)


def _data(rows: Sequence[PlanRow], facets: Sequence[Facet], price_per_hour: float | None) -> Mapping[str, Any]:
    notes: dict[str, int] = {}
    for row in rows:
        for note in row.notes:
            notes.setdefault(note, len(notes))
    return {
        "columns": _COLUMNS,
        "videos": [_video(row, facets, notes) for row in rows],
        "notes": list(notes),
        "price_per_hour": price_per_hour,
    }


def _video(row: PlanRow, facets: Sequence[Facet], notes: Mapping[str, int]) -> Sequence[Any]:
    settings = ", ".join(filter(None, (facet(row) for facet in facets))) if row.is_made else ""
    hours = None if row.machine_hours is None else round(row.machine_hours, 6)
    return (
        *(row.uri, row.output_uri, row.state, row.num_source_frames, row.num_output_frames),
        *(round(row.source_s, 3), round(row.output_s, 3), row.output_bytes, row.width, row.height),
        *(rate_of(row) if row.output_rate else "", hours, row.num_chunks, settings),
        *([notes[note] for note in row.notes], without_uri(row.problem, row.uri)),
    )
