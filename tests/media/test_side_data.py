"""Side data: light levels and geometry come from every container and get into every container that states them."""

import io
from dataclasses import replace
from pathlib import Path

import av
import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.header_file import boxes_of_stream, header_file
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.probe import probe
from slomo_batch.media.side_data_boxes import cropping_in
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Codec
from slomo_batch.side_data import Cropping, Projection, SideData
from tests.clips.film import Film, made
from tests.clips.stated import LIGHT, MASTERING, hdr10_plus, in_dolby_vision, stated
from tests.media.films import KINDS
from tests.media.films import Film as Output
from tests.media.sources import reader_of
from tests.media.test_concat import needs_ffprobe, probed

PQ = ColorFacts(range="limited", matrix="bt2020nc", primaries="bt2020", transfer="smpte2084")
SPHERE = Projection(kind="equirectangular", yaw=90 << 16, pitch=0, roll=-(45 << 16))
EVERYTHING = SideData(
    mastering=MASTERING,
    content_light=LIGHT,
    projection=SPHERE,
    stereo="side by side",
    cropping=Cropping(left=4, top=2, right=8, bottom=0),
)
OTHERS = (
    SideData(projection=Projection(kind="cubemap", yaw=0, pitch=0, roll=0, padding=3), stereo="top and bottom"),
    SideData(projection=replace(SPHERE, bounds=(1 << 30, 0, 1 << 30, 0)), stereo="mono"),
    SideData(cropping=Cropping(left=0, top=3, right=1, bottom=0)),
)


def found(data: bytes) -> SideData:
    return probe(reader_of(data), "film").facts.side_data


# ---- into outputs --------------------------------------------------------------------------------------------------


@needs_ffprobe
@pytest.mark.parametrize(("codec", "suffix"), KINDS)
def test_ffprobe_finds_the_side_data_of_an_output(tmp_path: Path, codec: Codec, suffix: str) -> None:
    made = Output(codec=codec, color=PQ, side_data=EVERYTHING, source_format="yuv420p10le").stitched(
        tmp_path, suffix, (2, 1)
    )
    verify_output(made.path, made.spec, borders=made.borders, num_audio_tracks=0)
    answer = probed(made.path, "-show_streams", "-count_packets")["streams"][0]
    assert answer["nb_read_packets"] == "3"
    sides = {side["side_data_type"]: side for side in answer["side_data_list"]}
    geometry = {"Stereo 3D", "Spherical Mapping"} if CONTAINERS[suffix].states_geometry else set()
    assert set(sides) == {"Mastering display metadata", "Content light level metadata"} | geometry
    assert (sides["Content light level metadata"]["max_content"], LIGHT.most_average) == (1000, 400)
    display = sides["Mastering display metadata"]
    assert [eval_ratio(display[name]) for name in ("red_x", "white_point_y", "min_luminance", "max_luminance")] == [
        0.68,
        0.329,
        0.005,
        1000,
    ]
    if geometry:
        assert sides["Stereo 3D"]["type"] == "side by side"
        sphere = sides["Spherical Mapping"]
        assert (sphere["projection"], sphere["yaw"], sphere["roll"]) == ("equirectangular", 90, -45)


def eval_ratio(text: str) -> float:
    """The value of a ratio such as 34000/50000."""
    up, down = text.split("/")
    return int(up) / int(down)


@needs_ffprobe
@pytest.mark.parametrize("codec", ["hevc", "av1"])
def test_the_stream_itself_states_light_levels(tmp_path: Path, codec: Codec) -> None:
    output = Output(codec=codec, color=PQ, side_data=EVERYTHING, source_format="yuv420p10le")
    segment = output.segment(tmp_path, range(2))
    frame = probed(segment.path, "-show_frames", "-read_intervals", "%+#1")["frames"][0]
    sides = {side["side_data_type"]: side for side in frame["side_data_list"]}
    assert sides["Content light level metadata"]["max_average"] == 400
    assert eval_ratio(sides["Mastering display metadata"]["green_y"]) == pytest.approx(0.69, abs=1e-5)


@pytest.mark.parametrize("side_data", OTHERS)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_other_geometry_is_kept_too(tmp_path: Path, suffix: str, side_data: SideData) -> None:
    made = Output(side_data=side_data).stitched(tmp_path, suffix, (2, 1))
    verify_output(made.path, made.spec, borders=made.borders, num_audio_tracks=0)
    assert found(made.path.read_bytes()) == side_data


# ---- out of sources ------------------------------------------------------------------------------------------------

X265 = {"x265-params": "log-level=none:transfer=smpte2084"}
HEVC = Film(codec="libx265", pix_fmt="yuv420p10le", num_frames=4, size=(64, 64), options=X265)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_side_data_of_the_container_is_found(suffix: str) -> None:
    assert found(stated(HEVC, EVERYTHING, suffix)) == EVERYTHING


def test_light_levels_of_the_stream_are_found_in_a_transport_stream() -> None:
    levels = "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50):max-cll=1000,400"
    film = replace(HEVC, suffix=".ts", options={"x265-params": f"{X265['x265-params']}:{levels}"})
    assert found(made(film)) == SideData(mastering=MASTERING, content_light=LIGHT)


def test_files_without_side_data_have_none() -> None:
    assert found(made(Film(num_frames=3))) == SideData()


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("transfer", ["", ":transfer=smpte2084"])
def test_dolby_vision_profile_5_is_refused_whatever_the_transfer(suffix: str, transfer: str) -> None:
    film = replace(HEVC, options={"x265-params": f"log-level=none{transfer}"})
    with pytest.raises(SourceUnsupported, match=r"film: .*Dolby Vision profile 5.*Convert it to HDR10 first"):
        found(in_dolby_vision(film, suffix, 5, 0))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
@pytest.mark.parametrize("profile", [(8, 1), (8, 4), (7, 6)])
def test_a_dolby_vision_layer_over_a_compatible_base_is_named(suffix: str, profile: tuple[int, int]) -> None:
    dropped = found(in_dolby_vision(HEVC, suffix, *profile)).dropped
    assert dropped == (f"the Dolby Vision layer (profile {profile[0]})",)


def test_hdr10_plus_dynamic_metadata_is_named() -> None:
    dropped = found(made(replace(HEVC, suffix=".ts", edit=hdr10_plus))).dropped
    assert dropped == ("HDR10+ dynamic metadata",)


@pytest.mark.parametrize(
    ("layout", "expected"),
    [(3, SideData(stereo="side by side")), (4, SideData(stereo="top and bottom"))],
)
def test_the_stereo_layout_of_the_stream_is_found(layout: int, expected: SideData) -> None:
    film = Film(num_frames=3, options={"x264-params": f"frame-packing={layout}:threads=1"})
    assert found(made(film)) == expected


def test_a_stereo_layout_that_no_box_names_is_dropped_by_name() -> None:
    film = Film(num_frames=3, options={"x264-params": "frame-packing=0:threads=1"})
    assert found(made(film)).dropped == ("the stereo layout, which is neither side by side nor top and bottom",)


def test_stereo_frames_in_turn_are_refused() -> None:
    film = Film(num_frames=3, options={"x264-params": "frame-packing=5:threads=1"})
    with pytest.raises(SourceUnsupported, match="left and the right eye in turn"):
        found(made(film))


@pytest.mark.parametrize(
    ("stated_data", "dropped"),
    [
        (SideData(mastering=replace(MASTERING, green=(64706, 34500))), "the mastering display"),
        (SideData(mastering=replace(MASTERING, most_luminance=1_838_716_544)), "the mastering display"),
        (SideData(mastering=replace(MASTERING, least_luminance=10_000_000)), "the mastering display"),
        (SideData(projection=replace(SPHERE, yaw=181 << 16)), "the projection"),
        (SideData(projection=replace(SPHERE, pitch=-(91 << 16))), "the projection"),
    ],
)
def test_impossible_values_are_dropped_by_name(stated_data: SideData, dropped: str) -> None:
    found_data = found(stated(HEVC, stated_data))
    assert found_data.kept == ()
    assert dropped in found_data.dropped[0]


# ---- boxes ---------------------------------------------------------------------------------------------------------


def clap(*numbers: int) -> dict[bytes, bytes]:
    return {b"clap": b"".join((number & 0xFFFFFFFF).to_bytes(4, "big") for number in numbers)}


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((100, 1, 60, 1, 0, 1, 0, 1), Cropping(left=14, top=2, right=14, bottom=2)),
        ((100, 1, 60, 1, -28, 2, 4, 2), Cropping(left=0, top=4, right=28, bottom=0)),
        ((128, 1, 64, 1, 0, 1, 0, 1), None),
        ((100, 0, 60, 1, 0, 1, 0, 1), None),
        ((200, 1, 60, 1, 0, 1, 0, 1), None),
        ((100, 1, 60, 1, 99, 1, 0, 1), None),
        ((100, 1), None),
    ],
)
def test_a_clean_aperture_is_cropping_in_whole_pixels_or_nothing(
    numbers: tuple[int, ...], expected: Cropping | None
) -> None:
    assert cropping_in(clap(*numbers), 128, 64) == expected


def test_a_codec_that_mp4_does_not_take_has_no_header_file() -> None:
    with av.open(io.BytesIO(made(Film(codec="huffyuv", pix_fmt="yuv422p", suffix=".avi", num_frames=2)))) as container:
        assert header_file(container.streams.video[0]) == b""
    assert boxes_of_stream(b"") == {}
    assert found(made(Film(codec="huffyuv", pix_fmt="yuv422p", suffix=".avi", num_frames=2))) == SideData()
