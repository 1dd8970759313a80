"""Split a video: read its source once, and store the packets of each chunk as soon as they are complete.

The copy lane copies packets without decoding. The decode lane decodes the source once and stores its frames losslessly.
"""

from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

from slomo_batch.errors import WorkDamaged
from slomo_batch.media.chunk_cutter import ChunkArchive
from slomo_batch.media.split import SourceSlice, SplitPart, picture_pts, split_copy, split_decode
from slomo_batch.plan.carriage import keeps_alpha
from slomo_batch.plan.ids import chunks_in_lane
from slomo_batch.plan.stored_plan import MovedTo, StoredPlan
from slomo_batch.records.plans import Chunk
from slomo_batch.records.source_facts import Lane
from slomo_batch.sandbox.confined import split_source
from slomo_batch.sandbox.work import SplitFunction
from slomo_batch.steps.captions import earlier_pictures
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_index import read_index
from slomo_batch.steps.stored_records import MADE_AGAIN, put_record
from slomo_batch.steps.stored_survey import stored_survey
from slomo_batch.timeline.index import Int64s, SourceTimeline, VideoIndex
from slomo_batch.timeline.recipe import Recipe
from slomo_batch.timeline.survey import Survey


def split_video(
    stored: StoredPlan, lane: Lane, wanted: Collection[int], context: StepContext, *, audio: bool
) -> Iterator[int]:
    """Store the packets of the chunks numbered in `wanted` and, with `audio`, the source's audio packets.

    Yields the number of each chunk when its object is stored.
    """
    plan = stored.plan
    if lane != plan.facts.lane:
        _move(plan.video_id, lane, context)
    chunks = {chunk.index: chunk for chunk in chunks_in_lane(plan.video_id, stored.chunks, lane)}
    index, timeline, recipe = read_index(stored, context)
    pts = picture_pts(index, recipe)
    slices = [_slice(chunks[number], stored, pts, timeline) for number in sorted(wanted)]
    surveyed = (_survey(stored, context), recipe) if recipe else None
    with (
        context.folder() as folder,
        _withdrawing_survey(stored, context),
        closing(_parts(stored, slices, index, context, folder, lane=lane, audio=audio, surveyed=surveyed)) as parts,
    ):
        for part in parts:
            if isinstance(part, ChunkArchive):
                chunk = chunks[part.index]
                key = context.layout.chunk(plan.video_id, lane, chunk.index, chunk.chunk_id)
            else:
                key = context.layout.audio_source(plan.video_id)
            context.work.put_file(key, part.path)
            part.path.unlink()
            if isinstance(part, ChunkArchive):
                yield part.index


def _move(video_id: str, lane: Lane, context: StepContext) -> None:
    """Record the lane for later runs, and delete a choice of segments made in the other lane."""
    put_record(context.work, context.layout.lane(video_id), MovedTo(lane=lane))
    context.work.delete([context.layout.choice(video_id)])


def _parts(
    stored: StoredPlan,
    slices: Sequence[SourceSlice],
    index: VideoIndex,
    context: StepContext,
    folder: Path,
    *,
    lane: Lane,
    audio: bool,
    surveyed: tuple[Survey, Recipe] | None,
) -> Generator[SplitPart]:
    request, facts, alpha = stored.plan.request, stored.plan.facts, keeps_alpha(stored.plan)
    reader = context.reader(request.source)
    split: SplitFunction = partial(split_copy, audio=audio, alpha=alpha)
    if lane == "decode":
        limit = request.settings.limits.max_held_frames
        split = partial(split_decode, audio=audio, alpha=alpha, max_held_frames=limit, surveyed=surveyed)
    return split_source(split, reader, request.source.uri, facts, index, slices, folder)


def _survey(stored: StoredPlan, context: StepContext) -> Survey:
    """The survey that the plan was made from.

    Raises:
        WorkDamaged: it is missing or damaged. It is made again when the video is opened again.
    """
    video_id, surveyed = stored.plan.video_id, stored.plan.facts.surveyed
    survey = stored_survey(video_id, surveyed.num_pictures, context) if surveyed else None
    if survey is None:
        where = context.work.uri(context.layout.survey(video_id))
        raise WorkDamaged("the survey is missing", where=where, remedy=MADE_AGAIN)
    return survey


@contextmanager
def _withdrawing_survey(stored: StoredPlan, context: StepContext) -> Iterator[None]:
    """Delete the survey if it does not match what is decoded: it is made again when the video is opened again."""
    try:
        yield
    except WorkDamaged:
        context.work.delete([context.layout.survey(stored.plan.video_id)])
        raise


def _slice(chunk: Chunk, stored: StoredPlan, pts: Int64s, timeline: SourceTimeline) -> SourceSlice:
    facts = stored.plan.facts
    frames = chunk.source_frames(context=stored.plan.resolved.context, num_frames=facts.num_frames)
    pictures = facts.scan.pictures_of(frames, facts.num_frames)
    return SourceSlice(
        index=chunk.index,
        chunk_id=chunk.chunk_id,
        first_frame=frames.start,
        first_picture=pictures.start if facts.scan.is_interlaced else None,
        pts=tuple(pts[pictures.start : pictures.stop].tolist()),
        ticks=tuple(timeline.ticks[frames.start : frames.stop].tolist()),
        captioned=earlier_pictures(stored.plan, chunk, timeline),
    )
