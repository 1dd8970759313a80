"""Files whose timestamps decrease although nothing was joined: no frame and no audio is moved or dropped."""

from fractions import Fraction
from itertools import accumulate
from pathlib import Path

import pytest

from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.split import AudioArchive
from tests.clips.catalogue import clip
from tests.clips.edit_lists import showing
from tests.clips.film import Film, made
from tests.media.sources import Opened

PAUSE_EVERY = 6
"""Frames from one pause of a screen recording to the next."""


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_b_frames_across_long_pauses_are_not_a_join(suffix: str) -> None:
    """As in a screen recording: a frame is stored seconds, but only a few frames, before frames that are shown
    first."""
    times = list(accumulate(2500 if number % PAUSE_EVERY == 0 else 16 for number in range(60)))
    options = {"g": "250", "bf": "7", "x264-params": "scenecut=0:b-adapt=0:threads=1"}
    film = Film(suffix=suffix, options=options, pts=times, num_frames=len(times), time_base=Fraction(1, 1000))
    found = Opened.of("screen", made(film)).probe
    assert found.index.joins == ()
    assert not found.index.is_discarded.any()
    assert [round(tick * found.timeline.tick_s * 1000) for tick in found.timeline.ticks.tolist()] == [
        time - times[0] for time in times
    ]


def test_a_file_that_marks_every_packet_as_a_keyframe_has_no_join() -> None:
    found = Opened.of("no stss", clip("cfr").data.replace(b"stss", b"free")).probe
    assert found.index.is_keyframe.all()
    assert found.index.joins == ()
    assert float(found.timeline.duration_s) == pytest.approx(1.6)


@pytest.mark.parametrize("begin_ms", [960, 760], ids=["at a keyframe", "between keyframes"])
def test_an_edit_list_with_several_entries_keeps_the_audio(begin_ms: int, tmp_path: Path) -> None:
    whole = Opened.of("whole", clip("cfr").data)
    pieces = Opened.of("pieces", showing(whole.data, [(0, 600), (begin_ms, 600)]))
    assert pieces.probe.index.joins == ()
    assert pieces.probe.index.is_discarded.any()
    assert num_audio_packets(pieces, tmp_path) == num_audio_packets(whole, tmp_path)


def num_audio_packets(source: Opened, folder: Path) -> int:
    [audio] = [part for part in source.split([], folder, audio=True) if isinstance(part, AudioArchive)]
    with audio.path.open("rb") as file:
        return ArchiveReader(file).num_packets


def test_the_long_frame_durations_of_a_time_lapse_are_no_jumps() -> None:
    times = [number * 90_000 * 15 for number in range(6)]
    film = Film(options={"bf": "0"}, suffix=".ts", pts=times, num_frames=6, time_base=Fraction(1, 90_000))
    found = Opened.of("lapse", made(film)).probe
    assert found.index.joins == ()
    assert float(found.timeline.duration_s) == pytest.approx(6 * 15)
