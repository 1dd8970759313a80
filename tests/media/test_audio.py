"""Audio in sync with the picture, measured in the stitched and decoded file."""

import json
import shutil
import subprocess
import tracemalloc
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from slomo_batch.errors import SegmentInvalid
from slomo_batch.media.audio import AudioResult, Mode, make_audio
from slomo_batch.media.inspect import verify_output
from slomo_batch.media.packet_archive import ArchiveReader, ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket
from slomo_batch.media.pcm import resample_audio
from slomo_batch.plan.containers import AAC, CONTAINERS, FLAC, OPUS, AudioEncoder
from slomo_batch.settings import Codec
from tests.media.films import Film
from tests.media.tones import CLICKS_S, DURATION_S, RATE, Tone, archived, audio_file, clicks, heard, samples

FPS = Fraction(25)
IN_STEP_S = 0.010


def made(
    folder: Path,
    tones: Sequence[Tone],
    *,
    mode: Mode,
    slowdown: Fraction = Fraction(1),
    suffix: str = ".mp4",
    source_suffix: str = ".mkv",
    zero_s: Fraction = Fraction(0),
) -> tuple[Path, AudioResult]:
    """The audio archive of these tracks."""
    source = archived(audio_file(folder / f"source{source_suffix}", tones), folder / "source.packets")
    out = folder / "audio.packets"
    notes = make_audio(
        source,
        out,
        mode=mode,
        slowdown=slowdown,
        duration_s=DURATION_S * slowdown,
        container=CONTAINERS[suffix],
        zero_s=zero_s,
    )
    return out, notes


def in_a_film(folder: Path, audio: Path, slowdown: Fraction, suffix: str, num_tracks: int = 1) -> Path:
    """A stitched file with this audio, verified against its plan."""
    num_frames = round(DURATION_S * slowdown * FPS)
    codec: Codec = "h264" if "h264" in CONTAINERS[suffix].codecs else "vp9"
    film = Film(codec=codec, rate=FPS, size=(32, 32), encode={"preset": "ultrafast"})
    stitched = film.stitched(folder, suffix, (num_frames // 2, num_frames - num_frames // 2), audio=audio)
    verify_output(stitched.path, stitched.spec, borders=stitched.borders, num_audio_tracks=num_tracks)
    return stitched.path


def max_click_offset_s(path: Path, slowdown: Fraction, track: int = 0) -> float:
    """Largest distance of a click from its expected time, in seconds; fails if a click is missing or extra."""
    found = clicks(*heard(path, track))
    wanted = [second * float(slowdown) for second in CLICKS_S]
    assert len(found) == len(wanted)
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True))


@pytest.mark.parametrize("slowdown", [Fraction(3, 2), Fraction(4), Fraction(8)])
@pytest.mark.parametrize("suffix", CONTAINERS)
def test_stretched_audio_is_in_sync(tmp_path: Path, slowdown: Fraction, suffix: str) -> None:
    audio, notes = made(tmp_path, [Tone()], mode="stretch", slowdown=slowdown, suffix=suffix)
    assert notes == AudioResult(notes=(), num_tracks=1)
    assert max_click_offset_s(in_a_film(tmp_path, audio, slowdown, suffix), slowdown) < IN_STEP_S


@pytest.mark.parametrize(
    ("codec", "source_suffix", "suffix", "copied"),
    [
        ("aac", ".mp4", ".mp4", True),
        ("aac", ".mp4", ".mkv", True),
        ("aac", ".ts", ".mp4", True),
        ("aac", ".ts", ".mkv", True),
        ("aac", ".mkv", ".mov", True),
        ("libmp3lame", ".mp4", ".mkv", True),
        ("ac3", ".mkv", ".mp4", True),
        ("flac", ".mkv", ".mp4", True),
        ("flac", ".mkv", ".mov", False),
        ("libopus", ".mkv", ".mp4", True),
        ("libopus", ".mkv", ".mov", False),
        ("libopus", ".mkv", ".webm", True),
        ("libopus", ".webm", ".webm", True),
        ("aac", ".mp4", ".webm", False),
        ("flac", ".mkv", ".webm", False),
        ("pcm_s16le", ".mov", ".mov", True),
        ("pcm_s24le", ".mkv", ".mkv", True),
        ("pcm_s16le", ".mov", ".mp4", False),
    ],
)
def test_kept_audio_is_in_sync_in_every_container(
    tmp_path: Path, codec: str, source_suffix: str, suffix: str, copied: bool
) -> None:
    zero_s = first_sample_time_s(tmp_path, codec, source_suffix)
    audio, notes = made(
        tmp_path, [Tone(codec=codec)], mode="keep", suffix=suffix, source_suffix=source_suffix, zero_s=zero_s
    )
    assert max_click_offset_s(in_a_film(tmp_path, audio, Fraction(1), suffix), Fraction(1)) < 0.003
    assert notes.notes == () if copied else "is encoded as" in notes.notes[0]


def first_sample_time_s(folder: Path, codec: str, suffix: str) -> Fraction:
    """Time of the first audio sample in its file: transport streams do not begin at zero."""
    if suffix != ".ts":
        return Fraction(0)
    path = audio_file(folder / f"probe{suffix}", [Tone(codec=codec)])
    with av.open(str(path)) as container:
        packet = next(container.demux(audio=0))
        return (packet.pts or 0) * packet.time_base + Fraction(1024, RATE)


@pytest.mark.parametrize("slowdown", [Fraction(3, 2), Fraction(4), Fraction(1001, 1000)])
def test_resampled_audio_is_in_sync_and_its_pitch_falls(tmp_path: Path, slowdown: Fraction) -> None:
    audio, _ = made(tmp_path, [Tone(under="chord")], mode="resample", slowdown=slowdown)
    path = in_a_film(tmp_path, audio, slowdown, ".mp4")
    assert max_click_offset_s(path, slowdown) < IN_STEP_S
    second = np.abs(np.fft.rfft(heard(path)[0][0, RATE : 2 * RATE] * np.hanning(RATE)))
    assert abs(int(second[50:300].argmax()) + 50 - 220 / float(slowdown)) < 120


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize("mode", ["stretch", "resample"])
def test_the_audio_is_exactly_as_long_as_the_video(tmp_path: Path, suffix: str, mode: Mode) -> None:
    slowdown = Fraction(7, 5)
    audio, _ = made(tmp_path, [Tone(duration_s=2.7)], mode=mode, slowdown=slowdown, suffix=suffix)
    with audio.open("rb") as file:
        end = max((packet.pts or 0) + (packet.duration or 0) for packet in ArchiveReader(file))
    assert end == DURATION_S * slowdown * RATE
    if shutil.which("ffprobe") is None:
        pytest.skip("ffprobe is not installed")
    found = probed(in_a_film(tmp_path, audio, slowdown, suffix))
    assert [Fraction(stream["duration"]) for stream in found] == 2 * [DURATION_S * slowdown]


def probed(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    streams: list[dict[str, Any]] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)[
        "streams"
    ]
    return streams


def test_lossless_audio_stays_lossless_in_matroska(tmp_path: Path) -> None:
    tone = Tone(codec="flac")
    audio, _ = made(tmp_path, [tone], mode="stretch", slowdown=Fraction(2), suffix=".mkv")
    with audio.open("rb") as file:
        assert [header.codec for header in ArchiveReader(file).headers] == ["flac"]
    found, _ = heard(in_a_film(tmp_path, audio, Fraction(2), ".mkv"))
    assert found.shape[1] == 2 * DURATION_S * RATE


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
def test_tracks_keep_their_order_languages_and_titles(tmp_path: Path, suffix: str) -> None:
    tones = [
        Tone(language="eng", title="Stadium"),
        Tone(language="fra", title="Commentaire", layout="mono", sample_rate=44_100),
    ]
    audio, notes = made(tmp_path, tones, mode="stretch", slowdown=Fraction(2), suffix=suffix)
    assert notes.num_tracks == 2
    path = in_a_film(tmp_path, audio, Fraction(2), suffix, num_tracks=2)
    with av.open(str(path)) as container:
        tracks = container.streams.audio
        assert [track.language for track in tracks] == ["eng", "fra"]
        titles = [track.metadata.get("title", track.metadata.get("handler_name")) for track in tracks]
        assert titles == ["Stadium", "Commentaire"]
        assert [bool(track.disposition & av.stream.Disposition.default) for track in tracks] == [True, False]
        assert [track.codec_context.layout.name for track in tracks] == ["stereo", "mono"]
    assert max(max_click_offset_s(path, Fraction(2), track) for track in (0, 1)) < IN_STEP_S


def test_packets_of_all_tracks_are_merged_by_time(tmp_path: Path) -> None:
    tones = [Tone(), Tone(sample_rate=44_100, duration_s=1, clicks_s=(0.5,))]
    audio, _ = made(tmp_path, tones, mode="stretch", slowdown=Fraction(2))
    with audio.open("rb") as file:
        archive = ArchiveReader(file)
        instants = [(packet.dts or 0) * archive.headers[packet.stream].time_base for packet in archive]
    assert instants == sorted(instants)


@pytest.mark.parametrize("suffix", [".mp4", ".webm"])
@pytest.mark.parametrize("layout", ["mono", "stereo", "5.1", "5.1(side)", "7.1"])
def test_channel_layouts_get_their_usual_names(tmp_path: Path, layout: str, suffix: str) -> None:
    tone = Tone(codec="pcm_s16le", layout=layout, duration_s=1, clicks_s=(0.5,))
    audio, _ = made(tmp_path, [tone], mode="stretch", slowdown=Fraction(2), suffix=suffix, source_suffix=".mov")
    with audio.open("rb") as file:
        header = ArchiveReader(file).headers[0]
    assert header.layout == layout.removesuffix("(side)")
    assert header.bit_rate == 96_000 * av.AudioLayout(layout).nb_channels


def test_opus_gets_other_layouts_mixed_so_that_channels_keep_their_places(tmp_path: Path) -> None:
    tone = Tone(codec="pcm_s16le", layout="4.0", sample_rate=44_100, duration_s=1, clicks_s=(0.5,))
    audio, result = made(tmp_path, [tone], mode="stretch", slowdown=Fraction(2), suffix=".webm", source_suffix=".mov")
    with audio.open("rb") as file:
        header = ArchiveReader(file).headers[0]
    assert (header.layout, header.bit_rate) == ("5.1", 6 * 96_000)
    assert "audio track 1: mixed from 4.0 to 5.1, which Opus supports" in result.notes


MIXED = {**OPUS.mixed_layouts, **FLAC.mixed_layouts, **AAC.mixed_layouts}


@pytest.mark.parametrize(("layout", "mixed"), sorted({*MIXED.items(), *OPUS.mixed_layouts.items()}))
def test_mixing_keeps_every_channel_at_its_speaker_or_moves_it_to_the_nearest(layout: str, mixed: str) -> None:
    nearest = {"SL": {"BL"}, "SR": {"BR"}, "BC": {"BL", "BR"}, "FLC": {"FL"}, "FRC": {"FR"}}
    nearest |= {"TFL": {"FL"}, "TFR": {"FR"}}
    speakers = [channel.name for channel in av.AudioLayout(mixed).channels]
    for number, channel in enumerate(av.AudioLayout(layout).channels):
        block = np.zeros((av.AudioLayout(layout).nb_channels, 64), np.float32)
        block[number] = 0.5
        (heard_block,) = resample_audio([block], layout, RATE, RATE, layout_out=mixed)
        found = {speaker for speaker, row in zip(speakers, heard_block, strict=True) if row.any()}
        assert found == ({channel.name} if channel.name in speakers else nearest[channel.name])


@pytest.mark.parametrize("encoder", [AAC, FLAC, OPUS])
def test_audio_encoders_of_this_build_open_with_every_layout_and_rate(encoder: AudioEncoder) -> None:
    for layout in encoder.layouts:
        for rate in encoder.rates or {8_000, 37_800, 96_000}:
            context = av.Codec(encoder.name, "w").create("audio")
            context.format, context.layout, context.sample_rate = encoder.sample_format, layout, rate
            context.open()
            assert context.layout.name == layout


def test_a_sample_rate_that_aac_lacks_is_converted_and_noted(tmp_path: Path) -> None:
    tone = Tone(codec="pcm_s16le", sample_rate=37_800)
    audio, notes = made(tmp_path, [tone], mode="stretch", slowdown=Fraction(2), source_suffix=".mov")
    assert notes.notes == ("audio track 1: resampled from 37800 to 48000 Hz, which AAC supports",)
    assert max_click_offset_s(in_a_film(tmp_path, audio, Fraction(2), ".mp4"), Fraction(2)) < IN_STEP_S


def test_opus_has_one_sample_rate_and_ends_with_the_video(tmp_path: Path) -> None:
    tone, slowdown = Tone(sample_rate=44_100), Fraction(3, 2)
    audio, notes = made(tmp_path, [tone], mode="stretch", slowdown=slowdown, suffix=".webm")
    assert notes.notes == ("audio track 1: resampled from 44100 to 48000 Hz, which Opus supports",)
    found, rate = heard(in_a_film(tmp_path, audio, slowdown, ".webm"))
    assert rate == RATE
    assert 0 <= found.shape[1] - DURATION_S * slowdown * RATE < 960, "at most the rest of a packet of 20 ms"


# ---- zero, gaps, damage --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["keep", "stretch"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".webm"])
@pytest.mark.parametrize("zero_s", [Fraction(3, 10), Fraction(1001, 30000), Fraction(-1, 5)])
def test_audio_starts_at_the_first_presented_frame(tmp_path: Path, mode: Mode, suffix: str, zero_s: Fraction) -> None:
    slowdown = Fraction(1 if mode == "keep" else 2)
    audio, _ = made(tmp_path, [Tone()], mode=mode, slowdown=slowdown, suffix=suffix, zero_s=zero_s)
    found = clicks(*heard(in_a_film(tmp_path, audio, slowdown, suffix)))
    wanted = [float((Fraction(second) - zero_s) * slowdown) for second in CLICKS_S]
    wanted = [second for second in wanted if 0 <= second < DURATION_S * slowdown]
    assert len(found) == len(wanted)
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) < IN_STEP_S


def changed(source: Path, change: Any) -> None:
    """The archive with its packets changed."""
    with source.open("rb") as file:
        archive = ArchiveReader(file)
        headers, packets = archive.headers, list(archive)
    with source.open("wb") as out, ArchiveWriter(out, headers, {}) as writer:
        for number, packet in enumerate(packets):
            for kept in change(number, packet):
                writer.add(kept)


def damaged(number: int, packet: ArchivedPacket) -> list[ArchivedPacket]:
    """With three packets of noise, half a second from the start."""
    if 24 <= number < 27:
        return [ArchivedPacket(**{**fields(packet), "data": b"\xff" * len(packet.data)})]
    return [packet]


def missing(number: int, packet: ArchivedPacket) -> list[ArchivedPacket]:
    """Without three packets, half a second from the start."""
    return [] if 24 <= number < 27 else [packet]


def fields(packet: ArchivedPacket) -> dict[str, Any]:
    return {name: getattr(packet, name) for name in ArchivedPacket.__slots__}


@pytest.mark.parametrize("change", [damaged, missing])
def test_damaged_or_missing_packets_become_silence_and_the_rest_stays_in_sync(tmp_path: Path, change: Any) -> None:
    source = archived(audio_file(tmp_path / "source.mp4", [Tone()]), tmp_path / "source.packets")
    changed(source, change)
    audio, slowdown = tmp_path / "audio.packets", Fraction(2)
    notes = make_audio(
        source,
        audio,
        mode="stretch",
        slowdown=slowdown,
        duration_s=DURATION_S * slowdown,
        container=CONTAINERS[".mp4"],
        zero_s=Fraction(0),
    )
    assert any("damaged packets are replaced with silence" in note for note in notes.notes) == (change is damaged)
    path = in_a_film(tmp_path, audio, slowdown, ".mp4")
    assert max_click_offset_s(path, slowdown) < IN_STEP_S
    found, rate = heard(path)
    quiet = found[0, round(2 * 0.52 * rate) : round(2 * 0.54 * rate)]
    assert np.sqrt(np.square(quiet).mean()) < 0.005


def test_a_track_that_cannot_be_decoded_is_dropped_and_noted(tmp_path: Path) -> None:
    source = archived(audio_file(tmp_path / "source.mp4", [Tone(), Tone(language="fra")]), tmp_path / "source.packets")
    changed(source, lambda _, p: [p if p.stream == 0 else ArchivedPacket(**{**fields(p), "data": b"\xff" * 9})])
    out = tmp_path / "audio.packets"
    notes = make_audio(
        source,
        out,
        mode="stretch",
        slowdown=Fraction(2),
        duration_s=Fraction(6),
        container=CONTAINERS[".mp4"],
        zero_s=Fraction(0),
    )
    assert notes.num_tracks == 1
    assert notes.notes == ("audio track 2 (fra) is dropped: none of its packets can be decoded",)


def test_a_truncated_archive_is_refused(tmp_path: Path) -> None:
    source = archived(audio_file(tmp_path / "source.mp4", [Tone()]), tmp_path / "source.packets")
    source.write_bytes(source.read_bytes()[:-9])
    with pytest.raises(SegmentInvalid):
        make_audio(
            source,
            tmp_path / "out",
            mode="keep",
            slowdown=Fraction(1),
            duration_s=Fraction(3),
            container=CONTAINERS[".mp4"],
            zero_s=Fraction(0),
        )


def test_the_same_input_gives_the_same_audio(tmp_path: Path) -> None:
    first, _ = made(tmp_path, [Tone()], mode="stretch", slowdown=Fraction(3))
    whole = first.read_bytes()
    again, _ = made(tmp_path, [Tone()], mode="stretch", slowdown=Fraction(3))
    assert again.read_bytes() == whole


def test_memory_does_not_grow_with_the_length(tmp_path: Path) -> None:
    def peak(seconds: int) -> int:
        tone = Tone(codec="pcm_s16le", layout="mono", sample_rate=8000, duration_s=seconds)
        source = archived(audio_file(tmp_path / "long.mov", [tone]), tmp_path / "long.packets")
        tracemalloc.start()
        make_audio(
            source,
            tmp_path / "out",
            mode="stretch",
            slowdown=Fraction(2),
            duration_s=Fraction(2 * seconds),
            container=CONTAINERS[".mp4"],
            zero_s=Fraction(0),
        )
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(60) < 1.1 * peak(15)


def test_the_click_detector_finds_the_clicks_of_the_source() -> None:
    assert clicks(samples(Tone()), RATE) == pytest.approx(CLICKS_S, abs=0.0005)
