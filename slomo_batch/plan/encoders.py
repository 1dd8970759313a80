"""Encoders of the output: one table that holds every fact about one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.codecs import CODECS, CodecFacts, SegmentFormat
from slomo_batch.plan.encoder_options import (
    Options,
    Pictures,
    ffv1_options,
    nvenc_options,
    prores_options,
    svt_av1_options,
    vp9_options,
    x264_options,
    x265_options,
)
from slomo_batch.plan.ffv1_slices import ffv1_slices
from slomo_batch.settings import Codec, Encode

_VP9_LARGEST_NUMERATOR = 10**9
"""libvpx's time bases have denominators up to this."""


def _any_pictures(_: Pictures) -> str:
    return ""


def _vp9_refusal(pictures: Pictures) -> str:
    supported = pictures.rate.numerator <= _VP9_LARGEST_NUMERATOR
    return "" if supported else f"supports only frame rates with numerators up to {_VP9_LARGEST_NUMERATOR:,}"


def _ffv1_refusal(pictures: Pictures) -> str:
    fits = ffv1_slices(pictures.form, pictures.width, pictures.height)
    return "" if fits else "would lose chroma at the edges of its slices"


def _nvenc_refusal(pictures: Pictures) -> str:
    return "supports only even sizes" if pictures.width % 2 or pictures.height % 2 else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoder:
    """What an FFmpeg encoder supports."""

    name: str
    """FFmpeg's name."""
    codec: Codec
    formats: frozenset[str] = field(repr=False)
    """Formats in PIXEL_FORMATS that it encodes without conversion."""
    other_layouts: Mapping[str, str] = field(default_factory=dict)
    """Layouts that it requires instead of some of these planar formats, with the same samples."""
    options: Callable[[Encode, Pictures], Options]
    least_px: int = 1
    """Least width and height."""
    most_px: tuple[int, int] = (16_384, 16_384)
    """Greatest width and height. No source has more."""
    most_rate: Fraction | None = None
    """Most frames per second, if it has a limit."""
    refusal: Callable[[Pictures], str] = _any_pictures
    """Why it cannot encode these pictures for any other reason, as the end of a sentence; "" if it can."""
    is_nvenc: bool = False
    """True for NVIDIA's encoders. FFmpeg lists them even if they do not work: see media.encode.encoder_works."""

    def unsupported(self, pictures: Pictures) -> str:
        """Return why it cannot encode these pictures, as the end of a sentence; "" if it can."""
        width, height = pictures.width, pictures.height
        if pictures.form.name not in self.formats:
            return f"does not support {pictures.form.name}"
        if min(width, height) < self.least_px:
            return f"needs at least {self.least_px} pixels in width and height"
        if width > self.most_px[0] or height > self.most_px[1]:
            return f"supports at most {self.most_px[0]}x{self.most_px[1]}"
        if self.most_rate is not None and pictures.rate > self.most_rate:
            return f"supports at most {self.most_rate} frames/s, and the output has {float(pictures.rate):g}"
        return self.refusal(pictures)


def _names(*stems: str, depths: tuple[int, ...]) -> frozenset[str]:
    return frozenset(stem if depth == 8 else f"{stem}{depth}le" for stem in stems for depth in depths)


def _nvenc(codec: Codec, formats: frozenset[str], most_px: int, *, other_layouts: Mapping[str, str]) -> Encoder:
    return Encoder(
        name=f"{codec}_nvenc",
        codec=codec,
        formats=formats,
        other_layouts=other_layouts,
        options=nvenc_options,
        least_px=160,
        most_px=(most_px, most_px),
        refusal=_nvenc_refusal,
        is_nvenc=True,
    )


_ALL_CHROMA = ("yuv420p", "yuv422p", "yuv444p", "gray")
_P010 = {"yuv420p10le": "p010le"}
_TABLE = (
    Encoder(name="libx264", codec="h264", formats=_names(*_ALL_CHROMA, depths=(8, 10)), options=x264_options),
    Encoder(
        name="libx265",
        codec="hevc",
        formats=_names(*_ALL_CHROMA, depths=(8, 10, 12)),
        options=x265_options,
        least_px=16,
    ),
    Encoder(
        name="libsvtav1",
        codec="av1",
        formats=_names("yuv420p", depths=(8, 10)),
        options=svt_av1_options,
        least_px=4,
        most_px=(16_384, 8_704),
        most_rate=Fraction(240),
    ),
    Encoder(
        name="libvpx-vp9",
        codec="vp9",
        formats=_names("yuv420p", "yuv422p", "yuv440p", "yuv444p", "yuva420p", depths=(8,)),
        options=vp9_options,
        refusal=_vp9_refusal,
    ),
    Encoder(
        name="prores_ks",
        codec="prores",
        formats=_names("yuv422p", "yuv444p", "yuva444p", depths=(10,)),
        options=prores_options,
    ),
    Encoder(
        name="ffv1",
        codec="ffv1",
        formats=frozenset(PIXEL_FORMATS),
        other_layouts={"gbrp": "bgr0", "gbrap": "bgra"},
        options=ffv1_options,
        least_px=8,
        refusal=_ffv1_refusal,
    ),
    _nvenc("h264", _names("yuv420p", "yuv444p", depths=(8,)), 4_096, other_layouts={}),
    _nvenc("hevc", _names("yuv420p", depths=(8, 10)) | {"yuv444p"}, 8_192, other_layouts=_P010),
    _nvenc("av1", _names("yuv420p", depths=(8, 10)), 8_192, other_layouts=_P010),
)
ENCODERS: Mapping[str, Encoder] = {encoder.name: encoder for encoder in _TABLE}
"""The encoders, by FFmpeg's name. A codec has one in software and at most one of NVIDIA's."""
NVENC = tuple(encoder.name for encoder in _TABLE if encoder.is_nvenc)
"""Names of NVIDIA's encoders."""


def encoders_of(codec: Codec, *, is_nvenc: bool) -> list[str]:
    """Return the names of the codec's encoders in software, or of NVIDIA's."""
    return [name for name, encoder in ENCODERS.items() if encoder.codec == codec and encoder.is_nvenc == is_nvenc]


def segment_format(encoder: str, *, has_alpha: bool) -> SegmentFormat:
    """Return the file format of this encoder's segments, whose pictures have alpha or not."""
    return codec_of(encoder).segment_format(has_alpha=has_alpha)


def codec_of(encoder: str) -> CodecFacts:
    """Return the facts of an encoder's codec; `encoder` is FFmpeg's name."""
    return CODECS[ENCODERS[encoder].codec]
