"""Validation of the encoder's settings: a sentence says what is wrong, and what is allowed."""

import pytest

from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.encode_validation import validate_encode
from slomo_batch.settings import Codec, Encode


@pytest.mark.parametrize(
    ("encode", "words"),
    [
        (Encode(quality=52), "quality of h264 must be 0 to 51, got 52"),
        (Encode(codec="av1", quality=64), "0 to 63"),
        (Encode(codec="vp9", quality=64), "0 to 63"),
        (Encode(codec="vp9", encoder="nvenc"), "auto, software or libvpx-vp9"),
        (Encode(codec="vp9", pixel_format="yuv420p10le"), "auto, yuv420p, yuv422p, yuv440p, yuv444p or yuva420p"),
        (Encode(codec="prores", quality=6), "proxy, lt, standard, hq, 4444, 4444xq"),
        (Encode(preset="warp"), "ultrafast"),
        (Encode(codec="hevc", tune="film"), "tune of hevc must be none, animation or grain, got 'film'"),
        (Encode(codec="av1", tune="grain"), "tune of av1 must be none, got 'grain'"),
        (Encode(codec="ffv1", max_bit_rate=8_000_000), "max_bit_rate of ffv1 must be 0"),
        (Encode(codec="prores", encoder="nvenc"), "auto, software or prores_ks"),
        (Encode(codec="h264", encoder="libx265"), "auto, software, nvenc, libx264 or h264_nvenc"),
        (Encode(encoder="x265"), "auto, software, nvenc, libx264 or h264_nvenc"),
        (Encode(pixel_format="nv12"), "yuv420p"),
        (Encode(pixel_format="gbrp"), "yuv420p"),
        (Encode(codec="av1", pixel_format="yuv444p"), "auto, yuv420p or yuv420p10le"),
        (Encode(codec="prores", quality=3, pixel_format="yuv444p10le"), "pixel_format"),
    ],
)
def test_a_fault_says_what_is_allowed(encode: Encode, words: str) -> None:
    (fault,) = validate_encode(encode)
    assert words in fault


def test_all_faults_are_reported_at_once() -> None:
    assert len(validate_encode(Encode(quality=-1, preset="warp", encoder="mpeg4"))) == 3


@pytest.mark.parametrize("codec", CODECS)
def test_the_defaults_have_no_fault_with_any_codec(codec: Codec) -> None:
    assert validate_encode(Encode(codec=codec)) == []
