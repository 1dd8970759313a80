"""Open a video: probe it, plan it, pin the plan. What is pinned stands; a video opened again is read, not probed."""

import io
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from slomo_batch.interpolators.judging import CONTEXT
from slomo_batch.media.frames import planar_name
from slomo_batch.media.probe import Probe, probe
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.planning.chunks import partition
from slomo_batch.planning.encoders import choose_encoder
from slomo_batch.planning.identity import chunk_id, video_id
from slomo_batch.planning.resolving import JobPin, resolve
from slomo_batch.planning.sizing import pairs_per_chunk
from slomo_batch.records import Chunk, VideoPlan, VideoRequest
from slomo_batch.steps.bench import Bench
from slomo_batch.steps.commit import commit, committed
from slomo_batch.timeline.index import SourceTimeline, VideoIndex
from slomo_batch.timeline.retiming import OutputGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """A video's plan and all its chunks, as they stand in the work store."""

    plan: VideoPlan
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...]
    """What the plan had to decide that a person should know of."""


def open_video(request: VideoRequest, pin: JobPin, bench: Bench) -> Pinned:
    """Plan one video and pin the plan, or read the plan that is pinned already."""
    identity = video_id(request, pin)
    found = committed(bench.work, bench.layout.pin(identity), Pinned)
    if found is not None:
        return found
    probed = probe(bench.reader(request.source), request.source.uri)
    pinned = plan_video(identity, request, pin, probed)
    bench.work.put(bench.layout.index(identity), _index_bytes(probed.index, probed.timeline))
    return commit(bench.work, bench.layout.pin(identity), pinned)


def plan_video(identity: str, request: VideoRequest, pin: JobPin, probed: Probe) -> Pinned:
    """What will be made of a probed video: a pure function of its arguments."""
    facts, settings = probed.facts, request.settings
    rate = settings.retime.fps.of(probed.timeline.nominal_rate)
    grid = OutputGrid.over(probed.timeline, rate=rate, slowdown=settings.retime.slowdown)
    choice = choose_encoder(
        settings.encode,
        source_format=planar_name(facts.pixel_format),
        width=facts.width,
        height=facts.height,
        nvenc_works=pin.nvenc_works,
    )
    resolved = resolve(settings, pin, choice, facts.width, facts.height, context=CONTEXT)
    size = settings.pairs_per_chunk
    if size == "auto":
        times_per_pair = Fraction(grid.num_frames, facts.num_frames)
        size = pairs_per_chunk(facts.width, facts.height, times_per_pair)
    chunks = partition(
        grid.first_frames(probed.timeline),
        pairs_per_chunk=size,
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
    return Pinned(plan=plan, chunks=chunks, notes=(*facts.oddities, *choice.notes, *_format_notes(plan)))


def _format_notes(plan: VideoPlan) -> tuple[str, ...]:
    source = PIXEL_FORMATS[planar_name(plan.facts.pixel_format)]
    output = PIXEL_FORMATS[plan.resolved.pixel_format]
    if source.name == output.name:
        return ()
    return (f"pictures are converted from {source.name} to {output.name}",)


def _index_bytes(index: VideoIndex, timeline: SourceTimeline) -> bytes:
    """The packet index and the source timeline as one NumPy archive."""
    data = io.BytesIO()
    np.savez_compressed(
        data,
        pts=index.pts,
        size_bytes=index.size_bytes,
        is_keyframe=index.is_keyframe,
        is_discarded=index.is_discarded,
        last_duration=np.int64(index.last_duration),
        time_base=_ratio(index.time_base),
        ticks=timeline.ticks,
        end=np.int64(timeline.end),
        tick_s=_ratio(timeline.tick_s),
        rate=_ratio(timeline.rate or Fraction(0)),
        nominal_rate=_ratio(timeline.nominal_rate),
    )
    return data.getvalue()


def read_index(pinned: Pinned, bench: Bench) -> tuple[VideoIndex, SourceTimeline]:
    """The packet index and the source timeline that the plan was made from."""
    with np.load(io.BytesIO(bench.work.get(bench.layout.index(pinned.plan.video_id)))) as stored:
        index = VideoIndex(
            time_base=_fraction(stored["time_base"]),
            pts=stored["pts"],
            size_bytes=stored["size_bytes"],
            is_keyframe=stored["is_keyframe"],
            is_discarded=stored["is_discarded"],
            last_duration=int(stored["last_duration"]),
        )
        timeline = SourceTimeline(
            tick_s=_fraction(stored["tick_s"]),
            ticks=stored["ticks"],
            end=int(stored["end"]),
            rate=_fraction(stored["rate"]) or None,
            nominal_rate=_fraction(stored["nominal_rate"]),
        )
    return index, timeline


def _ratio(value: Fraction) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([value.numerator, value.denominator], dtype=np.int64)


def _fraction(pair: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Fraction:
    return Fraction(int(pair[0]), int(pair[1]))
