"""The encoder configuration that a plan chooses: the encoder, its pixel format, and notes of what the output loses."""

from fractions import Fraction
from typing import Any

import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.encode_validation import validate_encode
from slomo_batch.plan.encoder_choice import choose_encoder
from slomo_batch.plan.encoders import ENCODERS
from slomo_batch.settings import Codec, Encode
from tests.plan.choices import chosen


@pytest.mark.parametrize(
    ("codec", "encoder"),
    [
        ("h264", "libx264"),
        ("hevc", "libx265"),
        ("av1", "libsvtav1"),
        ("vp9", "libvpx-vp9"),
        ("prores", "prores_ks"),
        ("ffv1", "ffv1"),
    ],
)
def test_each_codec_has_its_software_encoder(codec: Codec, encoder: str) -> None:
    assert chosen(codec).encoder == encoder
    assert ENCODERS[encoder].codec == codec


@pytest.mark.parametrize(
    ("codec", "source", "output"),
    [
        ("h264", "yuv420p", "yuv420p"),
        ("h264", "yuv422p10le", "yuv420p"),
        ("h264", "gray", "yuv420p"),
        ("hevc", "yuv420p", "yuv420p"),
        ("hevc", "yuv420p9le", "yuv420p10le"),
        ("hevc", "yuv444p12le", "yuv420p12le"),
        ("hevc", "yuv420p16le", "yuv420p12le"),
        ("av1", "yuv420p", "yuv420p"),
        ("av1", "yuv422p12le", "yuv420p10le"),
        ("vp9", "yuv444p10le", "yuv420p"),
        ("prores", "yuv420p", "yuv422p10le"),
        ("prores", "gray", "yuv422p10le"),
        ("prores", "yuv444p", "yuv444p10le"),
        ("prores", "gbrp", "yuv444p10le"),
        ("ffv1", "yuv411p", "yuv411p"),
        ("ffv1", "gbrp12le", "gbrp12le"),
    ],
)
def test_the_automatic_pixel_format_keeps_what_players_of_the_codec_open(
    codec: Codec, source: str, output: str
) -> None:
    assert chosen(codec, source).pixel_format == output


ARCHIVE = "ffv1 is an archive format: few players open it"


def test_ffv1_takes_every_format_as_it_is_or_with_more_bits_if_old_players_do_not_read_it() -> None:
    deeper = {"yuva422p12le": "yuva422p16le", "yuva444p12le": "yuva444p16le"}
    for name in PIXEL_FORMATS:
        choice = chosen("ffv1", name)
        assert choice.pixel_format == deeper.get(name, name)
        more = ("12 bits are stored as 16, which more players read: nothing is lost",) if name in deeper else ()
        assert choice.notes == (*more, ARCHIVE)


@pytest.mark.parametrize(
    ("codec", "source", "notes"),
    [
        ("h264", "yuv420p", ()),
        ("h264", "gray", ()),
        ("hevc", "yuv420p10le", ()),
        ("h264", "yuv422p10le", ("depth is reduced from 10 to 8 bits", "chroma is reduced from 4:2:2 to 4:2:0")),
        ("hevc", "yuv444p16le", ("depth is reduced from 16 to 12 bits", "chroma is reduced from 4:4:4 to 4:2:0")),
        ("h264", "gbrp", ("RGB is converted to YCbCr", "chroma is reduced from 4:4:4 to 4:2:0")),
        ("prores", "yuv420p12le", ("depth is reduced from 12 to 10 bits",)),
    ],
)
def test_every_reduction_is_noted(codec: Codec, source: str, notes: tuple[str, ...]) -> None:
    assert chosen(codec, source).notes == notes


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("size", [(641, 360), (640, 361), (641, 361)])
def test_an_odd_size_goes_to_full_chroma_and_is_noted(codec: Codec, size: tuple[int, int]) -> None:
    choice = chosen(codec, size=size)
    assert choice.pixel_format == "yuv444p"
    assert f"the odd size {size[0]}x{size[1]}" in choice.notes[0]


@pytest.mark.parametrize("codec", ["av1", "vp9", "prores", "ffv1"])
def test_other_codecs_take_odd_sizes_as_they_are(codec: Codec) -> None:
    assert chosen(codec, size=(641, 361)).pixel_format == chosen(codec).pixel_format


@pytest.mark.parametrize(
    ("codec", "source", "settings", "output"),
    [
        ("vp9", "yuv420p", {}, "yuva420p"),
        ("vp9", "gbrp16le", {}, "yuva420p"),
        ("vp9", "yuv420p", {"pixel_format": "yuv444p"}, "yuv444p"),
        ("prores", "yuv420p", {}, "yuva444p10le"),
        ("prores", "gray", {"quality": 5}, "yuva444p10le"),
        ("prores", "yuv444p10le", {"quality": 3}, "yuv422p10le"),
        ("prores", "yuv444p10le", {"pixel_format": "yuv444p10le"}, "yuv444p10le"),
        ("ffv1", "yuv422p12le", {}, "yuva422p16le"),
        ("ffv1", "yuv422p12le", {"pixel_format": "yuva422p12le"}, "yuva422p12le"),
        ("ffv1", "gbrp", {}, "gbrap"),
        ("ffv1", "gray16le", {}, "gbrap16le"),
    ],
)
def test_the_automatic_pixel_format_has_the_alpha_of_the_source(
    codec: Codec, source: str, settings: dict[str, Any], output: str
) -> None:
    assert chosen(codec, source, has_alpha=True, **settings).pixel_format == output


def test_prores_with_alpha_is_4444() -> None:
    assert dict(chosen("prores", has_alpha=True).options)["profile"] == "4"
    assert dict(chosen("prores").options)["profile"] == "3"


# ---- HDR -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("codec", "source", "output"),
    [
        ("hevc", "yuv420p10le", "yuv420p10le"),
        ("hevc", "yuv420p12le", "yuv420p12le"),
        ("hevc", "yuv422p", "yuv420p10le"),
        ("av1", "yuv420p", "yuv420p10le"),
        ("prores", "yuv422p10le", "yuv422p10le"),
        ("ffv1", "yuv420p", "yuv420p"),
    ],
)
def test_hdr_has_at_least_10_bits_unless_a_lossless_codec_keeps_fewer(codec: Codec, source: str, output: str) -> None:
    assert chosen(codec, source, is_hdr=True).pixel_format == output


@pytest.mark.parametrize(
    ("codec", "settings"),
    [
        ("h264", {}),
        ("h264", {"pixel_format": "yuv420p10le"}),
        ("vp9", {}),
        ("hevc", {"pixel_format": "yuv420p"}),
        ("av1", {"pixel_format": "yuv420p"}),
    ],
)
def test_hdr_in_h264_or_8_bits_is_refused_with_the_remedy(codec: Codec, settings: dict[str, Any]) -> None:
    with pytest.raises(SourceUnsupported, match=r"HDR .*Set encode\.codec to hevc or av1"):
        chosen(codec, "yuv420p10le", is_hdr=True, **settings)


def test_a_setting_that_is_not_valid_for_the_automatic_codec_is_refused() -> None:
    encode = Encode(tune="film")
    assert validate_encode(encode) == []
    with pytest.raises(SourceUnsupported, match=r"encode\.codec is hevc for this video, and tune of hevc must be"):
        choose_encoder(
            encode,
            "hevc",
            source_format="yuv420p10le",
            width=64,
            height=64,
            rate=Fraction(25),
            nvenc_works=False,
            is_hdr=True,
        )
