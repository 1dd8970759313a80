"""Validation of the settings of the encoder: which codec and encoders they name, and what is wrong with them."""

from collections.abc import Iterable
from typing import Literal

from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.codecs import CODECS, PRORES_4444, QUALITY_UNSET
from slomo_batch.plan.encoder_options import PRESETS
from slomo_batch.plan.encoders import ENCODERS, encoders_of
from slomo_batch.settings import Codec, Encode


def validate_encode(encode: Encode) -> list[str]:
    """Return the problems of these encoder settings. Each starts with the name of its setting.

    What is valid for h264 is valid for `codec: auto`.
    """
    named = named_codec(encode)
    codec: Codec = "h264" if named == "auto" else named
    checks = (_quality, _preset, _encoder, _pixel_format, _tune, _max_bit_rate)
    return [problem for check in checks for problem in check(encode, codec)]


def named_codec(encode: Encode) -> Literal["auto"] | Codec:
    """Return the codec that the settings name, also by one of its encoders; `auto` if the source decides."""
    named = ENCODERS.get(encode.encoder)
    return named.codec if encode.codec == "auto" and named is not None else encode.codec


def _quality(encode: Encode, codec: Codec) -> list[str]:
    facts = CODECS[codec]
    unset = facts.quality_is_profile and encode.quality == QUALITY_UNSET
    if facts.qualities is None or unset or encode.quality in facts.qualities:
        return []
    meaning = f" ({facts.quality_meaning})" if facts.quality_meaning else ""
    return [f"quality of {codec} must be 0 to {facts.qualities[-1]}{meaning}, got {encode.quality}"]


def _preset(encode: Encode, _: Codec) -> list[str]:
    return [] if encode.preset in PRESETS else [f"preset must be {any_of(PRESETS)}, got {encode.preset!r}"]


def _encoder(encode: Encode, codec: Codec) -> list[str]:
    software, nvenc = encoders_of(codec, is_nvenc=False), encoders_of(codec, is_nvenc=True)
    allowed = ["auto", "software", *(["nvenc"] if nvenc else []), *software, *nvenc]
    return (
        [] if encode.encoder in allowed else [f"encoder of {codec} must be {any_of(allowed)}, got {encode.encoder!r}"]
    )


def _tune(encode: Encode, codec: Codec) -> list[str]:
    allowed = ["none", *sorted(CODECS[codec].tunes)]
    return [] if encode.tune in allowed else [f"tune of {codec} must be {any_of(allowed)}, got {encode.tune!r}"]


def _max_bit_rate(encode: Encode, codec: Codec) -> list[str]:
    has_one = CODECS[codec].has_bit_rate or not encode.max_bit_rate
    return [] if has_one else [f"max_bit_rate of {codec} must be 0, because its bit rate cannot be limited"]


def _pixel_format(encode: Encode, codec: Codec) -> list[str]:
    if encode.pixel_format == "auto" or _encoder(encode, codec):
        return []
    encoders = allowed_encoders(encode, codec, nvenc_works=True)
    allowed = frozenset[str]().union(*(ENCODERS[name].formats for name in encoders))
    allowed = frozenset(name for name in allowed if PIXEL_FORMATS[name].model != "rgb")
    fits = encode.pixel_format in allowed and not _profile_mismatch(encode, codec)
    if fits:
        return []
    names = any_of(sorted(allowed))
    return [f"pixel_format must be auto, {names} with this encoder and quality, got {encode.pixel_format!r}"]


def _profile_mismatch(encode: Encode, codec: Codec) -> bool:
    is_profile = CODECS[codec].quality_is_profile
    if not is_profile or encode.quality == QUALITY_UNSET or encode.pixel_format not in PIXEL_FORMATS:
        return False
    return (encode.quality >= PRORES_4444) != (PIXEL_FORMATS[encode.pixel_format].chroma_shift_x == 0)


def any_of(names: Iterable[str]) -> str:
    """Return the names as the end of a sentence: "a, b or c"."""
    *most, last = names
    return f"{', '.join(most)} or {last}" if most else last


def allowed_encoders(encode: Encode, codec: Codec, *, nvenc_works: bool) -> list[str]:
    """Return the encoders that the settings allow, the preferred one first."""
    software, nvenc = encoders_of(codec, is_nvenc=False), encoders_of(codec, is_nvenc=True)
    by_word = {"software": software, "nvenc": nvenc, "auto": [*(nvenc if nvenc_works else []), *software]}
    return by_word.get(encode.encoder, [encode.encoder])
