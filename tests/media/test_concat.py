"""Stitching: times are exact and nothing is decoded or lost; ffprobe checks independently."""

import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from slomo_batch.errors import OutputInvalid
from slomo_batch.media.concat import stitch
from slomo_batch.media.frames import picture_from_frame
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.packet_archive import ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.settings import Codec
from tests.media.films import BT709, CODECS, KINDS, LENGTHS, NTSC60, Film, paths

FFPROBE = shutil.which("ffprobe")
needs_ffprobe = pytest.mark.skipif(FFPROBE is None, reason="ffprobe is not installed")


def probed(path: Path, *what: str) -> dict[str, Any]:
    """What ffprobe reports about a file."""
    command = [str(FFPROBE), "-v", "error", "-of", "json", *what, str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def times(path: Path) -> list[Fraction]:
    """Times of the frames as ffprobe decodes them."""
    found = probed(path, "-select_streams", "v:0", "-show_frames", "-show_entries", "frame=pts:stream=time_base")
    time_base = Fraction(found["streams"][0]["time_base"])
    return [int(frame["pts"]) * time_base for frame in found["frames"]]


@needs_ffprobe
@pytest.mark.parametrize(("codec", "suffix"), KINDS)
def test_ffprobe_finds_every_frame_at_its_time(tmp_path: Path, codec: Codec, suffix: str) -> None:
    made = Film(codec=codec).stitched(tmp_path, suffix)
    allowed = 0 if CONTAINERS[suffix].has_exact_times else Fraction(1, 2000)
    found = times(made.path)
    assert len(found) == sum(LENGTHS)
    assert max(abs(instant - number / NTSC60) for number, instant in enumerate(found)) <= allowed
    whole = float(probed(made.path, "-show_format")["format"]["duration"])
    assert abs(whole - sum(LENGTHS) / NTSC60) <= (0.000001 if CONTAINERS[suffix].has_exact_times else 0.002)


@needs_ffprobe
@pytest.mark.parametrize(("codec", "suffix"), KINDS)
def test_ffprobe_reports_color_aspect_ratio_and_rotation(tmp_path: Path, codec: Codec, suffix: str) -> None:
    film = Film(codec=codec, sample_aspect_ratio=Fraction(4, 3), rotation_deg=90)
    stream = probed(film.stitched(tmp_path, suffix, (2, 3)).path, "-show_streams")["streams"][0]
    assert [stream[f"color_{name}"] for name in ("range", "space", "transfer", "primaries")] == ["tv", *3 * ["bt709"]]
    assert [side["rotation"] for side in stream["side_data_list"] if "rotation" in side] == [90]
    assert stream["sample_aspect_ratio"] == "4:3"
    exact = CONTAINERS[suffix].has_exact_times
    if exact:
        assert stream["r_frame_rate"] == stream["avg_frame_rate"] == "60000/1001"
        assert stream["duration_ts"] * Fraction(stream["time_base"]) == sum((2, 3)) / NTSC60
    if codec == "hevc" and exact:
        assert stream["codec_tag_string"] == "hvc1"


@pytest.mark.parametrize(("codec", "suffix"), KINDS)
def test_the_output_has_the_pictures_of_the_segments(tmp_path: Path, codec: Codec, suffix: str) -> None:
    made = Film(codec=codec).stitched(tmp_path, suffix)
    whole = decoded(made.path)
    parts = [shown for segment in made.segments for shown in decoded(segment.path)]
    assert whole == parts
    if codec == "ffv1":
        assert whole == [given for segment in made.segments for given in segment.hashes]


def decoded(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        return [picture_from_frame(frame).hash() for frame in container.decode(video=0)]


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), Fraction(25), Fraction(120), Fraction(1000, 41), Fraction(5)])
@pytest.mark.parametrize("suffix", [suffix for codec, suffix in KINDS if codec == "h264"])
def test_times_are_exact_at_any_rate(tmp_path: Path, rate: Fraction, suffix: str) -> None:
    made = Film(rate=rate).stitched(tmp_path, suffix, (1, 4, 2))
    verify_output(made.path, made.spec, borders=made.borders, num_audio_tracks=0)


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(
    "color",
    [
        ColorFacts(range="limited"),
        ColorFacts(range="full"),
        ColorFacts(range="full", matrix="smpte170m", chroma_location="center"),
        ColorFacts(range="limited", matrix="bt2020nc", primaries="bt2020", transfer="smpte2084"),
    ],
)
def test_every_color_description_is_kept_or_is_a_known_limitation(
    tmp_path: Path, codec: Codec, color: ColorFacts
) -> None:
    for suffix in (suffix for kind, suffix in KINDS if kind == codec):
        made = Film(codec=codec, color=color).stitched(tmp_path, suffix, (2, 1))
        verify_output(made.path, made.spec, borders=made.borders, num_audio_tracks=0)


@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_rotation_is_kept(tmp_path: Path, rotation_deg: int) -> None:
    made = Film(rotation_deg=rotation_deg).stitched(tmp_path, ".mov", (2,))
    verify_output(made.path, made.spec, borders=[], num_audio_tracks=0)


def test_each_segment_is_closed_before_the_next_is_opened(tmp_path: Path) -> None:
    segments = Film().segments(tmp_path, (3, 1, 5))

    def fetched_one_by_one() -> Iterator[Path]:
        for segment in segments:
            yield segment.path
            segment.path.unlink()

    spec, out = Film().spec(segments), tmp_path / "out.mp4"
    stitch(spec, fetched_one_by_one(), None, out)
    verify_output(out, spec, borders=[3, 4], num_audio_tracks=0)
    assert not any(segment.path.exists() for segment in segments)


# ---- what is refused -----------------------------------------------------------------------------------------------


def test_segments_with_another_global_header_are_refused_and_named(tmp_path: Path) -> None:
    ours = Film().segments(tmp_path, (2, 2))
    other = Film(encode={"preset": "ultrafast"}).segment(tmp_path, range(9, 12))
    segments = [*ours, other]
    with pytest.raises(OutputInvalid, match="segment 2 has another global header"):
        stitch(Film().spec(segments), paths(segments), None, tmp_path / "out.mp4")


def test_a_segment_that_differs_from_its_record_is_refused(tmp_path: Path) -> None:
    segments = Film().segments(tmp_path, (2, 3))
    other = Film(encode={"preset": "ultrafast"}).segment(tmp_path, range(9, 12))
    with pytest.raises(OutputInvalid, match=r"h264-9\.nut.*global header"):
        stitch(Film().spec(segments), paths([segments[0], other]), None, tmp_path / "out.mp4")


@pytest.mark.parametrize("given", [(0,), (0, 1, 1), (1, 0), ()])
def test_missing_extra_or_swapped_segments_are_refused(tmp_path: Path, given: Sequence[int]) -> None:
    segments = Film().segments(tmp_path, (2, 3))
    with pytest.raises(OutputInvalid):
        stitch(Film().spec(segments), paths([segments[place] for place in given]), None, tmp_path / "out.mp4")


def test_a_damaged_segment_is_an_invalid_output(tmp_path: Path) -> None:
    segments = Film().segments(tmp_path, (2, 3))
    segments[1].path.write_bytes(b"not a segment")
    with pytest.raises(OutputInvalid):
        stitch(Film().spec(segments), paths(segments), None, tmp_path / "out.mp4")


def test_audio_that_the_container_refuses_is_an_invalid_output(tmp_path: Path) -> None:
    audio = tmp_path / "audio.packets"
    header = StreamHeader(kind="audio", codec="vorbis", time_base=Fraction(1, 8000), sample_rate=8000, layout="mono")
    packet = ArchivedPacket(stream=0, pts=0, dts=0, duration=9, is_keyframe=True, is_discarded=False, data=b"x")
    with audio.open("wb") as file, ArchiveWriter(file, [header], {}) as writer:
        writer.add(packet)
    with pytest.raises(OutputInvalid, match="FFmpeg cannot join the segments"):
        Film(color=BT709).stitched(tmp_path, ".mov", (2,), audio=audio)


@pytest.mark.parametrize("suffix", [".mov", ".mkv"])
@pytest.mark.parametrize(
    ("quality", "tag"), [(0, "apco"), (1, "apcs"), (2, "apcn"), (3, "apch"), (4, "ap4h"), (5, "ap4x")]
)
def test_the_tag_of_prores_names_its_profile(tmp_path: Path, suffix: str, quality: int, tag: str) -> None:
    made = Film(codec="prores", encode={"quality": quality}).stitched(tmp_path, suffix, lengths=(1, 2))
    with av.open(str(made.path)) as container:
        assert container.streams.video[0].codec_context.codec_tag == tag
