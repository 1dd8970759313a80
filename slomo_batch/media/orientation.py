"""How players turn a picture: the rotation and the mirroring that its display matrix states."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from math import atan2, degrees
from typing import Any

import av

from slomo_batch.media.frame_side_data import frame_side_data


@dataclass(frozen=True, slots=True)
class Orientation:
    """A rotation, and a mirroring from left to right after it. Every flip is one of these."""

    rotation_deg: float = 0
    """Counterclockwise."""
    is_mirrored: bool = False

    @property
    def quarter_turns_deg(self) -> int:
        """The rotation, rounded to a quarter turn: 0, 90, 180 or 270."""
        return round(self.rotation_deg / 90) * 90 % 360

    def notes(self) -> Iterator[str]:
        """Notes for the plan about how players turn the pictures."""
        if self.quarter_turns_deg:
            yield f"players rotate the video by {self.quarter_turns_deg} degrees counterclockwise, also the output"
        if self.rotation_deg % 90:
            yield f"the rotation of {self.rotation_deg:g} degrees is rounded to a quarter turn"
        if self.is_mirrored:
            yield "players mirror the video from left to right, also the output"


def orientation_of(frame: av.VideoFrame) -> Orientation:
    """The orientation of a decoded frame.

    It accesses the frame's side data, after which PyAV keeps the frame in memory until the garbage collector runs.
    """
    matrix: Any = frame_side_data(frame).get("DISPLAYMATRIX")
    if matrix is None:
        return Orientation(frame.rotation)
    a, b, _, c, d = struct.unpack_from("<5i", bytes(matrix))
    is_mirrored = a * d - b * c < 0
    return Orientation(-degrees(atan2(b, -a)) if is_mirrored else frame.rotation, is_mirrored)
