"""Sources that imply endless videos, gigabytes of memory or absurd frame rates are refused, or limited and noted."""

import gc
import io
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from slomo_batch.errors import FrameMissing, SourceUnsupported
from slomo_batch.media import copy_check, demux, packets
from slomo_batch.media.audio import make_audio
from slomo_batch.media.copy_check import CopyCheck
from slomo_batch.media.decode import frames_at
from slomo_batch.media.demux import demux_packets, main_video, open_source
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.packets import ArchivedPacket, StreamHeader, from_av, stream_header
from slomo_batch.media.pcm import PcmTrack
from slomo_batch.media.probe import Probe, probe
from slomo_batch.media.time_stretch import Block
from slomo_batch.media.tracks import DAMAGED_HEADER
from slomo_batch.plan.containers import CONTAINERS
from tests.clips.catalogue import clip
from tests.clips.edits import lasting
from tests.clips.film import FORMATS, AudioTone, Film, coded, made
from tests.media.sources import Opened, reader_of


def probed(film: Film) -> Probe:
    return probe(reader_of(made(film)), film.suffix)


# ---- the last frame's duration -------------------------------------------------------------------------------------

HOURS = lasting(25 * 36_000)
ENDLESS = {
    "mp4": Film(edit=HOURS),
    "mov": Film(edit=HOURS, suffix=".mov"),
    "fragmented": Film(edit=HOURS, muxer={"movflags": "frag_keyframe+empty_moov"}),
    "mkv": Film(edit=HOURS, suffix=".mkv"),
    "a single frame": Film(edit=HOURS, num_frames=1),
    "variable": Film(
        edit=lasting(36_000_000),
        suffix=".mkv",
        num_frames=5,
        pts=[0, 40, 80, 137, 150],
        time_base=Fraction(1, 1000),
        options={"bf": "0"},
    ),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_a_last_frame_of_hours_is_shown_as_long_as_the_others(name: str) -> None:
    film = ENDLESS[name]
    found = probed(film)
    assert found.timeline.num_frames == film.num_frames
    assert int(found.timeline.end - found.timeline.ticks[-1]) * found.timeline.tick_s == Fraction(1, 25)
    assert any("the last frame's duration of 36,000 s is probably damaged" in note for note in found.facts.oddities)


GIF = Film(codec="gif", suffix=".gif", pix_fmt="rgb8", num_frames=5, muxer={"final_delay": "65535"})


@pytest.mark.parametrize(("film", "seconds"), [(Film(edit=lasting(2500)), "100.0"), (GIF, "655.4")], ids=["mp4", "gif"])
def test_a_last_frame_of_minutes_is_kept_and_noted(film: Film, seconds: str) -> None:
    found = probed(film)
    assert f"{float(found.timeline.duration_s - (film.num_frames - 1) / film.rate):.1f}" == seconds
    assert f"the last frame is shown for {seconds} s" in found.facts.oddities


# ---- rates ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "words"), [(Fraction(2000), "2,000 frames/s"), (Fraction(1, 4), "0.250000 frames/s")])
def test_an_unusual_frame_rate_is_noted(rate: Fraction, words: str) -> None:
    assert f"unusual frame rate of {words}: the timestamps may be damaged" in probed(Film(rate=rate)).facts.oddities


@pytest.mark.parametrize("rate", [Fraction(1), Fraction(1000)])
def test_usual_frame_rates_are_not_noted(rate: Fraction) -> None:
    assert probed(Film(rate=rate, options={"bf": "0"})).facts.oddities == ()


# ---- the size of pictures ------------------------------------------------------------------------------------------


def with_screen_of(width: int, height: int) -> bytes:
    """A GIF whose header states this picture size."""
    data = bytearray(clip("gif").data)
    data[6:10] = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return bytes(data)


def with_large_pictures_inside() -> bytes:
    """An AVI whose header states 64x48, but whose pictures are 16400 pixels wide."""
    _, large = coded(Film(codec="mjpeg", size=(16_400, 16), pix_fmt="yuvj420p", num_frames=3))
    file = io.BytesIO()
    with av.open(file, "w", format=FORMATS[".avi"]) as container:
        video = container.add_stream("mjpeg", rate=25)
        assert isinstance(video, VideoStream)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        for packet in large:
            packet.stream = video
            container.mux(packet)
    return file.getvalue()


@pytest.mark.parametrize(
    ("make", "size"),
    [
        (lambda: with_screen_of(16_000, 16_000), "16000x16000"),
        (lambda: with_screen_of(65_535, 8), "65535x8"),
        (lambda: made(Film(codec="mjpeg", size=(16_400, 16), pix_fmt="yuvj420p", suffix=".avi")), "16400x16"),
        (with_large_pictures_inside, "16400x"),
    ],
    ids=["gif", "one side", "true size", "header says less"],
)
def test_too_large_pictures_are_refused_before_they_fill_the_memory(make: Callable[[], bytes], size: str) -> None:
    with pytest.raises(SourceUnsupported, match=f"bomb: .*too large, expected at most 16,384 pixels .*got {size}"):
        probe(reader_of(make()), "bomb")


SMALL_LIMIT = {"max_pixels": str(80 * 60)}
"""Between the sizes of the two halves of the clip size_change."""


def test_pictures_that_grow_beyond_the_limit_midway_are_not_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demux, "DECODER_OPTIONS", SMALL_LIMIT)
    facts = probe(reader_of(clip("size_change").data), "size_change").facts
    assert (facts.width, facts.height) == (64, 48)
    assert "not every packet" in facts.lane_reason


def archived(name: str) -> tuple[StreamHeader, list[ArchivedPacket]]:
    with open_source(reader_of(clip(name).data)) as container:
        video = main_video(container, name)
        return stream_header(video), [from_av(packet, 0) for packet in demux_packets(container, [video])]


def test_workers_refuse_large_pictures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    header, chunk = archived("cfr")
    times = sorted(packet.pts or 0 for packet in chunk)
    assert len(list(frames_at(chunk, header, times))) == 40
    monkeypatch.setattr(packets, "DECODER_OPTIONS", {"max_pixels": "1000"})
    with pytest.raises(FrameMissing):
        list(frames_at(chunk, header, times))


def test_the_copy_check_stops_at_its_limit_of_decoded_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copy_check, "MAX_DECODED_BYTES", 4 * 64 * 48 * 3 // 2)
    with open_source(reader_of(clip("one_gop").data)) as container:
        video = main_video(container, "one_gop")
        checked = CopyCheck(video)
        seen = [checked.add(packet) for packet in demux_packets(container, [video])]
    assert 4 < seen.count(True) < 20
    assert len(seen) == 40


def test_pictures_are_freed_without_the_garbage_collector() -> None:
    """PyAV's frames form a reference cycle with their side data; hundreds of 4K pictures would stay in memory."""
    gc.collect()
    gc.disable()
    try:
        probe(reader_of(clip("one_gop").data), "one_gop")
        num_unreachable = gc.collect()
    finally:
        gc.enable()
    assert num_unreachable < 40, "the clip has 40 frames"


# ---- audio without a format ----------------------------------------------------------------------------------------


def without_channels(film: Film, found: bytes, replaced: bytes) -> bytes:
    data = made(film)
    assert data.count(found) == 1
    return data.replace(found, replaced)


SILENCED = {
    "matroska, no channels": (
        Film(suffix=".mkv", audio=(AudioTone(codec="pcm_s16le"),)),
        b"\x9f\x81\x01",
        b"\x9f\x81\x00",
    ),
    "avi, no channels": (
        Film(suffix=".avi", codec="mpeg4", audio=(AudioTone(codec="pcm_s16le"),)),
        b"\x01\x00\x01\x00\x44\xac\x00\x00",
        b"\x01\x00\x00\x00\x44\xac\x00\x00",
    ),
    "webm, Opus of no channels": (
        Film(suffix=".webm", codec="libvpx-vp9", num_frames=3, audio=(AudioTone(codec="libopus", sample_rate=48_000),)),
        b"OpusHead\x01\x01",
        b"OpusHead\x01\x00",
    ),
}


@pytest.mark.parametrize("name", SILENCED)
def test_audio_without_a_stated_format_is_dropped_and_noted(name: str) -> None:
    facts = probe(reader_of(without_channels(*SILENCED[name])), name).facts
    assert facts.audio == ()
    assert [(track.kind, track.obstacle) for track in facts.tracks] == [("audio", DAMAGED_HEADER)]
    assert "1 audio track not kept: its header is damaged" in facts.oddities


SLOW = Film(suffix=".ts", rate=Fraction(2), num_frames=24, options={"g": "12", "bf": "0"})
WHY_ENCODED = "audio track 1: it begins too late to be copied, so it is encoded as aac"


@pytest.mark.parametrize(
    ("codec", "mode", "slowdown", "notes"),
    [("aac", "stretch", 2, ()), ("mp2", "keep", 1, (WHY_ENCODED,)), ("ac3", "keep", 1, (WHY_ENCODED,))],
)
def test_audio_that_begins_too_late_for_the_header_is_kept(
    codec: str, mode: Literal["stretch", "keep"], slowdown: int, notes: tuple[str, ...], tmp_path: Path
) -> None:
    audio = AudioTone(codec=codec, sample_rate=48_000, delay_s=10)
    opened = Opened.of("late", made(replace(SLOW, audio=(audio,))))
    (track,) = opened.probe.facts.audio
    assert (track.layout, track.sample_rate) == ("", 0)
    *_, source = opened.split(opened.slices([0, 24]), tmp_path, audio=True)
    zero_s = int(opened.probe.index.frame_pts[0]) * opened.probe.index.time_base
    out = tmp_path / "out.packets"
    found = make_audio(
        source.path,
        out,
        mode=mode,
        slowdown=Fraction(slowdown),
        duration_s=Fraction(12 * slowdown),
        container=CONTAINERS[".mp4"],
        zero_s=zero_s,
    )
    assert (found.num_tracks, found.notes) == (1, notes)
    first = next(number for number, block in enumerate(heard(out)) if np.abs(block).max() > 0.1)
    assert first * 0.1 == pytest.approx(10 * slowdown, abs=0.15)


def heard(path: Path) -> list[Block]:
    """The track of an audio archive in tenths of a second."""
    with path.open("rb") as file:
        archived_audio = ArchiveReader(file)
        whole = np.concatenate(
            list(PcmTrack(lambda: archived_audio, archived_audio.headers[0], zero_s=Fraction(0)).blocks()), axis=1
        )
    return np.array_split(whole, whole.shape[1] // 4800, axis=1)
