"""Open a video: probe it, plan it and store the plan; if its plan is stored already, read it instead.

Some videos are planned from a survey. Such a video is opened twice: before the survey, and after it.
"""

from dataclasses import replace
from fractions import Fraction
from math import ceil

from slomo_batch.errors import SurveyMissing, WorkDamaged
from slomo_batch.interpolators import cut_detection, overlays
from slomo_batch.media.frames import planar_format_name
from slomo_batch.media.probe import Probe
from slomo_batch.plan.carriage import losses
from slomo_batch.plan.chunk_size import pairs_per_chunk
from slomo_batch.plan.chunks import partition
from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.containers import container_of
from slomo_batch.plan.encoder_choice import choose_encoder
from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.plan.ids import chunk_id, earlier_video_ids, receipt_id, video_id
from slomo_batch.plan.job_pin import JobPin, resolve
from slomo_batch.plan.output_grid import grid_notes, output_grid
from slomo_batch.plan.output_rate import check_output_rate
from slomo_batch.plan.stored_plan import PlannedVideo, StoredPlan
from slomo_batch.plan.tiles import tile_notes
from slomo_batch.records.plans import VideoPlan
from slomo_batch.records.requests import VideoRequest
from slomo_batch.settings import Interpolate
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.existing_work import find_existing_work
from slomo_batch.steps.output_color import output_color
from slomo_batch.steps.output_ownership import has_begun_upload, mark_upload_begun
from slomo_batch.steps.stored_index import index_bytes
from slomo_batch.steps.stored_records import as_note, exists
from slomo_batch.steps.surveyed_probe import surveyed_probe
from slomo_batch.steps.video_records import VideoRecords, read_receipt, withdraw_receipt
from slomo_batch.timeline.retiming import NOTABLE_FRAME_RATIO

RESTARTED = "begun by an earlier version of slomo_batch, whose frames differ: it is made again from the start"


def open_video(request: VideoRequest, pin: JobPin, context: StepContext, *, remake: bool) -> PlannedVideo:
    """Plan one video and store the plan, or read the stored plan; then find what exists of the video.

    With `remake`, the receipt of an earlier publication is deleted first, because this job is to make the output again
    under the same name. Without it, a receipt decides: another driver has published the video since, and its segments
    are deleted. Damaged records are deleted, and the notes name them.

    Raises:
        SurveyMissing: the video must be surveyed before it can be planned or split.
    """
    notes: list[str] = []
    stored, is_new = _read_or_plan(request, pin, context, notes, dry_run=False)
    receipt = context.layout.receipt(receipt_id(request, stored.plan.resolved.weights_name))
    if remake:
        mark_upload_begun(stored.plan.video_id, context)
        context.work.delete([receipt])
    elif _is_published(receipt, request.output_uri, context, notes):
        return PlannedVideo(stored=stored, existing=_all_done(stored))
    return _with_notes(notes, find_existing_work(stored, context, dry_run=False, has_index=is_new))


def preview_video(request: VideoRequest, pin: JobPin, context: StepContext) -> PlannedVideo:
    """Plan a video and find what exists of it, as `open_video` does; write nothing.

    A video that must be surveyed first is planned without its survey, and a note says that this is an estimate.
    """
    notes: list[str] = []
    stored, is_new = _read_or_plan(request, pin, context, notes, dry_run=True)
    return _with_notes(notes, find_existing_work(stored, context, dry_run=True, has_index=is_new))


def _all_done(stored: StoredPlan) -> ExistingWork:
    done = frozenset(chunk.index for chunk in stored.chunks)
    lane = stored.plan.facts.lane
    return ExistingWork(num_chunks=len(done), lane=lane, done=done, ready=frozenset(), needs_audio=False)


def _with_notes(notes: list[str], found: PlannedVideo) -> PlannedVideo:
    return replace(found, notes=(*notes, *found.notes))


def _read_or_plan(
    request: VideoRequest, pin: JobPin, context: StepContext, notes: list[str], *, dry_run: bool
) -> tuple[StoredPlan, bool]:
    """The plan of a video, and whether it was made just now.

    A damaged plan is made again: everything that it follows from is part of its id.
    """
    identity = video_id(request, pin)
    records = VideoRecords(identity, context)
    try:
        stored = records.stored_plan()
    except WorkDamaged as damaged:
        stored = None
        notes.append(as_note(damaged))
        if not dry_run:
            records.withdraw_plan()
    if stored is not None:
        return stored, False
    earlier = earlier_video_ids(request, pin)
    if any(exists(context.work, context.layout.pin(one)) for one in earlier):
        notes.append(RESTARTED)
    try:
        probed = surveyed_probe(request, identity, context, dry_run=dry_run)
    except SurveyMissing as missing:
        missing.notes = (*notes, *missing.notes)
        raise
    planned = plan_video(identity, request, pin, probed)
    if dry_run:
        return planned, True
    if any(has_begun_upload(one, context) for one in earlier):
        # If the output exists without a receipt, that version uploaded it. It is replaced when the new one is verified.
        mark_upload_begun(identity, context)
    data = index_bytes(identity, probed.index, probed.timeline, probed.recipe)
    context.work.put(context.layout.index(identity), data)
    return records.store_plan(planned), True


def _is_published(receipt: str, output_uri: str, context: StepContext, notes: list[str]) -> bool:
    try:
        return read_receipt(receipt, output_uri, context) is not None
    except WorkDamaged as damaged:
        notes.append(as_note(damaged))
        withdraw_receipt(receipt, output_uri, context)
        return False


def plan_video(identity: str, request: VideoRequest, pin: JobPin, probed: Probe) -> StoredPlan:
    """Plan a probed video; a pure function of its arguments."""
    facts, settings = probed.facts, request.settings
    rate = settings.retime.fps.of(probed.timeline.nominal_rate)
    grid = output_grid(probed.timeline, settings.retime, rate, request.source.uri)
    pairs = grid.pairs(facts.num_frames)
    container = container_of(request.output_uri.suffix)
    check_output_rate(rate, container, request.source.uri)
    codec = container.codec_for(settings.encode, is_hdr=facts.color.is_hdr)
    choice = choose_encoder(
        settings.encode,
        codec,
        source_format=planar_format_name(facts.pixel_format),
        has_alpha=facts.has_alpha and container.keeps_alpha(codec),
        width=facts.width,
        height=facts.height,
        rate=rate,
        nvenc_works=pin.nvenc_works_for(codec),
        is_hdr=facts.color.is_hdr,
        side_data=facts.side_data,
    )
    context = _least_context(settings.interpolate)
    resolved = resolve(settings, pin, choice, facts.width, facts.height, least_context=context)
    keeps_range = CODECS[codec].states_range or facts.color.range == "limited"
    resolved = replace(resolved, full_to_limited=not keeps_range)
    size = settings.chunks.pairs
    if size == "auto":
        times_per_pair = Fraction(grid.num_frames, len(pairs))
        size = pairs_per_chunk(facts.width, facts.height, times_per_pair)
    chunks = partition(
        grid.first_frames(probed.timeline),
        pairs_per_chunk=size,
        pairs=pairs,
        frames_per_chunk=ceil(size * Fraction(grid.num_frames, len(pairs))) if grid.parts else None,
        identify=lambda first_pair, end_pair, _first, _end: chunk_id(identity, facts.lane, first_pair, end_pair),
    )
    plan = VideoPlan(
        video_id=identity,
        request=request,
        facts=facts,
        resolved=resolved,
        grid=grid,
        tick_s=probed.timeline.tick_s,
        nominal_rate=probed.timeline.nominal_rate,
    )
    of_grid = grid_notes(grid, probed.timeline, has_audio=bool(facts.audio) and resolved.audio != "drop")
    tiles = tile_notes(resolved.tile_px, settings.interpolate.tiles)
    notes = *facts.oddities, *of_grid, *_length_notes(plan), *choice.notes, *tiles, *losses(plan, output_color(plan))
    return StoredPlan(plan=plan, chunks=chunks, notes=notes)


def _least_context(interpolate: Interpolate) -> int:
    """Source frames on either side of a pair that decisions read, whatever its method."""
    return max(cut_detection.CONTEXT, overlays.CONTEXT if interpolate.doubt == "blend" else 0)


def _length_notes(plan: VideoPlan) -> tuple[str, ...]:
    """A warning if one damaged timestamp may have made the output very long."""
    num_made, num_given = plan.grid.num_frames, len(plan.grid.pairs(plan.facts.num_frames))
    if num_made <= NOTABLE_FRAME_RATIO * num_given:
        return ()
    return (f"{num_made:,} output frames from {num_given:,}: more than {NOTABLE_FRAME_RATIO} for each source frame",)
