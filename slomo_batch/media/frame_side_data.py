"""The side data of decoded frames, also of those that have some of a type that PyAV does not know."""

from collections.abc import Mapping
from typing import Any

import av


def frame_side_data(frame: av.VideoFrame) -> Mapping[str, Any]:
    """The side data of a frame, by PyAV's name of the type; empty if `has_unknown_side_data`."""
    try:
        stated: Any = frame.side_data
    except ValueError:
        return {}
    return {stated[at].type.name: stated[at] for at in range(len(stated))}


def has_unknown_side_data(frame: av.VideoFrame) -> bool:
    """True if the frame has side data of a type that PyAV does not know, such as EXIF. PyAV then lists none of it."""
    try:
        return frame.side_data is None
    except ValueError:
        return True
