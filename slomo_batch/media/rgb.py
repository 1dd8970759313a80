"""Read a source's frames as 8-bit RGB through swscale's default conversion, on which published quality measures are
based.

Only evaluation and training use this. Output videos are converted exactly, by `color`.
"""

from collections.abc import Iterator, Sequence

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream
from numpy.typing import NDArray

from slomo_batch.errors import SourceUnreadable
from slomo_batch.media.av_errors import reading
from slomo_batch.media.demux import main_video, open_source
from slomo_batch.media.frames import picture_from_frame
from slomo_batch.media.reader import RangeReader
from slomo_batch.picture import Picture

Rgb = NDArray[np.uint8]
"""A frame, [H, W, 3]."""


def rgb_frames(reader: RangeReader, name: str) -> Iterator[Rgb]:
    """The frames in the decoder's order. Messages call the source `name`.

    Raises:
        SourceUnreadable, SourceUnsupported: as listed in the table of `media.av_errors`.
    """
    with reading(reader, name), open_source(reader) as container, reader.reading_ahead():
        for frame in container.decode(main_video(container, name)):
            yield np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


def pictures_with_pts(reader: RangeReader, name: str) -> Iterator[tuple[int, Picture]]:
    """Pts and picture of every frame to be shown, in the decoder's order.

    Raises:
        SourceUnreadable, SourceUnsupported: as listed in the table of `media.av_errors`.
    """
    with reading(reader, name), open_source(reader) as container, reader.reading_ahead():
        for frame in container.decode(main_video(container, name)):
            if frame.pts is not None:
                yield frame.pts, picture_from_frame(frame)


LEAD_S = 2
"""Seconds before the first wanted frame at which decoding starts in the second try."""


def rgb_frames_at(reader: RangeReader, name: str, pts: Sequence[int], *, longest_px: int = 0) -> list[Rgb]:
    """The frames at these increasing pts, decoded from the keyframe before them.

    Args:
        reader: the source.
        name: what messages call it.
        pts: which frames, in ticks of the stream.
        longest_px: pictures with a longer side than this are scaled down to it by averaging; 0: never.

    Raises:
        SourceUnreadable: a frame is missing; also as listed in the table of `media.av_errors`.
        SourceUnsupported: as listed in that table.
    """
    with reading(reader, name), open_source(reader) as container:
        video = main_video(container, name)
        video.thread_type = "NONE"
        lead = round(LEAD_S / (video.time_base or 1))
        for start in (pts[0], pts[0] - lead, None):
            found = _decoded_at(container, video, pts, start)
            if len(found) == len(pts):
                return [averaged(frame, longest_px) for frame in found]
    raise SourceUnreadable(
        "frames that were decoded before are missing now",
        where=name,
        expected=f"{len(pts)} frames from pts {pts[0]}",
        got=str(len(found)),
    )


def _decoded_at(
    container: InputContainer, video: VideoStream, pts: Sequence[int], start: int | None
) -> list[av.VideoFrame]:
    """The wanted frames that the decoder returns from the keyframe before `start` on; None: from the beginning."""
    container.seek(-(1 << 62) if start is None else start, stream=video)
    wanted = set(pts)
    found: list[av.VideoFrame] = []
    for frame in container.decode(video):
        if frame.pts in wanted:
            found.append(frame)
        if frame.pts is not None and frame.pts >= pts[-1]:
            break
    return found


def averaged(frame: av.VideoFrame, longest_px: int) -> Rgb:
    """The frame, scaled down by averaging if a side is longer than this; 0: never."""
    scale = min(1.0, longest_px / max(frame.width, frame.height)) if longest_px else 1.0
    width, height = round(frame.width * scale), round(frame.height * scale)
    scaled = frame.reformat(width, height, "rgb24", interpolation="AREA", threads=1) if scale < 1 else frame
    return np.asarray(scaled.to_ndarray(format="rgb24"), dtype=np.uint8)
