"""Encoders: validation of the settings, and the configuration that a plan chooses."""

from fractions import Fraction
from typing import Any

import av
import pytest
from av.video.codeccontext import VideoCodecContext

from slomo_batch.errors import ManifestError, SourceUnsupported
from slomo_batch.media.thread_priority import keep_thread_priority
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.codecs import CODECS, ENCODERS
from slomo_batch.plan.encoders import EncoderChoice, choose_encoder, validate_encode
from slomo_batch.settings import Codec, Encode
from slomo_batch.side_data import NO_SIDE_DATA, ContentLight, MasteringDisplay, SideData


def chosen(
    codec: Codec,
    source: str = "yuv420p",
    size: tuple[int, int] = (640, 360),
    *,
    rate: int = 25,
    nvenc_works: bool = False,
    is_hdr: bool = False,
    has_alpha: bool = False,
    side_data: SideData = NO_SIDE_DATA,
    **settings: Any,
) -> EncoderChoice:
    width, height = size
    encode = Encode(codec=codec, **settings)
    return choose_encoder(
        encode,
        codec,
        source_format=source,
        has_alpha=has_alpha,
        width=width,
        height=height,
        rate=Fraction(rate),
        nvenc_works=nvenc_works,
        is_hdr=is_hdr,
        side_data=side_data,
    )


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


@pytest.mark.parametrize("codec", CODECS)
def test_the_configuration_fixes_threads_and_closed_groups(codec: Codec) -> None:
    options = dict(chosen(codec).options)
    fixed = {
        "h264": ("threads", "x264-params"),
        "hevc": ("x265-params",),
        "av1": ("svtav1-params",),
        "vp9": ("threads", "tile-columns"),
        "prores": ("threads", "profile"),
        "ffv1": ("threads", "slices", "g"),
    }
    assert set(fixed[codec]) <= set(options)
    if codec == "hevc":
        assert "open-gop=0:info=0" in options["x265-params"]


def test_the_preset_is_translated_for_encoders_with_other_words() -> None:
    assert dict(chosen("av1", preset="veryslow").options)["preset"] == "3"
    assert dict(chosen("vp9", preset="ultrafast").options)["deadline"] == "realtime"
    assert dict(chosen("vp9", preset="veryslow").options)["cpu-used"] == "0"
    assert dict(chosen("h264", preset="veryslow").options)["preset"] == "veryslow"
    assert dict(chosen("h264", preset="medium", nvenc_works=True).options)["preset"] == "p4"


def test_prores_without_a_quality_takes_the_profile_that_suits_the_chroma() -> None:
    assert dict(chosen("prores").options)["profile"] == "3"
    assert dict(chosen("prores", "yuv444p").options)["profile"] == "4"
    assert dict(chosen("prores", quality=0).options)["profile"] == "0"
    assert chosen("prores", quality=5).pixel_format == "yuv444p10le"


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


def test_all_faults_are_told_at_once() -> None:
    assert len(validate_encode(Encode(quality=-1, preset="warp", encoder="mpeg4"))) == 3


@pytest.mark.parametrize("codec", CODECS)
def test_the_defaults_have_no_fault_with_any_codec(codec: Codec) -> None:
    assert validate_encode(Encode(codec=codec)) == []


# ---- HDR -----------------------------------------------------------------------------------------------------------

LEVELS = SideData(
    mastering=MasteringDisplay(
        red=(34000, 16000),
        green=(13250, 34500),
        blue=(7500, 3000),
        white=(15635, 16450),
        most_luminance=10_000_000,
        least_luminance=50,
    ),
    content_light=ContentLight(most=1000, most_average=400),
)


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


def test_x265_and_svt_av1_state_light_levels() -> None:
    of_x265 = dict(chosen("hevc", "yuv420p10le", is_hdr=True, side_data=LEVELS).options)["x265-params"]
    assert of_x265.endswith(
        ":master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    )
    of_svt = dict(chosen("av1", "yuv420p10le", is_hdr=True, side_data=LEVELS).options)["svtav1-params"]
    assert of_svt == (
        "lp=2:mastering-display=G(0.265,0.69)B(0.15,0.06)R(0.68,0.32)WP(0.3127,0.329)L(1000.0,0.005)"
        ":content-light=1000,400"
    )


@pytest.mark.parametrize(("width", "is_without"), [(16, True), (48, True), (49, False), (640, False)])
def test_x265_has_no_cu_tree_in_narrow_pictures(width: int, *, is_without: bool) -> None:
    """With it, x265 damages the memory of its process, whatever the height."""
    params = dict(chosen("hevc", "yuv444p", (width, 640)).options)["x265-params"]
    assert ("cutree=0" in params.split(":")) == is_without


@pytest.mark.parametrize(("size", "level"), [((16, 640), 1), ((640, 30), 1), ((32, 640), 2), ((640, 360), 2)])
def test_svt_av1_works_less_in_parallel_on_narrow_and_flat_pictures(size: tuple[int, int], level: int) -> None:
    """Otherwise it hangs."""
    assert f"lp={level}" in dict(chosen("av1", "yuv420p", size).options)["svtav1-params"].split(":")


@pytest.mark.parametrize("codec", ["hevc", "av1"])
def test_options_of_other_videos_do_not_change(codec: Codec) -> None:
    assert "display" not in str(chosen(codec, "yuv420p10le").options)
