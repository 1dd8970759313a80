"""Properties that all pictures of a video must share, since the plan takes them from the first: size, color and pixel
shape; and the scan flag that the plan states.

A picture that differs is never scaled, converted or passed on as if it matched: the video is refused.
"""

from collections.abc import Container
from fractions import Fraction

import av
from av.video.codeccontext import VideoCodecContext

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.color_names import (
    FULL,
    HDR_TRANSFERS,
    LIMITED,
    MATRICES,
    PRIMARIES,
    TRANSFERS,
)
from slomo_batch.media.frame_side_data import frame_side_data
from slomo_batch.media.frames import planar_format_name
from slomo_batch.media.scan_flags import ScanFlags
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.scan import NAMES
from slomo_batch.records.source_facts import ScanFlag

Properties = dict[str, str]
"""A picture's properties by name. Properties that the picture does not state are left out."""
_LIMITED_BY_DEFAULT = frozenset({"h264", "hevc"})
_USUAL_MATRICES = frozenset({"bt709", "smpte170m", "bt470bg"})
"""Matrices that a picture may state after others stated none: players assume one of them."""


def is_full_range(frame: av.VideoFrame, decoder: VideoCodecContext, container_range: int = 0) -> bool:
    """True if samples use their full range, as stated by the frame, else by the container, else implied by the pixel
    format.

    Gray is full range by default, as FFV1, JPEG 2000, TIFF and raw video have it, but limited in H.264 and HEVC (clause
    E.2.1 of both: video_full_range_flag is 0 if it is not present).
    """
    model = PIXEL_FORMATS[planar_format_name(frame.format.name)].model
    is_full_by_default = frame.format.name.startswith(("yuvj", "mono")) or (
        model == "rgb" or (model == "gray" and decoder.name not in _LIMITED_BY_DEFAULT)
    )
    stated = frame.color_range or container_range
    return stated == FULL or (stated != LIMITED and is_full_by_default)


def properties_of(
    frame: av.VideoFrame, decoder: VideoCodecContext, *, accepts_zero_rotation: bool = False
) -> Properties:
    """The properties that this picture states. `decoder` is the decoder that has just returned it.

    A rotation of 0 degrees counts as stated only with `accepts_zero_rotation`: reading it accesses the frame's side
    data, after which PyAV keeps the frame in memory until the garbage collector runs.
    """
    states_rotation = frame.rotation or (accepts_zero_rotation and "DISPLAYMATRIX" in frame_side_data(frame))
    ratio = decoder.sample_aspect_ratio or Fraction(0)
    stated = {
        "size": f"{frame.width}x{frame.height}",
        "pixel format": planar_format_name(frame.format.name),
        "sample range": "full" if is_full_range(frame, decoder) else "limited",
        "color matrix": MATRICES.get(frame.colorspace),
        "color primaries": PRIMARIES.get(frame.color_primaries),
        "transfer": TRANSFERS.get(frame.color_trc),
        "sample aspect ratio": str(ratio) if ratio else None,
        "rotation": f"{frame.rotation} degrees" if states_rotation else None,
    }
    return {name: value for name, value in stated.items() if value is not None}


class PropertyCheck:
    """Check that pictures, taken in the decoder's order, have the same properties as the first.

    Every picture must have this scan flag. Pictures may have the planar pixel formats in
    `other_formats` in addition to the first one's, and other sizes with `any_size`.
    """

    def __init__(self, scan_flag: ScanFlag, other_formats: Container[str] = (), *, any_size: bool = False) -> None:
        self._scan_flag: ScanFlag = scan_flag
        self._scan_flags = ScanFlags()
        self._other_formats = other_formats
        self._any_size = any_size
        self._known: Properties = {}

    def check(self, frame: av.VideoFrame, decoder: VideoCodecContext) -> None:
        """Check the next picture.

        Raises:
            SourceUnsupported: its scan flag is not the required one, or it differs from the pictures before it; the
                message names the property.
        """
        self._check_scan(frame)
        found = properties_of(frame, decoder, accepts_zero_rotation="rotation" in self._known)
        for name, value in found.items():
            if self._is_change(name, value):
                raise SourceUnsupported(
                    f"not yet supported: the {name} changes midway",
                    where=position_of(frame),
                    expected=self._known.get(name, "none"),
                    got=value,
                    remedy="Cut the file there, and convert its parts separately.",
                )
        self._known = found | self._known

    def _check_scan(self, frame: av.VideoFrame) -> None:
        if self._scan_flag == "any":
            return
        order = self._scan_flags.order_of(frame)
        if order != self._scan_flag:
            raise SourceUnsupported(
                "the scan type changes midway",
                where=position_of(frame),
                expected=NAMES[self._scan_flag],
                got=NAMES[order],
                remedy="Set scan to telecine to decide about each picture, or to interlaced to deinterlace all.",
            )

    def _is_change(self, name: str, value: str) -> bool:
        if name in self._known or not self._known:
            allowed = (name == "pixel format" and value in self._other_formats) or (name == "size" and self._any_size)
            return not allowed and self._known.get(name, value) != value
        match name:
            case "transfer":
                return value in HDR_TRANSFERS
            case "color matrix":
                return value not in _USUAL_MATRICES
            case "rotation":
                return True
            case _:
                return False


def position_of(frame: av.VideoFrame) -> str:
    """Where a frame is, for messages."""
    seconds = f" ({frame.time:.2f} s)" if frame.time is not None else ""
    return f"source frame at pts {frame.pts}{seconds}"
