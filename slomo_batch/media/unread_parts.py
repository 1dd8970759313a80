"""Complete what FFmpeg found in a source by what the file holds or its header states, and FFmpeg does not read."""

from dataclasses import dataclass, replace
from fractions import Fraction

from slomo_batch.media.joined_avi import joined_avi_note
from slomo_batch.media.matroska_chapters import MatroskaChapters, matroska_chapters
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.stated_length import StatedLength, stated_length_note
from slomo_batch.media.unread_tail import unread_tail_note
from slomo_batch.metadata import Chapter
from slomo_batch.records.source_facts import VideoFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadPart:
    """What FFmpeg read of a source."""

    end_byte: int
    """End of the last video packet in the file."""
    track: int
    """Number of the video track."""
    first_frame_s: Fraction
    """Time of the first presented frame in the file."""
    length: StatedLength


def completed(facts: VideoFacts, reader: RangeReader, read: ReadPart) -> VideoFacts:
    """The facts with all chapters of a Matroska file, and with notes on what cannot be read."""
    notes = [
        stated_length_note(reader, read.length),
        unread_tail_note(reader, facts.container, read.end_byte, read.track),
        joined_avi_note(reader, facts.container, has_audio=bool(facts.audio)),
    ]
    found = matroska_chapters(reader) if facts.container.startswith("matroska") else None
    if found is not None and (found.notes or found.num_stored != len(facts.metadata.chapters)):
        notes += found.notes
        chapters = _with_tags(found, facts.metadata.chapters, read.first_frame_s)
        facts = replace(facts, metadata=replace(facts.metadata, chapters=chapters))
    return replace(facts, oddities=(*facts.oddities, *filter(None, notes)))


def _with_tags(found: MatroskaChapters, read: tuple[Chapter, ...], first_frame_s: Fraction) -> tuple[Chapter, ...]:
    """The chapters on the clock of the video, with the tags beside the title that FFmpeg read of some of them."""
    tags = {chapter.start_s: [tag for tag in chapter.tags if tag[0].lower() != "title"] for chapter in read}
    moved = (
        replace(one, start_s=one.start_s - first_frame_s, end_s=one.end_s - first_frame_s) for one in found.chapters
    )
    return tuple(replace(one, tags=(*one.tags, *tags.get(one.start_s, ()))) for one in moved)
