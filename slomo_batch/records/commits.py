"""Commits: what the segment of a chunk and the audio of a video hold, and where and how they were made."""

from dataclasses import dataclass
from typing import Literal

FrameKind = Literal["source", "made", "held_at_cut", "held_repeat", "held_in_doubt"]
"""What an output frame is: a source frame, an interpolated one, or a copy of a source frame: at a cut, at a repeat, or
where the method doubts its frames."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where and with what a chunk was made. Pixels are only guaranteed to be identical within one class."""

    host: str
    device: str
    """Device model: the GPU's name, or the CPU's."""
    builds: str
    """Versions of the libraries that make pixels."""


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
