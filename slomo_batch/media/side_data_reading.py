"""Read the side data of a source's video stream: from its first decoded frame, and from what its container states.

Decoders attach to a frame what the container states and what the stream itself states, except cropping and the
configuration of Dolby Vision, which are read from the header file of the stream. Layouts are those of FFmpeg's
structures in libavutil.
"""

import struct
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, NoReturn

import av
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.frame_side_data import frame_side_data, has_unknown_side_data
from slomo_batch.media.header_file import boxes_of_stream, header_file
from slomo_batch.media.side_data_boxes import cropping_in, dolby_vision_in
from slomo_batch.side_data import CLOSED_CAPTIONS, ContentLight, MasteringDisplay, Projection, SideData, Stereo

_CHROMATICITY, _LUMINANCE = 50_000, 10_000
"""Units of a mastering display: parts of 1, and of 1 cd/m2."""
MOST_LUMINANCE = 10_000 * _LUMINANCE
"""What PQ can state, in units of 0.0001 cd/m2."""
_DEGREE = 1 << 16
_STEREO: dict[int, Stereo] = {0: "mono", 1: "side by side", 2: "top and bottom"}
_FRAME_SEQUENCE = 3
_EQUIRECTANGULAR = (0, 2)
_CUBEMAP = 1
_COMPATIBLE_PROFILES = frozenset({4, 7, 8, 9})
"""Profiles of Dolby Vision whose base layer is ordinary SDR, HLG or HDR10 video, even if the file does not say so."""
_DROPPED = {
    "DYNAMIC_HDR_PLUS": "HDR10+ dynamic metadata",
    "DYNAMIC_HDR_VIVID": "HDR Vivid dynamic metadata",
    "AMBIENT_VIEWING_ENVIRONMENT": "the ambient viewing environment",
    "ICC_PROFILE": "the ICC profile",
    "AFD": "the active format description",
    "PANSCAN": "the pan-scan rectangle",
    "A53_CC": CLOSED_CAPTIONS,
}
"""Names of side data that no output gets, by PyAV's name."""


def side_data_of(video: VideoStream, first_frame: av.VideoFrame, name: str) -> SideData:
    """The side data of a stream; messages call the file `name`.

    Raises:
        SourceUnsupported: Dolby Vision without a base layer that other players show, or alternating stereo pictures.
    """
    found = frame_side_data(first_frame)
    boxes = boxes_of_stream(header_file(video))
    dolby_vision = _dolby_vision(boxes, name)
    mastering = _mastering(_words(found, "MASTERING_DISPLAY_METADATA"))
    projection = _projection(_words(found, "SPHERICAL"))
    stereo = _stereo(_words(found, "STEREO3D"), name)
    dropped = [dropped for kind, dropped in _DROPPED.items() if kind in found]
    if has_unknown_side_data(first_frame):
        dropped.append("metadata of single pictures, such as EXIF")
    if dolby_vision or "DOVI_METADATA" in found or "DOVI_RPU_BUFFER" in found:
        dropped.append(dolby_vision or "Dolby Vision metadata")
    if "MASTERING_DISPLAY_METADATA" in found and mastering is None:
        dropped.append("the mastering display, whose values are incomplete or impossible")
    if "SPHERICAL" in found and projection is None:
        dropped.append("the projection, which is neither equirectangular nor a cubemap, or has impossible values")
    if "STEREO3D" in found and not stereo:
        dropped.append("the stereo layout, which is neither side by side nor top and bottom")
    return SideData(
        mastering=mastering,
        content_light=_content_light(_words(found, "CONTENT_LIGHT_LEVEL")),
        projection=projection,
        stereo=stereo,
        cropping=cropping_in(boxes, first_frame.width, first_frame.height),
        dropped=tuple(dropped),
    )


def _words(found: Mapping[str, Any], kind: str) -> tuple[int, ...]:
    """The side data of this kind as signed words of 32 bits; empty if there is none."""
    data = bytes(found[kind]) if kind in found else b""
    return struct.unpack_from(f"<{len(data) // 4}i", data)


# ---- HDR -----------------------------------------------------------------------------------------------------------


def _mastering(words: tuple[int, ...]) -> MasteringDisplay | None:
    if len(words) < 22 or 0 in words[1:20:2] or not (words[20] and words[21]):
        return None
    values = [Fraction(up, down) for up, down in zip(words[0:20:2], words[1:20:2], strict=True)]
    points = [round(value * _CHROMATICITY) for value in values[:8]]
    least, most = (round(value * _LUMINANCE) for value in values[8:])
    if not (all(0 <= point <= _CHROMATICITY for point in points) and 0 <= least < most <= MOST_LUMINANCE):
        return None
    red, green, blue, white = zip(points[::2], points[1::2], strict=True)
    return MasteringDisplay(red=red, green=green, blue=blue, white=white, most_luminance=most, least_luminance=least)


def _content_light(words: tuple[int, ...]) -> ContentLight | None:
    if len(words) < 2 or not any(words[:2]) or not all(0 <= word < 1 << 16 for word in words[:2]):
        return None
    return ContentLight(most=words[0], most_average=words[1])


def _dolby_vision(boxes: dict[bytes, bytes], name: str) -> str:
    """The name of the Dolby Vision layer that the output does not get; empty if there is none."""
    configuration = dolby_vision_in(boxes)
    if configuration is None:
        return ""
    profile, compatible_with = configuration
    if not compatible_with and profile not in _COMPATIBLE_PROFILES:
        _refuse_dolby_vision(profile, name)
    return f"the Dolby Vision layer (profile {profile})"


def _refuse_dolby_vision(profile: int, name: str) -> NoReturn:
    raise SourceUnsupported(
        f"not yet supported: Dolby Vision profile {profile}, whose pictures have wrong colors without its metadata",
        where=name,
        remedy="Convert it to HDR10 first, for example with FFmpeg's libplacebo filter.",
    )


# ---- geometry ------------------------------------------------------------------------------------------------------


def _projection(words: tuple[int, ...]) -> Projection | None:
    if len(words) < 9 or words[0] not in {*_EQUIRECTANGULAR, _CUBEMAP}:
        return None
    kind, yaw, pitch, roll, *bounds, padding = words[:9]
    if max(abs(yaw), abs(roll)) > 180 * _DEGREE or abs(pitch) > 90 * _DEGREE:
        return None
    if kind == _CUBEMAP:
        return Projection(kind="cubemap", yaw=yaw, pitch=pitch, roll=roll, padding=padding & 0xFFFFFFFF)
    left, top, right, bottom = (bound & 0xFFFFFFFF for bound in bounds)
    if max(left + right, top + bottom) >= 0xFFFFFFFF:
        return None
    return Projection(kind="equirectangular", yaw=yaw, pitch=pitch, roll=roll, bounds=(left, top, right, bottom))


def _stereo(words: tuple[int, ...], name: str) -> Stereo:
    """The layout; empty if there is none, or no box names it."""
    if len(words) < 2:
        return ""
    if words[0] == _FRAME_SEQUENCE:
        raise SourceUnsupported(
            "not yet supported: frame-sequential stereo video (the left and the right eye in turn)",
            where=name,
            remedy="Convert it to two pictures side by side first, for example with FFmpeg's framepack filter.",
        )
    is_inverted = words[1] != 0
    return "" if is_inverted else _STEREO.get(words[0], "")
