"""StitchSpec: what the segments of a video are, and what its output file is to state."""

from dataclasses import dataclass
from fractions import Fraction

from slomo_batch.media.encode import SegmentFacts
from slomo_batch.metadata import NO_METADATA, FileMetadata
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.side_data import NO_SIDE_DATA, SideData


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchSpec:
    """What the segments are, and what the output file is to state."""

    rate: Fraction
    """Output frames per second."""
    num_frames: int
    width: int
    height: int
    encoder: str
    """FFmpeg's name of the encoder that made the segments."""
    color: ColorFacts
    sample_aspect_ratio: Fraction
    rotation_deg: int
    """Rotation in degrees counterclockwise that a player applies."""
    has_alpha: bool = False
    """Whether the pictures of the segments have alpha."""
    is_mirrored: bool = False
    """Whether it then mirrors the pictures from left to right."""
    side_data: SideData = NO_SIDE_DATA
    metadata: FileMetadata = NO_METADATA
    segments: tuple[SegmentFacts, ...]
    """The segments, in order."""

    @property
    def max_reorder(self) -> int:
        """D: number of frames by which decoding starts before the first presentation."""
        return max(facts.max_reorder for facts in self.segments)
