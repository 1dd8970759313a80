"""A source's frames as RGB of 8 bits by swscale's usual conversion: what published measures of quality are taken on.

For measuring only. Made videos never pass here: their colours go through `color`, exactly.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from slomo_batch.media.demux import main_video, open_source
from slomo_batch.media.foreign import reading
from slomo_batch.media.reader import RangeReader

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
