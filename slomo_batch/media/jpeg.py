"""Small pictures for people to look at: thumbnails of decoded pictures, and JPEG files."""

from fractions import Fraction

import av
import numpy as np

from slomo_batch.media.color_names import MATRICES
from slomo_batch.media.frames import frame_from_picture
from slomo_batch.media.rgb import Rgb
from slomo_batch.picture import Picture
from slomo_batch.records.source_facts import ColorFacts

_FULL, _LIMITED = 2, 1
"""FFmpeg's numbers of sample ranges."""


def thumbnail(picture: Picture, color: ColorFacts, *, height: int) -> Rgb:
    """Return the picture in 8-bit RGB, [height, W, 3], scaled down by averaging. HDR is not tone-mapped."""
    numbers = {name: number for number, name in MATRICES.items()}
    frame = frame_from_picture(picture)
    frame.color_range = _FULL if color.range == "full" else _LIMITED
    if color.matrix in numbers:
        frame.colorspace = numbers[color.matrix]
    width = max(1, round(picture.width * height / picture.height))
    small = frame.reformat(width, height, "rgb24", interpolation="AREA", threads=1)
    return np.asarray(small.to_ndarray(), dtype=np.uint8)


def encode_jpeg(samples_HWC: Rgb, *, quantizer: int) -> bytes:
    """Encode the picture as a JPEG file with full color resolution.

    `quantizer`: from 2, the best quality, to 31.
    """
    encoder = av.CodecContext.create("mjpeg", "w")
    encoder.height, encoder.width = samples_HWC.shape[:2]
    encoder.pix_fmt, encoder.time_base = "yuvj444p", Fraction(1, 25)
    encoder.options = {"qmin": str(quantizer), "qmax": str(quantizer)}
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(samples_HWC), format="rgb24").reformat(format="yuvj444p")
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def jpeg_of_at_most(samples_HWC: Rgb, max_bytes: int) -> bytes:
    """Encode the picture as a JPEG file of at most so many bytes, as well as that allows, and smaller if it must be."""
    for quantizer in (4, 6, 9, 13, 19, 25, 31):
        data = encode_jpeg(samples_HWC, quantizer=quantizer)
        if len(data) <= max_bytes:
            return data
    return jpeg_of_at_most(samples_HWC[::2, ::2], max_bytes)
