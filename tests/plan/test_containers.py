"""Containers: which codecs they support, and what they lose of a video."""

import re
from pathlib import Path
from typing import get_args

import pytest

from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.containers import CONTAINERS, container_of, validate_container
from slomo_batch.plan.encoders import ENCODERS
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Codec, Encode

MANUAL = Path(__file__).parents[2] / "docs" / "manifest.md"
BT709 = ColorFacts(range="limited", matrix="bt709", primaries="bt709", transfer="bt709")


def test_a_container_is_found_by_a_suffix_in_any_case() -> None:
    assert container_of(".mkv") is container_of(".MKV") is CONTAINERS[".mkv"]


def test_containers_are_validated_by_the_codecs_they_support() -> None:
    taken = {codec: [suffix for suffix in CONTAINERS if not validate_container(codec, suffix)] for codec in CODECS}
    assert taken == {
        "h264": [".mp4", ".mov", ".mkv"],
        "hevc": [".mp4", ".mov", ".mkv"],
        "av1": [".mp4", ".mkv", ".webm"],
        "vp9": [".mp4", ".mkv", ".webm"],
        "prores": [".mov", ".mkv"],
        "ffv1": [".mp4", ".mkv"],
    }
    assert validate_container("h264", ".MP4") == []
    assert validate_container("prores", ".mp4") == [
        ".mp4 does not support prores; use .mov or .mkv, or av1, ffv1, h264, hevc or vp9 in .mp4"
    ]
    assert validate_container("h264", ".webm") == [
        ".webm does not support h264; use .mp4, .mov or .mkv, or av1 or vp9 in .webm"
    ]
    assert validate_container("av1", ".avi") == ["unsupported output suffix .avi; use .mp4, .mov, .mkv or .webm"]
    assert "the output has no suffix" in validate_container("av1", "")[0]


def test_a_pixel_format_with_alpha_needs_a_container_that_stores_it() -> None:
    assert validate_container("vp9", ".webm", "yuva420p") == []
    assert validate_container("ffv1", ".mp4", "yuva420p") == []
    assert validate_container("vp9", ".mp4", "yuva420p") == [
        ".mp4 does not support yuva420p with vp9; use .mkv or .webm"
    ]


@pytest.mark.parametrize(
    ("suffix", "encode", "sdr", "hdr"),
    [
        (".mp4", Encode(), "h264", "hevc"),
        (".mkv", Encode(codec="auto"), "h264", "hevc"),
        (".webm", Encode(), "vp9", "av1"),
        (".mp4", Encode(codec="av1"), "av1", "av1"),
        (".mp4", Encode(encoder="libx264"), "h264", "h264"),
        (".mp4", Encode(encoder="libx265"), "hevc", "hevc"),
    ],
)
def test_the_automatic_codec_depends_on_container_and_hdr(suffix: str, encode: Encode, sdr: Codec, hdr: Codec) -> None:
    container = CONTAINERS[suffix]
    assert (container.codec_for(encode, is_hdr=False), container.codec_for(encode, is_hdr=True)) == (sdr, hdr)
    assert {sdr, hdr} <= container.codecs


def test_what_a_container_cannot_carry_is_named() -> None:
    assert CONTAINERS[".mp4"].losses("h264", color=BT709) == ()
    (rounded,) = CONTAINERS[".mkv"].losses("h264", color=BT709)
    assert "rounded to 1 ms" in rounded
    half = ColorFacts(range="full", matrix="smpte170m")
    assert "color description" in CONTAINERS[".mp4"].losses("ffv1", color=half)[0]
    assert CONTAINERS[".mp4"].losses("vp9", color=half) == ()


def test_every_codec_has_a_record_an_encoder_in_software_and_a_container() -> None:
    assert list(CODECS) == list(get_args(Codec))
    for codec in CODECS:
        assert [encoder.is_nvenc for encoder in ENCODERS.values() if encoder.codec == codec] in ([False], [False, True])
        assert any(codec in container.codecs for container in CONTAINERS.values())


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_audio_encoders_keep_the_layouts_and_rates_that_they_convert_to(suffix: str) -> None:
    for encoder in (CONTAINERS[suffix].lossy_audio, CONTAINERS[suffix].lossless_audio):
        assert encoder.layouts.issuperset(map(encoder.layout_for, encoder.usual_layouts.values()))
        assert encoder.layouts.issuperset(encoder.mixed_layouts.values())
        assert encoder.layouts.isdisjoint(encoder.mixed_layouts)
        assert encoder.rate_for(encoder.other_rate) == encoder.other_rate


def test_the_manual_lists_the_containers_and_encoders_of_each_codec() -> None:
    listed = re.findall(r"^\| `(\w+)` \| (`\..*?) \| (`.*?) \|", MANUAL.read_text(), re.MULTILINE)
    assert listed == [
        (
            codec,
            ", ".join(f"`{suffix}`" for suffix, container in CONTAINERS.items() if codec in container.codecs),
            ", ".join(f"`{name}`" for name, encoder in ENCODERS.items() if encoder.codec == codec),
        )
        for codec in CODECS
    ]
