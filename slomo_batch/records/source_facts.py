"""Source facts: what probing and surveying found in a source."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from slomo_batch.metadata import NO_METADATA, FileMetadata
from slomo_batch.side_data import NO_SIDE_DATA, SideData

TrackKind = Literal["video", "audio", "subtitle", "data", "attachment", "unknown"]
Lane = Literal["copy", "decode"]
FieldOrder = Literal["progressive", "tff", "bff"]
"""Progressive, or which field of a picture is shown first: top field first or bottom field first."""
ScanFlag = Literal["progressive", "tff", "bff", "any"]


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
