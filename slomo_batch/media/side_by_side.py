"""Two videos of the same length side by side: a file to play, and the moments in which they differ most."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from slomo_batch.media.rgb import Rgb

MOST_WIDTH = 1280
"""Pixels of each of the two pictures; wider ones are scaled down, so that every player shows them smoothly."""
GAP_PX = 4
STRIP_WIDTH = 320
"""Pixels of a picture in the strip."""
STRIP_FRAMES = 5
_CRF = "16"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """What was written."""

    num_frames: int
    strip: Rgb
    """Successive frames around the one in which the videos differ most: the left video above the right one."""


def write_side_by_side(left: Path, right: Path, target: Path) -> SideBySide:
    """Write an MP4 with H.264 that shows two videos side by side, as many frames as the shorter one has.

    They are converted to 8-bit RGB as swscale does; HDR is shown without tone mapping.
    """
    differences: list[float] = []
    with av.open(str(target), "w") as container:
        stream = None
        for before, after in zip(_frames(left, MOST_WIDTH), _frames(right, MOST_WIDTH), strict=False):
            if stream is None:
                stream = container.add_stream("libx264", rate=_rate(right), options={"crf": _CRF, "preset": "veryfast"})
                stream.height, stream.width = _beside(before, after).shape[:2]
                stream.pix_fmt = "yuv420p"
            differences.append(float(np.abs(before.astype(np.int16) - after).mean()))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(_beside(before, after), format="rgb24")))
        if stream is not None:
            container.mux(stream.encode(None))
    center = int(np.argmax(differences)) if differences else 0
    first = max(0, min(center - STRIP_FRAMES // 2, len(differences) - STRIP_FRAMES))
    rows = [list(islice(_frames(path, STRIP_WIDTH), first, first + STRIP_FRAMES)) for path in (left, right)]
    return SideBySide(num_frames=len(differences), strip=_stacked([_row(row) for row in rows]))


def _frames(path: Path, most_width: int) -> Iterator[Rgb]:
    """The frames as they are played: turned, with square pixels, at even sizes no wider than `most_width`."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        aspect = video.sample_aspect_ratio or Fraction(1)
        for frame in container.decode(video):
            shown_width = frame.width * float(aspect)
            turns = round(frame.rotation / 90) % 4
            across = frame.height if turns % 2 else shown_width
            scale = min(1.0, most_width / across)
            width, height = (max(2, round(side * scale / 2) * 2) for side in (shown_width, frame.height))
            small = frame.to_ndarray(width=width, height=height, format="rgb24", interpolation="AREA")
            yield np.ascontiguousarray(np.rot90(small, turns))


def _rate(path: Path) -> Fraction:
    with av.open(str(path)) as container:
        return container.streams.video[0].average_rate or Fraction(25)


def _beside(left_HWC: Rgb, right_HWC: Rgb) -> Rgb:
    return _row([left_HWC, right_HWC])


def _row(frames_HWC: list[Rgb]) -> Rgb:
    gap = np.zeros((frames_HWC[0].shape[0], GAP_PX, 3), dtype=np.uint8)
    return np.concatenate([part for frame in frames_HWC for part in (frame, gap)][:-1], axis=1)


def _stacked(rows_HWC: list[Rgb]) -> NDArray[np.uint8]:
    gap = np.zeros((GAP_PX, rows_HWC[0].shape[1], 3), dtype=np.uint8)
    return np.concatenate([part for row in rows_HWC for part in (row, gap)][:-1], axis=0)
