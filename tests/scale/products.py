"""Results of the steps of a simulated job: real records of synthetic videos that differ in their numbers only."""

from fractions import Fraction

from slomo_batch.attempts import CallStats, ChunkTask
from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.plan.ids import chunk_id
from slomo_batch.plan.job_pin import JobPin, MethodPin
from slomo_batch.plan.stored_plan import PlannedVideo, StoredPlan
from slomo_batch.records.commits import AudioDone, ChunkDone, FrameCounts, Machine, StageSeconds
from slomo_batch.records.plans import Chunk, Resolved, VideoPlan
from slomo_batch.records.requests import PendingVideo, Source, VideoRequest
from slomo_batch.records.results import Published
from slomo_batch.records.source_facts import ColorFacts, VideoFacts
from slomo_batch.scheduler.calls import OpenCall
from slomo_batch.settings import Settings
from slomo_batch.timeline.retiming import OutputGrid
from slomo_batch.uri import Uri

PAIRS = 31
"""Of a chunk at 1920x1080 and four times slower."""
FRAMES = 4 * PAIRS
PIN = JobPin(pixel_revision=1, precision="fp32", threads=1, nvenc_works=False, methods={"superslomo": MethodPin()})
SETTINGS = Settings()
RESOLVED = Resolved(
    precision="fp32",
    flow_scale=Fraction(1),
    weights_name="compact-1",
    weights_sha256="0" * 64,
    threads=1,
    pyramid_levels=4,
    encoder="libx264",
    encoder_options=(("preset", "medium"),),
    pixel_format="yuv420p",
    context=1,
    audio="stretch",
)
HASHES = tuple(f"{number:032x}" for number in range(FRAMES))
COUNTS = FrameCounts(source=PAIRS, made=FRAMES - PAIRS)
SECONDS = StageSeconds(fetch=0.1, decode=0.5, color=0.5, model=18.0, encode=1.0, total=20.1)
BUILDS = "torch 2, FFmpeg 8"
STINT = CallStats(host="machine", process=1, began_s=0.0, took_s=20.1, read_bytes=4_000_000, written_bytes=8_000_000)


def pending_video(number: int, *, size_bytes: int = 100_000_000) -> PendingVideo:
    """One video of the archive, as triage would have found it."""
    source = Source(
        uri=Uri(f"s3://archive/{number // 1000:03d}/{number:06d}.mp4"),
        size_bytes=size_bytes,
        fingerprint=f"{number:032x}",
    )
    request = VideoRequest(
        source=source, output_uri=Uri(f"s3://slow/{number:06d}.slomo.mp4"), exists="skip", settings=SETTINGS
    )
    return PendingVideo(request=request, receipt_id=f"{number:032x}", remake=False)


def number_of(request: VideoRequest) -> int:
    """The number of the video in the archive."""
    return int(request.source.fingerprint, 16)


def opened(call: OpenCall, num_chunks: int, *, audio: bool, done: frozenset[int] = frozenset[int]()) -> PlannedVideo:
    """The plan of a video of so many chunks, of which some may be `done`."""
    video_id = f"video-{number_of(call.request):026d}"
    chunks = tuple(
        Chunk(
            chunk_id=chunk_id(video_id, "copy", index * PAIRS, (index + 1) * PAIRS),
            index=index,
            first_pair=index * PAIRS,
            end_pair=(index + 1) * PAIRS,
            first_frame=index * FRAMES,
            end_frame=(index + 1) * FRAMES,
        )
        for index in range(num_chunks)
    )
    plan = VideoPlan(
        video_id=video_id,
        request=call.request,
        facts=_facts(num_chunks * PAIRS),
        resolved=RESOLVED,
        grid=OutputGrid(rate=Fraction(25), slowdown=Fraction(4), num_frames=num_chunks * FRAMES),
        tick_s=Fraction(1, 25),
        nominal_rate=Fraction(25),
    )
    stored = StoredPlan(plan=plan, chunks=chunks, notes=())
    none = frozenset[int]()
    existing = ExistingWork(num_chunks=num_chunks, lane="copy", done=done, ready=none, needs_audio=audio)
    return PlannedVideo(stored=stored, existing=existing)


def _facts(num_frames: int) -> VideoFacts:
    return VideoFacts(
        container="mov,mp4,m4a,3gp,3g2,mj2",
        stream_index=0,
        codec="h264",
        width=1920,
        height=1080,
        pixel_format="yuv420p",
        sample_aspect_ratio=Fraction(1),
        rotation_deg=0,
        color=ColorFacts(range="limited"),
        rate_from_header=Fraction(25),
        num_frames=num_frames,
        lane="copy",
        lane_reason="",
        audio=(),
        oddities=(),
    )


def chunk_done(task: ChunkTask, host: str) -> ChunkDone:
    """The record of the committed chunk."""
    return ChunkDone(
        video_id=task.plan.video_id,
        chunk_id=task.chunk.chunk_id,
        index=task.chunk.index,
        attempt=task.head.attempt,
        segment_key=f"segments/{task.chunk.chunk_id}/{task.head.attempt}.nut",
        size_bytes=8_000_000,
        sha256="0" * 64,
        extradata_sha256="1" * 64,
        num_frames=FRAMES,
        max_reorder=2,
        frame_hashes=HASHES,
        first_border_hash=HASHES[0],
        last_border_hash=HASHES[0],
        counts=COUNTS,
        machine=Machine(host=host, device="GPU", builds=BUILDS),
        seconds=SECONDS,
    )


def audio_done(stored: StoredPlan) -> AudioDone:
    """The record of the finished audio."""
    video_id = stored.plan.video_id
    key = f"sound/{video_id}.pkts"
    return AudioDone(video_id=video_id, key=key, size_bytes=1, sha256="0" * 64, num_tracks=1, notes=())


def published(stored: StoredPlan) -> Published:
    """The record of the published output."""
    plan = stored.plan
    return Published(
        video_id=plan.video_id,
        source=plan.request.source,
        output_uri=plan.request.output_uri,
        size_bytes=8_000_000 * len(stored.chunks),
        sha256="0" * 64,
        num_frames=plan.grid.num_frames,
        duration_s=plan.grid.num_frames / plan.grid.rate,
        counts=COUNTS,
        frames_sha256="2" * 64,
        weights_name=RESOLVED.weights_name,
        machines=(Machine(host="machine 0", device="GPU", builds=BUILDS),),
        notes=(),
    )
