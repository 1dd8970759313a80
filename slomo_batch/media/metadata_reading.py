"""Read the metadata of a source: tags, chapters, start timecode; and the files attached to it."""

import re
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.stream import AttachmentStream, Disposition, Stream
from av.video.stream import VideoStream

from slomo_batch.media.av_errors import reading
from slomo_batch.media.demux import demux_packets, open_source
from slomo_batch.media.matroska_chapters import matroska_chapters
from slomo_batch.media.reader import RangeReader
from slomo_batch.metadata import AttachedFile, Chapter, FileMetadata, Tags
from slomo_batch.records.source_facts import Track
from slomo_batch.sanitize import one_line

MAX_TAG_BYTES = 1 << 16
"""Bytes of the longest tag that is kept: the plan holds all of them."""
_TIMECODE = re.compile(r"\d\d:[0-5]\d:[0-5]\d[:;.]\d\d")
_OF_THE_CODING = frozenset(
    {
        *("compatible_brands", "encoder", "encoded_by", "major_brand", "minor_version", "vendor_id"),
        *("bps", "duration", "number_of_bytes", "number_of_frames"),
        *("alpha_mode", "handler_name", "language", "rotate", "stereo_mode", "timecode"),
    }
)
"""Tags, in lower case, that describe how the source is coded. Those of the output follow from how it is coded."""
_OF_THE_RATE = frozenset({"com.android.capture.fps", "com.apple.quicktime.full-frame-rate-playback-intent"})
"""Tags that tell players to slow the video down, which has been done."""
COVER_CODECS = {
    "mjpeg": ("cover.jpg", "image/jpeg"),
    "png": ("cover.png", "image/png"),
    "bmp": ("cover.bmp", "image/bmp"),
}
"""Name and media type of a cover picture, by codec."""


def metadata_of(container: InputContainer, video: VideoStream, first_frame_s: Fraction) -> FileMetadata:
    """The metadata of an opened source whose first presented frame has this time in the file."""
    timecodes = [*(stream.metadata for stream in (video, *container.streams)), container.metadata]
    return FileMetadata(
        tags=_tags(container.metadata),
        video_tags=_tags({name: value for name, value in video.metadata.items() if name.lower() != "creation_time"}),
        chapters=tuple(sorted(_chapters(container, first_frame_s), key=lambda chapter: chapter.start_s)),
        timecode=next((found for metadata in timecodes if (found := _timecode(metadata))), ""),
    )


def _tags(metadata: Mapping[str, str]) -> Tags:
    """The tags to keep. A tag that FFmpeg repeats with its language (title-eng) is taken once."""
    return tuple(
        (name, value)
        for name, value in ((name, value.replace("\0", "")) for name, value in metadata.items())
        if value and not _is_left_out(name.lower()) and not _is_repeated(name, metadata) and _fits(name, value)
    )


def _is_left_out(name: str) -> bool:
    return name in _OF_THE_CODING | _OF_THE_RATE or name.startswith("_statistics")


def _is_repeated(name: str, metadata: Mapping[str, str]) -> bool:
    base, _, language = name.rpartition("-")
    return len(language) == 3 and metadata.get(base) == metadata[name]


def _fits(name: str, value: str) -> bool:
    return len(f"{name}{value}".encode(errors="replace")) <= MAX_TAG_BYTES


def _chapters(container: InputContainer, first_frame_s: Fraction) -> Iterator[Chapter]:
    for chapter in container.chapters():
        unit = chapter["time_base"] or Fraction(1)
        start_s, end_s = chapter["start"] * unit - first_frame_s, chapter["end"] * unit - first_frame_s
        yield Chapter(start_s=start_s, end_s=max(start_s, end_s), tags=_tags(chapter["metadata"]))


def has_timecode(metadata: Mapping[str, str]) -> bool:
    """Whether these tags have a timecode."""
    return bool(_timecode(metadata))


def _timecode(metadata: Mapping[str, str]) -> str:
    """The timecode, with a semicolon if it is a drop-frame one; empty if there is none."""
    found = next((value for name, value in metadata.items() if name.lower() == "timecode"), "").strip()
    return found.replace(".", ";") if _TIMECODE.fullmatch(found) else ""


def notes_on_missing(path: Path, metadata: FileMetadata, num_files: int) -> Iterator[str]:
    """Notes on what a finished file does not have of the metadata and the files that were to be written into it.

    FFmpeg stores nothing of a value that it does not understand, such as a creation time in words, nor damaged covers.
    """
    with av.open(str(path), "r", metadata_errors="replace") as container:
        found = {name.lower() for name in container.metadata}
        num_chapters = _num_chapters(path, container)
        num_found = sum(map(_is_attached, container.streams))
    missing = [name for name, _ in metadata.tags if name.lower().replace(" ", "_") not in found and name not in found]
    if missing:
        yield f"not kept, since FFmpeg does not store their values: the tags {', '.join(missing[:8])}"
    if num_chapters != len(metadata.chapters):
        yield f"{num_chapters} of {len(metadata.chapters)} chapters kept"
    if num_found < num_files:
        yield f"{num_found} of {num_files} covers and attachments kept: the others are empty or damaged"


def _num_chapters(path: Path, container: InputContainer) -> int:
    """The number of chapters of a file. Of those of Matroska that begin at one tick, FFmpeg reads one."""
    if not container.format.name.startswith("matroska"):
        return len(container.chapters())
    with path.open("rb") as file:

        def fetch(start: int, end: int) -> bytes:
            file.seek(start)
            return file.read(end - start)

        found = matroska_chapters(RangeReader(fetch, path.stat().st_size))
    return 0 if found is None else found.num_stored


def _is_attached(stream: Stream) -> bool:
    return stream.type == "attachment" or bool(stream.disposition & Disposition.attached_pic)


# ---- attached files ------------------------------------------------------------------------------------------------


def attached_files(reader: RangeReader, tracks: Sequence[Track], name: str) -> list[AttachedFile]:
    """The attachments and covers of a source that are these tracks; messages call the file `name`.

    Raises:
        SourceUnreadable: the file is damaged.
        SourceChanged, StorageBusy: raised by the store.
    """
    with reading(reader, name), open_source(reader) as container:
        return [file for track in tracks for file in _files(container, track) if file.data]


def _files(container: InputContainer, track: Track) -> Iterator[AttachedFile]:
    stream = container.streams[track.stream_index]
    named, mimetype = stream.metadata.get("filename", ""), stream.metadata.get("mimetype", "")
    if isinstance(stream, AttachmentStream):
        name, usual = named or f"attachment {track.stream_index}", mimetype or "application/octet-stream"
        yield AttachedFile(name=one_line(name), mimetype=one_line(usual), data=stream.data, is_cover=False)
    elif stream.disposition & Disposition.attached_pic:
        packet = next(demux_packets(container, [stream]), None)
        usual_name, usual = COVER_CODECS[track.codec]
        yield AttachedFile(
            name=one_line(named or usual_name),
            mimetype=usual,
            data=b"" if packet is None else bytes(packet),
            is_cover=True,
        )
