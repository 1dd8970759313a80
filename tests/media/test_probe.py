"""Probing finds what the catalog states, checks that packets may be copied, and refuses sources with a reason."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.media import index
from slomo_batch.media.demux import main_video, open_source
from slomo_batch.media.probe import Probe, probe
from slomo_batch.records.source_facts import AudioTrack, ColorFacts
from slomo_batch.timeline.index import VideoIndex
from tests.clips.catalogue import clip, names
from tests.clips.edits import tagged
from tests.clips.film import Film, joined, made
from tests.media.sources import reader_of


def probed(name: str) -> Probe:
    data = clip(name).data
    return probe(reader_of(data), name)


@pytest.mark.parametrize("name", names("copy", "decode"))
def test_every_clip_gets_its_lane_and_all_its_frames(name: str) -> None:
    facts = probed(name).facts
    assert (facts.lane, facts.num_frames) == (clip(name).lane, clip(name).num_frames)
    assert bool(facts.lane_reason) == (facts.lane == "decode")


REFUSED = {
    "empty": (SourceUnreadable, "empty"),
    "text": (SourceUnreadable, "not a video"),
    "playlist": (SourceUnreadable, "not a video"),
    "only_audio": (SourceUnreadable, "no video stream"),
    "zero_frames": (SourceUnreadable, "no video stream|no frames"),
    "picture": (SourceUnsupported, "a picture, not a video"),
    "no_moov": (SourceUnreadable, "no index"),
}


@pytest.mark.parametrize("name", names("refused"))
def test_an_unsupported_clip_is_refused_with_a_reason(name: str) -> None:
    kind, reason = REFUSED[name]
    with pytest.raises(kind, match=f"{name}(: |, source frame at pts .*: ).*({reason})"):
        probed(name)


# ---- facts ---------------------------------------------------------------------------------------------------------


def test_the_facts_of_an_ordinary_clip() -> None:
    facts = probed("cfr").facts
    assert (facts.container, facts.codec, facts.width, facts.height) == ("mov,mp4,m4a,3gp,3g2,mj2", "h264", 64, 48)
    assert (facts.pixel_format, facts.rate_from_header, facts.rotation_deg) == ("yuv420p", Fraction(25), 0)
    assert facts.color == ColorFacts(range="limited")
    assert facts.oddities == ()


@pytest.mark.parametrize(("name", "size"), [("odd_size", (51, 37)), ("odd_420", (33, 17))])
def test_odd_sizes_are_kept(name: str, size: tuple[int, int]) -> None:
    facts = probed(name).facts
    assert (facts.width, facts.height) == size


def test_full_range_and_color_tags_are_found() -> None:
    facts = probed("full_range").facts
    assert facts.color == ColorFacts(range="full", matrix="smpte170m", primaries="smpte170m", transfer="smpte170m")


@pytest.mark.parametrize("name", ["mjpeg", "rgb", "gif"])
def test_formats_that_imply_full_range_have_it(name: str) -> None:
    assert probed(name).facts.color.range == "full"


@pytest.mark.parametrize(
    ("film", "expected"),
    [
        (Film(codec="ffv1", suffix=".mkv", pix_fmt="gray"), "full"),
        (Film(codec="ffv1", suffix=".mkv", pix_fmt="gray16le"), "full"),
        (Film(codec="jpeg2000", suffix=".mkv", pix_fmt="gray"), "full"),
        (Film(codec="rawvideo", suffix=".avi", pix_fmt="gray"), "full"),
        (Film(codec="rawvideo", suffix=".mov", pix_fmt="gray16be"), "full"),
        (Film(codec="ffv1", suffix=".mkv", pix_fmt="gray", tune=tagged(color_range=1)), "limited"),
        (Film(codec="libx265", pix_fmt="gray", options={"x265-params": "log-level=none"}), "limited"),
        (Film(codec="ffv1", suffix=".mkv"), "limited"),
    ],
)
def test_gray_without_a_tag_is_full_range_but_in_hevc(film: Film, expected: str) -> None:
    data = made(replace(film, num_frames=3, size=(64, 64)))
    assert probe(reader_of(data), "gray").facts.color.range == expected


def test_depth_is_that_of_the_decoded_frames() -> None:
    assert probed("ten_bit").facts.pixel_format == "yuv420p10le"


def test_rotation_is_a_fact_and_is_noted() -> None:
    facts = probed("rotated").facts
    assert facts.rotation_deg == 90
    assert "rotate the video by 90 degrees" in facts.oddities[0]


def test_the_sample_aspect_ratio_is_found() -> None:
    def anamorphic(video: object) -> None:
        video.codec_context.sample_aspect_ratio = Fraction(4, 3)  # type: ignore[attr-defined]

    data = made(Film(num_frames=3, tune=anamorphic))
    assert probe(reader_of(data), "anamorphic").facts.sample_aspect_ratio == Fraction(4, 3)


def test_audio_tracks_are_listed_with_their_languages() -> None:
    first, second = probed("two_tracks").facts.audio
    assert first == AudioTrack(stream_index=1, codec="aac", sample_rate=44100, layout="mono", language="eng")
    assert (second.layout, second.language) == ("stereo", "deu")


def test_dropped_streams_are_noted() -> None:
    facts = probed("subtitles").facts
    oddities = " / ".join(facts.oddities)
    assert "1 other video stream" in oddities
    assert "subtitle" not in oddities
    assert len(facts.metadata.chapters) == 1


def test_undecodable_frames_before_the_first_keyframe_are_left_out_and_noted() -> None:
    found = probed("cut_start")
    assert "7 frames at the start" in found.facts.oddities[0]
    assert found.index.is_discarded.sum() == 7


# ---- time ----------------------------------------------------------------------------------------------------------

PAL = Fraction(25)
RATES = {"cfr": PAL, "ntsc": Fraction(30000, 1001), "mkv_23976": Fraction(24000, 1001), "mpegts": PAL, "edit_list": PAL}


@pytest.mark.parametrize("name", sorted(RATES))
def test_constant_rates_are_exact(name: str) -> None:
    found = probed(name)
    assert found.timeline.rate == RATES[name]
    assert found.timeline.ticks.tolist() == list(range(found.facts.num_frames))
    assert found.timeline.duration_s == found.facts.num_frames / RATES[name]


def test_a_variable_rate_keeps_its_timestamps_and_is_noted() -> None:
    found = probed("vfr")
    assert found.timeline.rate is None
    assert int(found.timeline.ticks[4]) * found.timeline.tick_s == Fraction(137, 1000)
    assert "variable frame rate" in found.facts.oddities[0]


def test_negative_timestamps_are_kept() -> None:
    assert probed("negative_pts").index.pts.min() < 0


def test_a_gap_of_hours_is_a_damaged_timestamp() -> None:
    pts = [0, 40, 80, 30_000_000]
    film = Film(num_frames=4, pts=pts, time_base=Fraction(1, 1000), suffix=".mkv", options={"bf": "0"})
    with pytest.raises(SourceUnreadable, match="timestamp gap of more than an hour"):
        probe(reader_of(made(film)), "leap")


def test_a_gap_of_seconds_is_noted() -> None:
    film = Film(num_frames=4, pts=[0, 40, 80, 30_000], time_base=Fraction(1, 1000), suffix=".mkv", options={"bf": "0"})
    assert any("gap of 29.9 s" in oddity for oddity in probe(reader_of(made(film)), "gap").facts.oddities)


# ---- the index -----------------------------------------------------------------------------------------------------

MOOV_CODECS = {
    "h264": Film(options={"g": "12", "bf": "2"}),
    "h264 intra refresh": Film(options={"g": "12", "bf": "0", "x264-params": "intra-refresh=1"}),
    "hevc": Film(codec="libx265", size=(64, 64), options={"x265-params": "keyint=10:log-level=none"}),
    "vp9": Film(codec="libvpx-vp9", num_frames=24, options={"g": "8", "deadline": "realtime", "cpu-used": "8"}),
    "mpeg4": Film(codec="mpeg4", options={"g": "12", "bf": "2"}),
    "prores": Film(codec="prores_ks", suffix=".mov", pix_fmt="yuv422p10le", num_frames=6),
    "mjpeg": Film(codec="mjpeg", suffix=".mov", pix_fmt="yuvj420p", num_frames=6),
    "ffv1": Film(codec="ffv1", num_frames=6),
    "png": Film(codec="png", suffix=".mov", pix_fmt="rgb24", num_frames=6),
    "rawvideo": Film(codec="rawvideo", suffix=".mov", pix_fmt="yuyv422", num_frames=6),
    "v210": Film(codec="v210", suffix=".mov", pix_fmt="yuv422p10le", num_frames=6),
    "dnxhd": Film(
        codec="dnxhd", suffix=".mov", pix_fmt="yuv422p", num_frames=3, size=(256, 120), options={"profile": "dnxhr_sq"}
    ),
    "edit list": Film(options={"g": "12", "bf": "2"}),
}
MOOV_CLIPS = ["cfr", "moov_first", "edit_list", "late_start", "no_ctts", "av1", "new_extradata", "one_frame", "ntsc"]


def both_ways(data: bytes, name: str) -> tuple[index.PacketIndex | None, index.PacketIndex]:
    file = index.ZeroFilledFile(reader_of(data))
    with open_source(file) as container:
        by_moov = index.index_from_moov(container, main_video(container, name), file, lambda _: False, name)
    with open_source(reader_of(data)) as container:
        by_packets = index.index_from_packets(
            container, main_video(container, name), lambda _: False, name, lambda _: None
        )
    return by_moov, by_packets


def assert_alike(one: VideoIndex, other: VideoIndex) -> None:
    for field in ("pts", "size_bytes", "is_keyframe", "is_discarded"):
        assert np.array_equal(getattr(one, field), getattr(other, field)), field
    assert (one.time_base, one.last_duration) == (other.time_base, other.last_duration)


@pytest.mark.parametrize("codec", sorted(MOOV_CODECS))
def test_the_moov_alone_gives_the_index_of_a_full_pass(codec: str) -> None:
    by_moov, by_packets = both_ways(made(MOOV_CODECS[codec]), codec)
    assert by_moov is not None
    assert_alike(by_moov.index, by_packets.index)


@pytest.mark.parametrize("name", MOOV_CLIPS)
def test_the_moov_of_every_clip_gives_the_index_of_a_full_pass(name: str) -> None:
    by_moov, by_packets = both_ways(clip(name).data, name)
    assert by_moov is not None
    assert_alike(by_moov.index, by_packets.index)
    assert by_moov.has_new_extradata == by_packets.has_new_extradata == (name == "new_extradata")


def test_codecs_that_ffmpeg_parses_are_indexed_by_a_full_pass() -> None:
    by_moov, _ = both_ways(clip("mpeg2").data, "mpeg2")
    assert by_moov is None


# ---- the proof -----------------------------------------------------------------------------------------------------

REASONS = {
    "size_change": "picture size changes",
    "rare_keyframes": "keyframes are so rare",
    "intra_refresh": "second keyframe",
    "no_ctts": "timestamps of packets and frames differ",
    "packed_bframes": "timestamps of packets and frames differ",
    "elementary": "lack timestamps",
    "missing_pts": "lack timestamps",
    "new_extradata": "extradata changes midway",
    "corrupt_early": "not every packet",
}


@pytest.mark.parametrize("name", names("decode"))
def test_the_decode_lane_has_its_reason(name: str) -> None:
    assert REASONS[name] in probed(name).facts.lane_reason


def test_a_change_of_format_midway_is_found() -> None:
    data = joined(
        Film(codec="mjpeg", num_frames=6, suffix=".avi", pix_fmt="yuvj420p"),
        Film(codec="mjpeg", num_frames=6, suffix=".avi", pix_fmt="yuvj422p"),
    )
    assert "format changes midway" in probe(reader_of(data), "format").facts.lane_reason
