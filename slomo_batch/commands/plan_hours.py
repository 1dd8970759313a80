"""The hours of a plan: how long one machine makes frames, from the speed that earlier runs of the job measured."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from math import ceil

from slomo_batch.commands.ledger_parts import ledger_of
from slomo_batch.errors import ManifestError, StoreUnusable, WorkDamaged
from slomo_batch.report.plan_row import MeasuredSize, Plan, PlanRow
from slomo_batch.report.throughput import FrameClass, Throughput, chunk_videos, measured_throughput
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.video_records import VideoRecords

MAX_PLANS_READ = 50
"""Stored plans that are read at most, for the picture size of videos that are published."""


def throughput_of(videos: Mapping[str, PlanRow], context: StepContext, *, given_per_s: float | None) -> Throughput:
    """The speed of one machine: as given, or as in the job's ledger; without both, nothing is measured.

    `videos`: the rows of the videos that a run would make, by their ids.
    """
    if given_per_s is not None:
        return Throughput(given_per_s=given_per_s)
    try:
        ledger = ledger_of(context)
    except (ManifestError, StoreUnusable):  # there is none, or it is damaged: the ledger is history only
        return Throughput()
    known = {video_id: frame_class(row) for video_id, row in videos.items()}
    others = [video_id for video_id in chunk_videos(ledger) if video_id not in known]
    for video_id in others[:: max(1, ceil(len(others) / MAX_PLANS_READ))]:
        if found := _stored_class(video_id, context):
            known[video_id] = found
    return measured_throughput(ledger, known.get)


def with_hours(rows: Sequence[PlanRow], throughput: Throughput, *, empty: tuple[str, ...]) -> Plan:
    """The plan of these rows, with the hours of each that a run would make."""
    timed = tuple(
        replace(row, machine_hours=throughput.hours(row.frames_to_make, frame_class(row))) if row.is_made else row
        for row in rows
    )
    known = [row for row in timed if row.machine_hours]
    hours = sum(row.machine_hours or 0.0 for row in known)
    frames_per_s = sum(row.frames_to_make for row in known) / (3600 * hours) if hours else throughput.given_per_s
    classes = {frame_class(row) for row in known}
    return Plan(
        rows=timed,
        empty=empty,
        frames_per_s=frames_per_s,
        measured_on=tuple(_measured_sizes(classes, throughput)),
        is_scaled=throughput.given_per_s is None and any(one not in throughput.measured for one in classes),
    )


def _measured_sizes(classes: Iterable[FrameClass], throughput: Throughput) -> Sequence[MeasuredSize]:
    """What was measured that the hours of these classes follow from, the most frames first."""
    frames: dict[tuple[int, int], int] = defaultdict(int)
    for one in {found for wanted in classes for found in throughput.basis(wanted)}:
        frames[one.width, one.height] += throughput.measured[one].frames
    sizes = [MeasuredSize(width=width, height=height, frames=number) for (width, height), number in frames.items()]
    return sorted(sizes, key=lambda one: (-one.frames, -one.width))


def frame_class(row: PlanRow) -> FrameClass:
    """What the time per frame of a video depends on."""
    return FrameClass(method=row.method, weights=row.weights, width=row.width, height=row.height)


def _stored_class(video_id: str, context: StepContext) -> FrameClass | None:
    """The same, from the stored plan of a video; None if `gc` has deleted it, or it is damaged."""
    try:
        stored = VideoRecords(video_id, context).stored_plan()
    except WorkDamaged:
        return None
    if stored is None:
        return None
    facts, resolved = stored.plan.facts, stored.plan.resolved
    method = stored.plan.request.settings.interpolate.method
    return FrameClass(method=method, weights=resolved.weights_name, width=facts.width, height=facts.height)
