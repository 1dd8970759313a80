"""Committed objects: download the segments and the audio that commits name, and check them.

The commit of one that is missing or damaged is deleted, so that it is made again.
"""

from collections.abc import Generator, Sequence
from contextlib import closing, suppress
from pathlib import Path

from slomo_batch.errors import ObjectMissing, WorkDamaged
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.encoders import segment_format
from slomo_batch.records.commits import AudioDone, ChunkDone
from slomo_batch.records.plans import VideoPlan
from slomo_batch.serialization import file_sha256
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stitch_disk import SEGMENTS_AHEAD
from slomo_batch.steps.stored_records import MADE_AGAIN
from slomo_batch.steps.video_records import receipt_of
from slomo_batch.steps.work_ahead import work_ahead


def fetched_segments(
    plan: VideoPlan, segments: Sequence[ChunkDone], context: StepContext, folder: Path
) -> Generator[Path]:
    """Download the segments, a few ahead, checking that each is the one that was committed. Each is deleted when the
    next is taken.

    Raises:
        WorkDamaged: one is missing or damaged. The commits of all such segments are deleted.
    """
    with closing(
        work_ahead(
            lambda done: _fetch_segment(plan, done, context, folder),
            segments,
            num_ahead=num_ahead(context),
        )
    ) as downloads:
        for download in downloads:
            try:
                path = download()
            except WorkDamaged:
                for later in downloads:  # find all damaged ones now, to make them again at once
                    with suppress(WorkDamaged):
                        later().unlink()
                raise
            yield path
            path.unlink()


def num_ahead(context: StepContext) -> int:
    """Segments that are downloaded before they are used: none from a local store."""
    return 0 if context.work.root.is_local else SEGMENTS_AHEAD


def _fetch_segment(plan: VideoPlan, done: ChunkDone, context: StepContext, folder: Path) -> Path:
    kind = segment_format(plan.resolved.encoder, has_alpha=PIXEL_FORMATS[plan.resolved.pixel_format].has_alpha)
    path = folder / f"segment-{done.index}{kind.suffix}"
    commit_key = context.layout.commit(plan.video_id, done.chunk_id)
    _fetch_committed(plan, done.segment_key, done.sha256, path, context, commit_key=commit_key)
    return path


def fetch_audio(plan: VideoPlan, audio: AudioDone, context: StepContext, folder: Path) -> Path:
    """Download the audio, checking that it is what was committed."""
    path = folder / "audio.packets"
    commit_key = context.layout.audio_commit(plan.video_id)
    _fetch_committed(plan, audio.key, audio.sha256, path, context, commit_key=commit_key)
    return path


def _fetch_committed(
    plan: VideoPlan, key: str, sha256: str, path: Path, context: StepContext, *, commit_key: str
) -> None:
    """Download an object that a commit names. If it is not the committed one, delete the commit and the choice.

    They are kept if the video is published, because the driver that published it deleted the object.
    """
    try:
        context.work.get_file(key, path)
        got = file_sha256(path)
    except ObjectMissing:
        got = "nothing"
    if got != sha256:
        if receipt_of(plan, context) is None:
            context.work.delete([commit_key, context.layout.choice(plan.video_id)])
        raise WorkDamaged(
            "this committed object is missing or damaged",
            where=context.work.uri(key),
            expected=f"SHA-256 {sha256}",
            got=got,
            remedy=MADE_AGAIN,
        )
