"""Source pictures: the frames of a whole video as pictures of one format and size, with their closed captions."""

from collections.abc import Iterator
from dataclasses import dataclass

import av

from slomo_batch.media.captions import caption_bytes
from slomo_batch.media.decode_lane import SourceFrame, all_source_frames
from slomo_batch.media.fitted_picture import fitted_picture
from slomo_batch.media.frames import planar_format
from slomo_batch.media.packets import decoder_of
from slomo_batch.media.planned_source import PlannedSource
from slomo_batch.media.scan_flags import ScanFlags
from slomo_batch.picture import Picture
from slomo_batch.records.source_facts import FieldOrder, VideoFacts
from slomo_batch.timeline.index import VideoIndex


def planned_frames(
    source: PlannedSource, facts: VideoFacts, index: VideoIndex, name: str, *, max_held_frames: int, alpha: bool
) -> Iterator[SourceFrame]:
    """Every presented frame of a source that was opened as planned, in order; see `all_source_frames`."""
    return all_source_frames(
        decoder_of(source.video, alpha=alpha),
        source.video_packets,
        index,
        name,
        max_held_frames,
        facts.scan.flags,
        facts.converted_formats,
        any_size=bool(facts.fitted_sizes),
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourcePicture:
    """One picture of a video."""

    number: int
    picture: Picture
    is_held: bool
    """True for a copy of a neighbor, in place of a picture that cannot be decoded. Both hold the same `picture`."""
    scan: FieldOrder = "progressive"
    """Its scan flag."""
    captions: bytes = b""
    """Closed captions, as FFmpeg's side data has them."""


class PictureConverter:
    """Converts frames to pictures in the planar format of the video. Those of other sizes are fitted into its size.

    Captions are read only with `captions`: reading them accesses the frame's side data, after which PyAV keeps the
    frame in memory until the garbage collector runs.
    """

    def __init__(self, facts: VideoFacts, *, alpha: bool, captions: bool = True) -> None:
        self._format = planar_format(facts.pixel_format, alpha=alpha)
        self._size = facts.width, facts.height
        self._is_full_range = facts.color.range == "full"
        self._reads_captions = captions
        self._scan_flags = ScanFlags()
        self._last: tuple[av.VideoFrame, Picture] | None = None

    def convert(self, source: SourceFrame) -> SourcePicture:
        """The frame as a picture. Copies of one frame, taken one after the other, give the same picture."""
        if self._last is None or self._last[0] is not source.frame:
            fitted = fitted_picture(source.frame, self._format, self._size, is_full_range=self._is_full_range)
            self._last = source.frame, fitted
        captions = caption_bytes(source.frame) if self._reads_captions and not source.is_held else b""
        return SourcePicture(
            number=source.number,
            picture=self._last[1],
            is_held=source.is_held,
            scan=self._scan_flags.order_of(source.frame),
            captions=captions,
        )
