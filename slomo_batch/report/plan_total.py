"""PlanTotal: the sums over the videos of a plan."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

from slomo_batch.plan.s3_requests import PRICED, S3Requests, price_usd
from slomo_batch.report.plan_row import MeasuredSize, Plan, PlanRow
from slomo_batch.timeline.retiming import NOTABLE_FRAME_RATIO


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTotal:
    """The sums of a plan. Those without a comment are over all its videos, as in PlanRow."""

    videos: int
    problems: int
    source_frames: int
    output_frames: int
    chunks: int
    size_bytes: int
    videos_with_many_frames: int
    source_s: float
    output_s: float
    bytes_to_read: int
    """Of the sources that a run would read."""
    bytes_to_write: int
    """Of the outputs that a run would make."""
    join_bytes: int
    """Local disk space that joining the largest output needs."""
    frames_to_make: int
    machine_hours: float | None
    """None if the hours of a video are not known."""
    machine_price: float | None
    """Of these hours; None without a price per hour."""
    s3_requests: S3Requests
    measured_on: tuple[MeasuredSize, ...]
    """What the hours were measured on; empty if a speed was given, or none is known."""
    is_scaled: bool
    """Whether hours are in proportion to the pixels of pictures of other sizes."""
    spent_hours: float
    """As in Plan."""
    budget_hours: float | None
    over_budget_hours: float | None
    """Machine hours by which the job would exceed its budget; None if that is not known, or there is none."""

    @classmethod
    def of(cls, plan: Plan, price_per_hour: float | None = None) -> Self:
        """The sums of this plan."""
        rows = plan.rows
        made = [row for row in rows if row.is_made]
        hours = _sum_if_known([row.machine_hours for row in made])
        return cls(
            videos=len(rows),
            problems=sum(bool(row.problem) for row in rows),
            source_frames=sum(row.num_source_frames for row in rows),
            output_frames=sum(row.num_output_frames for row in rows),
            chunks=sum(row.num_chunks for row in rows),
            size_bytes=sum(row.size_bytes for row in rows),
            videos_with_many_frames=sum(_has_many_frames(row) for row in rows),
            source_s=sum(row.source_s for row in rows),
            output_s=sum(row.output_s for row in rows),
            bytes_to_read=sum(row.size_bytes for row in made),
            bytes_to_write=sum(row.output_bytes for row in made),
            join_bytes=max((row.join_bytes for row in made), default=0),
            frames_to_make=sum(row.frames_to_make for row in made),
            machine_hours=hours,
            machine_price=None if hours is None or price_per_hour is None else hours * price_per_hour,
            s3_requests=sum((row.s3_requests for row in rows), S3Requests()),
            measured_on=plan.measured_on,
            is_scaled=plan.is_scaled,
            spent_hours=plan.spent_hours,
            budget_hours=plan.budget_hours,
            over_budget_hours=_over_budget(plan, hours),
        )

    def as_json(self) -> dict[str, Any]:
        """The sums by name. Requests to S3 and their price are left out if there are none."""
        found = asdict(self)
        if self.s3_requests == S3Requests():
            del found["s3_requests"]
            return found
        return found | {"s3_requests_usd": round(price_usd(self.s3_requests), 6), "s3_prices": PRICED}


def _over_budget(plan: Plan, hours: float | None) -> float | None:
    if hours is None or plan.budget_hours is None:
        return None
    return max(0.0, plan.spent_hours + hours - plan.budget_hours)


def _sum_if_known(hours: Sequence[float | None]) -> float | None:
    known = [one for one in hours if one is not None]
    return sum(known) if len(known) == len(hours) else None


def _has_many_frames(row: PlanRow) -> bool:
    return bool(row.num_source_frames) and row.num_output_frames > NOTABLE_FRAME_RATIO * row.num_source_frames
