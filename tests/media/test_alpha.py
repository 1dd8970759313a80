"""Alpha survives segments, stitching and verification in every codec and container that stores it."""

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from slomo_batch.errors import OutputInvalid, SegmentInvalid
from slomo_batch.media.concat import stitch
from slomo_batch.media.encode import verify_segment
from slomo_batch.media.frames import frame_from_picture, picture_from_frame, planar_format
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.packets import decoder_of
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.records.source_facts import Lane
from slomo_batch.settings import Codec
from tests.clips.film import Film as Clip
from tests.clips.film import made
from tests.clips.matte import Matte, matte
from tests.media.films import KINDS, NTSC60, Film, picture
from tests.media.sources import Opened

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
    joined = film.stitched(tmp_path, suffix, lengths=(1, 5, 12))
    verify_output(joined.path, joined.spec, borders=joined.borders, num_audio_tracks=0)
    found = decoded(joined.path)
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
    joined = Film(codec=codec).stitched(tmp_path, ".mkv", lengths=(2, 3))
    with pytest.raises(OutputInvalid, match="alpha"):
        verify_output(joined.path, replace(joined.spec, has_alpha=True), borders=joined.borders, num_audio_tracks=0)


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
    joined = film_of("vp9", rate=Fraction(24000, 1001)).stitched(tmp_path, ".webm", lengths=(3, 40))
    verify_output(joined.path, joined.spec, borders=joined.borders, num_audio_tracks=0)


SOURCES = {
    "vp9": Matte(suffix=".webm", codec="libvpx-vp9", pix_fmt="yuva420p", num_frames=9, options={"g": "4", "b": "1M"}),
    "gray": Matte(codec="png", pix_fmt="ya8", num_frames=9),
    "palette": Matte(codec="png", pix_fmt="pal8", num_frames=9),
    "packed": Matte(codec="qtrle", pix_fmt="argb", num_frames=9, options={"g": "4"}),
    "deep": Matte(suffix=".mkv", codec="ffv1", pix_fmt="yuva444p16le", num_frames=9),
}


@pytest.mark.parametrize("alpha", [True, False])
@pytest.mark.parametrize("lane", ["copy", "decode"])
@pytest.mark.parametrize("name", SOURCES)
def test_chunks_of_both_lanes_have_the_alpha_of_the_source(name: str, lane: Lane, alpha: bool, tmp_path: Path) -> None:
    """If it is read; if not, the color is what it was."""
    opened = Opened.of(name, matte(SOURCES[name]))
    assert opened.probe.facts.has_alpha
    with av.open(io.BytesIO(opened.data), "r") as container:
        stream = container.streams.video[0]
        decoder = decoder_of(stream, alpha=alpha)
        frames = [one for packet in container.demux(stream) for one in decoder.decode(packet if packet.size else None)]
        form = planar_format(opened.probe.facts.pixel_format, alpha=alpha)
        whole = [picture_from_frame(frame, form).hash() for frame in frames]
    slices = opened.slices([0, 3, 7, 9], 1)
    found = opened.chunk_hashes(opened.split(slices, tmp_path, lane=lane, alpha=alpha))
    for part in slices:
        assert found[part.index] == whole[part.first_frame : part.first_frame + len(part.pts)]


def test_a_frame_without_alpha_is_opaque_in_a_video_that_has_alpha() -> None:
    opaque = frame_from_picture(picture(0, "yuv420p"))
    read = picture_from_frame(opaque, PIXEL_FORMATS["yuva420p"])
    assert (read.planes[3] == 255).all()
    assert read.layers[0].hash() == picture(0, "yuv420p").hash()


def test_a_palette_has_alpha_only_if_a_pixel_is_not_opaque() -> None:
    opaque = Opened.of("opaque", made(Clip(suffix=".gif", codec="gif", pix_fmt="rgb8", num_frames=3)))
    assert opaque.probe.facts.pixel_format == "bgra"
    assert opaque.probe.facts.has_alpha, "GIF is decoded with alpha, whether it is used or not"
    animation = Opened.of("gray", made(Clip(suffix=".mov", codec="qtrle", pix_fmt="gray", num_frames=3)))
    assert animation.probe.facts.pixel_format == "pal8"
    assert not animation.probe.facts.has_alpha
