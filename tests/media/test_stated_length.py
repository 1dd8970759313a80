"""A note says so where less can be read than the header of a file states."""

import struct
from dataclasses import replace

import pytest

from tests.clips.catalogue import clip
from tests.clips.edit_lists import showing
from tests.clips.film import AudioTone, Film, made
from tests.clips.joins import Part, part_bytes
from tests.media.sources import Opened

FILM = Film(suffix=".mkv", codec="mjpeg", pix_fmt="yuvj420p", num_frames=100)
INCOMPLETE = "the file is incomplete or damaged, or another track is longer"


def notes(data: bytes) -> str:
    return " / ".join(Opened.of("film", data).probe.facts.oddities)


@pytest.mark.parametrize("suffix", [".mkv", ".avi", ".flv"])
def test_a_truncated_file_is_noted(suffix: str) -> None:
    part = Part(num_frames=100)
    data = part_bytes(part, ".flv") if suffix == ".flv" else made(replace(FILM, suffix=suffix))
    assert "header" not in notes(data)
    said = notes(data[: len(data) // 2])
    assert "the video ends at" in said
    assert INCOMPLETE in said


def test_a_truncated_matroska_that_counts_frames_is_noted() -> None:
    """As mkvmerge writes it; its tags have a language."""

    def counted(video: object) -> None:
        video.metadata["NUMBER_OF_FRAMES-eng"] = "100"  # type: ignore[attr-defined]

    data = made(replace(FILM, tune=counted))
    assert "header" not in notes(data)
    assert "of the 100 frames that the header counts cannot be read" in notes(data[: len(data) // 2])


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_frames_that_the_index_of_an_mp4_does_not_place_are_noted(suffix: str) -> None:
    """Of the four tables that describe a frame, one is too short."""
    data = bytearray(made(Film(suffix=suffix, num_frames=40)))
    at = data.index(b"stco") + 8
    (count,) = struct.unpack_from(">I", data, at)
    if count == 1:  # all frames are in one chunk
        at = data.index(b"stsz") + 12
        (count,) = struct.unpack_from(">I", data, at)
    struct.pack_into(">I", data, at, count * 3 // 4)
    assert "10 of the 40 frames that the header counts cannot be read: the file is damaged" in notes(bytes(data))


def test_frames_that_an_edit_list_leaves_out_are_noted_as_such() -> None:
    said = notes(showing(made(Film(num_frames=40, options={"g": "5"})), [(0, 400)]))
    assert "of 40 frames are not shown: an edit list leaves them out" in said
    assert "cannot be read" not in said


def test_a_video_that_ends_before_its_audio_is_noted() -> None:
    def first_half(packets: list[object]) -> list[object]:
        return packets[:50]

    film = replace(FILM, suffix=".flv", codec="flv1", pix_fmt="yuv420p", audio=(AudioTone(),), edit=first_half)
    assert f"the video ends at 2.0 s, but the header states 4.0 s: {INCOMPLETE}" in notes(made(film))


def test_a_gif_within_a_damaged_picture_of_another_is_noted() -> None:
    data = clip("gif").data
    at = len(data) * 3 // 4
    assert f"a second file begins at byte {at} of " in notes(data[:at] + data)
    assert f"a second file begins at byte {len(data)} of {2 * len(data)}" in notes(data + data)


def test_frames_that_cannot_be_read_since_the_fragment_of_another_track_is_damaged_are_noted() -> None:
    """The audio of the second fragment seems to be beyond the end of the file."""
    data = bytearray(clip("fragmented").data)
    second = data.index(b"moof", data.index(b"moof") + 4)
    of_audio = data.index(b"tfhd", data.index(b"tfhd", second) + 4)
    data[of_audio + 12] = 0x20  # of the 8 bytes of base_data_offset (ISO/IEC 14496-12, 8.8.7)
    assert "2 of the 40 frames that the fragments list cannot be read: one is damaged" in notes(bytes(data))


def test_a_lost_fragment_in_the_middle_is_noted() -> None:
    data = bytearray(clip("fragmented").data)
    assert "skip" not in notes(bytes(data))
    second = data.index(b"moof", data.index(b"moof") + 4)
    data[second : second + 4] = b"moox"
    assert "the timestamps skip 12 frames, the first at 0.48 s: they are missing from the file" in notes(bytes(data))


def test_a_bare_stream_that_lacks_its_first_headers_is_not_taken_for_fields() -> None:
    """Half of the first packets give no picture, as if each held a field."""
    data = bytearray(clip("elementary").data)
    sequence, keyframe = data.index(b"\0\0\1\x67"), data.index(b"\0\0\1\x65")
    data[sequence + 8 : keyframe - 72] = bytes(keyframe - 72 - sequence - 8)  # the picture parameter set too
    opened = Opened.of("film", bytes(data))
    assert opened.probe.facts.num_frames == 28
    assert "12 frames at the start are left out: they need earlier frames or headers" in notes(bytes(data))
