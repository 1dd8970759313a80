"""Pictures in files of their own (PNG, JPEG) as samples of 8 bits: what the field's data sets are made of.

For measuring only, as `rgb`. RGB in 8 bits comes out as it is stored; all else by swscale's usual conversion.
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


def rgb_still(path: Path) -> Rgb:
    """The picture, [H, W, 3].

    Raises:
        SourceUnreadable, SourceUnsupported: as the tables of `media.foreign` say.
    """
    return _samples(path, "rgb24")


def grey_still(path: Path) -> NDArray[np.uint8]:
    """The picture's brightness over the full range, [H, W].

    Raises:
        SourceUnreadable, SourceUnsupported: as the tables of `media.foreign` say.
    """
    return _samples(path, "gray")


def png(samples_HWC: Rgb) -> bytes:
    """The picture as a PNG file."""
    encoder = av.CodecContext.create("png", "w")
    encoder.height, encoder.width = samples_HWC.shape[:2]
    encoder.pix_fmt, encoder.time_base = "rgb24", Fraction(1, 25)
    frame = av.VideoFrame.from_ndarray(samples_HWC, format="rgb24")
    return b"".join(bytes(packet) for packet in (*encoder.encode(frame), *encoder.encode(None)))


def _samples(path: Path, form: Literal["rgb24", "gray"]) -> NDArray[np.uint8]:
    # As an open file: of a path FFmpeg would look at the name, and take numbers in it for those of a sequence.
    try:
        with path.open("rb") as file, av.open(file, "r") as container:
            for frame in container.decode(video=0):
                return np.asarray(frame.to_ndarray(format=form), dtype=np.uint8)
    except Exception as error:
        ours = to_video_error(error, str(path))
        if ours is not None:
            raise ours from error
        if isinstance(error, OSError):
            raise SourceUnreadable("the picture cannot be read", where=str(path), got=str(error.strerror)) from error
        raise
    raise SourceUnreadable("the file holds no picture", where=str(path))
