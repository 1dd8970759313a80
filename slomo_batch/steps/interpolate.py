"""Interpolate a chunk: its object in, a verified and committed segment out. The first of several attempts wins."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from slomo_batch.media.archive import ArchiveReader
from slomo_batch.media.decode import decode_chunk
from slomo_batch.media.encode import SEGMENT_SUFFIX, SegmentEncoder, SegmentFacts, verify_segment
from slomo_batch.media.frames import planar_name
from slomo_batch.planning.chunks import frames_of
from slomo_batch.records import ChunkDone, ChunkTask, FrameCounts
from slomo_batch.steps.bench import Bench
from slomo_batch.steps.commit import commit, committed
from slomo_batch.steps.making import FrameMaker, SourceWindow
from slomo_batch.steps.stopwatch import Stopwatch


def interpolate_chunk(task: ChunkTask, bench: Bench) -> ChunkDone:
    """Make the segment of one chunk, or find it made.

    Raises:
        FrameMissing: a planned source frame is not in the chunk object.
        SegmentInvalid: what was encoded does not decode to what was given.
        OutOfMemory, StorageError: as their classes say.
    """
    plan, chunk = task.plan, task.chunk
    key = bench.layout.commit(plan.video_id, chunk.chunk_id)
    found = committed(bench.work, key, ChunkDone)
    if found is not None:
        return found
    with bench.folder() as folder:
        done = _make(task, bench, folder)
    winner = commit(bench.work, key, done)
    if winner.attempt != task.attempt:
        bench.work.delete([done.segment_key])
    return winner


def _make(task: ChunkTask, bench: Bench, folder: Path) -> ChunkDone:
    plan, chunk, watch = task.plan, task.chunk, Stopwatch()
    packets, segment = folder / "chunk.pkts", folder / f"segment{SEGMENT_SUFFIX}"
    with watch.stage("fetch"):
        object_key = bench.layout.chunk(plan.video_id, task.lane, chunk.index, chunk.chunk_id)
        bench.work.get_file(object_key, packets)
    with packets.open("rb") as file:
        made = _encode(task, ArchiveReader(file), segment, bench, watch)
    key = bench.layout.segment(plan.video_id, chunk.chunk_id, task.attempt, SEGMENT_SUFFIX)
    with watch.stage("encode"):
        verify_segment(segment, made.facts, made.hashes, plan.resolved.encoder)
    sha256 = file_sha256(segment)
    with watch.stage("upload"):
        bench.work.put_file(key, segment)
    return ChunkDone(
        video_id=plan.video_id,
        chunk_id=chunk.chunk_id,
        index=chunk.index,
        attempt=task.attempt,
        segment_key=key,
        size_bytes=segment.stat().st_size,
        sha256=sha256,
        extradata_sha256=made.facts.extradata_sha256,
        num_frames=made.facts.num_frames,
        max_reorder=made.facts.max_reorder,
        frame_hashes=tuple(made.hashes),
        first_border_hash=made.borders.get(chunk.first_pair, ""),
        last_border_hash=made.borders.get(chunk.end_pair, ""),
        counts=made.counts,
        machine=bench.machine(plan.resolved),
        seconds=watch.seconds(),
    )
