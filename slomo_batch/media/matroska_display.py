"""The display size of a video in Matroska and WebM, by which they state its sample aspect ratio.

FFmpeg's muxer takes the ratio from a field that PyAV does not expose. So the display size is written into the finished
file, in place: the name of the video track gets spaces at its end, whose room the display size takes.
"""

import zlib
from fractions import Fraction
from io import SEEK_END
from typing import BinaryIO

from av.video.stream import VideoStream

from slomo_batch.media.ebml import element, elements_in, file_elements, number
from slomo_batch.side_data import SideData

_SEGMENT, _TRACKS, _TRACK, _NAME, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x536E, 0xE0
_CRC, _VOID = 0xBF, 0xEC
_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT = 0x54B0, 0x54BA, 0x54B2
_ROOM = " " * 48
"""More than the elements of a display size take."""
_LARGEST_SIDE = 1 << 15
"""Larger display sizes are refused by browsers: instead, the width is rounded to whole pixels."""


def display_size(width: int, height: int, sample_aspect_ratio: Fraction, side_data: SideData) -> tuple[int, int]:
    """Return the smallest display size, in pixels, that is not below the picture's and has exactly its shape.

    The shape is that of the part that is shown, and of one of two stereo pictures. `width` and `height` are those of
    the coded picture.
    """
    cropping = side_data.cropping
    if cropping:
        width, height = width - cropping.left - cropping.right, height - cropping.top - cropping.bottom
    beside, above = {"side by side": (2, 1), "top and bottom": (1, 2)}.get(side_data.stereo, (1, 1))
    shape = Fraction(width, height) * sample_aspect_ratio * Fraction(above, beside)
    times = max(1, -(-height // (above * shape.denominator)))
    exact = shape.numerator * times, shape.denominator * times
    return exact if max(exact) < _LARGEST_SIDE else (max(1, round(height * shape)), height)


def reserve_display_size(video: VideoStream) -> None:
    """Make room for a display size in a stream of the output, before its first packet."""
    name = next((name for name in video.metadata if name.lower() == "title"), "title")
    video.metadata[name] = video.metadata.get(name, "") + _ROOM


def write_display_size(file: BinaryIO, size: tuple[int, int]) -> None:
    """State this display size of the first video track of a finished file, which has room for it.

    Raises:
        ValueError: there is no such track, or no room in it.
    """
    start, end = _tracks_in(file)
    for kind, track_start, track_end in file_elements(file, start, end):
        track = _read(file, track_start, track_end)
        if kind == _TRACK and _VIDEO in dict(elements_in(track)):
            file.seek(track_start)
            file.write(_with_display_size(track, size))
            _write_checksum(file, start, end)
            return
    raise ValueError("no video track")


def _tracks_in(file: BinaryIO) -> tuple[int, int]:
    """Start and end of the data of the element that holds all tracks."""
    start, end = 0, file.seek(0, SEEK_END)
    for wanted in (_SEGMENT, _TRACKS):
        found = next((span for span in file_elements(file, start, end) if span[0] == wanted), None)
        if found is None:
            raise ValueError("not a file of Matroska or WebM")
        _, start, end = found
    return start, end


def _read(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _with_display_size(track: bytes, size: tuple[int, int]) -> bytes:
    """The data of a track, as long as before, with a display size in place of the room in its name."""
    kept = []
    for kind, data in elements_in(track):
        if kind == _NAME:
            name = data.removesuffix(_ROOM.encode())
            kept += [element(_NAME, name)] if name else []
        elif kind == _VIDEO:
            kept.append(element(_VIDEO, _with_size(data, size)))
        elif kind != _VOID:
            kept.append(element(kind, data))
    changed = b"".join(kept)
    num_unused = len(track) - len(changed) - len(element(_VOID, b""))
    filled = changed + element(_VOID, bytes(max(num_unused, 0)))
    if len(filled) != len(track):
        raise ValueError("no room for a display size")
    return filled


def _with_size(video: bytes, size: tuple[int, int]) -> bytes:
    """The settings of a video track, with this display size in place of its own, if it has one."""
    other = {_DISPLAY_WIDTH, _DISPLAY_HEIGHT, _DISPLAY_UNIT}
    kept = [element(kind, data) for kind, data in elements_in(video) if kind not in other]
    return b"".join([*kept, number(_DISPLAY_WIDTH, size[0]), number(_DISPLAY_HEIGHT, size[1])])


def _write_checksum(file: BinaryIO, start: int, end: int) -> None:
    """Write the checksum of the tracks again, if they have one."""
    kind, crc_start, crc_end = next(file_elements(file, start, end))
    if kind == _CRC:
        checksum = zlib.crc32(_read(file, crc_end, end))
        file.seek(crc_start)
        file.write(checksum.to_bytes(4, "little"))
