"""One event of each kind, as the displays' tests show them."""

from collections.abc import Sequence

from slomo_batch.records import CallStats, FrameCounts, StageSeconds
from slomo_batch.report.events import (
    AttemptFailed,
    ChunkFinished,
    Event,
    JobEnded,
    JobFailed,
    JobStarted,
    Note,
    Snapshot,
    StepFinished,
    VideoGivenUp,
    VideoOpened,
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
)
STINT = CallStats(
    host="node-1", process=4711, began_s=1_700_000_000.25, took_s=4.5, read_bytes=900_000, written_bytes=300_000
)
FINISHED = ChunkFinished(
    uri="a.mov",
    video_id="v1",
    chunk=1,
    attempt="a1",
    num_frames=250,
    size_bytes=300_000,
    counts=FrameCounts(source=62, made=180, held_at_cut=5, held_repeat=3),
    seconds=StageSeconds(decode=0.5, model=3.0, total=4.25),
    stint=STINT,
)
LOST = AttemptFailed(
    uri="a.mov",
    video_id="v1",
    step="interpolate",
    chunk=2,
    chunk_id="c2",
    attempt="a2",
    error="WorkerLost",
    reason="the worker died",
    retryable=True,
    stint=None,
)
HOPELESS = AttemptFailed(
    uri="c [bold]x.mov",
    video_id="",
    step="open",
    chunk=None,
    chunk_id="",
    attempt="",
    error="SourceUnreadable",
    reason="ends early",
    retryable=False,
    stint=STINT,
)
EVENTS: Sequence[Event] = (
    JobStarted(name="derby", num_videos=3, work="s3://scratch/slomo"),
    VideoOpened(uri="a.mov", video_id="v1", num_chunks=4, num_frames=1000),
    StepFinished(uri="a.mov", video_id="v1", step="split", stint=STINT),
    FINISHED,
    LOST,
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
    JobEnded(videos_published=1, videos_skipped=1, videos_failed=1, num_frames=1000, seconds=81.2),
    JobFailed(error="StoreUnusable", reason="no such bucket"),
)
