"""Make a video's sound: the source's sound packets in, one committed archive of the output's tracks out.

Sound is made whole, never by chunks: a cut in a compressed track is a gap.
"""

from pathlib import Path, PurePosixPath
from uuid import uuid4

from slomo_batch.errors import WorkDamaged
from slomo_batch.media.audio import AudioResult, make_audio
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records import SoundDone
from slomo_batch.serialization import file_sha256
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.packet_archives import fetch_archive
from slomo_batch.steps.stored_index import read_index
from slomo_batch.steps.video_records import VideoRecords


def wants_sound(stored: StoredPlan) -> bool:
    """True where the output has sound."""
    return bool(stored.plan.facts.audio) and stored.plan.resolved.audio != "drop"


def make_video_sound(stored: StoredPlan, context: StepContext) -> SoundDone:
    """Keep, stretch or resample the sound of one video and commit it, or find it made."""
    video_id = stored.plan.video_id
    records = VideoRecords(video_id, context)
    found = _found_made(records)
    if found is not None:
        return found
    key = context.layout.sound(video_id, uuid4().hex)
    with context.folder() as folder:
        source, tracks = folder / "source.packets", folder / "sound.packets"
        fetch_archive(context.layout.sound_source(video_id), source, context)
        made = _make(stored, context, source, tracks)
        context.work.put_file(key, tracks)
        done = SoundDone(
            video_id=video_id,
            key=key,
            size_bytes=tracks.stat().st_size,
            sha256=file_sha256(tracks),
            num_tracks=made.num_tracks,
            notes=made.notes,
        )
    winner = records.commit_sound(done)
    if winner.key != key:
        context.work.delete([key])
    return winner


def _found_made(records: VideoRecords) -> SoundDone | None:
    """The commit of another attempt; a damaged one is withdrawn, and the sound is made again."""
    try:
        return records.sound_done()
    except WorkDamaged:
        records.withdraw_sound()
        return None


def _make(stored: StoredPlan, context: StepContext, source: Path, tracks: Path) -> AudioResult:
    plan = stored.plan
    index, _ = read_index(stored, context)
    if plan.resolved.audio == "drop":
        raise ValueError("a dropped sound is never made")
    return make_audio(
        source,
        tracks,
        mode=plan.resolved.audio,
        slowdown=plan.grid.slowdown,
        duration_s=plan.grid.num_frames / plan.grid.rate,
        container=PurePosixPath(plan.request.output_uri).suffix,
        zero_s=int(index.frame_pts[0]) * index.time_base,
    )
