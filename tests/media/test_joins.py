"""Joined files: all frames of all parts, one part after the other, each in sync with its own audio."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cache, partial
from pathlib import Path

import numpy as np
import pytest

from slomo_batch.media.audio import Mode, make_audio
from slomo_batch.media.made_tracks import packets_of
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.pcm import PcmTrack
from slomo_batch.media.split import AudioArchive
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.records.source_facts import Lane
from tests.clips.joins import RATE, Part, joined, part_bytes
from tests.media.sources import Opened, straight
from tests.media.tones import clicks

IN_STEP_S = 0.010
TWO = (Part(), Part(first=100))
CASES: dict[str, tuple[str, Sequence[Part]]] = {
    "ts": (".ts", TWO),
    "vob": (".vob", TWO),
    "flv": (".flv", TWO),
    "mkv": (".mkv", TWO),
    "webm": (".webm", TWO),
    "five times": (".ts", [Part(first=100 * n, num_frames=25 + n) for n in range(5)]),
    "clock goes back a little": (".ts", [Part(), Part(first=100, from_frame=15)]),
    "clock goes back to between frames": (".mkv", [Part(), Part(first=100, from_frame=21, rate=Fraction(25))]),
    "clock of FLV goes back a little": (".flv", [Part(), Part(first=100, from_frame=15)]),
    "clock of FLV goes back by a few frames": (".flv", [Part(), Part(first=100, from_frame=21), Part(first=200)]),
    "clock of WebM goes back a little": (".webm", [Part(), Part(first=100, from_frame=15)]),
    "later part first": (".ts", [Part(from_frame=900), Part(first=100, from_frame=300), Part(first=200)]),
    "clock of 33 bits wraps within a part": (".ts", [Part(from_frame=(1 << 33) // 3600 - 12), Part(first=100)]),
    "audio longer than pictures": (".ts", [Part(audio_s=1.4), Part(first=100)]),
    "audio shorter than pictures": (".ts", [Part(audio_s=0.4, clicks_s=(0.3,)), Part(first=100)]),
    "one part without audio": (".ts", [Part(), Part(first=100, audio_s=0, clicks_s=()), Part(first=200)]),
    "one part with and one without B-frames": (".ts", [Part(), Part(first=100, bframes=0), Part(first=200)]),
    "recorder paused": (".ts", [Part(), Part(first=100, from_frame=900)]),
    "recorder paused, another day": (".ts", [Part(), Part(first=100, from_frame=200_000), Part(first=200)]),
    "vob whose last times are guessed": (
        ".vob",
        [Part(num_frames=40, bframes=1), Part(first=100, num_frames=41, bframes=1), Part(first=200, bframes=0)],
    ),
    "another frame rate": (".flv", [Part(), Part(first=100, rate=Fraction(30000, 1001))]),
    "NTSC in milliseconds": (".flv", [Part(rate=Fraction(30000, 1001), first=100 * n) for n in range(3)]),
}


@cache
def opened(name: str) -> Opened:
    suffix, parts = CASES[name]
    return Opened.of(name, joined(parts, suffix))


def starts_s(name: str) -> list[float]:
    """Time at which the first picture of each part is shown, in seconds."""
    _, parts = CASES[name]
    lengths = [float(part.num_frames / part.rate) for part in parts]
    return [sum(lengths[:number]) for number in range(len(parts))]


@pytest.mark.parametrize("lane", ["copy", "decode"])
@pytest.mark.parametrize("name", CASES)
def test_the_output_has_the_frames_of_all_parts_in_order(name: str, lane: Lane, tmp_path: Path) -> None:
    source, (suffix, parts) = opened(name), CASES[name]
    expected = [digest for part in parts for digest in straight(part_bytes(part, suffix), source.probe.facts)]
    slices = source.slices([*range(0, len(expected), 9), len(expected)])
    chunks = source.chunk_hashes(source.split(slices, tmp_path, lane=lane))
    assert source.probe.facts.num_frames == len(expected)
    for part in slices:
        assert chunks[part.index] == expected[part.first_frame : part.first_frame + len(part.pts)]


def shown_s(name: str) -> list[float]:
    """Planned time at which the first picture of each part is shown, in seconds."""
    found = opened(name).probe.timeline
    firsts = [0, *np.cumsum([part.num_frames for part in CASES[name][1]]).tolist()][:-1]
    return [float(int(found.ticks[first]) * found.tick_s) for first in firsts]


@pytest.mark.parametrize("name", CASES)
def test_each_part_starts_when_the_one_before_ends(name: str) -> None:
    guessed_s = 2 / 25 if "guessed" in name else 0
    assert shown_s(name) == pytest.approx(starts_s(name), abs=0.003 + guessed_s)


@pytest.mark.parametrize("name", [name for name in CASES if "rate" not in name])
def test_a_rate_that_all_parts_share_is_recognized(name: str) -> None:
    suffix, parts = CASES[name]
    alone = Opened.of("alone", part_bytes(parts[0], suffix)).probe.timeline
    assert opened(name).probe.timeline.rate == alone.rate
    assert alone.rate is not None


@pytest.mark.parametrize("name", CASES)
def test_the_plan_says_where_the_file_is_joined(name: str) -> None:
    count = len(CASES[name][1]) - 1
    assert f"timestamps jump {count} time" in " / ".join(opened(name).probe.facts.oddities)


@pytest.mark.parametrize("name", CASES)
def test_the_frames_with_which_parts_begin_are_known(name: str) -> None:
    lengths = [part.num_frames for part in CASES[name][1]]
    assert opened(name).probe.facts.part_starts == tuple(np.cumsum(lengths)[:-1])


@pytest.mark.parametrize("mode", ["keep", "stretch"])
@pytest.mark.parametrize("name", CASES)
def test_the_audio_of_every_part_is_in_sync(name: str, mode: Mode, tmp_path: Path) -> None:
    source, slowdown = opened(name), 2 if mode == "stretch" else 1
    [audio] = [part for part in source.split([], tmp_path, audio=True) if isinstance(part, AudioArchive)]
    expected = [
        start + click for start, part in zip(shown_s(name), CASES[name][1], strict=True) for click in part.clicks_s
    ]
    length_s = sum(part.num_frames / part.rate for part in CASES[name][1])
    out, zero = tmp_path / "out.packets", int(source.probe.index.frame_pts[0]) * source.probe.index.time_base
    make_audio(
        audio.path,
        out,
        mode=mode,
        slowdown=Fraction(slowdown),
        duration_s=Fraction(length_s * slowdown),
        container=CONTAINERS[".mkv"],
        zero_s=zero,
    )
    assert heard_clicks(out) == pytest.approx([slowdown * second for second in expected], abs=IN_STEP_S)


@pytest.mark.parametrize("codec", ["pcm_s16le", "libmp3lame"])
@pytest.mark.parametrize("audio_s", [1.0, 1.4, 0.4])
def test_the_audio_of_every_joined_avi_is_in_sync(codec: str, audio_s: float, tmp_path: Path) -> None:
    """Audio of the first part that is longer or shorter than its pictures delays no other."""
    first = Part(audio_s=audio_s, clicks_s=(0.3,), bframes=0, audio_codec=codec)
    parts = [first, *(replace(first, first=100 * n, audio_s=1.0, clicks_s=(0.3, 0.7)) for n in (1, 2))]
    one, all_parts = (Opened.of("avi", joined(some, ".avi")) for some in ([first], parts))
    alone, together = _audio_of(one, tmp_path / "one"), _audio_of(all_parts, tmp_path / "all")
    delay_s = heard_clicks(alone)[0] - 0.3 - int(one.probe.index.frame_pts[0]) / 25  # MP3 in AVI states no priming
    with together.open("rb") as file:
        [header] = ArchiveReader(file).headers
    firsts_s = [int(all_parts.probe.index.frame_pts[25 * number]) / 25 for number in range(3)]
    expected = [begin + at + delay_s for begin, part in zip(firsts_s, parts, strict=True) for at in part.clicks_s]
    assert heard_clicks(together) == pytest.approx(expected, abs=IN_STEP_S + float(header.time_base) / 2)


def _audio_of(source: Opened, folder: Path) -> Path:
    folder.mkdir()
    return next(part.path for part in source.split([], folder, audio=True) if isinstance(part, AudioArchive))


def heard_clicks(path: Path) -> list[float]:
    with path.open("rb") as file:
        header = ArchiveReader(file).headers[0]
    pcm = PcmTrack(partial(packets_of, path, 0), header, zero_s=Fraction(0))
    return clicks(np.concatenate(list(pcm.blocks()), axis=1), RATE)


def test_a_gap_in_the_video_alone_is_kept() -> None:
    """The audio continues for 15 s without pictures."""
    data = part_bytes(Part(audio_s=20), ".ts") + part_bytes(Part(first=100, from_frame=500, audio_s=4), ".ts")
    found = Opened.of("gap", data).probe
    assert found.index.joins == ()
    assert found.timeline.duration_s > 20


def test_a_gap_below_ten_seconds_is_kept() -> None:
    data = part_bytes(Part(), ".ts") + part_bytes(Part(first=100, from_frame=225), ".ts")
    assert float(Opened.of("gap", data).probe.timeline.duration_s) == pytest.approx(10, abs=0.1)


def test_the_frames_of_joined_avi_parts_are_numbered_consecutively(tmp_path: Path) -> None:
    source = Opened.of("avi", joined(TWO, ".avi"))
    expected = [digest for part in TWO for digest in straight(part_bytes(part, ".avi"), source.probe.facts)]
    assert source.chunk_hashes(source.split(source.slices([0, 50]), tmp_path))[0] == expected
    note = "2 AVI files are joined in this one: each is played with its own audio"
    assert note in source.probe.facts.oddities
    alone = Opened.of("avi", part_bytes(TWO[0], ".avi")).probe.facts.oddities
    assert not any("joined" in note for note in alone)
