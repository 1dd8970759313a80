"""A source's frames as RGB of 8 bits by swscale's usual conversion: what published measures of quality are taken on.

For measuring and training only. Made videos never pass here: their colours go through `color`, exactly.
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
    """The frames in the decoder's order; `name` is what messages call the source.

    Raises:
        SourceUnreadable, SourceUnsupported: as the tables of `media.foreign` say.
    """
    with reading(reader, name), open_source(reader) as container:
        for frame in container.decode(main_video(container, name)):
            yield np.asarray(frame.to_ndarray(format="rgb24"), dtype=np.uint8)


def pictures_with_pts(reader: RangeReader, name: str) -> Iterator[tuple[int, Picture]]:
    """The pts and the picture of every frame that is to be shown, in the decoder's order.

    Raises:
        SourceUnreadable, SourceUnsupported: as the tables of `media.foreign` say.
    """
    with reading(reader, name), open_source(reader) as container:
        for frame in container.decode(main_video(container, name)):
            if frame.pts is not None:
                yield frame.pts, picture_from_frame(frame)


LEAD_S = 2
"""How far before the first wanted frame decoding begins where it did not come by beginning right before it."""


def rgb_frames_at(reader: RangeReader, name: str, pts: Sequence[int], *, longest_px: int = 0) -> list[Rgb]:
    """The frames at these rising pts, decoded from the keyframe before them.

    Args:
        reader: the source.
        name: what messages call it.
        pts: which frames, in ticks of the stream.
        longest_px: pictures whose longer side is above it are averaged down to it; 0: never.

    Raises:
        SourceUnreadable: one of them does not come; and as the tables of `media.foreign` say.
        SourceUnsupported: as those tables say.
    """
    with reading(reader, name), open_source(reader) as container:
        video = main_video(container, name)
        video.thread_type = "NONE"
        lead = round(LEAD_S / (video.time_base or 1))
        for start in (pts[0], pts[0] - lead, None):
            found = _decoded_at(container, video, pts, start)
            if len(found) == len(pts):
                return [_averaged(frame, longest_px) for frame in found]
    raise SourceUnreadable(
        "frames that were there do not come any more",
        where=name,
        expected=f"{len(pts)} from pts {pts[0]}",
        got=str(len(found)),
    )


def _decoded_at(
    container: InputContainer, video: VideoStream, pts: Sequence[int], start: int | None
) -> list[av.VideoFrame]:
    """Those of the wanted frames that come by decoding from the keyframe before `start`; None: from the beginning."""
    container.seek(-(1 << 62) if start is None else start, stream=video)
    wanted = set(pts)
    found: list[av.VideoFrame] = []
    for frame in container.decode(video):
        if frame.pts in wanted:
            found.append(frame)
        if frame.pts is not None and frame.pts >= pts[-1]:
            break
    return found


def _averaged(frame: av.VideoFrame, longest_px: int) -> Rgb:
    scale = min(1.0, longest_px / max(frame.width, frame.height)) if longest_px else 1.0
    width, height = round(frame.width * scale), round(frame.height * scale)
    scaled = frame.reformat(width, height, "rgb24", interpolation="AREA", threads=1) if scale < 1 else frame
    return np.asarray(scaled.to_ndarray(format="rgb24"), dtype=np.uint8)
