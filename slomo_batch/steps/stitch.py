"""Stitch a video: choose its segments, join them, verify the file, publish it, write the receipt, delete the segments.

The output is a pure function of the choice. It appears under its final name complete and verified, or not at all.
"""

import hashlib
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import fields, replace
from itertools import accumulate, pairwise
from pathlib import Path

from slomo_batch.errors import (
    BorderMismatch,
    ObjectChanged,
    OutputExists,
    OutputInvalid,
    StorageBusy,
    WorkDamaged,
)
from slomo_batch.media.captions import caption_notes
from slomo_batch.media.concat import MoovDoesNotFit, stitch
from slomo_batch.media.encode import SegmentFacts
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.metadata_reading import notes_on_missing
from slomo_batch.media.stitch_spec import StitchSpec
from slomo_batch.metadata import AttachedFile
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.carriage import attachments_for, metadata_for, side_data_for
from slomo_batch.plan.containers import Container, container_of
from slomo_batch.plan.ids import chunks_in_lane, receipt_id
from slomo_batch.plan.pair_doubts import doubt_notes
from slomo_batch.plan.stored_plan import SegmentChoice, StoredPlan
from slomo_batch.records.commits import AudioDone, ChunkDone, FrameCounts
from slomo_batch.records.plans import VideoPlan
from slomo_batch.records.results import OutputOwnership, Published
from slomo_batch.records.source_facts import Lane
from slomo_batch.sandbox.confined import attached_files
from slomo_batch.serialization import file_sha256
from slomo_batch.settings import Exists
from slomo_batch.steps.audio import has_audio
from slomo_batch.steps.captions import add_captions, captions_in, reads_earlier
from slomo_batch.steps.committed_objects import fetch_audio, fetched_segments, num_ahead
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.output_color import output_color
from slomo_batch.steps.output_ownership import (
    has_begun_upload,
    is_earlier_version,
    mark_upload_begun,
    output_object,
    read_ownership,
    record_ownership,
)
from slomo_batch.steps.sidecar import check_name, delete_sidecar, put_sidecar, sidecar_of
from slomo_batch.steps.stitch_disk import check_disk
from slomo_batch.steps.stored_records import MADE_AGAIN, commit, read_each
from slomo_batch.steps.video_records import VideoRecords, read_receipt, receipt_of
from slomo_batch.storage.store import ObjectInfo
from slomo_batch.storage.work_layout import parts_of
from slomo_batch.uri import Uri


def stitch_video(
    stored: StoredPlan, lane: Lane, context: StepContext, *, exists: Exists, sidecar: bool = False
) -> Published:
    """Join, verify and publish one video whose chunks and audio are all committed; return the receipt.

    If the video is published already, its receipt is returned. If an object exists under the output's name, it is
    replaced if `exists` is replace, or if it is skip and this job made it from an earlier version of the same source.
    With `sidecar`, a sidecar is written beside the output, before the receipt.

    Raises:
        BorderMismatch: two neighboring chunks decoded their shared frame differently.
        OutputExists: another object exists under the output's name.
        OutputInvalid: the joined file is not what the plan says.
        WorkDamaged: a record, a segment or the audio is missing or damaged. The commit of such a segment or audio is
            deleted. Opening the video again deletes the rest, and finds what must be made again.
    """
    published = receipt_of(stored.plan, context)
    if published is None:
        try:
            published = _publish(stored, lane, context, exists=exists, sidecar=sidecar)
        except WorkDamaged:
            published = receipt_of(stored.plan, context)  # by another driver, which deleted the segments
            if published is None:
                raise
    delete_intermediates(stored.plan.video_id, context)
    return published


def _publish(stored: StoredPlan, lane: Lane, context: StepContext, *, exists: Exists, sidecar: bool) -> Published:
    plan = stored.plan
    receipt = receipt_id(plan.request, plan.resolved.weights_name)
    segments = _committed_segments(stored, lane, context)
    audio = _committed_audio(stored, context)
    check_borders(segments, plan.request.source.uri)
    with context.folder() as folder:
        out = _join(stored, segments, audio, context, folder)
        published = _receipt(stored, segments, audio, out)
        data = sidecar_of(plan, segments, published) if sidecar else b""
        _upload(plan, receipt, out, context, exists=exists, sidecar=data)
        published = replace(published, sidecar_sha256=hashlib.sha256(data).hexdigest() if data else "")
        return commit(context.work, context.layout.receipt(receipt), published)


def delete_intermediates(video_id: str, context: StepContext) -> None:
    """Delete the chunk objects, the segments and the audio of a published video, but not its commits."""
    layout = context.layout
    prefixes = (layout.chunks(video_id), layout.segments(video_id), layout.audio_attempts(video_id))
    made = [found.key for found in context.work.list(layout.video(video_id)) if found.key.startswith(prefixes)]
    context.work.delete([*made, layout.audio_source(video_id)])


def _committed_segments(stored: StoredPlan, lane: Lane, context: StepContext) -> list[ChunkDone]:
    video_id, records = stored.plan.video_id, VideoRecords(stored.plan.video_id, context)
    chunks, found = chunks_in_lane(video_id, stored.chunks, lane), []
    with closing(read_each(context.work, records.chunk_done, chunks)) as reads:
        for chunk, read in zip(chunks, reads, strict=True):
            done = read()
            if done is None:
                where = f"chunk {chunk.index} of {video_id}"
                raise WorkDamaged("a chunk is not committed", where=where, remedy=MADE_AGAIN)
            found.append(done)
    return found


def _committed_audio(stored: StoredPlan, context: StepContext) -> AudioDone | None:
    if not has_audio(stored):
        return None
    done = VideoRecords(stored.plan.video_id, context).audio_done()
    if done is None:
        raise WorkDamaged("the audio is not committed", where=stored.plan.video_id, remedy=MADE_AGAIN)
    return done


def check_borders(segments: Sequence[ChunkDone], source_uri: str) -> None:
    """Check that neighboring chunks decoded the frame at their border alike.

    Raises:
        BorderMismatch: two did not.
    """
    for left, right in pairwise(segments):
        if left.last_border_hash != right.first_border_hash:
            raise BorderMismatch(
                f"chunks {left.index} and {right.index} decoded their shared frame differently",
                where=source_uri,
                expected=left.last_border_hash,
                got=right.first_border_hash,
            )


def _receipt(stored: StoredPlan, segments: Sequence[ChunkDone], audio: AudioDone | None, out: Path) -> Published:
    plan, counts = stored.plan, _total(segments)
    num_files = len(attachments_for(plan.facts.other_tracks, _container(plan)))
    return Published(
        video_id=plan.video_id,
        source=plan.request.source,
        output_uri=plan.request.output_uri,
        size_bytes=out.stat().st_size,
        sha256=file_sha256(out),
        num_frames=plan.grid.num_frames,
        duration_s=plan.grid.num_frames / plan.grid.rate,
        counts=counts,
        frames_sha256=_frames_sha256(segments),
        weights_name=plan.resolved.weights_name,
        machines=tuple(dict.fromkeys(done.machine for done in segments)),
        notes=(
            *stored.notes,
            *(audio.notes if audio else ()),
            *_held_notes(counts),
            *doubt_notes(plan.request.settings.interpolate.doubt, (done.doubts for done in segments)),
            *notes_on_missing(out, metadata_for(plan), num_files),
            *caption_notes(captions_in(segments), lacks_earlier=plan.grid.first_pair > 0 and not reads_earlier(plan)),
        ),
    )


def _upload(plan: VideoPlan, receipt: str, out: Path, context: StepContext, *, exists: Exists, sidecar: bytes) -> None:
    """Put the file and its sidecar, if any, under their names, unless somebody put a file there since the job began.

    The records of an output that it replaces are deleted first: they must not outlive that output.
    """
    request = plan.request
    found = output_object(request.output_uri, context)
    earlier, is_unknown = _earlier(request.output_uri, found, context)
    changed = exists == "skip" and is_earlier_version(earlier, request, plan.resolved.weights_name)
    if found and not (exists == "replace" or changed or has_begun_upload(plan.video_id, context)):
        raise OutputExists(
            "another file was put under the output's name while the job ran",
            where=request.output_uri,
            remedy="Move the file away or set output.exists: replace, then run again with --retry-failed.",
        )
    if sidecar:
        check_name(request.output_uri, context)
    mark_upload_begun(plan.video_id, context)
    if found and not sidecar:
        delete_sidecar(request.output_uri, context)
    if earlier and earlier.receipt_id != receipt:
        _withdraw(earlier, context)
    if is_unknown:
        _withdraw_receipts(request.output_uri, receipt, context)
    store, key = context.locate(request.output_uri)
    try:
        store.put_file(key, out, over=found.fingerprint if found else "")
    except ObjectChanged as error:
        raise StorageBusy(
            "another object was put under the output's name during the upload",
            where=request.output_uri,
            remedy="If this happens again, look for another job or program that writes there.",
        ) from error
    put = store.head(key)
    if put.size_bytes != out.stat().st_size:
        raise OutputInvalid("the published file has another size", where=request.output_uri)
    if sidecar:
        put_sidecar(request.output_uri, sidecar, context)
    record = OutputOwnership(
        output_uri=request.output_uri, source=request.source, video_id=plan.video_id, receipt_id=receipt
    )
    record_ownership(record, put, context)


def _earlier(output_uri: Uri, found: ObjectInfo | None, context: StepContext) -> tuple[OutputOwnership | None, bool]:
    """The ownership record of the object to be replaced, and whether that record is damaged."""
    try:
        return read_ownership(output_uri, found, context), False
    except WorkDamaged:
        return None, True


def _withdraw_receipts(output_uri: Uri, own_receipt: str, context: StepContext) -> None:
    """Delete all other receipts of an output; which of them is that of the object to be replaced is not known."""
    layout = context.layout
    for found in list(context.work.list(layout.receipts)):
        if parts_of(layout, "receipt", found.key) not in {(), (own_receipt,)}:
            with suppress(WorkDamaged):
                if read_receipt(found.key, output_uri, context):
                    context.work.delete([found.key])


def _withdraw(earlier: OutputOwnership, context: StepContext) -> None:
    """Delete the records which say that an earlier output of this job exists."""
    layout = context.layout
    context.work.delete([layout.receipt(earlier.receipt_id), layout.publishing(earlier.video_id)])


def _join(
    stored: StoredPlan, segments: Sequence[ChunkDone], audio: AudioDone | None, context: StepContext, folder: Path
) -> Path:
    """The joined and verified file, in the local folder."""
    plan = stored.plan
    choice = SegmentChoice.of(segments, audio)
    if VideoRecords(plan.video_id, context).choose(choice) != choice:
        raise WorkDamaged(
            "an earlier choice of segments differs from the committed ones",
            where=context.work.uri(context.layout.choice(plan.video_id)),
            remedy=MADE_AGAIN,
        )
    check_disk(segments, audio, folder, num_at_hand=num_ahead(context) + 1)
    spec, out = _stitch_spec(plan, segments), folder / f"output{_container(plan).suffix}"
    attached = _attached_files(plan, context)
    tracks = fetch_audio(plan, audio, context, folder) if audio else None
    captioned = add_captions(stored, segments, tracks, context, folder)
    tracks = captioned or tracks
    try:
        with closing(fetched_segments(plan, segments, context, folder)) as fetched:
            stitch(spec, fetched, tracks, out, attached=attached)
    except MoovDoesNotFit:
        with closing(fetched_segments(plan, segments, context, folder)) as fetched:
            stitch(spec, fetched, tracks, out, attached=attached, reserves_moov=False)
    borders = list(accumulate(done.num_frames for done in segments))[:-1]
    verify_output(
        out,
        spec,
        borders=borders,
        num_audio_tracks=audio.num_tracks if audio else 0,
        num_subtitle_tracks=(audio.num_subtitles if audio else 0) + (captioned is not None),
    )
    return out


def _container(plan: VideoPlan) -> Container:
    return container_of(plan.request.output_uri.suffix)


def _stitch_spec(plan: VideoPlan, segments: Sequence[ChunkDone]) -> StitchSpec:
    """What the joined file must be."""
    facts = plan.facts
    return StitchSpec(
        rate=plan.grid.rate,
        num_frames=plan.grid.num_frames,
        width=facts.width,
        height=facts.height,
        encoder=plan.resolved.encoder,
        color=output_color(plan),
        sample_aspect_ratio=facts.sample_aspect_ratio,
        rotation_deg=facts.rotation_deg,
        is_mirrored=facts.is_mirrored,
        has_alpha=PIXEL_FORMATS[plan.resolved.pixel_format].has_alpha,
        side_data=side_data_for(facts.side_data, _container(plan)),
        metadata=metadata_for(plan),
        segments=tuple(
            SegmentFacts(
                num_frames=done.num_frames, extradata_sha256=done.extradata_sha256, max_reorder=done.max_reorder
            )
            for done in segments
        ),
    )


def _attached_files(plan: VideoPlan, context: StepContext) -> list[AttachedFile]:
    """The attachments and covers that the output gets, from the source."""
    tracks = attachments_for(plan.facts.other_tracks, _container(plan))
    source = plan.request.source
    return attached_files(context.reader(source), tracks, source.uri) if tracks else []


def _total(segments: Sequence[ChunkDone]) -> FrameCounts:
    return FrameCounts(
        **{field.name: sum(getattr(done.counts, field.name) for done in segments) for field in fields(FrameCounts)}
    )


def _held_notes(counts: FrameCounts) -> tuple[str, ...]:
    if not counts.held_damaged:
        return ()
    return (f"{counts.held_damaged} source frames could not be decoded and were replaced by a neighbor",)


def _frames_sha256(segments: Sequence[ChunkDone]) -> str:
    whole = hashlib.sha256()
    for done in segments:
        for frame_hash in done.frame_hashes:
            whole.update(bytes.fromhex(frame_hash))
    return whole.hexdigest()
