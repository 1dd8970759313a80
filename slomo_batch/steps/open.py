"""Open a video: probe it, plan it, pin the plan. What is pinned stands; a video opened again is read, not probed."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import PurePosixPath

from slomo_batch.interpolators.judging import CONTEXT
from slomo_batch.interpolators.opening import context_of
from slomo_batch.media.frames import planar_name
from slomo_batch.media.probe import Probe, probe
from slomo_batch.planning.chunks import partition
from slomo_batch.planning.encoders import choose_encoder, container_limits
from slomo_batch.planning.identity import chunk_id, chunks_in_lane, receipt_id, video_id
from slomo_batch.planning.resolving import JobPin, resolve
from slomo_batch.planning.sizing import pairs_per_chunk
from slomo_batch.records import ChunkDone, Lane, Published, SoundDone, VideoPlan, VideoRequest
from slomo_batch.steps.bench import Bench
from slomo_batch.steps.commit import commit, committed
from slomo_batch.steps.indexing import index_bytes
from slomo_batch.steps.making import output_color
from slomo_batch.steps.pinned import MovedTo, Pinned
from slomo_batch.steps.sound import wants_sound
from slomo_batch.timeline.retiming import OutputGrid


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A planned video, and how far an earlier run came with it."""

    pinned: Pinned
    lane: Lane
    """The plan's, or the one the video was moved to since."""
    done: frozenset[int]
    """Chunks whose committed segment stands; all, where the output is published."""
    ready: frozenset[int]
    """Chunks whose object stands in the work store."""
    needs_sound: bool
    """True where sound is wanted and not committed."""


def open_video(request: VideoRequest, pin: JobPin, bench: Bench, *, afresh: bool) -> Opened:
    """Plan one video and pin the plan, or read the plan that is pinned already; then see what is made of it.

    With `afresh` the receipt of an earlier publication is withdrawn first: its output is to be made again, under the
    name that is this job's already. Without it a receipt outranks all: another driver published the video meanwhile,
    and what it was made of is gone.
    """
    pinned = _read_or_plan(request, pin, bench, dry_run=False)
    receipt = bench.layout.receipt(receipt_id(request, pinned.plan.resolved.weights_name))
    if afresh:
        bench.work.put(bench.layout.publishing(pinned.plan.video_id), b"{}")
        bench.work.delete([receipt])
    elif committed(bench.work, receipt, Published):
        done = frozenset(chunk.index for chunk in pinned.chunks)
        return Opened(pinned=pinned, lane=pinned.plan.facts.lane, done=done, ready=frozenset(), needs_sound=False)
    return _survey(pinned, bench, dry_run=False)


def foresee(request: VideoRequest, pin: JobPin, bench: Bench) -> Opened:
    """What `open_video` would find and plan; nothing is written."""
    return _survey(_read_or_plan(request, pin, bench, dry_run=True), bench, dry_run=True)


def _read_or_plan(request: VideoRequest, pin: JobPin, bench: Bench, *, dry_run: bool) -> Pinned:
    identity = video_id(request, pin)
    pinned = committed(bench.work, bench.layout.pin(identity), Pinned)
    if pinned is not None:
        return pinned
    probed = probe(bench.reader(request.source), request.source.uri)
    planned = plan_video(identity, request, pin, probed)
    if dry_run:
        return planned
    bench.work.put(bench.layout.index(identity), index_bytes(probed.index, probed.timeline))
    return commit(bench.work, bench.layout.pin(identity), planned)


def _survey(pinned: Pinned, bench: Bench, *, dry_run: bool) -> Opened:
    """What is committed and still backed by the segment it names; a commit whose segment is gone is withdrawn."""
    video, layout, work = pinned.plan.video_id, bench.layout, bench.work
    moved = committed(work, layout.lane(video), MovedTo)
    lane = moved.lane if moved else pinned.plan.facts.lane
    chunks = chunks_in_lane(video, pinned.chunks, lane)
    standing = {found.key for found in work.list(layout.video(video))}
    keys = {chunk.index: layout.commit(video, chunk.chunk_id) for chunk in chunks}
    done = frozenset(n for n, key in keys.items() if key in standing and _is_backed(key, ChunkDone, standing, bench))
    needs_sound = wants_sound(pinned) and not _is_backed(layout.sound_commit(video), SoundDone, standing, bench)
    if not dry_run and (needs_sound or len(done) < len(chunks)):
        void = [key for number, key in keys.items() if number not in done and key in standing]
        work.delete([*void, layout.choice(video), *([layout.sound_commit(video)] if needs_sound else [])])
    return Opened(
        pinned=pinned,
        lane=lane,
        done=done,
        ready=frozenset(c.index for c in chunks if layout.chunk(video, lane, c.index, c.chunk_id) in standing),
        needs_sound=needs_sound,
    )


def _is_backed(key: str, kind: type[ChunkDone | SoundDone], standing: set[str], bench: Bench) -> bool:
    """Whether a record stands under `key`, and the object that it names as well."""
    record = committed(bench.work, key, kind)
    if record is None:
        return False
    return (record.segment_key if isinstance(record, ChunkDone) else record.key) in standing


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
    context = max(CONTEXT, context_of(settings.interpolate.method))
    resolved = resolve(settings, pin, choice, facts.width, facts.height, context=context)
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
    return Pinned(plan=plan, chunks=chunks, notes=(*facts.oddities, *choice.notes, *_container_notes(plan)))


def _container_notes(plan: VideoPlan) -> tuple[str, ...]:
    return container_limits(
        plan.request.settings.encode.codec,
        PurePosixPath(plan.request.output_uri).suffix,
        sample_aspect_ratio=plan.facts.sample_aspect_ratio,
        color=output_color(plan),
    )
