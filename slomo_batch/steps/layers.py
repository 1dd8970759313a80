"""The layers of pictures that are interpolated separately: the color, and alpha as a gray picture.

Color is not associated with alpha (not premultiplied), and is interpolated as it is where a picture is transparent too.
"""

from dataclasses import dataclass

from torch import Tensor

from slomo_batch.color.color_spec import ALPHA_SPEC, ColorSpec
from slomo_batch.color.conversion import picture_of, planes_from_rgb
from slomo_batch.color.formats import convert
from slomo_batch.color.transfers import Download
from slomo_batch.picture import Picture, PixelFormat


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureLayer:
    """How one layer of the source frames becomes that of the output frames."""

    spec: ColorSpec
    output: PixelFormat

    def made(self, rgb_CHW: Tensor, download: Download) -> Picture:
        """The layer of an interpolated frame, which is complete after `download`."""
        planes = planes_from_rgb(rgb_CHW, self.output, self.spec)
        return picture_of([download.add(plane) for plane in planes], self.output)

    def held(self, picture: Picture) -> Picture:
        """The layer of a source frame."""
        return convert(picture, self.output, self.spec)


def layers_between(source: PixelFormat, output: PixelFormat, spec: ColorSpec) -> tuple[PictureLayer, ...]:
    """The layers of source frames in this format: the color, then alpha, if both formats have it."""
    color = PictureLayer(spec=spec, output=output.opaque)
    if not (source.has_alpha and output.has_alpha):
        return (color,)
    return color, PictureLayer(spec=ALPHA_SPEC, output=output.alpha_alone)
