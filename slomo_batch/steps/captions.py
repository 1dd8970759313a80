"""Add a subtitle track of the closed captions to the tracks of a video, when all chunks are committed."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

from slomo_batch.media.captions import caption_track
from slomo_batch.media.made_tracks import made_tracks, write_tracks
from slomo_batch.media.subtitles import SubtitleTiming
from slomo_batch.plan.containers import container_of
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records import ChunkDone, FrameCaptions
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_index import read_index


def captions_in(segments: Sequence[ChunkDone]) -> list[FrameCaptions]:
    """The captions of all source frames, in order."""
    return [one for done in segments for one in done.captions]


def add_captions(
    stored: StoredPlan, segments: Sequence[ChunkDone], tracks: Path | None, context: StepContext, folder: Path
) -> Path | None:
    """The archive `tracks` with a track of the captions added; None if they show nothing."""
    captions, plan = captions_in(segments), stored.plan
    if not any(one.pairs for one in captions):
        return None
    _, timeline = read_index(stored, context)
    zero = int(timeline.ticks[plan.grid.first_pair])
    times_s = [(int(timeline.ticks[one.frame]) - zero) * timeline.tick_s for one in captions]
    timing = SubtitleTiming(
        output_time=lambda source_s: plan.grid.output_s(Fraction(source_s), plan.tick_s),
        duration_s=plan.grid.num_frames / plan.grid.rate,
    )
    track = caption_track(captions, times_s, container_of(plan.request.output_uri.suffix), timing)
    if track is None:
        return None
    out = folder / "tracks-with-captions.packets"
    write_tracks([*(made_tracks(tracks) if tracks else ()), track], out)
    return out
