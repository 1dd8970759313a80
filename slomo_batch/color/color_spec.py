"""What the samples of a video mean: its matrix, range and chroma location, also where a file does not state them.

This module does not load torch: steps that make no frames use it too.
"""

from dataclasses import dataclass, replace
from typing import Literal

from slomo_batch.errors import SourceUnsupported
from slomo_batch.picture import PixelFormat
from slomo_batch.records.source_facts import ColorFacts

LUMA_WEIGHTS: dict[str, tuple[float, float]] = {
    "bt709": (0.2126, 0.0722),
    "fcc": (0.30, 0.11),
    "bt470bg": (0.299, 0.114),
    "smpte170m": (0.299, 0.114),
    "smpte240m": (0.212, 0.087),
    "bt2020nc": (0.2627, 0.0593),
}
"""Weights of red and blue in luma, by FFmpeg's name of the matrix (ITU-T H.273 table 4)."""

HD_FROM_HEIGHT = 720
"""If a file does not state its matrix, BT.709 is assumed for pictures of this height in rows or more, BT.601 below."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorSpec:
    """How the samples of one video map to RGB, at any bit depth."""

    matrix: str
    """FFmpeg's name of the matrix used, and the tag of an output in YUV."""
    kr: float
    """Weight of red in luma."""
    kb: float
    """Weight of blue in luma."""
    range: Literal["limited", "full"]
    """Of the source's samples."""
    output_range: Literal["limited", "full"]
    """Of the output's samples."""
    chroma_location: str
    """FFmpeg's name of the location; never "unspecified"."""
    chroma_shift_x: int
    """log2 of the source's luma columns per chroma sample: how many times its chroma is doubled horizontally."""
    chroma_shift_y: int
    """log2 of the source's luma rows per chroma sample: how many times its chroma is doubled vertically."""

    @classmethod
    def of(
        cls,
        color: ColorFacts,
        source: PixelFormat,
        height: int,
        output_range: Literal["limited", "full"] | None = None,
    ) -> "ColorSpec":
        """The spec of a source in pixel format `source` whose pictures have `height` rows.

        The output's samples have the range of the source's if `output_range` is None.

        Raises:
            SourceUnsupported: the matrix is not a weighted sum of R, G and B, or is unknown.
        """
        matrix = _matrix(color.matrix, source, height)
        location = color.chroma_location
        if location == "unspecified":
            # Decoders assume left for the MPEG family, and center for JPEG, which is recognized by its full range.
            location = "center" if source.model == "yuv" and color.range == "full" else "left"
        return cls(
            matrix=matrix,
            kr=LUMA_WEIGHTS[matrix][0],
            kb=LUMA_WEIGHTS[matrix][1],
            range=color.range,
            output_range=output_range or color.range,
            chroma_location=location,
            chroma_shift_x=source.chroma_shift_x,
            chroma_shift_y=source.chroma_shift_y,
        )

    @property
    def kg(self) -> float:
        """Weight of green in luma."""
        return 1.0 - self.kr - self.kb

    def scaling(self, form: PixelFormat) -> "Scaling":
        """The sample values of black, white and neutral chroma in this format of the source."""
        return _scaling(form, self.range)

    def output_scaling(self, form: PixelFormat) -> "Scaling":
        """The same in this format of the output."""
        return _scaling(form, self.output_range)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Sample values of one pixel format and range."""

    black: float
    """Luma or RGB sample value of black."""
    luma_span: float
    """Difference of luma or RGB sample values between black and white."""
    neutral: float
    """Chroma sample value of no color."""
    chroma_span: float
    """Difference of chroma sample values between -1/2 and 1/2."""


def _scaling(form: PixelFormat, sample_range: Literal["limited", "full"]) -> Scaling:
    unit = 1 << (form.bit_depth - 8)
    middle = 128.0 * unit
    if sample_range == "full":
        return Scaling(black=0.0, luma_span=form.max_value, neutral=middle, chroma_span=form.max_value)
    return Scaling(black=16.0 * unit, luma_span=219.0 * unit, neutral=middle, chroma_span=224.0 * unit)


def _matrix(named: str, source: PixelFormat, height: int) -> str:
    """The matrix to use for a source that states `named`: `named` itself, or a default that follows from the height."""
    default = "bt709" if height >= HD_FROM_HEIGHT else "smpte170m"
    if source.model != "yuv" or named in {"unspecified", "gbr"}:
        return named if named in LUMA_WEIGHTS else default
    if named not in LUMA_WEIGHTS:
        raise SourceUnsupported(
            "color matrix not supported",
            expected=" or ".join(LUMA_WEIGHTS),
            got=named,
            remedy="Convert the source to one of these matrices first.",
        )
    return named


ALPHA_SPEC = ColorSpec.of(
    ColorFacts(range="full"), PixelFormat(name="gray", model="gray", bit_depth=8), height=HD_FROM_HEIGHT
)
"""Alpha as a gray picture: always of full range."""


def output_color_tags(color: ColorFacts, source: PixelFormat, output: PixelFormat, height: int) -> ColorFacts:
    """The color tags of an output in format `output`: those of the source, with the matrix that `from_rgb` used if the
    output cannot have the source's."""
    if output.model == "rgb":
        return replace(color, matrix="gbr")
    if source.model == "yuv" and color.matrix != "gbr":
        return color
    return replace(color, matrix=_matrix(color.matrix, source, height))
