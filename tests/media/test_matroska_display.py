"""Matroska and WebM state the sample aspect ratio of every codec, in place of room in the name of the track."""

import json
import shutil
import subprocess
import zlib
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from slomo_batch.media.concat import stitch
from slomo_batch.media.ebml import elements_in
from slomo_batch.media.matroska_display import display_size, write_display_size
from slomo_batch.metadata import NO_METADATA, FileMetadata
from slomo_batch.side_data import NO_SIDE_DATA, Cropping, SideData
from tests.media.films import Film, paths

needs_ffprobe = pytest.mark.skipif(shutil.which("ffprobe") is None, reason="needs ffprobe: apt install ffmpeg")
CROPPED = SideData(cropping=Cropping(left=8, top=0, right=8, bottom=4))
BESIDE = SideData(stereo="side by side")
RATIOS = [Fraction(4, 3), Fraction(64, 45), Fraction(12, 11), Fraction(10, 11), Fraction(32, 27), Fraction(1, 2)]


@pytest.mark.parametrize(
    ("size", "ratio", "side_data", "shown"),
    [
        ((1440, 1080), Fraction(4, 3), NO_SIDE_DATA, (1920, 1080)),
        ((720, 576), Fraction(64, 45), NO_SIDE_DATA, (1024, 576)),
        ((720, 576), Fraction(16, 11), NO_SIDE_DATA, (1060, 583)),
        ((720, 480), Fraction(8, 9), NO_SIDE_DATA, (640, 480)),
        ((720, 480), Fraction(8, 9), SideData(cropping=Cropping(left=8, top=0, right=10, bottom=0)), (624, 480)),
        ((3840, 1080), Fraction(1, 2), BESIDE, (960, 1080)),
        ((1920, 2160), Fraction(2), SideData(stereo="top and bottom"), (3840, 1080)),
        ((1280, 718), Fraction(65521, 65519), NO_SIDE_DATA, (1280, 718)),
    ],
)
def test_the_display_size_has_the_shape_of_what_is_shown(
    size: tuple[int, int], ratio: Fraction, side_data: SideData, shown: tuple[int, int]
) -> None:
    assert display_size(*size, ratio, side_data) == shown


def stitched(folder: Path, film: Film, suffix: str, metadata: FileMetadata = NO_METADATA) -> Path:
    segments = film.segments(folder, (2, 1))
    out = folder / f"out{suffix}"
    stitch(replace(film.spec(segments, suffix), metadata=metadata), paths(segments), None, out)
    return out


def probed(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-err_detect", "crccheck+explode", "-show_streams", "-of", "json", str(path)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    assert answer.stderr == ""
    stream: dict[str, Any] = json.loads(answer.stdout)["streams"][0]
    return stream


@needs_ffprobe
@pytest.mark.parametrize("ratio", RATIOS, ids=str)
@pytest.mark.parametrize("suffix", [".mkv", ".webm"])
def test_ffprobe_finds_every_ratio(tmp_path: Path, suffix: str, ratio: Fraction) -> None:
    out = stitched(tmp_path, Film(codec="vp9", sample_aspect_ratio=ratio), suffix)
    assert probed(out)["sample_aspect_ratio"] == f"{ratio.numerator}:{ratio.denominator}"


@needs_ffprobe
@pytest.mark.parametrize("title", ["", "Main film", "Largometraje: niñas"])
@pytest.mark.parametrize("name", ["title", "TITLE"])
def test_the_title_of_the_stream_is_as_before(tmp_path: Path, name: str, title: str) -> None:
    metadata = FileMetadata(video_tags=((name, title),) if title else ())
    film = Film(codec="ffv1", sample_aspect_ratio=Fraction(8, 9))
    found = probed(stitched(tmp_path, film, ".mkv", metadata))
    assert (found.get("tags", {}).get("title", ""), found["sample_aspect_ratio"]) == (title, "8:9")


@needs_ffprobe
def test_the_ratio_of_stereo_pictures_is_that_of_one(tmp_path: Path) -> None:
    film = Film(codec="ffv1", sample_aspect_ratio=Fraction(4, 3), side_data=BESIDE)
    found = probed(stitched(tmp_path, film, ".mkv"))
    sides = {side["side_data_type"]: side for side in found["side_data_list"]}
    assert (found["sample_aspect_ratio"], sides["Stereo 3D"]["type"]) == ("4:3", "side by side")


def test_the_display_size_is_that_of_the_cropped_picture(tmp_path: Path) -> None:
    film = Film(codec="ffv1", sample_aspect_ratio=Fraction(4, 3), side_data=CROPPED)
    video = video_elements(stitched(tmp_path, film, ".mkv"))
    width, height = (int.from_bytes(video[kind], "big") for kind in (0x54B0, 0x54BA))
    assert Fraction(width, height) == Fraction(96 - 16, 64 - 4) * Fraction(4, 3)


def video_elements(path: Path) -> dict[int, bytes]:
    """The settings of the video track, after a look at the checksum of the tracks."""
    tracks = dict(elements_in(dict(elements_in(path.read_bytes()))[0x18538067]))[0x1654AE6B]
    checksum, *_ = elements_in(tracks)
    assert checksum == (0xBF, zlib.crc32(tracks[6:]).to_bytes(4, "little"))
    return dict(elements_in(dict(elements_in(dict(elements_in(tracks))[0xAE]))[0xE0]))


def test_square_pixels_need_no_room(tmp_path: Path) -> None:
    assert 0x54B0 not in video_elements(stitched(tmp_path, Film(codec="ffv1"), ".mkv"))


def test_a_track_without_room_is_left_as_it_is(tmp_path: Path) -> None:
    out = stitched(tmp_path, Film(codec="vp9"), ".webm")
    before = out.read_bytes()
    with out.open("r+b") as file, pytest.raises(ValueError, match="no room"):
        write_display_size(file, (1920, 1080))
    assert out.read_bytes() == before
