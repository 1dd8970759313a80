"""The space reserved for the index suffices for any file, and a file whose index does not fit is made in two passes."""

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest

from slomo_batch.media import concat
from slomo_batch.media.concat import MoovDoesNotFit, stitch
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.moov_size import MAX_MOOV_BYTES, max_moov_bytes
from slomo_batch.media.mp4_boxes import top_boxes
from slomo_batch.media.packet_archive import ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.settings import Codec
from tests.media.films import KINDS, LENGTHS, Film, Segment, Stitched, paths
from tests.media.test_concat import decoded

EXACT = tuple((codec, suffix) for codec, suffix in KINDS if suffix in {".mp4", ".mov"})
AAC_HEADER = bytes.fromhex("1190")


def boxes(path: Path) -> dict[str, int]:
    """Sizes of the boxes at the top of a file; of several of one type, of the first."""
    with path.open("rb") as file:
        found = list(top_boxes(file))
    ends = [start for _, start in found[1:]] + [path.stat().st_size]
    sizes: dict[str, int] = {}
    for (kind, start), end in zip(found, ends, strict=True):
        sizes.setdefault(kind.decode(), end - start)
    return sizes


def audio_of(path: Path, *, tracks: int, packets: int, title: str = "") -> Path:
    """An archive of small packets, which is the most of an index per byte."""
    header = StreamHeader(
        kind="audio",
        codec="aac",
        time_base=Fraction(1, 48000),
        sample_rate=48000,
        layout="stereo",
        extradata=AAC_HEADER,
        language="deu",
        title=title,
    )
    with path.open("wb") as file, ArchiveWriter(file, [header] * tracks, {}) as writer:
        for number in range(packets):
            for track in range(tracks):
                writer.add(
                    ArchivedPacket(
                        stream=track,
                        pts=number * 1024,
                        dts=number * 1024,
                        duration=1024 if number % 2 else 1023,  # each duration needs an entry
                        is_keyframe=True,
                        is_discarded=False,
                        data=bytes(9),
                    )
                )
    return path


def stitched(
    film: Film, segments: Sequence[Segment], out: Path, audio: Path | None, *, reserves_moov: bool = True
) -> Stitched:
    spec = film.spec(segments)
    stitch(spec, paths(segments), audio, out, reserves_moov=reserves_moov)
    borders, end = [], 0
    for segment in segments[:-1]:
        end += segment.facts.num_frames
        borders.append(end)
    return Stitched(path=out, spec=spec, segments=list(segments), borders=borders)


@pytest.mark.parametrize(("codec", "suffix"), EXACT)
@pytest.mark.parametrize("lengths", [(1,), LENGTHS])
@pytest.mark.parametrize("tracks", [0, 3])
def test_one_pass_and_two_make_the_same_film(
    tmp_path: Path, codec: Codec, suffix: str, lengths: Sequence[int], tracks: int
) -> None:
    film = Film(codec=codec, rotation_deg=90)
    segments = film.segments(tmp_path, lengths)
    audio = audio_of(tmp_path / "audio.packets", tracks=tracks, packets=40, title="Ü" * 50) if tracks else None
    one = stitched(film, segments, tmp_path / f"one{suffix}", audio)
    two = stitched(film, segments, tmp_path / f"two{suffix}", audio, reserves_moov=False)
    for made in (one, two):
        verify_output(made.path, made.spec, borders=made.borders, num_audio_tracks=tracks)
    assert decoded(one.path) == decoded(two.path)
    assert list(boxes(one.path))[:3] == ["ftyp", "moov", "free"]
    assert boxes(one.path)["moov"] <= boxes(two.path)["moov"] + 8  # the offsets are others
    again = stitched(film, segments, tmp_path / f"again{suffix}", audio)
    assert again.path.read_bytes() == one.path.read_bytes()


def test_thousands_of_frames_and_audio_packets_fit_and_little_is_left(tmp_path: Path) -> None:
    film = Film()
    segments = film.segments(tmp_path, (12, 17, 1)) * 100
    audio = audio_of(tmp_path / "audio.packets", tracks=4, packets=2000, title="commentary")
    made = stitched(film, segments, tmp_path / "out.mp4", audio)
    assert made.spec.max_reorder > 0
    verify_output(made.path, made.spec, borders=made.borders[:4], num_audio_tracks=4)
    assert boxes(made.path)["free"] < 40 * (made.spec.num_frames + 8000)


@pytest.mark.parametrize("num_bytes", [16, 600])
def test_an_index_that_does_not_fit_is_reported_as_that(
    tmp_path: Path, num_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Film()
    segments = film.segments(tmp_path, LENGTHS)
    monkeypatch.setattr(concat, "_moov_bytes", lambda *_: num_bytes)
    with pytest.raises(MoovDoesNotFit):
        stitched(film, segments, tmp_path / "out.mp4", None)
    made = stitched(film, segments, tmp_path / "out.mp4", None, reserves_moov=False)
    verify_output(made.path, made.spec, borders=made.borders, num_audio_tracks=0)


def test_an_index_larger_than_the_muxer_can_reserve_takes_two_passes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = Film()
    segments = film.segments(tmp_path, (3,))
    monkeypatch.setattr(concat, "max_moov_bytes", lambda **_: MAX_MOOV_BYTES + 1)
    made = stitched(film, segments, tmp_path / "out.mp4", None)
    assert list(boxes(made.path))[:2] == ["ftyp", "moov"]
    verify_output(made.path, made.spec, borders=[], num_audio_tracks=0)


def test_more_frames_packets_and_headers_reserve_more() -> None:
    def needed(num_frames: int = 1, *, reorders: bool = False, header: bytes = b"", packets: int = 0) -> int:
        return max_moov_bytes(
            num_frames=num_frames, reorders=reorders, video_header=header, audio=(), num_audio_packets=packets
        )

    least = needed()
    assert min(needed(2), needed(reorders=True), needed(header=b"x"), needed(packets=1)) > least
