"""One example of each kind of stored document: the key of the document within its job, and the record."""

from fractions import Fraction

from slomo_batch.plan.job_pin import Basis, WeightsPin
from slomo_batch.plan.stored_plan import MovedTo, SegmentChoice, StoredPlan
from slomo_batch.records.commits import AudioDone, ChunkDone, FrameCounts, Machine, StageSeconds
from slomo_batch.records.driver_claim import DriverClaim
from slomo_batch.records.plans import Chunk, Resolved, VideoPlan
from slomo_batch.records.requests import Source, VideoRequest
from slomo_batch.records.results import OutputOwnership, Published, VideoFailed
from slomo_batch.records.source_facts import AudioTrack, ColorFacts, VideoFacts
from slomo_batch.report.events import Failure, JobStatus
from slomo_batch.settings import Chunks, Encode, FpsTarget, Interpolate, Retime, Settings, VideoLimits
from slomo_batch.storage.store import Upload
from slomo_batch.timeline.retiming import OutputGrid
from slomo_batch.uri import Uri

_ID, _OTHER = "0123456789abcdef" * 2, "fedcba9876543210" * 2
_SHA256 = "5" * 64
_SOURCE = Source(uri=Uri('s3://archive/Übersee "2".mov'), size_bytes=123_456_789_012, fingerprint="etag-7")
_COUNTS = FrameCounts(source=3, made=9, held_at_cut=1, held_repeat=2, held_damaged=1)
_MACHINE = Machine(host="gpu-1", device="NVIDIA H200", builds="torch 2.9, FFmpeg 8.0")
_SETTINGS = Settings(
    retime=Retime(slowdown=Fraction(5, 2), fps=FpsTarget(kind="rate", value=Fraction(60000, 1001))),
    interpolate=Interpolate(weights="compact-3", cuts="ignore", precision="bf16", flow_scale=Fraction(1, 2)),
    audio="resample",
    encode=Encode(codec="hevc", quality=20, preset="slow", encoder="nvenc", pixel_format="yuv420p10le"),
    chunks=Chunks(pairs=31),
    limits=VideoLimits(max_held_frames=0),
)
_FACTS = VideoFacts(
    container="mov,mp4,m4a,3gp,3g2,mj2",
    stream_index=1,
    codec="h264",
    width=1440,
    height=1080,
    pixel_format="yuv420p",
    sample_aspect_ratio=Fraction(4, 3),
    rotation_deg=90,
    color=ColorFacts(range="full", matrix="bt709", primaries="bt2020", transfer="smpte2084", chroma_location="left"),
    rate_from_header=Fraction(24000, 1001),
    num_frames=5,
    lane="copy",
    lane_reason="not empty here",
    audio=(AudioTrack(stream_index=2, codec="aac", sample_rate=48000, layout="5.1", language="deu", title="Ton"),),
    converted_formats=("yuv422p",),
    oddities=("variable frame rate",),
)
_RESOLVED = Resolved(
    precision="bf16",
    flow_scale=Fraction(1, 2),
    weights_name="compact-3",
    weights_sha256=_SHA256,
    threads=4,
    pyramid_levels=4,
    encoder="hevc_nvenc",
    encoder_options=(("preset", "p6"), ("rc", "constqp")),
    pixel_format="yuv420p10le",
    context=1,
    audio="resample",
)
PLAN = VideoPlan(
    video_id=_ID,
    request=VideoRequest(source=_SOURCE, output_uri=Uri("s3://out/a.mp4"), exists="replace", settings=_SETTINGS),
    facts=_FACTS,
    resolved=_RESOLVED,
    grid=OutputGrid(rate=Fraction(60000, 1001), slowdown=Fraction(5, 2), num_frames=16),
    tick_s=Fraction(1, 24000),
    nominal_rate=Fraction(24000, 1001),
)
_CHUNKS = (
    Chunk(chunk_id=_ID, index=0, first_pair=0, end_pair=3, first_frame=0, end_frame=9),
    Chunk(chunk_id=_OTHER, index=1, first_pair=3, end_pair=5, first_frame=9, end_frame=16),
)
_CHUNK_DONE = ChunkDone(
    video_id=_ID,
    chunk_id=_OTHER,
    index=1,
    attempt="3" * 32,
    segment_key=f"jobs/job/videos/{_ID}/segments/{_OTHER}/{'3' * 32}.nut",
    size_bytes=1_048_576,
    sha256=_SHA256,
    extradata_sha256="6" * 64,
    num_frames=7,
    max_reorder=2,
    frame_hashes=("7" * 32, "8" * 32),
    first_border_hash="9" * 32,
    last_border_hash="",
    counts=_COUNTS,
    machine=_MACHINE,
    seconds=StageSeconds(
        fetch=0.0001, decode=0.5, judge=1.25, color=0.0, model=18.0, hash=0.01, encode=1.5, upload=2.0, total=23.2601
    ),
)
_AUDIO_DONE = AudioDone(
    video_id=_ID,
    key=f"jobs/job/videos/{_ID}/sound/{'4' * 32}.pkts",
    size_bytes=4096,
    sha256=_SHA256,
    num_tracks=2,
    notes=("track 3 cannot be carried",),
)
_PUBLISHED = Published(
    video_id=_ID,
    source=_SOURCE,
    output_uri=Uri("s3://out/a.mp4"),
    size_bytes=9_876_543,
    sha256=_SHA256,
    num_frames=16,
    duration_s=Fraction(1001, 3750),
    counts=_COUNTS,
    frames_sha256="a" * 64,
    weights_name="compact-3",
    machines=(_MACHINE,),
    notes=("a note\nof two lines",),
)
_CLAIM = DriverClaim(driver=_ID, host="head", pid=4321, process_start="98765", beat=12, ended=False)
_STATUS = JobStatus(
    job="job",
    state="interrupted",
    videos_done=1,
    videos_failed=1,
    videos_total=3,
    chunks_done=4,
    chunks_total=9,
    frames_done=100,
    updated="2026-11-29T08:00:00+00:00",
    failures=(Failure(uri="s3://archive/b.mov", error="SourceUnsupported", reason="no video stream"),),
)

EXAMPLES: dict[str, object] = {
    "job.json": Basis(precision="bf16", threads=4, nvenc_works=True),
    f"weights/{_ID}.json": WeightsPin(name="compact-3", sha256=_SHA256, network="superslomo-compact"),
    "epochs/000001.json": _CLAIM,
    "heartbeats/000001.json": _CLAIM,
    "progress/000001.json": _STATUS,
    f"receipts/{_ID}.json": _PUBLISHED,
    f"failures/000001-{_ID}.json": VideoFailed(
        source_uri="s3://archive/b.mov", output_uri="s3://out/b.mp4", error="SourceUnsupported", reason="no video"
    ),
    f"owned/{_ID}.json": OutputOwnership(
        output_uri=Uri("s3://out/a.mp4"), source=_SOURCE, video_id=_ID, receipt_id=_OTHER
    ),
    f"uploads/{_ID}.json": Upload(uri=Uri("s3://out/a.mp4"), token="2~abc"),
    f"videos/{_ID}/pin.json": StoredPlan(plan=PLAN, chunks=_CHUNKS, notes=("held at cuts",)),
    f"videos/{_ID}/lane.json": MovedTo(lane="decode"),
    f"videos/{_ID}/choice.json": SegmentChoice(segment_keys=(_CHUNK_DONE.segment_key,), sound_key=_AUDIO_DONE.key),
    f"videos/{_ID}/sound-commit.json": _AUDIO_DONE,
    f"videos/{_ID}/commits/{_OTHER}.json": _CHUNK_DONE,
}
