"""Alpha survives segments, stitching and verification in every codec and container that stores it."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.errors import OutputInvalid, SegmentInvalid
from slomo_batch.media.concat import stitch
from slomo_batch.media.encode import verify_segment
from slomo_batch.media.frames import picture_from_frame, planar_format
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.packets import decoder_of
from slomo_batch.picture import Picture
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.settings import Codec
from tests.media.films import KINDS, NTSC60, Film, picture

KEPT = [(codec, suffix) for codec, suffix in KINDS if CONTAINERS[suffix].keeps_alpha(codec)]


def film_of(codec: Codec, *, rate: Fraction = NTSC60) -> Film:
    return Film(codec=codec, source_format="yuv444p10le" if codec != "vp9" else "yuv420p", has_alpha=True, rate=rate)


def decoded(path: Path) -> list[Picture]:
    """The pictures of a file, with alpha."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = decoder_of(stream, alpha=True)
        frames = [
            frame for packet in container.demux(stream) for frame in decoder.decode(packet if packet.size else None)
        ]
    return [picture_from_frame(frame, planar_format(frame.format.name, alpha=True)) for frame in frames]


def error_of_alpha(found: Picture, given: Picture) -> float:
    """The mean absolute difference, as a share of the range."""
    one, other = (picture.planes[-1] / picture.format.max_value for picture in (found, given))
    return float(np.abs(one - other).mean())


@pytest.mark.parametrize(("codec", "suffix"), KEPT)
def test_a_joined_file_has_the_alpha_of_every_picture(tmp_path: Path, codec: Codec, suffix: str) -> None:
    film = film_of(codec)
    made = film.stitched(tmp_path, suffix, lengths=(1, 5, 12))
    verify_output(made.path, made.spec, borders=made.borders, num_audio_tracks=0)
    found = decoded(made.path)
    given = [picture(number, film.choice.pixel_format) for number in range(18)]
    assert [one.format.has_alpha for one in found] == [True] * 18
    assert max(map(error_of_alpha, found, given)) < (0.02 if codec == "vp9" else 0.001)


def test_the_kept_cells_are_those_of_the_issue() -> None:
    assert set(KEPT) == {
        *(("vp9", suffix) for suffix in (".mkv", ".webm")),
        *(("prores", suffix) for suffix in (".mov", ".mkv")),
        *(("ffv1", suffix) for suffix in (".mp4", ".mkv")),
    }


@pytest.mark.parametrize("codec", ["vp9", "prores", "ffv1"])
def test_lost_alpha_is_found(tmp_path: Path, codec: Codec) -> None:
    opaque = Film(codec=codec).segment(tmp_path, range(3))
    with pytest.raises(SegmentInvalid, match="alpha"):
        verify_segment(opaque.path, facts=opaque.facts, source_hashes=None, has_alpha=True)
    made = Film(codec=codec).stitched(tmp_path, ".mkv", lengths=(2, 3))
    with pytest.raises(OutputInvalid, match="alpha"):
        verify_output(made.path, replace(made.spec, has_alpha=True), borders=made.borders, num_audio_tracks=0)


def test_a_packet_without_its_alpha_is_found(tmp_path: Path) -> None:
    film = film_of("vp9")
    (segment,) = film.segments(tmp_path, (4,))
    damaged, out = tmp_path / "damaged.mkv", tmp_path / "out.mkv"
    with av.open(str(segment.path)) as source, av.open(str(damaged), "w") as file:
        copy = file.add_stream_from_template(source.streams.video[0], opaque=True)
        copy.codec_context.pix_fmt = "yuva420p"
        for number, packet in enumerate(source.demux(video=0)):
            if packet.size:
                written = av.Packet(bytes(packet)) if number == 2 else packet
                written.pts, written.dts, written.time_base = packet.pts, packet.dts, packet.time_base
                written.stream = copy
                file.mux(written)
    stitch(film.spec([segment], ".mkv"), [damaged], None, out)
    with pytest.raises(OutputInvalid, match="packets with alpha beside them, expected 4, got 3"):
        verify_output(out, film.spec([segment], ".mkv"), borders=[], num_audio_tracks=0)


def test_segments_of_vp9_have_exact_times_at_any_rate(tmp_path: Path) -> None:
    """Matroska counts milliseconds, so a segment counts frames in milliseconds."""
    made = film_of("vp9", rate=Fraction(24000, 1001)).stitched(tmp_path, ".webm", lengths=(3, 40))
    verify_output(made.path, made.spec, borders=made.borders, num_audio_tracks=0)
