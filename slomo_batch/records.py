"""The main types of a job, in the order in which it makes them. Read this first.

    Settings, VideoRequest   what a person asked for, one video each
    VideoFacts               what the source is
    Resolved, VideoPlan      what will be made, pinned before anything is made
    Chunk                    a part of the output's frames
    ChunkDone                its segment, committed
    AudioDone                the audio, made whole
    Published | VideoFailed  what became of the video

Records are frozen, say what and never how, name their upstream by id and never point back.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, Self

from slomo_batch.errors import SlomoError
from slomo_batch.metadata import NO_METADATA, FileMetadata
from slomo_batch.settings import Exists, Precision, Settings
from slomo_batch.side_data import NO_SIDE_DATA, SideData
from slomo_batch.timeline.retiming import OutputGrid
from slomo_batch.uri import Uri

TrackKind = Literal["video", "audio", "subtitle", "data", "attachment", "unknown"]
Lane = Literal["copy", "decode"]
FrameKind = Literal["source", "made", "held_at_cut", "held_repeat", "held_in_doubt"]
"""What an output frame is: a source frame, an interpolated one, or a copy of a source frame: at a cut, at a repeat, or
where the method doubts its frames."""
FieldOrder = Literal["progressive", "tff", "bff"]
"""Progressive, or which field of a picture is shown first: top field first or bottom field first."""
ScanFlag = Literal["progressive", "tff", "bff", "any"]
StepName = Literal["open", "survey", "split", "interpolate", "sound", "stitch"]
"""A step's name in what is stored and shown. The step that makes the audio is called sound there."""


# ---- what was asked ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One video file as it was found."""

    uri: Uri
    size_bytes: int
    fingerprint: str
    """Changes when the file does: version id or ETag on S3; size, mtime and hash of head and tail on disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoRequest:
    """One requested video: its source, its settings, and where its output goes."""

    source: Source
    output_uri: Uri
    exists: Exists
    """What to do if another object exists under the output's name."""
    sidecar: bool = False
    """Whether the output gets a sidecar: a JSON file that says where each frame comes from."""
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class PendingVideo:
    """A requested video that this run is to make."""

    request: VideoRequest
    receipt_id: str
    remake: bool
    """Whether there is a receipt of an earlier publication: the output is gone, or will be made again."""
    changed: bool = False
    """Whether the output that exists is of an earlier version of the source, to be replaced by the new one."""
    is_free: bool = False
    """Whether there is no object under the output's name."""


# ---- what the source is --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorFacts:
    """Color description in FFmpeg's names; "unspecified" if the file has none."""

    range: Literal["limited", "full"]
    """Sample range. If the file has none: limited for YUV, full for RGB and yuvj."""
    matrix: str = "unspecified"
    primaries: str = "unspecified"
    transfer: str = "unspecified"
    chroma_location: str = "unspecified"

    @property
    def is_hdr(self) -> bool:
        """Whether the transfer is PQ or HLG."""
        return self.transfer in {"smpte2084", "arib-std-b67"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Track:
    """A stream of the source beside the main video."""

    stream_index: int
    """Index of the stream in the file."""
    kind: TrackKind
    codec: str
    """FFmpeg's name of the codec; empty if it is unknown, as for most attachments."""
    language: str = ""
    title: str = ""
    disposition: tuple[str, ...] = ()
    """FFmpeg's names of what the track is for, such as default, forced, hearing_impaired or attached_pic."""
    obstacle: str = ""
    """Why the output cannot get the track; empty if it can."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTrack(Track):
    """An audio track that the output can get."""

    kind: Literal["audio"] = "audio"
    sample_rate: int
    """Samples per second."""
    layout: str
    """FFmpeg's name of the channel layout: mono, stereo, 5.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How the pictures of a video are scanned, and how many source frames are made of each."""

    field_order: FieldOrder = "progressive"
    frames_per_picture: int = 1
    """Source frames that are made of a decoded picture: 2 if each field becomes a frame."""
    flags: ScanFlag = "progressive"
    """The scan flag that every decoded picture must have; any, if the flags were found to be wrong or do not count."""
    varies: bool = False
    """Whether pictures are not all scanned alike, or are telecined film: a survey decides what becomes of each. The
    frames that it leaves are progressive."""

    @property
    def is_interlaced(self) -> bool:
        """Whether the pictures are deinterlaced."""
        return self.field_order != "progressive"

    def pictures_of(self, frames: range, num_frames: int) -> range:
        """The decoded pictures that these source frames are made of; `num_frames` are all source frames of the video.

        Deinterlacing also needs the picture before and the one after.
        """
        margin = 1 if self.is_interlaced else 0
        first, last = frames.start // self.frames_per_picture, (frames.stop - 1) // self.frames_per_picture
        return range(max(0, first - margin), min(num_frames // self.frames_per_picture, last + 1 + margin))


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyFacts:
    """What a survey found in one source."""

    num_pictures: int
    """Decoded pictures."""
    num_repeats: int = 0
    """Pictures that are left out because they repeat the one before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFacts:
    """What probing found in one source, without the packet index, which is stored separately."""

    container: str
    """FFmpeg's name of the demuxer."""
    stream_index: int
    """Index of the video stream in the file."""
    codec: str
    width: int
    """Picture width in pixels, as coded, before any rotation."""
    height: int
    pixel_format: str
    """Pixel format as decoded."""
    has_alpha: bool = False
    """Whether pictures have alpha. False if an earlier version stored the plan, since it dropped alpha."""
    sample_aspect_ratio: Fraction
    """Width of a pixel over its height; 1 if unknown."""
    rotation_deg: int
    """Counterclockwise rotation that a player applies: 0, 90, 180 or 270."""
    color: ColorFacts
    rate_from_header: Fraction
    """Average frame rate that the container states; 0 if it states none."""
    num_frames: int
    """Source frames: the presented pictures of the index, or those that a survey leaves of them; or their fields, if
    each field becomes a frame."""
    lane: Lane
    """copy: chunks are copied packets; decode: the source is decoded once and its chunks are stored losslessly."""
    lane_reason: str
    """Why a source goes to the decode lane; empty in the copy lane."""
    audio: tuple[AudioTrack, ...]
    """The audio tracks that the output can get, in file order."""
    other_tracks: tuple[Track, ...] = ()
    """All other tracks, in file order. Empty if an earlier version stored the plan, since it did not list them."""
    part_starts: tuple[int, ...] = ()
    """Source frames with which a part of a joined file begins, the first part aside. Empty if an earlier version stored
    the plan, since it made frames between two parts unless they looked like a cut."""
    converted_formats: tuple[str, ...] = ()
    """Planar pixel formats of later pictures, which the decode lane converts to that of the first picture."""
    is_mirrored: bool = False
    """Whether a player mirrors the pictures from left to right, after it has rotated them."""
    fitted_sizes: tuple[str, ...] = ()
    """Sizes of pictures, such as 160x120, that are smaller than the largest: the decode lane fits them into it."""
    side_data: SideData = NO_SIDE_DATA
    """Of the video stream. Empty if an earlier version stored the plan, as is the metadata."""
    metadata: FileMetadata = NO_METADATA
    scan: Scan = Scan()
    """Interlaced or not, and what is done about it."""
    surveyed: SurveyFacts | None = None
    """None if the video was planned without a survey."""
    oddities: tuple[str, ...]
    """What a person should know of this file: variable rate, rotation, tracks that will not be in the output."""

    @property
    def tracks(self) -> tuple[Track, ...]:
        """All streams of the source but the main video, in file order."""
        return tuple(sorted((*self.audio, *self.other_tracks), key=lambda track: track.stream_index))


# ---- what will be made ---------------------------------------------------------------------------------------------


FIRST_BATCH_PX = 1 << 21
"""Pixels of a batch of a network in the first version, and on CPUs: eight frames at 640x360, one from 1080p on. Larger
batches are not faster on a CPU, and need more memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """The value of every `auto`, as the plan decided it for all workers: the numeric class of interpolated frames."""

    precision: Precision
    flow_scale: Fraction
    weights_name: str
    """What the settings' weights resolved to: a shipped versioned name such as compact-1, or a URI; empty if the method
    has none."""
    weights_sha256: str
    threads: int
    """CPU threads that torch uses in each worker."""
    pyramid_levels: int
    """Levels of the coarse-to-fine flow; 1 for networks without a pyramid."""
    encoder: str
    """FFmpeg's name of the encoder."""
    encoder_options: tuple[tuple[str, str], ...]
    """Options of the encoder, in order, including thread count and closed GOP."""
    pixel_format: str
    """Pixel format of the output."""
    full_to_limited: bool = False
    """Whether full-range samples become limited range, which all players of the codec expect. False if an earlier
    version stored the plan, since it kept the range."""
    context: int
    """Source frames on either side of a pair that decisions about the pair may read."""
    audio: Literal["keep", "stretch", "resample", "drop"]
    method_version: str = ""
    """Version of the package that adds the method, and of its pixels; empty for a method of slomo_batch."""
    batch_px: int = FIRST_BATCH_PX
    """Pixels of the frames that a network makes at once; it makes at least one frame."""
    tile_px: int = 0
    """Pixels of the tiles in which a network makes a frame; 0 if it makes frames whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """A run of source pairs and the output frames in them.

    Pair i lies between source frames i and i + 1; the last source frame's pair has no second frame and holds its
    picture. A chunk owns pairs [first_pair, end_pair) and output frames [first_frame, end_frame).
    """

    chunk_id: str
    index: int
    """Position among the video's chunks, from 0."""
    first_pair: int
    end_pair: int
    first_frame: int
    end_frame: int

    def __post_init__(self) -> None:
        if not (0 <= self.first_pair < self.end_pair and 0 <= self.first_frame < self.end_frame):
            raise ValueError(f"a chunk owns at least one pair and one output frame, got {self}")

    def source_frames(self, *, context: int, num_frames: int) -> range:
        """Source frames that the chunk reads: those of its pairs, and up to `context` more on either side."""
        return range(max(0, self.first_pair - context), min(num_frames, self.end_pair + 1 + context))


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoPlan:
    """What will be made of one video. It is stored before anything is made, and the output is verified against it."""

    video_id: str
    """Digest of everything that determines the output's pixels and audio."""
    request: VideoRequest
    facts: VideoFacts
    resolved: Resolved
    grid: OutputGrid
    tick_s: Fraction
    """Seconds per tick of the source timeline."""
    nominal_rate: Fraction
    """Source frames per second, as `fps: source` understands it."""


# ---- what became of it ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and with what a chunk was made. Pixels are only guaranteed to be identical within one class."""

    host: str
    device: str
    """Device model: the GPU's name, or the CPU's."""
    builds: str
    """Versions of the libraries that make pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStats:
    """One call as its process measured it. For reports only; nothing is decided by it."""

    host: str
    process: int
    """Number of the process on its host."""
    began_s: float
    """Seconds since 1970 by the host's clock."""
    took_s: float
    read_bytes: int
    """Contents of objects that came from the stores: sources, chunk objects, segments, records."""
    written_bytes: int
    """Contents of objects that went to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSeconds:
    """Seconds one chunk spent in each stage of its worker, for the benchmarks and the report."""

    fetch: float = 0.0
    decode: float = 0.0
    judge: float = 0.0
    """Looking for cuts and repeated frames."""
    color: float = 0.0
    """Conversion between planes and RGB."""
    model: float = 0.0
    hash: float = 0.0
    encode: float = 0.0
    upload: float = 0.0
    total: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCounts:
    """What the output frames of a chunk are."""

    source: int = 0
    """Source frames passed on unchanged (t = 0)."""
    made: int = 0
    """Interpolated frames."""
    held_at_cut: int = 0
    """Copies of a source frame because there is a scene cut in the pair."""
    held_repeat: int = 0
    """Copies of a source frame because the source repeats it."""
    held_damaged: int = 0
    """Source frames of the chunk that could not be decoded and were replaced by a neighbor."""
    held_in_doubt: int = 0
    """Copies of a source frame because the method doubts its frames of the pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRun:
    """Consecutive pairs of source frames that have the same output frames."""

    pairs: int
    source: int
    """Output frames of each pair that are its first source frame, unchanged: none or one, and any number in the last
    pair of a video, which holds its picture. They come before the others."""
    others: int
    """Other output frames of each pair."""
    kind: FrameKind
    """What the others are; source if there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameCaptions:
    """The closed captions of one source frame."""

    frame: int
    """Number of the source frame."""
    pairs: str
    """Triplets of CEA-608 that are not padding, as FFmpeg's side data has them, in hexadecimal digits."""
    has_708: bool = False
    """Whether the frame has CEA-708 captions too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkDone:
    """A committed segment."""

    video_id: str
    chunk_id: str
    index: int
    attempt: str
    segment_key: str
    size_bytes: int
    sha256: str
    """Of the segment object."""
    extradata_sha256: str
    """Of the encoder's global header. Segments with different headers cannot be joined."""
    num_frames: int
    max_reorder: int
    """Most places by which a packet's decode order is ahead of its presentation order."""
    frame_hashes: tuple[str, ...]
    """Hash of each output frame's planes before encoding, in order."""
    first_border_hash: str
    """Hash of the decoded source frame at first_pair."""
    last_border_hash: str
    """Hash of the decoded source frame at end_pair; empty in the last chunk."""
    counts: FrameCounts
    machine: Machine
    seconds: StageSeconds
    pair_runs: tuple[PairRun, ...] = ()
    """What the output frames of each pair are, in order. Empty if an earlier version made the segment."""
    damaged_frames: tuple[int, ...] = ()
    """Numbers of the source frames that `counts.held_damaged` counts; empty if an earlier version made the segment."""
    captions: tuple[FrameCaptions, ...] = ()
    """Of the frames at which the chunk's pairs begin, in order; frames without captions are left out."""
    doubts: str = ""
    """How much the method doubts its frames of each pair, a character per pair: see `plan.pair_doubts`. Empty if it did
    not judge any, or an earlier version made the segment."""
    strip_frame: int = -1
    """Number of the output frame in the middle of the chunk's strip (`steps.strip`); -1 if it has none."""
    strip_doubt: int = -1
    """How much the method doubts the pair of the strip, in sixteenths; -1 if it did not judge it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioDone:
    """The committed audio and subtitles of one video: a packet archive with one stream per track."""

    video_id: str
    key: str
    size_bytes: int
    sha256: str
    num_tracks: int
    """Number of audio tracks."""
    notes: tuple[str, ...]
    """What is missing from the output, for the report."""
    num_subtitles: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """The receipt of a published video: a verified output under its final name."""

    video_id: str
    source: Source
    output_uri: Uri
    size_bytes: int
    sha256: str
    num_frames: int
    duration_s: Fraction
    counts: FrameCounts
    frames_sha256: str
    """Hash over the hashes of all output frames before encoding, in order."""
    weights_name: str
    machines: tuple[Machine, ...]
    """The distinct machines that made the frames."""
    notes: tuple[str, ...]
    """What is missing from the output or differs from the source, for the report."""
    sidecar_sha256: str = ""
    """Of the output's sidecar; empty if it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFailed:
    """A video that failed, with the reason."""

    source_uri: str
    output_uri: str
    error: str
    """Name of the error's class."""
    reason: str
    """Message of the error."""

    @classmethod
    def of(cls, request: VideoRequest, error: SlomoError) -> Self:
        """The failure of this request by this error."""
        return cls(
            source_uri=request.source.uri,
            output_uri=request.output_uri,
            error=type(error).__name__,
            reason=str(error),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOwnership:
    """What an object was made from that this job put under an output's name."""

    output_uri: Uri
    source: Source
    video_id: str
    receipt_id: str


# ---- who leads the job --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverClaim:
    """A driver's claim to lead the job, and its heartbeat."""

    driver: str
    """Random name of the driver."""
    host: str
    pid: int
    process_start: str
    """When the process began, in the kernel's units. A pid is reused, but not with the same start."""
    beat: int
    """Increases while the driver runs."""
    ended: bool
    """True once the driver has ended normally."""
    boot_id: str = ""
    """Random id that the kernel takes when it starts; "" if unknown."""
    pid_namespace: int = 0
    """Inode of the PID namespace, in which the pid is valid; 0 if unknown. Containers have one each."""
