"""Make the audio of a video: from the source's audio packets to one committed archive of the output's tracks.

Audio is made in one piece, not by chunks, because a cut in a compressed track is a gap.
"""

from functools import partial
from pathlib import Path
from uuid import uuid4

from slomo_batch.errors import WorkDamaged
from slomo_batch.media.audio import AudioResult, make_audio
from slomo_batch.media.audio_clock import ramp_knots
from slomo_batch.plan.containers import container_of
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.plan.subtitles import subtitle_codec, subtitles_of
from slomo_batch.records.commits import AudioDone
from slomo_batch.sandbox import confined
from slomo_batch.serialization import file_sha256
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.packet_archives import fetch_archive
from slomo_batch.steps.stored_index import read_index
from slomo_batch.steps.video_records import VideoRecords
from slomo_batch.timeline.fields import frame_time_s


def has_audio(stored: StoredPlan) -> bool:
    """Whether the output has tracks beside the video: audio, or subtitles."""
    plan = stored.plan
    container = container_of(plan.request.output_uri.suffix)
    has_subtitles = any(subtitle_codec(track.codec, container) for track in subtitles_of(plan.facts))
    return has_subtitles or (bool(plan.facts.audio) and plan.resolved.audio != "drop")


def make_video_audio(stored: StoredPlan, context: StepContext) -> AudioDone:
    """Keep, stretch or resample the audio of one video and commit it; return the first commit."""
    video_id = stored.plan.video_id
    records = VideoRecords(video_id, context)
    found = _found_made(records)
    if found is not None:
        return found
    key = context.layout.audio_attempt(video_id, uuid4().hex)
    with context.folder() as folder:
        source, tracks = folder / "source.packets", folder / "audio.packets"
        fetch_archive(context.layout.audio_source(video_id), source, context)
        made = _make(stored, context, source, tracks)
        context.work.put_file(key, tracks)
        done = AudioDone(
            video_id=video_id,
            key=key,
            size_bytes=tracks.stat().st_size,
            sha256=file_sha256(tracks),
            num_tracks=made.num_tracks,
            notes=made.notes,
            num_subtitles=made.num_subtitles,
        )
    winner = records.commit_audio(done)
    if winner.key != key:
        context.work.delete([key])
    return winner


def _found_made(records: VideoRecords) -> AudioDone | None:
    """The commit of another attempt. A damaged one is deleted, and the audio is made again."""
    try:
        return records.audio_done()
    except WorkDamaged:
        records.withdraw_audio()
        return None


def _make(stored: StoredPlan, context: StepContext, source: Path, tracks: Path) -> AudioResult:
    plan = stored.plan
    index, timeline, recipe = read_index(stored, context)
    first = plan.grid.first_pair
    make = partial(
        make_audio,
        mode=plan.resolved.audio,
        slowdown=plan.grid.slowdown,
        duration_s=plan.grid.num_frames / plan.grid.rate,
        container=container_of(plan.request.output_uri.suffix),
        zero_s=frame_time_s(index, first, plan.facts.scan.frames_per_picture)
        if recipe is None
        else int(index.frame_pts[0]) * index.time_base + int(timeline.ticks[first]) * timeline.tick_s,
        is_cut=plan.grid.is_range,
        knots=ramp_knots(plan.grid, plan.tick_s),
        output_time=partial(plan.grid.output_s, tick_s=plan.tick_s),
    )
    return confined.make_audio(make, source, tracks, plan.request.source.uri)
