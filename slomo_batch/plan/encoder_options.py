"""The options of each encoder.

Segments of a video are made on many machines and joined without decoding, so everything that shapes the stream is fixed
in the options: thread count (x264's pixels depend on it), closed groups of pictures, quality. The largest distance of
keyframes, which depends on the frame rate, and the color tags are set where the encoder is opened.
"""

from dataclasses import dataclass
from fractions import Fraction

from slomo_batch.picture import PixelFormat
from slomo_batch.plan.codecs import prores_profile
from slomo_batch.plan.ffv1_slices import ffv1_slices
from slomo_batch.settings import Encode
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
_NVENC_PRESETS = dict(zip(PRESETS, ("p1", "p1", "p2", "p3", "p3", "p4", "p5", "p6", "p7"), strict=True))

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


def _keyframes(encode: Encode, pictures: Pictures) -> Options:
    """The largest distance of keyframes, if it is set."""
    return () if encode.keyframe_s == "auto" else (("g", str(max(1, int(encode.keyframe_s * pictures.rate)))),)


def _tune(encode: Encode) -> Options:
    return () if encode.tune == "none" else (("tune", encode.tune),)


def _bit_rate(encode: Encode) -> Options:
    """The limit of the bit rate, if there is one, for encoders that take FFmpeg's options for it."""
    limit = str(encode.max_bit_rate)
    return (("maxrate", limit), ("bufsize", limit)) if encode.max_bit_rate else ()


def x264_options(encode: Encode, pictures: Pictures) -> Options:
    """Options of libx264."""
    # By default PyAV asks for a thread per slice, and files whose pictures are cut into slices are 1 to 2 % larger.
    fixed = ("threads", str(THREADS)), ("x264-params", "open-gop=0:sliced-threads=0")
    quality = ("preset", encode.preset), ("crf", str(encode.quality))
    return (*quality, *fixed, *_tune(encode), *_keyframes(encode, pictures), *_bit_rate(encode))


_X265_LEAST_CUTREE_WIDTH = 49
"""In narrower pictures of any height, x265's CU-tree writes beyond its memory, and the process aborts (x265 4.2)."""


def x265_options(encode: Encode, pictures: Pictures) -> Options:
    """Options of libx265."""
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


def svt_av1_options(encode: Encode, pictures: Pictures) -> Options:
    """Options of libsvtav1."""
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


def vp9_options(encode: Encode, pictures: Pictures) -> Options:
    """Options of libvpx-vp9."""
    speed = ("deadline", _VP9_DEADLINES[encode.preset]), ("cpu-used", str(_VP9_SPEEDS[encode.preset]))
    quality = ("crf", str(encode.quality)), ("b", str(encode.max_bit_rate))
    parallel = ("row-mt", "1"), ("tile-columns", "2"), ("threads", str(THREADS))
    return (*speed, *quality, *parallel, *_keyframes(encode, pictures))


def prores_options(encode: Encode, pictures: Pictures) -> Options:
    """Options of prores_ks."""
    profile = str(prores_profile(encode, pictures.form))
    return (("profile", profile), ("vendor", "apl0"), ("threads", str(THREADS)))


def ffv1_options(_: Encode, pictures: Pictures) -> Options:
    """Options of FFmpeg's ffv1."""
    slices = str(ffv1_slices(pictures.form, pictures.width, pictures.height))
    return (("level", "3"), ("g", "1"), ("slices", slices), ("slicecrc", "1"), ("threads", str(THREADS)))


def nvenc_options(encode: Encode, pictures: Pictures) -> Options:
    """Options of NVIDIA's encoders."""
    preset, quality = _NVENC_PRESETS[encode.preset], str(encode.quality)
    fixed = ("preset", preset), ("tune", "hq"), ("rc", "vbr"), ("cq", quality), ("b", "0"), ("bf", "2")
    return (*fixed, *_keyframes(encode, pictures), *_bit_rate(encode))
