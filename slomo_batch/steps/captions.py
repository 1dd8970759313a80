"""Add a subtitle track of the closed captions to the tracks of a video, when all chunks are committed."""

from collections.abc import Sequence
from fractions import Fraction
from math import ceil
from pathlib import Path

import numpy as np

from slomo_batch.media.captions import caption_track
from slomo_batch.media.made_tracks import made_tracks, write_tracks
from slomo_batch.media.subtitles import SubtitleTiming
from slomo_batch.plan.containers import container_of
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.commits import ChunkDone, FrameCaptions
from slomo_batch.records.plans import Chunk, VideoPlan
from slomo_batch.side_data import CLOSED_CAPTIONS
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.stored_index import read_index
from slomo_batch.timeline.index import SourceTimeline

LEAD_S = 30
"""Closed captions that were sent earlier than this before a range are not looked for."""


def earlier_pictures(plan: VideoPlan, chunk: Chunk, timeline: SourceTimeline) -> range:
    """The pictures before a range whose closed captions belong to its first chunk; none for the other chunks, or if
    the video is not known to have captions."""
    first = plan.grid.first_pair
    if not first or chunk.first_pair != first or not reads_earlier(plan):
        return range(0)
    begin = int(timeline.ticks[first]) - LEAD_S / timeline.tick_s
    earliest = int(np.searchsorted(timeline.ticks, float(begin)))
    per_picture = plan.facts.scan.frames_per_picture
    return range(earliest // per_picture, ceil(first / per_picture))


def reads_earlier(plan: VideoPlan) -> bool:
    """Whether the closed captions before a range are read: if the first picture of the video has captions."""
    return CLOSED_CAPTIONS in plan.facts.side_data.dropped


def captions_in(segments: Sequence[ChunkDone]) -> list[FrameCaptions]:
    """The captions of all source frames of the output, and of those before its range, in order."""
    return [one for done in segments for one in done.captions]


def add_captions(
    stored: StoredPlan, segments: Sequence[ChunkDone], tracks: Path | None, context: StepContext, folder: Path
) -> Path | None:
    """The archive `tracks` with a track of the captions added; None if they show nothing."""
    captions, plan = captions_in(segments), stored.plan
    if not any(one.pairs for one in captions):
        return None
    _, timeline, _ = read_index(stored, context)
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
