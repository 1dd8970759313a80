"""How players turn the pictures: quarter turns, and mirroring from left to right after them."""

import io
from dataclasses import replace
from pathlib import Path

import av
import pytest

from slomo_batch.errors import OutputInvalid
from slomo_batch.media.concat import stitch
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.orientation import Orientation, orientation_of
from slomo_batch.media.probe import probe
from slomo_batch.plan.containers import CONTAINERS
from tests.clips import film
from tests.clips.stated import turned_file
from tests.media.films import Film, paths
from tests.media.sources import reader_of


@pytest.mark.parametrize("is_mirrored", [False, True])
@pytest.mark.parametrize("rotation_deg", [0, 90, 180, 270])
def test_all_eight_orientations_are_found_and_noted(rotation_deg: int, *, is_mirrored: bool) -> None:
    data = turned_file(film.Film(num_frames=3), rotation_deg, is_mirrored=is_mirrored)
    facts = probe(reader_of(data), "turned").facts
    assert (facts.rotation_deg, facts.is_mirrored) == (rotation_deg, is_mirrored)
    turn = f"players rotate the video by {rotation_deg} degrees counterclockwise, also the output"
    mirror = "players mirror the video from left to right, also the output"
    assert facts.oddities == (*[turn][: bool(rotation_deg)], *[mirror][:is_mirrored])


def test_a_flip_from_top_to_bottom_is_half_a_turn_and_a_mirror() -> None:
    file = io.BytesIO()
    with av.open(io.BytesIO(film.made(film.Film(num_frames=3))), "r") as plain, av.open(file, "w", "mp4") as target:
        stream = target.add_stream_from_template(plain.streams.video[0], opaque=True)
        stream.set_display_rotation(0, vflip=True)
        for packet in plain.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    with av.open(io.BytesIO(file.getvalue()), "r") as made:
        found = orientation_of(next(made.decode(video=0)))
    assert (found.quarter_turns_deg, found.is_mirrored) == (180, True)


def test_a_frame_without_a_display_matrix_is_not_turned() -> None:
    assert orientation_of(film.picture(0, (16, 16), "yuv420p")) == Orientation()


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_stitched_file_is_mirrored_and_checked(tmp_path: Path, suffix: str) -> None:
    made = Film(codec="hevc" if suffix == ".mov" else "av1")
    segments = made.segments(tmp_path, (2, 1))
    spec = replace(made.spec(segments, suffix), is_mirrored=True, rotation_deg=270)
    out = tmp_path / f"out{suffix}"
    stitch(spec, paths(segments), None, out)
    verify_output(out, spec, borders=[2], num_audio_tracks=0)
    with pytest.raises(OutputInvalid, match=r"mirroring|rotation"):
        verify_output(out, replace(spec, is_mirrored=False), borders=[2], num_audio_tracks=0)
