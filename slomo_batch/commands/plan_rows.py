"""The rows of a plan: what is known of each video before it is made."""

from slomo_batch.plan import s3_requests
from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.encoders import ENCODERS
from slomo_batch.plan.output_size import output_bytes
from slomo_batch.plan.s3_requests import S3Requests
from slomo_batch.plan.settings_notes import settings_notes
from slomo_batch.plan.stored_plan import PlannedVideo
from slomo_batch.plan.survey import survey_reasons
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.results import VideoFailed
from slomo_batch.report.plan_row import PlanRow
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stitch_disk import SEGMENTS_AHEAD

INDEXED = "mov,mp4"
"""Beginning of FFmpeg's name of the containers that have one index of all packets."""


def failure_row(failed: VideoFailed, state: str) -> PlanRow:
    """The row of a video that cannot be made, or that failed in an earlier run."""
    return PlanRow(
        uri=failed.source_uri,
        output_uri=failed.output_uri,
        state=state,
        num_source_frames=0,
        num_output_frames=0,
        num_chunks=0,
        size_bytes=0,
        notes=(),
        problem=failed.reason,
    )


def skipped_row(request: VideoRequest, note: str) -> PlanRow:
    """The row of a published video."""
    return PlanRow(
        uri=request.source.uri,
        output_uri=request.output_uri,
        state="skip",
        num_source_frames=0,
        num_output_frames=0,
        num_chunks=0,
        size_bytes=request.source.size_bytes,
        notes=(note,),
        problem="",
    )


def planned_row(planned: PlannedVideo, context: StepContext, *, state: str, sidecar: bool, num_earlier: int) -> PlanRow:
    """The row of a planned video, without its hours. `num_earlier`: ids that earlier versions would have given it."""
    stored, done = planned.stored, planned.existing.done
    plan, facts, grid, resolved = stored.plan, stored.plan.facts, stored.plan.grid, stored.plan.resolved
    codec = ENCODERS[resolved.encoder].codec
    size_bytes, num_chunks = output_bytes(plan), len(stored.chunks)
    num_ahead = SEGMENTS_AHEAD if not context.work.root.is_local else 0
    output_s = grid.num_frames / grid.rate
    return PlanRow(
        uri=plan.request.source.uri,
        output_uri=plan.request.output_uri,
        state="resume" if done else state,
        num_source_frames=len(grid.pairs(facts.num_frames)),
        num_output_frames=grid.num_frames,
        num_chunks=num_chunks,
        size_bytes=plan.request.source.size_bytes,
        notes=(*planned.notes, *settings_notes(plan), *stored.notes),
        problem="",
        s3_requests=_requests(planned, context, sidecar=sidecar, num_earlier=num_earlier),
        slowdown=float(grid.slowdown),
        is_ramp=bool(grid.parts),
        source_rate=str(plan.nominal_rate),
        output_rate=str(grid.rate),
        width=facts.width,
        height=facts.height,
        codec=codec,
        quality=plan.request.settings.encode.quality if CODECS[codec].qualities else None,
        encoder=resolved.encoder,
        pixel_format=resolved.pixel_format,
        method=plan.request.settings.interpolate.method,
        weights=resolved.weights_name,
        audio=resolved.audio if facts.audio or resolved.audio == "drop" else "none",
        source_s=float(output_s / grid.slowdown),
        output_s=float(output_s),
        output_bytes=size_bytes,
        join_bytes=size_bytes + size_bytes * min(num_chunks, 1 + num_ahead) // num_chunks,
        frames_to_make=sum(chunk.end_frame - chunk.first_frame for chunk in stored.chunks if chunk.index not in done),
    )


def _requests(planned: PlannedVideo, context: StepContext, *, sidecar: bool, num_earlier: int) -> S3Requests:
    """Requests that the video would make to S3, with the estimated size of its output."""
    stored = planned.stored
    source, output_uri, facts = stored.plan.request.source, stored.plan.request.output_uri, stored.plan.facts
    num_chunks = len(stored.chunks)
    size_bytes = output_bytes(stored.plan)
    asked, is_surveyed = S3Requests(), bool(survey_reasons(facts, stored.plan.request.settings))
    if source.uri.is_billed:
        has_index = facts.container.startswith(INDEXED)
        asked += s3_requests.of_source(source.size_bytes, has_index=has_index, is_surveyed=is_surveyed)
    if context.work.root.is_billed:
        asked += s3_requests.of_work(
            num_chunks - len(planned.existing.done),
            has_audio=planned.existing.needs_audio,
            chunk_bytes=source.size_bytes // num_chunks,
            segment_bytes=size_bytes // num_chunks,
            is_surveyed=is_surveyed,
            num_earlier=num_earlier,
        )
    if output_uri.is_billed:
        asked += s3_requests.of_output(size_bytes, sidecar=sidecar)
    return asked
