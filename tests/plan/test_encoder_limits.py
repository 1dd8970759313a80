"""The limits of encoders: pictures that one does not take go to another, or are an error."""

from fractions import Fraction
from typing import Any

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from slomo_batch.errors import ManifestError, SourceUnsupported
from slomo_batch.media.thread_priority import keep_thread_priority
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.encode_validation import validate_encode
from slomo_batch.settings import Codec, Encode
from tests.plan.choices import chosen


def test_nvenc_is_used_where_it_works_and_takes_the_pictures() -> None:
    assert chosen("hevc", nvenc_works=True).encoder == "hevc_nvenc"
    assert chosen("hevc", nvenc_works=True, encoder="software").encoder == "libx265"
    assert chosen("prores", nvenc_works=True).encoder == "prores_ks"


@pytest.mark.parametrize(
    ("settings", "size"), [({"pixel_format": "yuv422p10le"}, (640, 360)), ({}, (641, 360)), ({}, (64, 64))]
)
def test_what_nvenc_does_not_take_goes_to_software_and_is_noted(
    settings: dict[str, Any], size: tuple[int, int]
) -> None:
    choice = chosen("h264", size=size, nvenc_works=True, **settings)
    assert choice.encoder == "libx264"
    assert choice.notes[0].startswith("h264_nvenc ")


def test_a_tuned_video_goes_to_software_and_that_is_noted() -> None:
    tuned = chosen("h264", tune="film", nvenc_works=True)
    assert tuned.encoder == "libx264"
    assert tuned.notes == ("h264_nvenc does not support encode.tune: film, so libx264 is used",)


@pytest.mark.parametrize("encoder", ["nvenc", "h264_nvenc"])
def test_nvenc_by_name_is_an_error_where_it_does_not_work(encoder: str) -> None:
    with pytest.raises(ManifestError, match="nvenc, which does not work"):
        chosen("h264", encoder=encoder)


def test_pictures_too_small_for_the_encoder_are_an_error() -> None:
    with pytest.raises(SourceUnsupported, match="at least 16 pixels"):
        chosen("hevc", size=(8, 8))


@pytest.mark.parametrize(
    ("codec", "size", "rate", "limit"),
    [
        ("h264", (20_000, 48), 25, "at most 16384x16384"),
        ("hevc", (48, 16_386), 25, "at most 16384x16384"),
        ("av1", (64, 8_706), 25, "at most 16384x8704"),
        ("av1", (64, 64), 241, "at most 240 frames/s, and the output has 241"),
        ("vp9", (64, 64), 1_000_000_001, "frame rates with numerators up to 1,000,000,000"),
    ],
)
def test_pictures_beyond_the_encoder_are_an_error_with_its_limit(
    codec: Codec, size: tuple[int, int], rate: int, limit: str
) -> None:
    with pytest.raises(SourceUnsupported, match=limit):
        chosen(codec, size=size, rate=rate)


@pytest.mark.parametrize(
    ("codec", "size", "rate"),
    [
        ("h264", (16_384, 64), 10_000),
        ("av1", (16_384, 64), 240),
        ("av1", (64, 8_704), 240),
        ("hevc", (64, 64), 10_000),
        ("vp9", (16_384, 64), 10_000),
    ],
)
def test_the_limits_of_software_encoders_are_those_of_this_build(
    codec: Codec, size: tuple[int, int], rate: int
) -> None:
    choice = chosen(codec, size=size, rate=rate, preset="ultrafast")
    context = av.CodecContext.create(choice.encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height = size
    context.pix_fmt, context.time_base, context.framerate = choice.pixel_format, Fraction(1, rate), Fraction(rate)
    context.options = dict(choice.options)
    with keep_thread_priority():
        context.open()


@pytest.mark.parametrize(("codec", "size"), [("h264", (4098, 160)), ("hevc", (160, 8194)), ("av1", (8194, 160))])
def test_what_is_too_large_for_nvenc_goes_to_software(codec: Codec, size: tuple[int, int]) -> None:
    choice = chosen(codec, size=size, nvenc_works=True)
    assert not choice.encoder.endswith("nvenc")
    assert "supports at most" in choice.notes[0]


@pytest.mark.parametrize("codec", CODECS)
def test_what_is_allowed_is_what_the_encoder_of_this_build_opens(codec: Codec) -> None:
    built = {form.name for form in av.Codec(chosen(codec).encoder, "w").video_formats or ()}
    for name in PIXEL_FORMATS:
        allowed = not validate_encode(Encode(codec=codec, pixel_format=name))
        assert not allowed or name in built
