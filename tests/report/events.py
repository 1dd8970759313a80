"""One event of each kind, as the displays' tests show them."""

from collections.abc import Sequence
from dataclasses import replace

from slomo_batch.attempts import CallStats, ChunkHead, Errored, Lost, StepHead, Succeeded
from slomo_batch.errors import SourceUnreadable
from slomo_batch.records.commits import ChunkDone, FrameCounts, Machine, StageSeconds
from slomo_batch.report.events import (
    Activity,
    Event,
    FramesTakenBack,
    JobEnded,
    JobFailed,
    JobStarted,
    JobStopping,
    Note,
    Snapshot,
    VideoGivenUp,
    VideoOpened,
    VideoProgress,
    VideoPublished,
    VideoSkipped,
)

SNAPSHOT = Snapshot(
    videos_done=1,
    videos_failed=1,
    videos_total=1200,
    chunks_done=10,
    chunks_total=40,
    frames_done=1000,
    frames_total=4000,
    frames_per_s=12.34,
    eta_s=243.0,
    workers=1,
    slots=2,
    videos_open=3,
    chunks_waiting=20,
    chunks_ready=8,
    chunks_running=2,
    chunks_failed=4,
    steps_running=(("stitch", 0), ("sound", 0), ("split", 1), ("open", 0)),
    frames_in_progress=500,
    frames_expected=30_000,
    fraction=0.05,
    workers_pending=2,
    faults=1,
    videos=(VideoProgress(uri="a.mov", phase="making", frames_done=500, frames_total=1000),),
    steps_waiting_s=(("stitch", 0.0), ("sound", 0.0), ("split", 12.5), ("open", 3.0)),
)
STINT = CallStats(
    host="node-1", process=4711, began_s=1_700_000_000.25, took_s=4.5, read_bytes=900_000, written_bytes=300_000
)
DONE = ChunkDone(
    video_id="v1",
    chunk_id="c1",
    index=1,
    attempt="a1",
    segment_key="segments/a1.nut",
    size_bytes=300_000,
    sha256="s1",
    extradata_sha256="e",
    num_frames=250,
    max_reorder=2,
    frame_hashes=("h",) * 250,
    first_border_hash="b0",
    last_border_hash="b1",
    counts=FrameCounts(source=62, made=180, held_at_cut=5, held_repeat=3),
    machine=Machine(host="node-1", device="A10G", builds="torch 2"),
    seconds=StageSeconds(decode=0.5, model=3.0, total=4.25),
)
HEAD = ChunkHead(video=0, uri="a.mov", video_id="v1", lane="copy", chunk=1, chunk_id="c1", attempt="a1")
FINISHED = Succeeded(head=HEAD, stats=STINT, result=DONE)
LOST = Lost(head=replace(HEAD, chunk=2, chunk_id="c2", attempt="a2"), explained=False, cause="the worker died")
HOPELESS = Errored(
    head=StepHead(step="open", video=1, uri="c [bold]x.mov", video_id=""),
    error=SourceUnreadable("ends early"),
    stats=STINT,
)
SPLIT = Succeeded(head=StepHead(step="split", video=0, uri="a.mov", video_id="v1"), stats=STINT, result=None)
EVENTS: Sequence[Event] = (
    Activity(text="starting Ray"),
    JobStarted(name="derby", num_videos=3, work="s3://scratch/slomo"),
    VideoOpened(uri="a.mov", video_id="v1", num_chunks=4, num_frames=1000),
    SPLIT,
    FINISHED,
    LOST,
    FramesTakenBack(uri="a.mov", video_id="v1", chunk=2, num_frames=120),
    VideoPublished(
        uri="a.mov",
        video_id="v1",
        output_uri="o/a.mp4",
        num_frames=1000,
        size_bytes=1_500_000,
        notes=("no chapters",),
    ),
    VideoSkipped(uri="b.mov", output_uri="o/b.mp4", reason="made before"),
    HOPELESS,
    VideoGivenUp(uri="c [bold]x.mov", video_id="", output_uri="o/c.mp4", error="SourceUnreadable", reason="ends early"),
    Note(text="one worker only"),
    Note(uri="a.mov", text="variable frame rate"),
    SNAPSHOT,
    JobStopping(text="Stopping."),
    JobEnded(videos_published=1, videos_skipped=1, videos_failed=1, num_frames=1000, seconds=81.2),
    JobFailed(error="StoreUnusable", reason="no such bucket"),
)
