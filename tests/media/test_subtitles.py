"""Subtitles on the time map of the picture, in the finished file, by Debian's FFmpeg."""

import json
import shutil
import subprocess
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from slomo_batch.media.audio import AudioResult, make_audio
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.made_tracks import MadeTrack
from slomo_batch.media.packet_archive import ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.media.subtitle_text import TextEvent, one_at_a_time
from slomo_batch.media.subtitles import SubtitleTiming, subtitle_track
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.plan.subtitles import subtitle_codec
from tests.media.films import Film
from tests.media.picture_subtitles import PICTURES, with_pictures
from tests.media.sources import Opened

pytestmark = pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
SLOWDOWN = Fraction(5, 2)
SRT = """1
00:00:00,200 --> 00:00:00,900
Hello <b>bold</b>

2
00:00:01,000 --> 00:00:01,800
one
<i>two</i>

3
00:01:00,000 --> 00:01:01,000
after the end
"""
SHOWN = [("0:00:00.50", "0:00:02.25", "Hello bold"), ("0:00:02.50", "0:00:04.50", r"one\Ntwo")]
SOURCES = (("subrip", ".mkv"), ("ass", ".mkv"), ("webvtt", ".webm"), ("mov_text", ".mp4"), ("mov_text", ".mov"))


def ffmpeg(*arguments: str) -> bytes:
    return subprocess.run(["ffmpeg", "-v", "error", "-y", *arguments], capture_output=True, check=True).stdout


def text_source(folder: Path, codec: str, suffix: str) -> Path:
    """A film of two seconds with one track of text."""
    (folder / "text.srt").write_text(SRT)
    path = folder / f"source{suffix}"
    picture = ["-f", "lavfi", "-i", "testsrc=size=32x32:rate=25:duration=2", "-i", str(folder / "text.srt")]
    video = "libvpx" if suffix == ".webm" else "mpeg4"
    marks = ["-metadata:s:s:0", "language=fra", "-metadata:s:s:0", "title=Paroles", "-disposition:s:0", "forced"]
    ffmpeg(*picture, "-map", "0", "-map", "1", "-c:v", video, "-c:s", codec, *marks, str(path))
    return path


def retimed(source: Path, suffix: str, slowdown: Fraction = SLOWDOWN) -> tuple[Path, AudioResult]:
    """A stitched and verified file with the subtitles of `source`."""
    opened = Opened.of(source.name, source.read_bytes())
    (part,) = opened.split([], source.parent, audio=True)
    out = source.parent / "made.packets"
    index = opened.probe.index
    duration_s = opened.probe.timeline.duration_s * slowdown
    result = make_audio(
        part.path,
        out,
        mode="drop",
        slowdown=slowdown,
        duration_s=duration_s,
        container=CONTAINERS[suffix],
        zero_s=int(index.frame_pts[0]) * index.time_base,
    )
    film = Film(codec="vp9" if suffix == ".webm" else "h264", rate=Fraction(4), size=(32, 32))
    made = film.stitched(source.parent, suffix, (round(duration_s * 4),), audio=out)
    verify_output(made.path, made.spec, borders=[], num_audio_tracks=0, num_subtitle_tracks=result.num_subtitles)
    return made.path, result


def lines(path: Path) -> list[tuple[str, str, str]]:
    """Start, end and plain text of each event, as Debian's FFmpeg reads them."""
    text = ffmpeg("-i", str(path), "-map", "s:0", "-f", "ass", "-").decode()
    events = [line.split(",", 9) for line in text.splitlines() if line.startswith("Dialogue")]
    return [(event[1], event[2], plain(event[9])) for event in events]


def plain(text: str) -> str:
    return "".join(part.split("}")[-1] for part in text.split("{"))


def stream_of(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-select_streams", "s", "-show_streams", "-of", "json", str(path)]
    (stream,) = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)["streams"]
    return dict(stream)


@pytest.mark.parametrize("suffix", CONTAINERS)
@pytest.mark.parametrize(("codec", "source_suffix"), SOURCES)
def test_text_is_shown_with_its_picture(tmp_path: Path, codec: str, source_suffix: str, suffix: str) -> None:
    path, result = retimed(text_source(tmp_path, codec, source_suffix), suffix)
    assert result == AudioResult(notes=(), num_tracks=0, num_subtitles=1)
    assert lines(path) == SHOWN
    stream = stream_of(path)
    assert stream["codec_name"] == subtitle_codec(codec, CONTAINERS[suffix])
    if source_suffix != ".webm":
        assert stream["tags"]["language"] == "fra"


@pytest.mark.parametrize("suffix", [".mkv", ".mp4"])
def test_language_title_and_disposition_are_kept(tmp_path: Path, suffix: str) -> None:
    stream = stream_of(retimed(text_source(tmp_path, "subrip", ".mkv"), suffix)[0])
    tags = stream["tags"]
    assert (tags["language"], tags.get("title", tags.get("handler_name"))) == ("fra", "Paroles")
    assert stream["disposition"]["forced"] == 1


def test_styles_of_text_are_kept(tmp_path: Path) -> None:
    path, _ = retimed(text_source(tmp_path, "subrip", ".mkv"), ".mp4")
    text = ffmpeg("-i", str(path), "-map", "s:0", "-f", "srt", "-").decode()
    assert "<b>bold" in text
    assert "<i>two" in text


def test_a_track_without_text_within_the_output_is_dropped_with_a_note(tmp_path: Path) -> None:
    source = text_source(tmp_path, "subrip", ".mkv")
    (tmp_path / "text.srt").write_text(SRT[SRT.index("3\n") :])
    ffmpeg(
        "-i",
        str(source),
        "-i",
        str(tmp_path / "text.srt"),
        "-map",
        "0:v",
        "-map",
        "1",
        "-c",
        "copy",
        str(tmp_path / "late.mkv"),
    )
    _, result = retimed(tmp_path / "late.mkv", ".mkv")
    assert result.notes == ("subtitle track 1 is dropped: it shows nothing within the output",)


def test_texts_that_overlap_are_joined_where_one_is_shown_at_a_time() -> None:
    events = [
        TextEvent(start=0, end=10, text="a"),
        TextEvent(start=4, end=6, text="b"),
        TextEvent(start=8, end=12, text="c"),
    ]
    shown = [(event.start, event.end, event.text) for event in one_at_a_time(events)]
    assert shown == [(0, 4, "a"), (4, 6, r"a\Nb"), (6, 8, "a"), (8, 10, r"a\Nc"), (10, 12, "c")]


@pytest.mark.parametrize("codec", PICTURES)
def test_pictures_are_copied_to_matroska_with_new_times(tmp_path: Path, codec: str) -> None:
    path, result = retimed(with_pictures(tmp_path / "source.mkv", codec, at_s=(0.2, 1.0)), ".mkv")
    assert (result.notes, result.num_subtitles) == ((), 1)
    assert stream_of(path)["codec_name"] == codec
    with av.open(str(path)) as container:
        times = [(packet.pts or 0) * packet.time_base for packet in container.demux(subtitles=0) if packet.size]
    assert times == [Fraction(1, 2), Fraction(5, 2)]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".webm"])
def test_pictures_are_not_kept_elsewhere(tmp_path: Path, suffix: str) -> None:
    _, result = retimed(with_pictures(tmp_path / "source.mkv", "dvd_subtitle", at_s=(0.2,)), suffix)
    assert result.num_subtitles == 0


def test_a_track_that_cannot_be_converted_is_dropped_with_a_note(tmp_path: Path) -> None:
    header = StreamHeader(kind="subtitle", codec="ass", time_base=Fraction(1, 1000))
    timing = SubtitleTiming(output_time=lambda source_s: source_s, duration_s=Fraction(1))
    source = tmp_path / "source.packets"
    with source.open("wb") as file, ArchiveWriter(file, [header], {}):
        pass
    broken = replace(header, decoder="no such decoder")
    note = subtitle_track(source, 0, broken, number=1, container=CONTAINERS[".mp4"], timing=timing, disposition=())
    assert isinstance(note, str)
    assert note.startswith("subtitle track 1 is dropped: FFmpeg cannot convert it")


def test_a_text_of_mp4_that_is_shown_for_no_time_is_left_out(tmp_path: Path) -> None:
    """FFmpeg writes such texts, and cannot write them again."""
    header = StreamHeader(kind="subtitle", codec="mov_text", time_base=Fraction(1, 1000))
    source = tmp_path / "source.packets"
    with source.open("wb") as file, ArchiveWriter(file, [header], {}) as writer:
        for pts, duration in ((200, 700), (1500, 0)):
            writer.add(packet_of(pts, duration, b"\0\4text"))
    timing = SubtitleTiming(output_time=lambda source_s: source_s, duration_s=Fraction(2))
    track = subtitle_track(source, 0, header, number=1, container=CONTAINERS[".mp4"], timing=timing, disposition=())
    assert isinstance(track, MadeTrack)
    assert [(packet.pts, packet.duration) for packet in track.packets] == [(200, 700)]


@pytest.mark.parametrize(
    ("codec", "data"), [("subrip", b"caf\xe9 <b>au</b> lait"), ("mov_text", b"\0\x0ccaf\xe9 au lait")]
)
def test_text_that_is_not_utf8_is_converted_but_for_these_bytes(codec: str, data: bytes, tmp_path: Path) -> None:
    header = StreamHeader(kind="subtitle", codec=codec, time_base=Fraction(1, 1000))
    source = tmp_path / "source.packets"
    with source.open("wb") as file, ArchiveWriter(file, [header], {}) as writer:
        writer.add(packet_of(200, 700, data))
    timing = SubtitleTiming(output_time=lambda source_s: source_s, duration_s=Fraction(2))
    track = subtitle_track(source, 0, header, number=1, container=CONTAINERS[".webm"], timing=timing, disposition=())
    assert isinstance(track, MadeTrack)
    assert [packet.data.replace(b"<b>", b"").replace(b"</b>", b"") for packet in track.packets] == [b"caf? au lait"]
    assert track.notes() == ["subtitle track 1: bytes that are not UTF-8 become ?, in 1 text"]


def packet_of(pts: int, duration: int, data: bytes) -> ArchivedPacket:
    return ArchivedPacket(
        stream=0, pts=pts, dts=pts, duration=duration, is_keyframe=True, is_discarded=False, data=data
    )
