"""The options of each encoder."""

import pytest

from slomo_batch.plan.codecs import CODECS
from slomo_batch.settings import Codec
from slomo_batch.side_data import SideData
from tests.clips.stated import LIGHT, MASTERING
from tests.plan.choices import chosen


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


LEVELS = SideData(
    mastering=MASTERING,
    content_light=LIGHT,
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
