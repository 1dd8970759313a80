"""Read and write image files (PNG, JPEG) as 8-bit samples, as published data sets store their frames.

For evaluation only, as `media.rgb`. 8-bit RGB is read unchanged; other formats go through swscale's default conversion.
"""

from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
from numpy.typing import NDArray

from slomo_batch.errors import SourceUnreadable
from slomo_batch.media.av_errors import to_video_error
from slomo_batch.media.rgb import Rgb


def read_rgb(path: Path) -> Rgb:
    """Read the picture as RGB, [H, W, 3].

    Raises:
        SourceUnreadable, SourceUnsupported: as `media.av_errors` maps the error.
    """
    return _read(path, "rgb24")


def read_gray(path: Path) -> NDArray[np.uint8]:
    """Read the picture as full-range gray, [H, W].

    Raises:
        SourceUnreadable, SourceUnsupported: as `media.av_errors` maps the error.
    """
    return _read(path, "gray")


def encode_png(samples_HWC: Rgb) -> bytes:
    """Encode the picture as a PNG file."""
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = samples_HWC.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(samples_HWC, format="rgb24")
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def _read(path: Path, form: Literal["rgb24", "gray"]) -> NDArray[np.uint8]:
    # Pass an open file: given a path, FFmpeg may take a number in the name for an image sequence.
    try:
        with path.open("rb") as file, av.open(file, "r") as container:
            for frame in container.decode(video=0):
                return np.asarray(frame.to_ndarray(format=form), dtype=np.uint8)
    except Exception as error:
        ours = to_video_error(error, str(path))
        if ours is not None:
            raise ours from error
        if isinstance(error, OSError):
            raise SourceUnreadable("cannot read the picture", where=str(path), got=str(error.strerror)) from error
        raise
    raise SourceUnreadable("the file contains no picture", where=str(path))
