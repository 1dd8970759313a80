"""Side data: what a file states of its pictures beside samples and color, such as light levels or a projection.

It describes light and geometry, which retiming does not change. So an output states what its source states.
"""

from dataclasses import dataclass
from typing import Literal

CLOSED_CAPTIONS = "closed captions in the pictures (CEA-608 becomes a subtitle track)"
"""What `SideData.dropped` calls captions of the first picture."""

Point = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class MasteringDisplay:
    """The display on which an HDR video was mastered (SMPTE ST 2086)."""

    red: Point
    """CIE x and y, in units of 0.00002."""
    green: Point
    blue: Point
    white: Point
    most_luminance: int
    """In units of 0.0001 cd/m2."""
    least_luminance: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentLight:
    """How bright an HDR video becomes (CTA-861.3), in cd/m2; 0 if unknown."""

    most: int
    """MaxCLL: of the brightest pixel."""
    most_average: int
    """MaxFALL: of the brightest frame, as the mean of its pixels."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Projection:
    """How a picture covers a sphere: a 360-degree video."""

    kind: Literal["equirectangular", "cubemap"]
    yaw: int
    """Turn of the sphere, in units of 1/65536 degree; likewise pitch and roll."""
    pitch: int
    roll: int
    bounds: tuple[int, int, int, int] = (0, 0, 0, 0)
    """How much of an equirectangular picture is missing at left, top, right and bottom, in units of 2^-32 of its width
    and height."""
    padding: int = 0
    """Pixels around each face of a cubemap."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cropping:
    """Pixels at the edges of the coded picture that players do not show."""

    left: int
    top: int
    right: int
    bottom: int


Stereo = Literal["", "mono", "top and bottom", "side by side"]
"""Where the pictures of the left and the right eye are; empty if the file does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideData:
    """The side data of a video stream."""

    mastering: MasteringDisplay | None = None
    content_light: ContentLight | None = None
    projection: Projection | None = None
    stereo: Stereo = ""
    cropping: Cropping | None = None
    dropped: tuple[str, ...] = ()
    """Names of side data that no output gets, such as HDR10+ dynamic metadata."""

    @property
    def has_dolby_vision(self) -> bool:
        """Whether the source has a layer or metadata of Dolby Vision, which no output gets."""
        return any("Dolby Vision" in name for name in self.dropped)

    @property
    def kept(self) -> tuple[str, ...]:
        """Names of the side data that the header of an output states."""
        stated = {
            "mastering display": self.mastering,
            "content light level": self.content_light,
            "360-degree projection": self.projection,
            "stereo layout": self.stereo,
            "cropping": self.cropping,
        }
        return tuple(name for name, value in stated.items() if value)


NO_SIDE_DATA = SideData()
