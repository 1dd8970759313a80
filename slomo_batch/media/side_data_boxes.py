"""The boxes of MP4 that state side data: mdcv, clli, st3d, sv3d and clap are written, clap and Dolby Vision's are read.

Layouts: ISO/IEC 14496-12 (mdcv, clli, clap), Google's Spherical Video V2 (st3d, sv3d), Dolby's "Dolby Vision Streams
within the ISO Base Media File Format" (dvcC, dvvC).
"""

import struct
from collections.abc import Iterator, Mapping

from slomo_batch.media.mp4_boxes import box
from slomo_batch.side_data import Cropping, MasteringDisplay, Projection, SideData

STEREO_CODES = {"mono": 0, "top and bottom": 1, "side by side": 2}
_VERSION = bytes(4)
"""Version 0 and flags 0, at the front of the boxes that have them."""
_CLAP = struct.Struct(">IIIIiIiI")


# ---- writing -------------------------------------------------------------------------------------------------------


def boxes_of_side_data(side_data: SideData, width: int, height: int) -> bytes:
    """The boxes that state this side data of a video of this coded size in pixels."""
    return b"".join(_boxes(side_data, width, height))


def _boxes(side_data: SideData, width: int, height: int) -> Iterator[bytes]:
    if side_data.mastering:
        yield box(b"mdcv", _mastering(side_data.mastering))
    if side_data.content_light:
        yield box(b"clli", struct.pack(">2H", side_data.content_light.most, side_data.content_light.most_average))
    if side_data.stereo:
        yield box(b"st3d", _VERSION, bytes([STEREO_CODES[side_data.stereo]]))
    if side_data.projection:
        yield box(b"sv3d", box(b"svhd", _VERSION, b"\0"), box(b"proj", *_projection(side_data.projection)))
    if side_data.cropping:
        yield box(b"clap", _clean_aperture(side_data.cropping, width, height))


def _mastering(display: MasteringDisplay) -> bytes:
    points = (*display.green, *display.blue, *display.red, *display.white)
    return struct.pack(">8H2I", *points, display.most_luminance, display.least_luminance)


def _projection(projection: Projection) -> tuple[bytes, bytes]:
    pose = box(b"prhd", _VERSION, struct.pack(">3i", projection.yaw, projection.pitch, projection.roll))
    if projection.kind == "cubemap":
        return pose, box(b"cbmp", _VERSION, struct.pack(">2I", 0, projection.padding))
    left, top, right, bottom = projection.bounds
    return pose, box(b"equi", _VERSION, struct.pack(">4I", top, bottom, left, right))


def _clean_aperture(cropping: Cropping, width: int, height: int) -> bytes:
    """Its size, and how far its center is from that of the picture, as fractions."""
    shown = width - cropping.left - cropping.right, height - cropping.top - cropping.bottom
    shift = cropping.left - cropping.right, cropping.top - cropping.bottom
    return _CLAP.pack(shown[0], 1, shown[1], 1, shift[0], 2, shift[1], 2)


# ---- reading -------------------------------------------------------------------------------------------------------


def cropping_in(boxes: Mapping[bytes, bytes], width: int, height: int) -> Cropping | None:
    """The cropping that a clean aperture states, in whole pixels; None if there is none, or it is not possible."""
    clap = boxes.get(b"clap", b"")
    if len(clap) < _CLAP.size:
        return None
    numbers = _CLAP.unpack_from(clap)
    if 0 in numbers[1::2]:
        return None
    shown_x, shown_y, shift_x, shift_y = (up / down for up, down in zip(numbers[::2], numbers[1::2], strict=True))
    left, top = round((width - shown_x) / 2 + shift_x), round((height - shown_y) / 2 + shift_y)
    right, bottom = width - left - round(shown_x), height - top - round(shown_y)
    found = Cropping(left=left, top=top, right=right, bottom=bottom)
    is_possible = min(left, top, right, bottom) >= 0 and left + right < width and top + bottom < height
    return found if is_possible and any((left, top, right, bottom)) else None


def dolby_vision_in(boxes: Mapping[bytes, bytes]) -> tuple[int, int] | None:
    """Profile of Dolby Vision, and what its base layer is compatible with (0: nothing); None if there is none."""
    found = next((boxes[kind] for kind in (b"dvcC", b"dvvC", b"dvwC") if kind in boxes), b"")
    return (found[2] >> 1, found[4] >> 4) if len(found) >= 5 else None
