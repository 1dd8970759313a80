"""Read the chapters of a Matroska file that FFmpeg does not read: nested, out of order, or of one edition of several.

FFmpeg reads no nested chapters, none that begin before an earlier one, and those of all editions as if they were of
one (RFC 9559, 5.1.7). An output has one level of chapters in the order of time: those of the edition that players
choose, nested ones among the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import groupby

from slomo_batch.media.reader import RangeReader
from slomo_batch.metadata import Chapter

MAX_CHAPTERS_BYTES = 1 << 24
"""A larger list of chapters is not read."""
MAX_ELEMENTS = 1000
"""Elements of the file that are looked at before its chapters."""
MAX_LEVELS = 8
"""Chapters that are nested more deeply are not read."""
_NS = Fraction(1, 1_000_000_000)
_HEAD_BYTES = 12
"""The longest head of an element: an id of 4 bytes and a size of 8."""
_EBML, _SEGMENT, _CLUSTER, _SEEK_HEAD, _CHAPTERS = 0x1A45DFA3, 0x18538067, 0x1F43B675, 0x114D9B74, 0x1043A770
_SEEK, _SEEK_ID, _SEEK_POSITION = 0x4DBB, 0x53AB, 0x53AC
_EDITION, _IS_DEFAULT, _IS_ORDERED, _ATOM = 0x45B9, 0x45DB, 0x45DD, 0xB6
_START, _END, _DISPLAY, _TITLE = 0x91, 0x92, 0x80, 0x85


@dataclass(frozen=True, slots=True, kw_only=True)
class MatroskaChapters:
    """The chapters of the edition that players choose, and what they lack of the file's."""

    chapters: tuple[Chapter, ...]
    """In the order of time, with times on the file's clock. Each ends when the next begins, at the latest."""
    num_stored: int
    """Number of chapters in the file, those of all editions and levels."""
    notes: tuple[str, ...]


def matroska_chapters(reader: RangeReader) -> MatroskaChapters | None:
    """The chapters of a Matroska file; None if it has none, or they cannot be read."""
    data = _chapters_element(reader)
    editions = [body for kind, body in _elements(data) if kind == _EDITION]
    if not editions:
        return None
    chosen = next((body for body in editions if _number(body, _IS_DEFAULT)), editions[0])
    atoms = list(_atoms(chosen, level=0))
    num_others = sum(len(list(_atoms(body, level=0))) for body in editions if body is not chosen)
    notes = []
    if any(level for level, _ in atoms):
        notes.append("nested chapters become chapters of one level")
    if num_others:
        others = f"{len(editions) - 1} other edition{'s' * (len(editions) > 2)}"
        notes.append(f"{num_others} chapter{'s' * (num_others > 1)} of {others} not kept")
    if _number(chosen, _IS_ORDERED):
        notes.append("ordered chapters, which play parts of the file in their own order, keep their places in the file")
    return MatroskaChapters(
        chapters=tuple(_of_one_level([chapter for _, chapter in atoms])),
        num_stored=len(atoms) + num_others,
        notes=tuple(notes),
    )


def _of_one_level(chapters: Sequence[Chapter]) -> Iterator[Chapter]:
    """The chapters in the order of time. Those that begin at once become one, with all their titles."""
    ordered = sorted(chapters, key=lambda chapter: chapter.start_s)  # stable: a chapter is before those within it
    merged = []
    for _, same in groupby(ordered, key=lambda chapter: chapter.start_s):
        together = list(same)
        titles = dict.fromkeys(title for chapter in together for _, title in chapter.tags)
        tags = (("title", " / ".join(titles)),) if titles else ()
        merged.append(replace(together[0], end_s=max(chapter.end_s for chapter in together), tags=tags))
    ends = [*(chapter.start_s for chapter in merged), None][1:]
    for chapter, until in zip(merged, ends, strict=True):
        yield chapter if until is None or chapter.start_s < chapter.end_s <= until else replace(chapter, end_s=until)


def _atoms(parent: bytes, level: int) -> Iterator[tuple[int, Chapter]]:
    """The level of each chapter, and the chapter, each before those within it."""
    for kind, body in _elements(parent):
        if kind == _ATOM and level < MAX_LEVELS:
            start_s = _number(body, _START) * _NS
            titles = [_text(display) for inner, display in _elements(body) if inner == _DISPLAY]
            title = next(filter(None, titles), "")
            end_s = max(start_s, _number(body, _END) * _NS)
            yield level, Chapter(start_s=start_s, end_s=end_s, tags=(("title", title),) if title else ())
            yield from _atoms(body, level + 1)


def _text(display: bytes) -> str:
    found = next((body for kind, body in _elements(display) if kind == _TITLE), b"")
    return found.decode("utf-8", "replace").replace("\0", "")


# ---- EBML ----------------------------------------------------------------------------------------------------------


def _chapters_element(reader: RangeReader) -> bytes:
    """The content of the list of chapters: before the first cluster, or where the seek head says; empty if there is
    none."""
    segment, place = 0, 0
    for _ in range(MAX_ELEMENTS):
        kind, start, size = _head_at(reader, place)
        if kind == _CHAPTERS:
            return _read(reader, start, size)
        if kind == _SEEK_HEAD:
            at = _stated_place(_read(reader, start, size))
            if at is not None:
                kind, start, size = _head_at(reader, segment + at)
                return _read(reader, start, size) if kind == _CHAPTERS else b""
        if kind == _SEGMENT:
            segment = place = start
        elif kind in {0, _CLUSTER}:
            break
        else:
            place = start + size
    return b""


def _stated_place(seek_head: bytes) -> int | None:
    """Where the chapters are, in bytes from the start of the segment's content."""
    for kind, body in _elements(seek_head):
        if kind == _SEEK and _number(body, _SEEK_ID) == _CHAPTERS:
            return _number(body, _SEEK_POSITION)
    return None


def _head_at(reader: RangeReader, place: int) -> tuple[int, int, int]:
    """Id, start and size of the content of the element at a place of the file; id 0 if there is none."""
    reader.seek(place)
    found = _head(reader.read(_HEAD_BYTES), 0)
    return (0, place, 0) if found is None else (found[0], place + found[1], found[2])


def _read(reader: RangeReader, start: int, size: int) -> bytes:
    reader.seek(start)
    return reader.read(size) if size <= MAX_CHAPTERS_BYTES else b""


def _elements(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Id and content of the elements that follow each other in `data`, up to one that is damaged."""
    at = 0
    while (found := _head(data, at)) is not None:
        kind, start, size = found
        yield kind, data[start : start + size]
        at = start + size


def _head(data: bytes, at: int) -> tuple[int, int, int] | None:
    """Id, start and size of the content of the element at `at`, or None (RFC 8794, 4)."""
    id_length = _vint_length(data, at)
    size_length = _vint_length(data, at + id_length) if id_length else 0
    start = at + id_length + size_length
    if not 0 < id_length <= 4 or not size_length or start > len(data):
        return None
    kind = int.from_bytes(data[at : at + id_length])
    size = int.from_bytes(data[at + id_length : start]) & ~(1 << (7 * size_length))
    return kind, start, size


def _vint_length(data: bytes, at: int) -> int:
    """Length of the number of variable length that begins at `at`, in bytes; 0 if there is none."""
    return 9 - data[at].bit_length() if at < len(data) and data[at] else 0


def _number(parent: bytes, kind: int) -> int:
    """The value of an element that is an unsigned number; 0 if there is none."""
    return next((int.from_bytes(body[:8]) for found, body in _elements(parent) if found == kind), 0)
