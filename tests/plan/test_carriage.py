"""The comparison of source and output: what is retimed, and that whatever is not kept is named."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest
from av.stream import Disposition

from slomo_batch.metadata import NO_METADATA, Chapter, FileMetadata
from slomo_batch.plan.carriage import attachments_for, losses, metadata_for
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.plans import VideoPlan
from slomo_batch.records.source_facts import AudioTrack, Track
from slomo_batch.side_data import Projection, SideData
from slomo_batch.timeline.ramp import SpeedPart
from slomo_batch.timeline.retiming import OutputGrid
from slomo_batch.uri import Uri
from tests.clips.film import AudioTone, add_audio, audio_packets
from tests.stored_examples import EXAMPLES

EXAMPLE = next(record for record in EXAMPLES.values() if isinstance(record, StoredPlan)).plan
CHAPTERS = tuple(
    Chapter(start_s=Fraction(start), end_s=Fraction(start + 2), tags=(("title", f"from {start} s"),))
    for start in (-1, 1, 3, 9)
)
NOT_IN_MOV = ": .mov does not store this"
COVER = Track(stream_index=2, kind="video", codec="mjpeg", disposition=("attached_pic",))
FONT = Track(stream_index=3, kind="attachment", codec="")


def plan(suffix: str, metadata: FileMetadata = NO_METADATA, *tracks: Track, **grid: Any) -> VideoPlan:
    """A plan of 5 s at 25 frames/s, to be twice as long."""
    facts = replace(EXAMPLE.facts, metadata=metadata, other_tracks=tracks, side_data=SideData())
    return replace(
        EXAMPLE,
        request=replace(EXAMPLE.request, output_uri=Uri(f"/out/film{suffix}")),
        facts=facts,
        grid=OutputGrid(rate=Fraction(25), slowdown=Fraction(2), num_frames=250, **grid),
        tick_s=Fraction(1, 25),
        nominal_rate=Fraction(25),
    )


def lost(one: VideoPlan) -> list[str]:
    """The notes on metadata and files."""
    before = losses(plan(one.request.output_uri.suffix), one.facts.color)
    return [note for note in losses(one, one.facts.color) if note not in before]


def test_chapters_are_retimed_and_cut_to_the_output() -> None:
    film = plan(".mkv", FileMetadata(chapters=CHAPTERS))
    spans = [(float(chapter.start_s), float(chapter.end_s)) for chapter in metadata_for(film).chapters]
    assert spans == [(0, 2), (2, 6), (6, 10)]
    assert lost(film) == ["1 chapter not kept: outside the video"]


@pytest.mark.parametrize(
    ("suffix", "expected"), [(".mp4", [(0, 2), (2, 6)]), (".mov", [(0, 2), (2, 6)]), (".mkv", [(2, 6)])]
)
def test_an_untitled_chapter_precedes_a_late_one_where_chapters_have_no_starts(
    suffix: str, expected: list[tuple[int, int]]
) -> None:
    film = plan(suffix, FileMetadata(chapters=CHAPTERS[1:2]))
    spans = [(float(chapter.start_s), float(chapter.end_s)) for chapter in metadata_for(film).chapters]
    assert spans == expected
    assert lost(film) == []


def test_chapters_follow_a_ramp() -> None:
    """Two seconds at normal speed, then four times slower."""
    normal, slow = Fraction(1), Fraction(1, 4)
    parts = (
        SpeedPart(first_tick=0, end_tick=50, num_frames=50, first_speed=normal, last_speed=normal),
        SpeedPart(first_tick=50, end_tick=125, num_frames=300, first_speed=slow, last_speed=slow),
    )
    film = plan(".mkv", FileMetadata(chapters=CHAPTERS), parts=parts)
    film = replace(film, grid=replace(film.grid, num_frames=350))
    spans = [(float(chapter.start_s), float(chapter.end_s)) for chapter in metadata_for(film).chapters]
    assert spans == [(0, 1), (1, 6), (6, 14)]


def test_chapters_of_a_range_count_from_its_start() -> None:
    film = plan(".mkv", FileMetadata(chapters=CHAPTERS), first_pair=50, first_tick=50)
    spans = [(float(chapter.start_s), float(chapter.end_s)) for chapter in metadata_for(film).chapters]
    assert spans == [(0, 2), (2, 6)]
    assert lost(film) == []


def test_a_range_begins_with_a_later_timecode() -> None:
    assert metadata_for(plan(".mkv", FileMetadata(timecode="10:00:00:00"))).timecode == "10:00:00:00"
    begun = plan(".mkv", FileMetadata(timecode="10:00:00:00"), first_pair=51, first_tick=51)
    assert metadata_for(begun).timecode == "10:00:02:01"


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
def test_chapters_displace_a_timecode_in_mp4_and_mov(suffix: str) -> None:
    film = plan(suffix, FileMetadata(chapters=CHAPTERS[:1], timecode="10:00:00:00"))
    assert metadata_for(film).timecode == ""
    assert lost(film) == [
        f"not kept: the start timecode 10:00:00:00; FFmpeg writes no timecode beside chapters into {suffix}"
    ]


def test_a_drop_frame_timecode_is_named_at_other_rates() -> None:
    assert "drop-frame timecodes count" in lost(plan(".mkv", FileMetadata(timecode="10:00:00;00")))[0]


def test_covers_and_attachments_are_kept_where_the_container_has_them() -> None:
    kept = {suffix: attachments_for((COVER, FONT), container) for suffix, container in CONTAINERS.items()}
    assert kept == {".mp4": (COVER,), ".mov": (), ".mkv": (COVER, FONT), ".webm": ()}
    assert lost(plan(".webm", NO_METADATA, COVER, FONT, FONT)) == [
        "1 cover not kept: .webm does not store covers, .mp4 and .mkv do",
        "2 attachments not kept: .webm does not store attachments, .mkv does",
    ]


def test_only_a_few_of_many_lost_tags_are_named() -> None:
    tags = tuple((f"TAG_{number}", "x") for number in range(12))
    film = plan(".mp4", FileMetadata(tags=(("title", "Film"), *tags)), COVER)
    assert metadata_for(film).tags == (("title", "Film"),)
    names = ", ".join(name for name, _ in tags[:8])
    [note] = lost(film)
    assert note == f"not kept: the tags {names}, 4 more; .mp4 does not store other tags beside a cover, .mkv does"


def test_geometry_that_mov_does_not_store_is_named() -> None:
    sphere = SideData(projection=Projection(kind="cubemap", yaw=0, pitch=0, roll=0), dropped=("the ICC profile",))
    for suffix, expected in (
        (".mkv", ["not kept: the ICC profile"]),
        (
            ".mov",
            [
                "not kept: 360-degree projection; .mov does not store this, .mp4 and .mkv do",
                "not kept: the ICC profile",
            ],
        ),
    ):
        film = plan(suffix)
        assert lost(replace(film, facts=replace(film.facts, side_data=sphere))) == expected


@pytest.mark.parametrize(
    ("suffix", "expected"),
    [
        (".mkv", []),
        (".mp4", ["audio track 2 (deu) is no longer marked as original: .mp4 does not store this"]),
        (
            ".mov",
            [
                f"audio track 2 (deu) is no longer marked as comment, hearing impaired, original{NOT_IN_MOV}",
                f"subtitle track 1 is no longer marked as forced{NOT_IN_MOV}",
            ],
        ),
    ],
)
def test_purposes_of_tracks_are_named_where_the_container_does_not_store_them(suffix: str, expected: list[str]) -> None:
    audio = AudioTrack(stream_index=1, codec="aac", sample_rate=48_000, layout="mono")
    comments = replace(audio, language="deu", disposition=("comment", "hearing_impaired", "original"))
    text = Track(stream_index=4, kind="subtitle", codec="subrip", disposition=("default", "forced"))
    film = plan(suffix, NO_METADATA, text)
    film = replace(film, facts=replace(film.facts, audio=(audio, comments)))
    assert [note for note in losses(film, film.facts.color) if "marked" in note] == expected
    settings = replace(film.request.settings, audio="drop")
    silent = replace(film, request=replace(film.request, settings=settings))
    assert [note for note in losses(silent, film.facts.color) if "marked" in note] == expected[1:]


@pytest.mark.parametrize("suffix", CONTAINERS)
def test_a_container_keeps_the_purposes_that_it_is_said_to_store(suffix: str, tmp_path: Path) -> None:
    container = CONTAINERS[suffix]
    names = sorted({"default", "dub", "original", "comment", "forced", "hearing_impaired", "visual_impaired"})
    path, tone = tmp_path / f"film{suffix}", AudioTone(codec=container.lossy_audio.name, sample_rate=48_000)
    with av.open(str(path), "w", format=container.muxer) as out:
        tracks = [add_audio(out, tone) for _ in names]
        for name, track in zip(names, tracks, strict=True):
            track.disposition = Disposition[name]
        for track in tracks:
            out.mux(list(audio_packets(track, tone, duration_s=0.1)))
    with av.open(str(path)) as found:
        kept = {name for name, track in zip(names, found.streams, strict=True) if track.disposition & Disposition[name]}
    assert kept == container.purposes & set(names)


def test_alpha_that_is_dropped_is_named_with_what_stores_it() -> None:
    film = plan(".mp4")
    film = replace(film, facts=replace(film.facts, has_alpha=True))
    (note,) = (note for note in losses(film, film.facts.color) if "transparency" in note)
    assert note == (
        "transparency is not kept; with pixel_format: auto, these store it: vp9 in .mkv or .webm, "
        "prores in .mov or .mkv, ffv1 in .mp4 or .mkv"
    )
    kept = replace(film, resolved=replace(film.resolved, encoder="ffv1", pixel_format="yuva420p"))
    assert not any("transparency" in note for note in losses(kept, kept.facts.color))
