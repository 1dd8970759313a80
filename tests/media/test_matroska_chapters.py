"""Chapters of Matroska files that FFmpeg does not read."""

from collections.abc import Sequence
from fractions import Fraction

import pytest

from slomo_batch.media.matroska_chapters import matroska_chapters
from slomo_batch.records.source_facts import VideoFacts
from tests.clips.film import Film, made
from tests.media.sources import Opened, reader_of

FILM = made(Film(suffix=".mkv", codec="mjpeg", pix_fmt="yuvj420p", num_frames=12))
CHAPTERS, EDITION, ATOM, UID, START, END, DISPLAY, TITLE = (
    *("1043a770", "45b9", "b6", "73c4"),
    *("91", "92", "80", "85"),
)
DEFAULT, ORDERED, SEEK_HEAD, INFO = "45db", "45dd", "114d9b74", "1549a966"


def element(kind: str, *contents: bytes) -> bytes:
    inside = b"".join(contents)
    return bytes.fromhex(kind) + (len(inside) | 1 << 56).to_bytes(8) + inside


def atom(number: int, start_s: float, end_s: float | None, title: str, *inner: bytes) -> bytes:
    end = [] if end_s is None else [element(END, round(end_s * 1e9).to_bytes(8))]
    times = [element(START, round(start_s * 1e9).to_bytes(8)), *end]
    named = [element(DISPLAY, element(TITLE, title.encode()))] if title else []
    return element(ATOM, element(UID, bytes([number])), *times, *named, *inner)


def with_chapters(*editions: bytes) -> bytes:
    """The film with this list of chapters before its first cluster. The seek head still states the old places."""
    at = FILM.index(bytes.fromhex("1f43b675"))
    segment = FILM.index(bytes.fromhex("18538067"))
    data = bytearray(FILM[:at] + element(CHAPTERS, *editions) + FILM[at:])
    data[segment + 4 : segment + 12] = b"\x01" + b"\xff" * 7  # a segment of unknown size
    return bytes(data)


def facts(data: bytes) -> VideoFacts:
    return Opened.of("film", data).probe.facts


def chapters(found: VideoFacts) -> list[tuple[float, float, str]]:
    return [(float(one.start_s), float(one.end_s), dict(one.tags).get("title", "")) for one in found.metadata.chapters]


def notes(found: VideoFacts) -> list[str]:
    return [note for note in found.oddities if "chapter" in note]


def test_ordinary_chapters_are_those_that_ffmpeg_reads() -> None:
    found = facts(with_chapters(element(EDITION, atom(1, 0, 0.2, "one"), atom(2, 0.2, 0.48, "two"))))
    assert chapters(found) == [(0, 0.2, "one"), (0.2, 0.48, "two")]
    assert notes(found) == []


def test_chapters_out_of_order_are_sorted() -> None:
    atoms = (atom(1, 0.2, 0.3, "two"), atom(2, 0, 0.2, "one"), atom(3, 0.3, None, "three"))
    found = facts(with_chapters(element(EDITION, *atoms)))
    assert [title for _, _, title in chapters(found)] == ["one", "two", "three"]
    assert notes(found) == []


def test_nested_chapters_become_chapters_of_one_level() -> None:
    """A chapter that begins with the one around it shares its place."""
    scenes = atom(2, 0, 0.1, "scene 1"), atom(3, 0.1, 0.2, "scene 2", atom(4, 0.15, 0.2, "shot"))
    found = facts(with_chapters(element(EDITION, atom(1, 0, 0.2, "part 1", *scenes), atom(5, 0.2, 0.48, "part 2"))))
    assert chapters(found) == [
        (0, 0.1, "part 1 / scene 1"),
        (0.1, 0.15, "scene 2"),
        (0.15, 0.2, "shot"),
        (0.2, 0.48, "part 2"),
    ]
    assert notes(found) == ["nested chapters become chapters of one level"]


@pytest.mark.parametrize(
    ("flags", "kept", "lost"),
    [((0, 0), ["a"], "2 chapters of 1 other edition"), ((0, 1), ["b", "c"], "1 chapter of 1 other edition")],
)
def test_the_chapters_of_other_editions_are_named(flags: Sequence[int], kept: list[str], lost: str) -> None:
    default = [element(DEFAULT, bytes([flag])) for flag in flags]
    first = element(EDITION, default[0], atom(1, 0, 0.2, "a"))
    second = element(EDITION, default[1], atom(2, 0.1, 0.2, "b"), atom(3, 0.2, 0.3, "c"))
    found = facts(with_chapters(first, second))
    assert [title for _, _, title in chapters(found)] == kept
    assert notes(found) == [f"{lost} not kept"]


def test_ordered_chapters_are_noted() -> None:
    found = facts(with_chapters(element(EDITION, element(ORDERED, b"\1"), atom(1, 0, 0.2, "one"))))
    assert chapters(found) == [(0, 0.2, "one")]
    assert notes(found)[0].startswith("ordered chapters, which play parts of the file in their own order")


def test_chapters_after_the_pictures_are_found_by_the_seek_head() -> None:
    segment = element(INFO) + element("1f43b675", bytes(100))
    seek_size = len(element(SEEK_HEAD, element("4dbb", element("53ab", bytes(4)), element("53ac", bytes(8)))))
    at = seek_size + len(segment)
    seek = element("4dbb", element("53ab", bytes.fromhex(CHAPTERS)), element("53ac", at.to_bytes(8)))
    listed = element(CHAPTERS, element(EDITION, atom(1, 1, 2, "one")))
    found = matroska_chapters(
        reader_of(element("1a45dfa3") + element("18538067", element(SEEK_HEAD, seek), segment, listed))
    )
    assert found is not None
    assert [chapter.start_s for chapter in found.chapters] == [Fraction(1)]


def test_damaged_chapters_do_no_harm() -> None:
    listed = element(CHAPTERS, element(EDITION, atom(1, 0, 0.2, "one", atom(2, 0.1, 0.2, "two"))))
    for place in range(len(listed)):
        for changed in (0x00, 0x40, 0xFF):
            data = bytearray(element("1a45dfa3") + element("18538067", listed))
            data[-len(listed) + place] = changed
            found = matroska_chapters(reader_of(bytes(data)))
            assert found is None or len(found.chapters) <= 3


def test_deeply_nested_chapters_are_not_read() -> None:
    nested = b""
    for level in range(2000):
        nested = element(ATOM, nested) if level < 1990 else atom(level % 100, level, None, "x", nested)
    found = matroska_chapters(
        reader_of(element("1a45dfa3") + element("18538067", element(CHAPTERS, element(EDITION, nested))))
    )
    assert found is not None
    assert found.num_stored == 8
