"""The one encoder configuration of a video, which its plan chooses.

The input is the settings and the source's pixel format and size. The output is encoder names and options, and a note
for every property of the source that the output loses. Nothing here opens an encoder. What each codec and encoder
supports is in codecs.py and encoders.py.
"""

from dataclasses import dataclass, replace
from fractions import Fraction

from slomo_batch.errors import ManifestError, SourceUnsupported
from slomo_batch.picture import PIXEL_FORMATS, PixelFormat
from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.encode_validation import allowed_encoders, validate_encode
from slomo_batch.plan.encoder_options import Pictures
from slomo_batch.plan.encoders import ENCODERS, Encoder
from slomo_batch.settings import Codec, Encode
from slomo_batch.side_data import NO_SIDE_DATA, SideData

HDR_BITS = 10
"""Bits per sample that PQ and HLG need, so that no steps show."""
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


def choose_encoder(
    encode: Encode,
    codec: Codec,
    *,
    source_format: str,
    has_alpha: bool = False,
    width: int,
    height: int,
    rate: Fraction,
    nvenc_works: bool,
    is_hdr: bool = False,
    side_data: SideData = NO_SIDE_DATA,
) -> EncoderChoice:
    """Choose the configuration of a video in this codec. `encode` is valid by validate_encode; `source_format` is in
    PIXEL_FORMATS, without alpha; `has_alpha` if there is alpha that the output's file can store with this codec; `rate`
    is the output's, in frames per second.

    Raises:
        ManifestError: the settings require NVENC, and it does not work here.
        SourceUnsupported: the pictures are too small or too large, or the rate is too high, for every encoder of the
            codec; or they are HDR, and the codec or the pixel format is not for HDR; or a setting is not valid for the
            codec that `auto` means.
    """
    for problem in validate_encode(replace(encode, codec=codec)):
        remedy = "Change this setting, or set encode.codec."
        raise SourceUnsupported(f"encode.codec is {codec} for this video, and {problem}", remedy=remedy)
    source = PIXEL_FORMATS[source_format]
    target = _target_format(encode, codec, source.with_alpha if has_alpha else source, is_hdr=is_hdr)
    if is_hdr:
        _refuse_loss_of_hdr(codec, source, target)
    even, odd_notes = _even(codec, target, width, height)
    pictures = Pictures(form=even, width=width, height=height, rate=rate, side_data=side_data)
    encoder, encoder_notes = _pick(encode, codec, pictures, nvenc_works=nvenc_works)
    codec_note = CODECS[codec].note
    return EncoderChoice(
        encoder=encoder,
        options=ENCODERS[encoder].options(encode, pictures),
        pixel_format=even.name,
        notes=(
            *encoder_notes,
            *_losses(source, even),
            *_stored_deeper(codec, source, even),
            *odd_notes,
            *([codec_note] if codec_note else []),
        ),
    )


def _pick(encode: Encode, codec: Codec, pictures: Pictures, *, nvenc_works: bool) -> tuple[str, tuple[str, ...]]:
    candidates = allowed_encoders(encode, codec, nvenc_works=nvenc_works)
    if ENCODERS[candidates[0]].is_nvenc and not nvenc_works:
        raise ManifestError(
            f"encode.encoder requires {candidates[0]}, which does not work on this machine or cluster",
            remedy="Set encode.encoder to auto or software; software at encode.preset veryfast takes half the time "
            "of medium.",
        )
    refusals = {name: _refusal(encode, ENCODERS[name], pictures) for name in candidates}
    fitting = [name for name in candidates if refusals[name] == ""]
    if fitting:
        skipped = candidates[: candidates.index(fitting[0])]
        return fitting[0], tuple(f"{name} {refusals[name]}, so {fitting[0]} is used" for name in skipped)
    raise SourceUnsupported(
        f"{candidates[-1]} {refusals[candidates[-1]]}",
        got=f"{pictures.width}x{pictures.height} {pictures.form.name}",
        remedy="Choose another encode.codec, encode.encoder or encode.pixel_format.",
    )


def _refusal(encode: Encode, encoder: Encoder, pictures: Pictures) -> str:
    """Why an encoder cannot encode these pictures with these settings, as the end of a sentence; "" if it can."""
    if encoder.is_nvenc and encode.tune != "none":
        return f"does not support encode.tune: {encode.tune}"
    return encoder.unsupported(pictures)


# ---- pixel format --------------------------------------------------------------------------------------------------


def _target_format(encode: Encode, codec: Codec, source: PixelFormat, *, is_hdr: bool) -> PixelFormat:
    """Return the requested pixel format; for `auto`, the nearest to the source's that players of the codec open."""
    if encode.pixel_format != "auto":
        return PIXEL_FORMATS[encode.pixel_format]
    target = CODECS[codec].auto_format(encode, source)
    if is_hdr and target.bit_depth < HDR_BITS and not CODECS[codec].is_lossless:
        return CODECS[codec].auto_format(encode, replace(source, bit_depth=HDR_BITS))
    return target


def _refuse_loss_of_hdr(codec: Codec, source: PixelFormat, target: PixelFormat) -> None:
    """Refuse h264, whose players do not show HDR, and depths that are too small for its transfers."""
    remedy = "Set encode.codec to hevc or av1, and encode.pixel_format to auto."
    if codec == "h264":
        raise SourceUnsupported("HDR is not supported in h264, whose players do not show it", remedy=remedy)
    if target.bit_depth < min(source.bit_depth, HDR_BITS):
        raise SourceUnsupported(
            "HDR needs 10 bits", expected="a pixel format of 10 bits", got=f"{target.name} in {codec}", remedy=remedy
        )


def _even(codec: Codec, form: PixelFormat, width: int, height: int) -> tuple[PixelFormat, tuple[str, ...]]:
    """Return the format, or its 4:4:4 variant if the codec does not support subsampled chroma in odd sizes."""
    odd = (width % (1 << form.chroma_shift_x)) or (height % (1 << form.chroma_shift_y))
    if CODECS[codec].odd_size_subsampled or not odd:
        return form, ()
    full = PIXEL_FORMATS["yuv444p" if form.bit_depth == 8 else f"yuv444p{form.bit_depth}le"]
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


def _stored_deeper(codec: Codec, source: PixelFormat, target: PixelFormat) -> tuple[str, ...]:
    """Return a note if a lossless output has more bits than its source."""
    if not CODECS[codec].is_lossless or target.bit_depth <= source.bit_depth:
        return ()
    return (f"{source.bit_depth} bits are stored as {target.bit_depth}, which more players read: nothing is lost",)


def _chroma(form: PixelFormat) -> str:
    return _CHROMA_NAMES[form.chroma_shift_x, form.chroma_shift_y]
