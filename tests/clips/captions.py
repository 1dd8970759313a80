"""A film whose pictures have closed captions."""

import io
from collections.abc import Mapping
from fractions import Fraction

import av
import numpy as np

FPS, NUM_FRAMES = 25, 40
SENT = {
    **dict.fromkeys((2, 3), "fc9420"),  # load the hidden screen
    **dict.fromkeys((4, 5), "fc9470"),  # in the last row
    6: "fcc849",  # HI
    **dict.fromkeys((10, 11), "fc942f"),  # show it
    **dict.fromkeys((30, 31), "fc942c"),  # clear the screen
}
"""By source frame: a triplet of CEA-608."""


def film(triplets: Mapping[int, str]) -> bytes:
    """A transport stream of H.264 with B-frames, whose pictures have these triplets, or else padding."""
    out = io.BytesIO()
    with av.open(out, "w", format="mpegts") as container:
        video = container.add_stream("libx264", rate=FPS, options={"bf": "2", "g": "12", "preset": "ultrafast"})
        video.width = video.height = 32
        video.pix_fmt = "yuv420p"
        for number in (*range(NUM_FRAMES), None):
            frame = None
            if number is not None:
                frame = av.VideoFrame.from_ndarray(np.full((48, 32), 5 * number, np.uint8), "yuv420p")
                frame.pts, frame.time_base = number, Fraction(1, FPS)
            for packet in video.encode(frame):
                shown = round((packet.pts or 0) * packet.time_base * FPS)
                made = av.Packet(_sei(bytes.fromhex(triplets.get(shown, "fc8080"))) + bytes(packet))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.is_keyframe, made.stream = packet.is_keyframe, video
                container.mux(made)
    return out.getvalue()


def _sei(triplet: bytes) -> bytes:
    """A message of H.264 with caption data, as ATSC A/53 Part 4 defines it."""
    payload = b"\xb5\x00\x31GA94\x03" + bytes([0x40 | len(triplet) // 3]) + b"\xff" + triplet + b"\xff"
    return b"\x00\x00\x00\x01\x06\x04" + bytes([len(payload)]) + payload + b"\x80"
