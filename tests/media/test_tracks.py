"""Every stream but the main video is listed as a track, and notes count those that the output does not get."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from slomo_batch.media.probe import probe
from slomo_batch.media.tracks import DAMAGED_HEADER, NOT_THE_MAIN_VIDEO, UNSUPPORTED_CODEC, UNSUPPORTED_KIND
from slomo_batch.media.tracks import notes_on_lost_tracks as notes
from slomo_batch.records.source_facts import AudioTrack, Track, TrackKind, VideoFacts
from tests.clips.catalogue import clip
from tests.media.sources import reader_of


def facts_of(name: str) -> VideoFacts:
    return probe(reader_of(clip(name).data), name).facts


def test_tracks_have_their_languages_titles_and_dispositions_in_file_order() -> None:
    facts = facts_of("tracks")
    assert facts.tracks == (
        AudioTrack(
            stream_index=1,
            codec="aac",
            language="eng",
            title="Film",
            disposition=("default",),
            sample_rate=44100,
            layout="mono",
        ),
        AudioTrack(
            stream_index=2,
            codec="aac",
            language="deu",
            title="Kommentar",
            disposition=("comment", "hearing_impaired"),
            sample_rate=44100,
            layout="stereo",
        ),
        Track(
            stream_index=3,
            kind="subtitle",
            codec="subrip",
            language="fra",
            title="Sous-titres",
            disposition=("forced",),
        ),
        Track(stream_index=4, kind="attachment", codec="", title="Letters"),
        Track(
            stream_index=5,
            kind="video",
            codec="mjpeg",
            disposition=("attached_pic",),
        ),
    )
    assert facts.audio == facts.tracks[:2]
    assert facts.oddities == ()


def test_a_timecode_track_is_a_data_track() -> None:
    facts = facts_of("timecode")
    assert facts.tracks == (Track(stream_index=1, kind="data", codec="", language="eng"),)
    assert facts.metadata.timecode == "01:00:00:00"
    assert facts.oddities == ()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="ffmpeg is not installed")
def test_audio_that_this_build_cannot_decode_is_a_track_with_an_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "sonic.avi"
    picture, tone = "testsrc=size=32x32:rate=12:duration=1", "sine=duration=1"
    made = ["-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-c:v", "mpeg4", "-c:a", "sonic", "-strict", "-2"]
    subprocess.run(["ffmpeg", "-v", "error", *made, str(path)], check=True)
    facts = probe(reader_of(path.read_bytes()), "sonic").facts
    assert facts.audio == ()
    assert [(track.kind, track.obstacle) for track in facts.tracks] == [("audio", UNSUPPORTED_CODEC)]


LOST: dict[str, tuple[TrackKind, str]] = {
    "1 other video stream not kept": ("video", NOT_THE_MAIN_VIDEO),
    "1 audio track in an unsupported codec not kept": ("audio", UNSUPPORTED_CODEC),
    "1 subtitle track in an unsupported codec not kept": ("subtitle", UNSUPPORTED_CODEC),
    "1 data track not kept": ("data", UNSUPPORTED_KIND),
    "1 audio track not kept: its header is damaged": ("audio", DAMAGED_HEADER),
}
"""By note, in their order: the kind of a track, and its obstacle."""


def lost(*kinds: tuple[TrackKind, str]) -> Sequence[Track]:
    return [
        Track(stream_index=number, kind=kind, codec="", obstacle=obstacle)
        for number, (kind, obstacle) in enumerate(kinds, 1)
    ]


def test_notes_come_in_a_fixed_order() -> None:
    assert list(notes(lost(*reversed(LOST.values())))) == list(LOST)


def test_a_note_counts_the_tracks_of_one_kind_and_obstacle() -> None:
    assert list(notes(lost(*2 * [LOST["1 data track not kept"]]))) == ["2 data tracks not kept"]
    unsupported = lost(*2 * [LOST["1 audio track in an unsupported codec not kept"]])
    assert list(notes(unsupported)) == ["2 audio tracks in an unsupported codec not kept"]
    damaged = lost(*3 * [LOST["1 audio track not kept: its header is damaged"]])
    assert list(notes(damaged)) == ["3 audio tracks not kept: their headers are damaged"]


def test_there_is_no_note_on_tracks_that_are_kept() -> None:
    kept = AudioTrack(stream_index=1, codec="aac", sample_rate=48000, layout="stereo")
    assert list(notes((kept,))) == []
