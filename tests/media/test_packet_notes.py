"""A note explains every packet without a frame, and every picture that is not read."""

from pathlib import Path

import pytest

from slomo_batch.errors import SourceUnreadable
from tests.clips.catalogue import clip
from tests.clips.edits import paired
from tests.clips.film import Film, Packet, made
from tests.clips.joins import Part, part_bytes
from tests.media.sources import Opened


def notes(data: bytes) -> str:
    return " / ".join(Opened.of("film", data).probe.facts.oddities)


def test_frames_hidden_by_an_edit_list_are_noted() -> None:
    assert "8 packets are not shown" in notes(clip("edit_list").data)


def test_packets_that_share_a_timestamp_are_noted() -> None:
    def doubled(packets: list[Packet]) -> list[Packet]:
        packets[6].pts = packets[7].pts
        return packets

    assert "1 of 12 packets have the timestamp of another packet" in notes(
        made(Film(suffix=".mkv", codec="mjpeg", pix_fmt="yuvj420p", num_frames=12, edit=doubled))
    )


@pytest.mark.parametrize("name", ["cfr", "mpegts", "vp9", "avi_bframes", "gif", "fragmented", "hevc_open_gop"])
def test_ordinary_files_have_no_note(name: str) -> None:
    said = notes(clip(name).data)
    assert "packet" not in said
    assert "not read" not in said


def test_a_damaged_fragment_at_which_ffmpeg_stops_is_noted() -> None:
    data = clip("fragmented").data
    last = data.rindex(b"moof")
    assert f"of {len(data)} is damaged and not read" in notes(data[:last] + b"noof" + data[last + 4 :])


def test_packets_of_several_pictures_fail_the_video(tmp_path: Path) -> None:
    """A picture without its own timestamp would be lost, or replace another."""
    options = {"g": "8", "deadline": "realtime", "cpu-used": "8", "lag-in-frames": "0"}
    film = Film(codec="libvpx-vp9", suffix=".webm", num_frames=24, options=options, edit=paired)
    source = Opened.of("film", made(film))
    assert source.probe.facts.lane == "decode"
    assert "more than one picture" in source.probe.facts.lane_reason
    with pytest.raises(SourceUnreadable, match="more than one picture"):
        source.chunk_hashes(source.split(source.slices([0, 12]), tmp_path, lane="decode"))


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("muxer", [{}, {"movflags": "faststart"}])
def test_a_second_movie_in_the_file_is_noted(suffix: str, muxer: dict[str, str]) -> None:
    data = made(Film(suffix=suffix, num_frames=12, muxer=muxer))
    assert f"a second file begins at byte {len(data)} of {2 * len(data)}" in notes(data + data)
    assert "a second file" not in notes(data)


@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_the_unread_parts_of_a_joined_matroska_are_noted(suffix: str) -> None:
    data = part_bytes(Part(), suffix)
    assert f"a second file begins at byte {2 * len(data)} of {4 * len(data)}" in notes(4 * data)
    assert "a second file" not in notes(2 * data)


@pytest.mark.parametrize("data", [part_bytes(Part(), ".flv"), made(Film(suffix=".wmv", codec="wmv2", num_frames=12))])
def test_a_second_flv_or_wmv_in_the_file_is_noted(data: bytes) -> None:
    assert f"a second file begins at byte {len(data)} of {2 * len(data)}" in notes(data + data)
    assert "a second file" not in notes(data)
