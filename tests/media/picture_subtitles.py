"""Films with picture subtitles, whose packets are made here: no FFmpeg encodes them from text."""

import struct
from collections.abc import Sequence
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import av

from slomo_batch.media.matroska_template import subtitle_template
from slomo_batch.media.packets import StreamHeader

PALETTE = b"size: 32x32\npalette: " + b", ".join([b"000000", b"ffffff"] * 8) + b"\n"
_SPU_CONTROL = b"\x01\x03\x00\x01\x04\xff\xff\x05\x00\x00\x01\x00\x00\x01\x06\x00\x04\x00\x05\xff"
"""Start the display of 2 x 2 pixels with these colors and this place."""


def spu(delay: int) -> bytes:
    """A DVD subpicture that is hidden after `delay` units."""
    pixels, at = b"\x55\x55", 6
    end = at + 4 + len(_SPU_CONTROL)
    first = struct.pack(">HH", 0, end) + _SPU_CONTROL
    last = struct.pack(">HH", delay, end) + b"\x02\xff"
    return struct.pack(">HH", end + len(last), at) + pixels + first + last


PICTURES = {
    "dvd_subtitle": spu(50),
    "dvb_subtitle": b"\x0f\x10\x00\x01\x00\x02\x05\x08\x0f\x80\x00\x01\x00\x00",
    "hdmv_pgs_subtitle": b"\x16\x00\x0b\x00\x20\x00\x20\x10\x00\x00\x80\x00\x00\x00\x80\x00\x00",
}
"""By codec: a packet."""


def with_pictures(path: Path, codec: str, at_s: Sequence[float], duration_ms: int = 400) -> Path:
    """A film of two seconds in Matroska, with these pictures."""
    header = StreamHeader(
        kind="subtitle",
        codec=codec,
        time_base=Fraction(1, 1000),
        extradata={"dvd_subtitle": PALETTE, "dvb_subtitle": b"\x00\x01\x00\x01\x10"}.get(codec, b""),
    )
    with ExitStack() as stack, av.open(str(path), "w") as container:
        video = container.add_stream("mpeg4", rate=25)
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        track = container.add_stream_from_template(subtitle_template(stack, header), opaque=True)
        track.codec_context.extradata = header.extradata or None
        for number in range(50):
            container.mux(video.encode(av.VideoFrame(32, 32, "yuv420p")))
            if number / 25 in at_s:
                packet = av.Packet(PICTURES[codec])
                packet.stream, packet.time_base = track, header.time_base
                packet.pts = packet.dts = round(number * 40)
                packet.duration = duration_ms
                container.mux(packet)
        container.mux(video.encode(None))
    return path
