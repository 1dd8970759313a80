"""Metadata of a source: which tags are kept, when chapters are, which timecode, and the files attached to it."""

import io
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import pytest

from slomo_batch.media.metadata_reading import MAX_TAG_BYTES, attached_files, notes_on_missing
from slomo_batch.media.metadata_writing import write_attached_files, write_metadata
from slomo_batch.media.probe import probe
from slomo_batch.metadata import AttachedFile, Chapter, FileMetadata
from slomo_batch.plan.containers import CONTAINERS
from slomo_batch.plan.stored_plan import StoredPlan
from slomo_batch.records.source_facts import VideoFacts
from slomo_batch.stored_documents import from_stored, to_stored
from tests.clips.catalogue import clip
from tests.clips.edits import shifted
from tests.clips.film import Film, jpeg, made
from tests.clips.stated import CAMERA_TAGS, camera_file, disc_file
from tests.media.sources import reader_of
from tests.test_stored_documents import stored_plan

FILM = Film(num_frames=6)


def facts_of(data: bytes) -> VideoFacts:
    return probe(reader_of(data), "film").facts


def test_the_tags_of_a_camera_are_found_without_those_of_the_coding() -> None:
    found = facts_of(camera_file(FILM)).metadata
    assert dict(found.tags) == CAMERA_TAGS
    assert found.video_tags == ()
    assert (found.chapters, found.timecode) == ((), "10:20:30:05")


@pytest.mark.parametrize(
    ("stated", "expected"), [("01:00:00;02", "01:00:00;02"), ("01:00:00.02", "01:00:00;02"), ("noon", "")]
)
def test_a_drop_frame_timecode_has_a_semicolon_and_other_texts_are_none(stated: str, expected: str) -> None:
    assert facts_of(tagged_file({}, {"timecode": stated})).metadata.timecode == expected


def tagged_file(tags: dict[str, str], video_tags: dict[str, str]) -> bytes:
    """A Matroska file with these tags."""
    file = io.BytesIO()
    with av.open(io.BytesIO(made(FILM)), "r") as plain, av.open(file, "w", "matroska") as target:
        stream = target.add_stream_from_template(plain.streams.video[0], opaque=True)
        target.metadata.update(tags)
        stream.metadata.update(video_tags)
        for packet in plain.demux(plain.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    return file.getvalue()


def test_tags_of_the_coding_of_the_rate_and_of_great_length_are_left_out() -> None:
    tags = {
        "title": "Übersee",
        "com.android.capture.fps": "240",
        "NUMBER_OF_FRAMES": "6",
        "_STATISTICS_TAGS": "BPS",
        "long": "x" * (MAX_TAG_BYTES + 1),
        "empty": "",
    }
    found = facts_of(tagged_file(tags, {"alpha_mode": "1", "CAMERA": "B"})).metadata
    assert found == FileMetadata(tags=(("title", "Übersee"),), video_tags=(("CAMERA", "B"),))


def test_chapters_are_in_the_order_of_time() -> None:
    """FFmpeg reads a Matroska file without the chapters that begin before an earlier one, so none is written so."""
    file = io.BytesIO()
    with av.open(io.BytesIO(made(FILM)), "r") as plain, av.open(file, "w", "nut") as target:
        stream = target.add_stream_from_template(plain.streams.video[0], opaque=True)
        unit = Fraction(1, 25)
        spans = {"Second": (3, 6), "First": (0, 3)}
        target.set_chapters(
            [
                {"id": place, "start": start, "end": end, "time_base": unit, "metadata": {"title": title}}
                for place, (title, (start, end)) in enumerate(spans.items())
            ]
        )
        for packet in plain.demux(plain.streams.video[0]):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    assert [dict(chapter.tags)["title"] for chapter in facts_of(file.getvalue()).metadata.chapters] == [
        "First",
        "Second",
    ]


def test_chapters_count_from_the_first_presented_frame() -> None:
    film = replace(FILM, suffix=".mkv", edit=shifted(5))
    found = facts_of(disc_file(film)).metadata
    starts = [chapter.start_s for chapter in found.chapters]
    assert starts == [Fraction(-1, 5), Fraction(-2, 25), Fraction(44, 5)]
    assert found.chapters[0] == Chapter(start_s=Fraction(-1, 5), end_s=Fraction(-2, 25), tags=(("title", "One"),))


def test_metadata_is_stored_and_read_again() -> None:
    facts = facts_of(disc_file(FILM))
    assert len(facts.metadata.chapters) == 3
    stored = to_stored(stored_plan(facts), "pin.json")
    assert from_stored(StoredPlan, stored, "pin.json").plan.facts == facts
    assert b'"metadata"' not in to_stored(stored_plan(facts_of(clip("cfr").data)), "pin.json")


def test_attached_files_have_their_bytes_names_and_types() -> None:
    data = disc_file(FILM)
    tracks = [track for track in facts_of(data).other_tracks if not track.obstacle]
    font, cover = attached_files(reader_of(data), tracks, "film")
    assert (font.name, font.mimetype, font.data, font.is_cover) == (
        "letters.ttf",
        "font/ttf",
        b"not really a font",
        False,
    )
    assert (cover.name, cover.mimetype, cover.data, cover.is_cover) == ("cover.jpg", "image/jpeg", jpeg(), True)


def test_what_a_finished_file_lacks_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    path.write_bytes(tagged_file({"title": "Film", "my own": "x"}, {}))
    has = FileMetadata(tags=(("title", "Film"), ("my own", "x")))
    assert list(notes_on_missing(path, has, 0)) == []
    wanted = FileMetadata(tags=(*has.tags, ("MAKE", "y")), chapters=(Chapter(start_s=Fraction(0), end_s=Fraction(1)),))
    assert list(notes_on_missing(path, wanted, 1)) == [
        "not kept, since FFmpeg does not store their values: the tags MAKE",
        "0 of 1 chapters kept",
        "0 of 1 covers and attachments kept: the others are empty or damaged",
    ]


def test_chapters_of_matroska_that_begin_at_one_tick_are_counted(tmp_path: Path) -> None:
    """FFmpeg reads one of them."""
    path = tmp_path / "film.mkv"
    path.write_bytes(made(Film(suffix=".mkv", num_frames=4)))
    chapters = tuple(Chapter(start_s=Fraction(start, 10_000), end_s=Fraction(1)) for start in (0, 501, 502, 900))
    with av.open(str(path)) as source, av.open(str(tmp_path / "out.mkv"), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        write_metadata(target, stream, FileMetadata(chapters=chapters), CONTAINERS[".mkv"], Fraction(1, 1000))
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    with av.open(str(tmp_path / "out.mkv")) as read:
        assert len(read.chapters()) < len(chapters)
    assert list(notes_on_missing(tmp_path / "out.mkv", FileMetadata(chapters=chapters), 0)) == []


def test_a_damaged_cover_is_left_out_of_mp4(tmp_path: Path) -> None:
    files = [
        AttachedFile(name="cover.jpg", mimetype="image/jpeg", data=data, is_cover=True)
        for data in (jpeg(), jpeg()[:30], b"not a picture")
    ]
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        covers = list(write_attached_files(container, files, CONTAINERS[".mp4"]))
        assert [bytes(cover) for cover in covers] == [jpeg()]
