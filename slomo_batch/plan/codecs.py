"""Codecs of the output: one table that holds every fact about one."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from slomo_batch.picture import PIXEL_FORMATS, PixelFormat
from slomo_batch.settings import Codec, Encode

QUALITY_UNSET = Encode().quality
"""The default quality: for prores, whose profiles end at 5, it means the profile that suits the source's chroma."""
PRORES_HQ, PRORES_4444 = 3, 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFormat:
    """The file format of a segment. It keeps the packets and times of a codec exactly."""

    suffix: str
    decode_lead: int
    """Frames by which a packet's decode time precedes its index."""
    frame_s: Fraction | None = None
    """Seconds that a frame lasts in the file, if the format rounds times; None: 1 / rate."""


_NUT = SegmentFormat(suffix=".nut", decode_lead=16)
"""H.264 and HEVC reorder at most 16 pictures."""
_MOV = SegmentFormat(suffix=".mov", decode_lead=0)
_MATROSKA = SegmentFormat(suffix=".mkv", decode_lead=0, frame_s=Fraction(1, 1000))
"""The only one that keeps alpha beside the packets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecFacts:
    """What a video codec stores, and what its settings mean."""

    auto_format: Callable[[Encode, PixelFormat], PixelFormat]
    """The pixel format nearest to the source's that players of the codec open. It has alpha if the source's has, and
    the codec stores it."""
    qualities: range | None
    """Allowed values of the quality setting; None if it is ignored."""
    quality_is_profile: bool = False
    """True if quality selects a profile. QUALITY_UNSET is then allowed, and each profile has its own chroma format."""
    quality_meaning: str = ""
    """What its values mean, for messages."""
    is_lossless: bool = False
    tunes: frozenset[str] = frozenset()
    """Values of `encode.tune`, beside none, that its encoder in software takes."""
    has_bit_rate: bool = True
    """True if `encode.max_bit_rate` can limit it."""
    odd_size_subsampled: bool = True
    """False if odd sizes are supported only in 4:4:4."""
    states_color: bool = True
    """True if files of all its containers keep any color description."""
    states_range: bool = True
    """True if the codec, or its containers, can signal full-range samples."""
    segment: SegmentFormat = _NUT
    """Of pictures without alpha. See `segment_format`."""
    alpha: Literal["", "in packets", "beside packets"] = ""
    """Where the codec stores alpha; empty if it does not. Beside its packets, as a further picture, it is kept by
    Matroska and WebM only."""
    note: str = ""
    """A warning about every output; empty if there is none."""

    def segment_format(self, *, has_alpha: bool) -> SegmentFormat:
        """The file format of segments, whose pictures have alpha or not."""
        return _MATROSKA if has_alpha and self.alpha == "beside packets" else self.segment


def _yuv(stem: str, depth: int) -> PixelFormat:
    return PIXEL_FORMATS[stem if depth == 8 else f"{stem}{depth}le"]


def _yuv420p(*depths: int) -> Callable[[Encode, PixelFormat], PixelFormat]:
    """4:2:0 in the least of these depths, in ascending order, that is not below the source's; else in the greatest."""

    def nearest(_: Encode, source: PixelFormat) -> PixelFormat:
        return _yuv("yuv420p", next((depth for depth in depths if depth >= source.bit_depth), depths[-1]))

    return nearest


def _vp9_format(_: Encode, source: PixelFormat) -> PixelFormat:
    return PIXEL_FORMATS["yuva420p" if source.has_alpha else "yuv420p"]


def _prores_format(encode: Encode, source: PixelFormat) -> PixelFormat:
    if prores_profile(encode, source) < PRORES_4444:
        return _yuv("yuv422p", 10)
    return _yuv("yuva444p" if source.has_alpha else "yuv444p", 10)


def prores_profile(encode: Encode, form: PixelFormat) -> int:
    """The profile that `encode.quality` names; without one, the profile that suits the chroma of this format."""
    if encode.quality != QUALITY_UNSET:
        return encode.quality
    full_chroma = form.model == "rgb" or (form.model == "yuv" and form.chroma_shift_x == form.chroma_shift_y == 0)
    return PRORES_4444 if full_chroma or form.has_alpha else PRORES_HQ


_FFV1_READ_BY_ALL = {"yuva422p12le": "yuva422p16le", "yuva444p12le": "yuva444p16le"}
"""Formats that FFmpeg 5.1 does not read in FFV1, and those that hold the same samples."""


def _ffv1_format(_: Encode, source: PixelFormat) -> PixelFormat:
    return PIXEL_FORMATS[_FFV1_READ_BY_ALL.get(source.name, source.name)]


CODECS: Mapping[Codec, CodecFacts] = {
    "h264": CodecFacts(
        auto_format=_yuv420p(8),
        qualities=range(52),
        tunes=frozenset({"film", "animation", "grain"}),
        odd_size_subsampled=False,
    ),
    "hevc": CodecFacts(
        auto_format=_yuv420p(8, 10, 12),
        qualities=range(52),
        tunes=frozenset({"animation", "grain"}),
        odd_size_subsampled=False,
    ),
    "av1": CodecFacts(auto_format=_yuv420p(8, 10), qualities=range(64)),
    "vp9": CodecFacts(auto_format=_vp9_format, qualities=range(64), alpha="beside packets"),
    "prores": CodecFacts(
        auto_format=_prores_format,
        qualities=range(6),
        quality_is_profile=True,
        quality_meaning="the profile: proxy, lt, standard, hq, 4444, 4444xq",
        has_bit_rate=False,
        states_range=False,
        segment=_MOV,
        alpha="in packets",
    ),
    "ffv1": CodecFacts(
        auto_format=_ffv1_format,
        qualities=None,
        is_lossless=True,
        has_bit_rate=False,
        states_color=False,
        alpha="in packets",
        note="ffv1 is an archive format: few players open it",
    ),
}
"""The video codecs, by name."""
