"""H.264 whose fields are pictures and packets of their own (PAFF), which no encoder here makes.

Its macroblocks are I_PCM: samples are stored as they are.
"""

import io
from collections.abc import Sequence
from fractions import Fraction

import av
import numpy as np
from av.video.stream import VideoStream

from slomo_batch.picture import Picture, Samples
from tests.clips.interlaced import FORMATS

_SPS, _PPS, _IDR_SLICE, _SLICE = 7, 8, 5, 1
_I_PCM, _I_SLICE = 25, 7


class _Bits:
    def __init__(self) -> None:
        self._bits: list[int] = []

    def fixed(self, num_bits: int, *values: int) -> "_Bits":
        for value in values:
            self._bits += [value >> place & 1 for place in reversed(range(num_bits))]
        return self

    def golomb(self, *values: int) -> "_Bits":
        """Exp-Golomb codes, unsigned."""
        for value in values:
            num_bits = (value + 1).bit_length()
            self.fixed(num_bits - 1, 0).fixed(num_bits, value + 1)
        return self

    def aligned(self) -> bytes:
        return np.packbits(self._bits).tobytes()

    def ended(self) -> bytes:
        return self.fixed(1, 1).aligned()


def stream(pictures: Sequence[Picture]) -> list[list[bytes]]:
    """The two packets of each 4:2:0 picture, top field first. Sizes must be multiples of 16 and 32."""
    return [[_field(picture, number, late=late) for late in (False, True)] for number, picture in enumerate(pictures)]


def paff(pictures: Sequence[Picture], suffix: str) -> bytes:
    """A file of these pictures at 25 per second, with a packet for each field."""
    raw = b"".join(field for both in stream(pictures) for field in both)
    if suffix == ".h264":
        return raw
    file = io.BytesIO()
    with (
        av.open(io.BytesIO(raw), "r", format="h264", options={"framerate": "50"}) as source,
        av.open(file, "w", format=FORMATS[suffix]) as target,
    ):
        video = source.streams.video[0]
        copy = target.add_stream_from_template(video, opaque=True)
        assert isinstance(copy, VideoStream)
        copy.time_base = Fraction(1, 50)
        for number, packet in enumerate(packet for packet in source.demux(video) if packet.size):
            packet.pts = packet.dts = number
            packet.duration, packet.time_base, packet.stream = 1, Fraction(1, 50), copy
            target.mux(packet)
    return file.getvalue()


def _field(picture: Picture, number: int, *, late: bool) -> bytes:
    """One field: an IDR picture, or, if it is the later one, an I picture that belongs to it."""
    luma, *chroma = (plane[late::2] for plane in picture.planes)
    head = _Bits().golomb(0, _I_SLICE, 0).fixed(4, 0).fixed(1, 1, late)
    if not late:
        head.golomb(number % 2)
    head.fixed(8, late).fixed(1, *([0] if late else [0, 0])).golomb(0, 1)
    data = b""
    for row in range(luma.shape[0] // 16):
        for column in range(luma.shape[1] // 16):
            data += head.golomb(_I_PCM).aligned() + _block(luma, row, column, 16)
            data += b"".join(_block(plane, row, column, 8) for plane in chroma)
            head = _Bits()
    slice_unit = _unit(_SLICE if late else _IDR_SLICE, data + head.ended())
    return slice_unit if late else b"\0\0\0\1\x09\x10" + _parameters(picture.width, picture.height) + slice_unit


def _block(plane: Samples, row: int, column: int, side: int) -> bytes:
    return plane[row * side : (row + 1) * side, column * side : (column + 1) * side].tobytes()


def _parameters(width: int, height: int) -> bytes:
    main_profile, level_3 = 77, 30
    sps = _Bits().fixed(8, main_profile, 0, level_3).golomb(0, 0, 0, 4, 1).fixed(1, 0)
    sps.golomb(width // 16 - 1, height // 32 - 1).fixed(1, 0, 0, 1, 0, 0)
    pps = _Bits().golomb(0, 0).fixed(1, 0, 0).golomb(0, 0, 0).fixed(1, 0).fixed(2, 0).golomb(0, 0, 0).fixed(1, 1, 0, 0)
    return _unit(_SPS, sps.ended()) + _unit(_PPS, pps.ended())


def _unit(kind: int, payload: bytes) -> bytes:
    """A NAL unit, with a byte before what would look like the start of another one."""
    data, zeros = bytearray(), 0
    for byte in payload:
        if zeros >= 2 and byte <= 3:
            data.append(3)
            zeros = 0
        data.append(byte)
        zeros = zeros + 1 if byte == 0 else 0
    return b"\0\0\0\1" + bytes([3 << 5 | kind]) + bytes(data)
