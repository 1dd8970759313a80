"""Plans: what will be made of a video, with which values of `auto`, and in which chunks."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.source_facts import VideoFacts
from slomo_batch.settings import Precision
from slomo_batch.timeline.retiming import OutputGrid

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
