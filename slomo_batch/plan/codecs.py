"""Codecs and encoders of the output: two tables that hold every fact about one, and the options of each encoder.

Segments of a video are made on many machines and joined without decoding, so everything that shapes the stream is fixed
in the options: thread count (x264's pixels depend on it), closed groups of pictures, quality. The largest distance of
keyframes, which depends on the frame rate, and the color tags are set where the encoder is opened.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from slomo_batch.picture import PIXEL_FORMATS, PixelFormat
from slomo_batch.plan.ffv1_slices import ffv1_slices
from slomo_batch.settings import Codec, Encode
from slomo_batch.side_data import NO_SIDE_DATA, MasteringDisplay, SideData

THREADS = 4
"""Threads of every encoder, on every machine alike. With a limit on the bit rate it is one for x265 and SVT-AV1: with
more, some runs give other bytes. So does x264 with a limit, with any number of threads."""

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""Speed presets, fastest first. All codecs use x264's names; prores and ffv1 ignore them."""
_SVT_AV1_PRESETS = dict(zip(PRESETS, (11, 10, 9, 8, 7, 6, 5, 4, 3), strict=True))
_VP9_DEADLINES = dict(zip(PRESETS, (*["realtime"] * 3, *["good"] * 6), strict=True))
_VP9_SPEEDS = dict(zip(PRESETS, (8, 6, 5, 4, 4, 3, 2, 1, 0), strict=True))
"""Values of cpu-used. 5 with the good deadline is slower than 4, with worse pictures."""
_VP9_LARGEST_NUMERATOR = 10**9
"""libvpx's time bases have denominators up to this."""
_NVENC_PRESETS = dict(zip(PRESETS, ("p1", "p1", "p2", "p3", "p3", "p4", "p5", "p6", "p7"), strict=True))

QUALITY_UNSET = Encode().quality
"""The default quality: for prores, whose profiles end at 5, it means the profile that suits the source's chroma."""
PRORES_HQ, PRORES_4444 = 3, 4

Options = tuple[tuple[str, str], ...]
"""Names and values of an encoder's options, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pictures:
    """The input of an encoder."""

    form: PixelFormat
    width: int
    height: int
    rate: Fraction
    """Frames per second."""
    side_data: SideData = NO_SIDE_DATA
    """Of the source. Encoders state the light levels in the stream, if they can."""


# ---- codecs --------------------------------------------------------------------------------------------------------


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
    if _prores_profile(encode, source) < PRORES_4444:
        return _yuv("yuv422p", 10)
    return _yuv("yuva444p" if source.has_alpha else "yuv444p", 10)


def _prores_profile(encode: Encode, form: PixelFormat) -> int:
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


# ---- options of encoders -------------------------------------------------------------------------------------------


def _keyframes(encode: Encode, pictures: Pictures) -> Options:
    """The largest distance of keyframes, if it is set."""
    return () if encode.keyframe_s == "auto" else (("g", str(max(1, int(encode.keyframe_s * pictures.rate)))),)


def _tune(encode: Encode) -> Options:
    return () if encode.tune == "none" else (("tune", encode.tune),)


def _bit_rate(encode: Encode) -> Options:
    """The limit of the bit rate, if there is one, for encoders that take FFmpeg's options for it."""
    limit = str(encode.max_bit_rate)
    return (("maxrate", limit), ("bufsize", limit)) if encode.max_bit_rate else ()


def _x264_options(encode: Encode, pictures: Pictures) -> Options:
    # By default PyAV asks for a thread per slice, and files whose pictures are cut into slices are 1 to 2 % larger.
    fixed = ("threads", str(THREADS)), ("x264-params", "open-gop=0:sliced-threads=0")
    quality = ("preset", encode.preset), ("crf", str(encode.quality))
    return (*quality, *fixed, *_tune(encode), *_keyframes(encode, pictures), *_bit_rate(encode))


_X265_LEAST_CUTREE_WIDTH = 49
"""In narrower pictures of any height, x265's CU-tree writes beyond its memory, and the process aborts (x265 4.2)."""


def _x265_options(encode: Encode, pictures: Pictures) -> Options:
    kbit = encode.max_bit_rate // 1000
    limit = f"pools=none:frame-threads=1:vbv-maxrate={kbit}:vbv-bufsize={kbit}"
    fixed = f"open-gop=0:info=0:{limit if kbit else f'pools={THREADS}:frame-threads=2'}:log-level=error"
    mastering, light = pictures.side_data.mastering, pictures.side_data.content_light
    levels = [f"master-display={_mastering(mastering, 1, 1)}"] if mastering else []
    levels += [f"max-cll={light.most},{light.most_average}"] if light else []
    levels += ["cutree=0"] if pictures.width < _X265_LEAST_CUTREE_WIDTH else []
    quality = ("preset", encode.preset), ("crf", str(encode.quality))
    return (*quality, ("x265-params", ":".join((fixed, *levels))), *_tune(encode), *_keyframes(encode, pictures))


_SVT_AV1_LEAST_THREADED_PX = 32
"""If a side is shorter, SVT-AV1 4.1 hangs at a level of parallelism of 2. At 1 it makes the same bytes."""


def _svt_av1_options(encode: Encode, pictures: Pictures) -> Options:
    preset, kbit = str(_SVT_AV1_PRESETS[encode.preset]), encode.max_bit_rate // 1000
    level = 1 if min(pictures.width, pictures.height) < _SVT_AV1_LEAST_THREADED_PX else 2
    fixed = f"lp=1:mbr={kbit}:mbr-overshoot-pct=0" if kbit else f"lp={level}"
    mastering, light = pictures.side_data.mastering, pictures.side_data.content_light
    levels = [f"mastering-display={_mastering(mastering, 50_000, 10_000)}"] if mastering else []
    levels += [f"content-light={light.most},{light.most_average}"] if light else []
    params = ":".join((fixed, *levels))
    return (("preset", preset), ("crf", str(encode.quality)), ("svtav1-params", params), *_keyframes(encode, pictures))


def _mastering(display: MasteringDisplay, parts: int, luminance_parts: int) -> str:
    """The display as x265 and SVT-AV1 take it: x265 in the units of the record, SVT-AV1 in decimals of 1 and cd/m2."""

    def pair(name: str, values: tuple[int, int], parts: int) -> str:
        first, second = (value if parts == 1 else value / parts for value in values)
        return f"{name}({first},{second})"

    points = {"G": display.green, "B": display.blue, "R": display.red, "WP": display.white}
    levels = pair("L", (display.most_luminance, display.least_luminance), luminance_parts)
    return "".join([*(pair(name, point, parts) for name, point in points.items()), levels])


def _vp9_options(encode: Encode, pictures: Pictures) -> Options:
    speed = ("deadline", _VP9_DEADLINES[encode.preset]), ("cpu-used", str(_VP9_SPEEDS[encode.preset]))
    quality = ("crf", str(encode.quality)), ("b", str(encode.max_bit_rate))
    parallel = ("row-mt", "1"), ("tile-columns", "2"), ("threads", str(THREADS))
    return (*speed, *quality, *parallel, *_keyframes(encode, pictures))


def _prores_options(encode: Encode, pictures: Pictures) -> Options:
    profile = str(_prores_profile(encode, pictures.form))
    return (("profile", profile), ("vendor", "apl0"), ("threads", str(THREADS)))


def _ffv1_options(_: Encode, pictures: Pictures) -> Options:
    slices = str(ffv1_slices(pictures.form, pictures.width, pictures.height))
    return (("level", "3"), ("g", "1"), ("slices", slices), ("slicecrc", "1"), ("threads", str(THREADS)))


def _nvenc_options(encode: Encode, pictures: Pictures) -> Options:
    preset, quality = _NVENC_PRESETS[encode.preset], str(encode.quality)
    fixed = ("preset", preset), ("tune", "hq"), ("rc", "vbr"), ("cq", quality), ("b", "0"), ("bf", "2")
    return (*fixed, *_keyframes(encode, pictures), *_bit_rate(encode))


# ---- encoders ------------------------------------------------------------------------------------------------------


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
        options=_nvenc_options,
        least_px=160,
        most_px=(most_px, most_px),
        refusal=_nvenc_refusal,
        is_nvenc=True,
    )


_ALL_CHROMA = ("yuv420p", "yuv422p", "yuv444p", "gray")
_P010 = {"yuv420p10le": "p010le"}
_TABLE = (
    Encoder(name="libx264", codec="h264", formats=_names(*_ALL_CHROMA, depths=(8, 10)), options=_x264_options),
    Encoder(
        name="libx265",
        codec="hevc",
        formats=_names(*_ALL_CHROMA, depths=(8, 10, 12)),
        options=_x265_options,
        least_px=16,
    ),
    Encoder(
        name="libsvtav1",
        codec="av1",
        formats=_names("yuv420p", depths=(8, 10)),
        options=_svt_av1_options,
        least_px=4,
        most_px=(16_384, 8_704),
        most_rate=Fraction(240),
    ),
    Encoder(
        name="libvpx-vp9",
        codec="vp9",
        formats=_names("yuv420p", "yuv422p", "yuv440p", "yuv444p", "yuva420p", depths=(8,)),
        options=_vp9_options,
        refusal=_vp9_refusal,
    ),
    Encoder(
        name="prores_ks",
        codec="prores",
        formats=_names("yuv422p", "yuv444p", "yuva444p", depths=(10,)),
        options=_prores_options,
    ),
    Encoder(
        name="ffv1",
        codec="ffv1",
        formats=frozenset(PIXEL_FORMATS),
        other_layouts={"gbrp": "bgr0", "gbrap": "bgra"},
        options=_ffv1_options,
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
    facts = codec_of(encoder)
    return _MATROSKA if has_alpha and facts.alpha == "beside packets" else facts.segment


def codec_of(encoder: str) -> CodecFacts:
    """Return the facts of an encoder's codec; `encoder` is FFmpeg's name."""
    return CODECS[ENCODERS[encoder].codec]
