"""Encoders: validation of the settings, and the one encoder configuration of a video, which its plan chooses.

Segments of a video are made on many machines and joined without decoding, so everything that shapes the stream is fixed
here: encoder, thread count (x264's pixels depend on it), closed groups of pictures, quality, pixel format. The largest
distance of keyframes, which depends on the frame rate, and the color tags are set where the encoder is opened.

The input is the settings and the source's pixel format and size. The output is encoder names and options, and a note
for every property of the source that the output loses. Nothing here opens an encoder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from slomo_batch.errors import ManifestError, SourceUnsupported
from slomo_batch.picture import PIXEL_FORMATS, PixelFormat
from slomo_batch.plan.ffv1_slices import ffv1_slices
from slomo_batch.plan.output_rate import MAX_RATE
from slomo_batch.records import ColorFacts
from slomo_batch.settings import Codec, Encode

THREADS = 4
"""Threads of every encoder, on every machine alike."""

CONTAINERS: Mapping[str, frozenset[Codec]] = {
    ".mp4": frozenset({"h264", "hevc", "av1", "ffv1"}),
    ".mov": frozenset({"h264", "hevc", "prores"}),
    ".mkv": frozenset({"h264", "hevc", "av1", "prores", "ffv1"}),
}
"""The codecs that each container supports, by file suffix."""

PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow")
"""Speed presets, fastest first. All codecs use x264's names; prores and ffv1 ignore them."""
_SVT_AV1_PRESETS = dict(zip(PRESETS, (11, 10, 9, 8, 7, 6, 5, 4, 3), strict=True))
_NVENC_PRESETS = dict(zip(PRESETS, ("p1", "p1", "p2", "p3", "p3", "p4", "p5", "p6", "p7"), strict=True))

QUALITY_UNSET = Encode().quality
"""The default quality: for prores, whose profiles end at 5, it means the profile that suits the source's chroma."""
_QUALITIES: Mapping[Codec, range] = {"h264": range(52), "hevc": range(52), "av1": range(64), "prores": range(6)}
PRORES_HQ, PRORES_4444 = 3, 4

_CHROMA_NAMES = {(1, 1): "4:2:0", (1, 0): "4:2:2", (0, 0): "4:4:4", (0, 1): "4:4:0", (2, 0): "4:1:1", (2, 2): "4:1:0"}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderChoice:
    """The encoder configuration of all segments of a video."""

    encoder: str
    """FFmpeg's name of the encoder."""
    options: tuple[tuple[str, str], ...]
    """Its options, in order."""
    pixel_format: str
    """Format of its input pictures, a name in PIXEL_FORMATS."""
    notes: tuple[str, ...]
    """What the output loses of the source, and settings that could not be met: a sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Encoder:
    """What an FFmpeg encoder supports."""

    codec: Codec
    formats: frozenset[str] = field(repr=False)
    """Formats in PIXEL_FORMATS that it encodes without conversion."""
    least_px: int = 1
    """Least width and height."""
    most_px: tuple[int, int] = (16_384, 16_384)
    """Greatest width and height. No source has more."""
    most_rate: Fraction = MAX_RATE
    """Most frames per second."""


def _names(*stems: str, depths: tuple[int, ...]) -> frozenset[str]:
    return frozenset(stem if depth == 8 else f"{stem}{depth}le" for stem in stems for depth in depths)


_ALL_CHROMA = ("yuv420p", "yuv422p", "yuv444p", "gray")
_ENCODERS: Mapping[str, _Encoder] = {
    "libx264": _Encoder(codec="h264", formats=_names(*_ALL_CHROMA, depths=(8, 10))),
    "libx265": _Encoder(codec="hevc", formats=_names(*_ALL_CHROMA, depths=(8, 10, 12)), least_px=16),
    "libsvtav1": _Encoder(
        codec="av1",
        formats=_names("yuv420p", depths=(8, 10)),
        least_px=4,
        most_px=(16_384, 8_704),
        most_rate=Fraction(240),
    ),
    "prores_ks": _Encoder(codec="prores", formats=_names("yuv422p", "yuv444p", depths=(10,))),
    "ffv1": _Encoder(codec="ffv1", formats=frozenset(PIXEL_FORMATS), least_px=8),
    "h264_nvenc": _Encoder(
        codec="h264", formats=_names("yuv420p", "yuv444p", depths=(8,)), least_px=160, most_px=(4_096, 4_096)
    ),
    "hevc_nvenc": _Encoder(
        codec="hevc",
        formats=_names("yuv420p", depths=(8, 10)) | {"yuv444p"},
        least_px=160,
        most_px=(8_192, 8_192),
    ),
    "av1_nvenc": _Encoder(codec="av1", formats=_names("yuv420p", depths=(8, 10)), least_px=160, most_px=(8_192, 8_192)),
}
_SOFTWARE: Mapping[Codec, str] = {
    "h264": "libx264",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "prores": "prores_ks",
    "ffv1": "ffv1",
}
NVENC: Mapping[Codec, str] = {"h264": "h264_nvenc", "hevc": "hevc_nvenc", "av1": "av1_nvenc"}
"""NVIDIA's encoders by codec. FFmpeg lists them even if they do not work: see media.encode.encoder_works."""


# ---- validation -----------------------------------------------------------------------------------------------------


def validate_container(codec: Codec, suffix: str) -> list[str]:
    """Return why a file with this suffix (".mp4") cannot contain this codec; empty if it can."""
    taken = CONTAINERS.get(suffix.lower())
    if taken is None:
        what = f"unsupported output suffix {suffix}" if suffix else "the output has no suffix"
        return [f"{what}; use {_any_of(CONTAINERS)}"]
    if codec in taken:
        return []
    fitting = [name for name, codecs in CONTAINERS.items() if codec in codecs]
    return [f"{suffix} does not support {codec}; use {_any_of(fitting)}, or {_any_of(sorted(taken))} in {suffix}"]


def validate_encode(encode: Encode) -> list[str]:
    """Return the problems of these encoder settings. Each starts with the name of its setting."""
    checks = (_quality, _preset, _encoder, _pixel_format)
    return [problem for check in checks for problem in check(encode)]


def _quality(encode: Encode) -> list[str]:
    allowed = _QUALITIES.get(encode.codec)
    unset = encode.codec == "prores" and encode.quality == QUALITY_UNSET
    if allowed is None or unset or encode.quality in allowed:
        return []
    meaning = " (the profile: proxy, lt, standard, hq, 4444, 4444xq)" if encode.codec == "prores" else ""
    return [f"quality of {encode.codec} must be 0 to {allowed[-1]}{meaning}, got {encode.quality}"]


def _preset(encode: Encode) -> list[str]:
    return [] if encode.preset in PRESETS else [f"preset must be {_any_of(PRESETS)}, got {encode.preset!r}"]


def _encoder(encode: Encode) -> list[str]:
    named = [name for name, encoder in _ENCODERS.items() if encoder.codec == encode.codec]
    allowed = ["auto", "software", *(["nvenc"] if encode.codec in NVENC else []), *named]
    return (
        []
        if encode.encoder in allowed
        else [f"encoder of {encode.codec} must be {_any_of(allowed)}, got {encode.encoder!r}"]
    )


def _pixel_format(encode: Encode) -> list[str]:
    if encode.pixel_format == "auto" or _encoder(encode):
        return []
    encoders = [name for name in _candidates(encode, nvenc_works=True) if _ENCODERS[name].codec == encode.codec]
    allowed = frozenset[str]().union(*(_ENCODERS[name].formats for name in encoders))
    allowed = frozenset(name for name in allowed if PIXEL_FORMATS[name].model != "rgb")
    fits = encode.pixel_format in allowed and not _profile_mismatch(encode)
    if fits:
        return []
    names = _any_of(sorted(allowed))
    return [f"pixel_format must be auto, {names} with this encoder and quality, got {encode.pixel_format!r}"]


def _profile_mismatch(encode: Encode) -> bool:
    if encode.codec != "prores" or encode.quality == QUALITY_UNSET or encode.pixel_format not in PIXEL_FORMATS:
        return False
    return (encode.quality >= PRORES_4444) != (PIXEL_FORMATS[encode.pixel_format].chroma_shift_x == 0)


def _any_of(names: Mapping[str, object] | tuple[str, ...] | list[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


# ---- choice --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pictures:
    """The input of an encoder."""

    form: PixelFormat
    width: int
    height: int
    rate: Fraction
    """Frames per second."""


def choose_encoder(
    encode: Encode, *, source_format: str, width: int, height: int, rate: Fraction, nvenc_works: bool
) -> EncoderChoice:
    """Choose the configuration of a video. `encode` is valid by validate_encode; `source_format` is in PIXEL_FORMATS;
    `rate` is the output's, in frames per second.

    Raises:
        ManifestError: the settings require NVENC, and it does not work here.
        SourceUnsupported: the pictures are too small or too large, or the rate is too high, for every encoder of the
            codec.
    """
    source = PIXEL_FORMATS[source_format]
    target = _target_format(encode, source)
    even, odd_notes = _even(encode.codec, target, width, height)
    pictures = _Pictures(form=even, width=width, height=height, rate=rate)
    encoder, encoder_notes = _pick(encode, pictures, nvenc_works=nvenc_works)
    return EncoderChoice(
        encoder=encoder,
        options=_options(encoder, encode, even, width, height),
        pixel_format=even.name,
        notes=(*encoder_notes, *_losses(source, even), *odd_notes, *_rarity(encode.codec)),
    )


def _candidates(encode: Encode, *, nvenc_works: bool) -> list[str]:
    """Return the encoders that the settings allow, the preferred one first."""
    nvenc = [NVENC[encode.codec]] if encode.codec in NVENC else []
    by_word = {
        "software": [_SOFTWARE[encode.codec]],
        "nvenc": nvenc,
        "auto": [*(nvenc if nvenc_works else []), _SOFTWARE[encode.codec]],
    }
    return by_word.get(encode.encoder, [encode.encoder])


def _pick(encode: Encode, pictures: _Pictures, *, nvenc_works: bool) -> tuple[str, tuple[str, ...]]:
    candidates = _candidates(encode, nvenc_works=nvenc_works)
    if candidates[0] in NVENC.values() and not nvenc_works:
        raise ManifestError(
            f"encode.encoder requires {candidates[0]}, but NVENC does not work on this machine or cluster",
            remedy="Set encode.encoder to auto or software.",
        )
    fitting = [name for name in candidates if _unsupported(name, pictures) == ""]
    if fitting:
        skipped = candidates[: candidates.index(fitting[0])]
        return fitting[0], tuple(f"{name} {_unsupported(name, pictures)}, so {fitting[0]} is used" for name in skipped)
    raise SourceUnsupported(
        f"{candidates[-1]} {_unsupported(candidates[-1], pictures)}",
        got=f"{pictures.width}x{pictures.height} {pictures.form.name}",
        remedy="Choose another encode.codec, encode.encoder or encode.pixel_format.",
    )


def _unsupported(name: str, pictures: _Pictures) -> str:
    """Return why an encoder cannot encode these pictures, as the end of a sentence; "" if it can."""
    encoder, form, width, height = _ENCODERS[name], pictures.form, pictures.width, pictures.height
    if form.name not in encoder.formats:
        return f"does not support {form.name}"
    if min(width, height) < encoder.least_px:
        return f"needs at least {encoder.least_px} pixels in width and height"
    if width > encoder.most_px[0] or height > encoder.most_px[1]:
        return f"supports at most {encoder.most_px[0]}x{encoder.most_px[1]}"
    if pictures.rate > encoder.most_rate:
        return f"supports at most {encoder.most_rate} frames/s, and the output has {float(pictures.rate):g}"
    if name == "ffv1" and not ffv1_slices(form, width, height):
        return "would lose chroma at the edges of its slices"
    return "supports only even sizes" if name in NVENC.values() and (width % 2 or height % 2) else ""


# ---- pixel format --------------------------------------------------------------------------------------------------


def _target_format(encode: Encode, source: PixelFormat) -> PixelFormat:
    """Return the requested pixel format; for `auto`, the nearest to the source's that players of the codec open."""
    if encode.pixel_format != "auto":
        return PIXEL_FORMATS[encode.pixel_format]
    depth = source.bit_depth
    match encode.codec:
        case "h264":
            return _yuv("yuv420p", 8)
        case "hevc":
            return _yuv("yuv420p", 8 if depth == 8 else 10 if depth <= 10 else 12)
        case "av1":
            return _yuv("yuv420p", 8 if depth == 8 else 10)
        case "prores":
            return _yuv("yuv444p" if _prores_profile(encode, source) >= PRORES_4444 else "yuv422p", 10)
        case "ffv1":
            return source


def _yuv(stem: str, depth: int) -> PixelFormat:
    return PIXEL_FORMATS[stem if depth == 8 else f"{stem}{depth}le"]


def _prores_profile(encode: Encode, form: PixelFormat) -> int:
    if encode.quality != QUALITY_UNSET:
        return encode.quality
    full_chroma = form.model == "rgb" or (form.model == "yuv" and form.chroma_shift_x == form.chroma_shift_y == 0)
    return PRORES_4444 if full_chroma else PRORES_HQ


def _even(codec: Codec, form: PixelFormat, width: int, height: int) -> tuple[PixelFormat, tuple[str, ...]]:
    """Return the format, or its 4:4:4 variant, because h264 and hevc do not support subsampled chroma in odd sizes."""
    odd = (width % (1 << form.chroma_shift_x)) or (height % (1 << form.chroma_shift_y))
    if codec not in {"h264", "hevc"} or not odd:
        return form, ()
    full = _yuv("yuv444p", form.bit_depth)
    reason = f"{codec} supports the odd size {width}x{height} only in 4:4:4"
    note = f"{full.name} is used instead of {form.name}, because {reason}; some players do not open it"
    return full, (note,)


def _losses(source: PixelFormat, target: PixelFormat) -> tuple[str, ...]:
    """Return a sentence for every property of the source's samples that the target loses."""
    losses = []
    if source.model == "rgb" and target.model != "rgb":
        losses.append(f"RGB is converted to {'gray' if target.model == 'gray' else 'YCbCr'}")
    if source.model != "gray" and target.model == "gray":
        losses.append("color is dropped")
    if source.bit_depth > target.bit_depth:
        losses.append(f"depth is reduced from {source.bit_depth} to {target.bit_depth} bits")
    coarser = target.chroma_shift_x > source.chroma_shift_x or target.chroma_shift_y > source.chroma_shift_y
    if source.model != "gray" and target.model == "yuv" and coarser:
        losses.append(f"chroma is reduced from {_chroma(source)} to {_chroma(target)}")
    return tuple(losses)


def _chroma(form: PixelFormat) -> str:
    return _CHROMA_NAMES[form.chroma_shift_x, form.chroma_shift_y]


def _rarity(codec: Codec) -> tuple[str, ...]:
    return ("ffv1 is an archive format: few players open it",) if codec == "ffv1" else ()


# ---- options -------------------------------------------------------------------------------------------------------


def _options(encoder: str, encode: Encode, form: PixelFormat, width: int, height: int) -> tuple[tuple[str, str], ...]:
    quality, threads = str(encode.quality), str(THREADS)
    match encoder:
        case "libx264":
            closed = ("x264-params", "open-gop=0")
            return (("preset", encode.preset), ("crf", quality), ("threads", threads), closed)
        case "libx265":
            fixed = f"open-gop=0:info=0:pools={threads}:frame-threads=2:log-level=error"
            return (("preset", encode.preset), ("crf", quality), ("x265-params", fixed))
        case "libsvtav1":
            preset = str(_SVT_AV1_PRESETS[encode.preset])
            return (("preset", preset), ("crf", quality), ("svtav1-params", "lp=2"))
        case "prores_ks":
            profile = str(_prores_profile(encode, form))
            return (("profile", profile), ("vendor", "apl0"), ("threads", threads))
        case "ffv1":
            slices = str(ffv1_slices(form, width, height))
            return (("level", "3"), ("g", "1"), ("slices", slices), ("slicecrc", "1"), ("threads", threads))
        case _:
            preset = _NVENC_PRESETS[encode.preset]
            return (("preset", preset), ("tune", "hq"), ("rc", "vbr"), ("cq", quality), ("b", "0"), ("bf", "2"))


# ---- limits of containers ------------------------------------------------------------------------------------------


def container_limits(codec: Codec, suffix: str, *, sample_aspect_ratio: Fraction, color: ColorFacts) -> tuple[str, ...]:
    """Return what a file with this suffix loses of this video, a sentence each."""
    limits = []
    if suffix.lower() == ".mkv":
        limits.append("timestamps in .mkv are rounded to 1 ms, so frame times are off by up to 0.5 ms")
        if sample_aspect_ratio != 1 and codec not in {"h264", "hevc"}:
            limits.append(f"the sample aspect ratio {sample_aspect_ratio} is lost: .mkv does not store it with {codec}")
    if not carries_color(codec, suffix, color):
        limits.append(f"the color description is lost: {suffix} with {codec} stores it only if all of it is known")
    if not carries_range(codec) and color.range == "full":
        limits.append(f"{codec} cannot signal full-range samples: players show too much contrast")
    return tuple(limits)


def carries_color(codec: Codec, suffix: str, color: ColorFacts) -> bool:
    """Return whether the file stores the color description: FFV1 does not, and MP4 stores only a complete one."""
    named = "unspecified" not in {color.primaries, color.transfer, color.matrix}
    return not (codec == "ffv1" and suffix.lower() == ".mp4") or named


def carries_range(codec: Codec) -> bool:
    """Return whether the codec, or its containers, can signal full-range samples."""
    return codec != "prores"


def codec_of(encoder: str) -> Codec:
    """Return the codec of an encoder, by FFmpeg's name."""
    return _ENCODERS[encoder].codec
