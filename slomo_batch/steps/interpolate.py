"""Interpolate a chunk: make a verified and committed segment from its packets. The first of several attempts wins."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import numpy as np

from slomo_batch.attempts import ChunkTask, FramesMade
from slomo_batch.errors import WorkDamaged
from slomo_batch.media.decode import decode_chunk
from slomo_batch.media.encode import SegmentEncoder, SegmentFacts, verify_segment
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.encoders import codec_of, segment_format
from slomo_batch.plan.pair_doubts import doubts_text
from slomo_batch.plan.pair_runs import counts_of, runs_of
from slomo_batch.records.commits import ChunkDone, FrameCaptions, FrameKind, PairRun
from slomo_batch.records.plans import Chunk, VideoPlan
from slomo_batch.records.source_facts import Scan
from slomo_batch.serialization import file_sha256
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.frame_maker import FrameMaker, SourceWindow
from slomo_batch.steps.output_color import output_color
from slomo_batch.steps.packet_archives import fetch_archive
from slomo_batch.steps.pair_pool import StillWaiting
from slomo_batch.steps.source_frames import SourceFrames
from slomo_batch.steps.stopwatch import Stopwatch
from slomo_batch.steps.strip import Strip, StripPicker
from slomo_batch.steps.video_records import VideoRecords
from slomo_batch.timeline.retiming import FrameTime

LOOK_S = 1.0
"""Seconds between two looks at how many frames are made, if a pair takes longer."""
Phase = Literal["computing", "storing"]
"""computing: decoding, inference and encoding, which a chunk could crash its process by; storing: the upload."""


def interpolate_chunk(task: ChunkTask, context: StepContext) -> Iterator[Phase | FramesMade | ChunkDone]:
    """Make the segment of one chunk.

    Yields each phase as it begins, the number of frames so far after each frame, and the first commit of the chunk at
    the end.

    Raises:
        FrameMissing: a planned source frame is not in the chunk object.
        WorkDamaged: the chunk object is missing or damaged; or another attempt's commit is.
        SegmentInvalid: what was encoded does not decode to what was given.
        OutOfMemory, StorageError: see their classes.
    """
    plan, chunk = task.plan, task.chunk
    records = VideoRecords(plan.video_id, context)
    found = _found_made(records, chunk)
    if found is not None:
        yield found
        return
    with context.folder() as folder:
        done = yield from _make(task, context, folder)
    winner = records.commit_chunk(chunk, done)
    if winner.attempt != task.head.attempt:
        context.work.delete([done.segment_key])
    yield winner


def _found_made(records: VideoRecords, chunk: Chunk) -> ChunkDone | None:
    """The commit of another attempt. A damaged one is deleted, and the chunk is made again."""
    try:
        return records.chunk_done(chunk)
    except WorkDamaged:
        records.withdraw_chunk(chunk)
        return None


def _make(task: ChunkTask, context: StepContext, folder: Path) -> Generator[Phase | FramesMade, None, ChunkDone]:
    plan, chunk, watch = task.plan, task.chunk, Stopwatch()
    codec = codec_of(plan.resolved.encoder)
    has_alpha = PIXEL_FORMATS[plan.resolved.pixel_format].has_alpha
    suffix = segment_format(plan.resolved.encoder, has_alpha=has_alpha).suffix
    packets, segment = folder / "chunk.packets", folder / f"segment{suffix}"
    with watch.stage("fetch"):
        _fetch(task, packets, context)
    yield "computing"
    with packets.open("rb") as file:
        made = yield from _encode(task, ArchiveReader(file), segment, context, watch)
    with watch.stage("encode"):
        hashes = made.hashes if codec.is_lossless else None
        verify_segment(
            segment, facts=made.facts, source_hashes=hashes, has_alpha=has_alpha, threads=context.pairs.cores
        )
    yield "storing"
    key = context.layout.segment(plan.video_id, chunk.chunk_id, task.head.attempt, suffix)
    with watch.stage("upload"):
        sha256 = file_sha256(segment)
        context.work.put_file(key, segment)
        if made.strip:
            context.work.put(context.layout.strip(plan.video_id, chunk.chunk_id), made.strip.jpeg)
    return ChunkDone(
        video_id=plan.video_id,
        chunk_id=chunk.chunk_id,
        index=chunk.index,
        attempt=task.head.attempt,
        segment_key=key,
        size_bytes=segment.stat().st_size,
        sha256=sha256,
        extradata_sha256=made.facts.extradata_sha256,
        num_frames=made.facts.num_frames,
        max_reorder=made.facts.max_reorder,
        frame_hashes=made.hashes,
        first_border_hash=made.first_border_hash,
        last_border_hash=made.last_border_hash,
        counts=replace(counts_of(made.runs), held_damaged=len(made.damaged)),
        machine=context.machine(plan.resolved),
        seconds=watch.seconds(),
        pair_runs=made.runs,
        damaged_frames=made.damaged,
        captions=made.captions,
        doubts=made.doubts,
        strip_frame=chunk.first_frame + made.strip.frame if made.strip else -1,
        strip_doubt=made.strip.doubt if made.strip else -1,
    )


def _fetch(task: ChunkTask, path: Path, context: StepContext) -> None:
    """Download the chunk object and check that its note is this chunk's. The first version did not write the id."""
    plan, chunk, facts = task.plan, task.chunk, task.plan.facts
    frames = chunk.source_frames(context=plan.resolved.context, num_frames=facts.num_frames)
    pictures = facts.scan.pictures_of(frames, facts.num_frames)

    def belongs(note: Mapping[str, Any]) -> bool:
        first = note.get("first_frame")
        return (
            note.get("chunk_id", chunk.chunk_id) == chunk.chunk_id
            and (first, len(note.get("ticks", ()))) == (frames.start, len(frames))
            and (note.get("first_picture", first), len(note.get("pts", ()))) == (pictures.start, len(pictures))
        )

    fetch_archive(
        context.layout.chunk(plan.video_id, task.head.lane, chunk.index, chunk.chunk_id), path, context, belongs=belongs
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _EncodedFrames:
    facts: SegmentFacts
    hashes: tuple[str, ...]
    first_border_hash: str
    last_border_hash: str
    runs: tuple[PairRun, ...]
    damaged: tuple[int, ...]
    captions: tuple[FrameCaptions, ...]
    doubts: str
    strip: Strip | None


def _encode(
    task: ChunkTask, archive: ArchiveReader, segment: Path, context: StepContext, watch: Stopwatch
) -> Generator[FramesMade, None, _EncodedFrames]:
    """Decode the chunk, make its output frames, several pairs at once, and encode them in order."""
    plan, chunk = task.plan, task.chunk
    scan, note = plan.facts.scan, archive.note
    earlier = [
        FrameCaptions(frame=at, pairs=sent, has_708=newer) for at, sent, newer in note.get("earlier_captions", ())
    ]
    captions: list[FrameCaptions] = []
    first, first_picture = note["first_frame"], note.get("first_picture", note["first_frame"])
    # In the decode lane the split has checked the flags: the lossless pictures of a chunk have none.
    pictures = decode_chunk(archive, captions, scan.flags if task.head.lane == "copy" else "any")
    frames = SourceFrames(pictures, scan, chunk, first=first, first_picture=first_picture)
    window = SourceWindow(watch.each("decode", frames), first=first, context=plan.resolved.context)
    maker = FrameMaker(plan, context.interpolator(plan), watch)
    hashes: list[str] = []
    kinds: list[tuple[int, FrameKind]] = []
    doubts: dict[int, int] = {}
    picker = StripPicker(output_color(plan))
    with _encoder(plan, segment) as encoder:
        parts = maker.parts(window, chunk, _times(plan, chunk, archive))
        for frame in context.pairs.in_order(parts, every_s=LOOK_S):
            if isinstance(frame, StillWaiting):
                yield FramesMade(num_frames=maker.num_made)
                continue
            hashes.append(frame.hash)
            with watch.stage("encode"):
                encoder.add(frame.picture)
                picker.add(frame)
            kinds.append((frame.pair, frame.kind))
            if frame.doubt is not None:
                doubts[frame.pair] = frame.doubt
            yield FramesMade(num_frames=maker.num_made)
        with watch.stage("encode"):
            facts, strip = encoder.finish(), picker.strip()
    pairs, held = range(chunk.first_pair, chunk.end_pair), set(note["held"])
    own = (one for one in _by_frame(captions, scan) if one.frame in pairs)
    return _EncodedFrames(
        facts=facts,
        hashes=tuple(hashes),
        first_border_hash=frames.first_border_hash,
        last_border_hash=frames.last_border_hash,
        runs=runs_of(kinds, pairs),
        damaged=tuple(number for number in pairs if number // scan.frames_per_picture in held),
        captions=(*_by_frame(earlier, scan), *own),
        doubts=doubts_text(doubts, pairs),
        strip=strip,
    )


def _by_frame(captions: Iterable[FrameCaptions], scan: Scan) -> Iterator[FrameCaptions]:
    """The captions of pictures, by the first frame of each."""
    return (replace(one, frame=one.frame * scan.frames_per_picture) for one in captions)


def _times(plan: VideoPlan, chunk: Chunk, archive: ArchiveReader) -> Iterator[FrameTime]:
    ticks = np.array(archive.note["ticks"], dtype=np.int64)
    frames = range(chunk.first_frame, chunk.end_frame)
    return plan.grid.frame_times(ticks, plan.tick_s, archive.note["first_frame"], frames)


def _encoder(plan: VideoPlan, segment: Path) -> SegmentEncoder:
    return SegmentEncoder(
        segment,
        encoder=plan.resolved.encoder,
        options=plan.resolved.encoder_options,
        pixel_format=plan.resolved.pixel_format,
        width=plan.facts.width,
        height=plan.facts.height,
        rate=Fraction(plan.grid.rate),
        color=output_color(plan),
        sample_aspect_ratio=plan.facts.sample_aspect_ratio,
    )
