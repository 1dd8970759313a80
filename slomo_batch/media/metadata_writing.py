"""Write metadata and attached files into an output, before its first packet."""

import io
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import ceil
from typing import Any

import av
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from slomo_batch.metadata import AttachedFile, FileMetadata
from slomo_batch.plan.containers import Container

_FORMATS = {"image/jpeg": "jpeg_pipe", "image/png": "png_pipe", "image/bmp": "bmp_pipe"}
"""FFmpeg's demuxers of cover pictures."""
_TAG_BYTES, _CHAPTER_BYTES = 64, 256
"""Bytes beside the text of a tag or of a chapter in an MP4 file, at most."""


def write_metadata(
    container: OutputContainer,
    video: VideoStream,
    metadata: FileMetadata,
    kind: Container,
    chapter_tick_s: Fraction,
) -> None:
    """Set tags, chapters and timecode. A chapter begins at its first tick of `chapter_tick_s` seconds."""
    container.metadata.update({_name(name, kind): value for name, value in metadata.tags})
    tags = dict(metadata.video_tags)
    if not kind.keeps_stream_tags and "title" in tags:
        tags["handler_name"] = tags["title"]  # players of MP4 show it as the name of a track
    if metadata.timecode:
        tags["timecode"] = metadata.timecode
    video.metadata.update(tags)
    container.set_chapters(
        [
            {
                "id": number,
                "start": ceil(chapter.start_s / chapter_tick_s),
                "end": ceil(chapter.end_s / chapter_tick_s),
                "time_base": chapter_tick_s,
                "metadata": dict(chapter.tags),
            }
            for number, chapter in enumerate(metadata.chapters, 1)
        ]
    )


def _name(name: str, kind: Container) -> str:
    """The name of a tag in this kind of file. Matroska has capitals only; the names of MP4 and MOV are in lower case,
    but for that of a place in Apple's files."""
    if not (kind.has_exact_times and name.isupper()):
        return name
    return name.lower().replace("location.iso6709", "location.ISO6709")


def metadata_flags(metadata: FileMetadata, kind: Container) -> str:
    """Flags of the muxer of MP4 and MOV, which otherwise stores only a few tags."""
    return "" if all(kind.has_plain_tag(name) for name, _ in metadata.tags) else "+use_metadata_tags"


def metadata_bytes(metadata: FileMetadata, files: Sequence[AttachedFile]) -> int:
    """Upper bound of the bytes of all this in the index of an MP4 or MOV."""
    tags = (*metadata.tags, *metadata.video_tags)
    text = sum(_TAG_BYTES + 2 * len(f"{name}{value}".encode(errors="replace")) for name, value in tags)
    titles = sum(len(value.encode(errors="replace")) for one in metadata.chapters for _, value in one.tags)
    chapters = _CHAPTER_BYTES * len(metadata.chapters) + 3 * titles
    return text + chapters + 4 * 2048 + sum(len(file.data) for file in files)


def write_attached_files(
    container: OutputContainer, files: Sequence[AttachedFile], kind: Container
) -> "Iterator[av.Packet[Any]]":
    """Add the files to the output. Returns the packets that hold covers, which are to be muxed first.

    A damaged cover is left out where the container must state its size.
    """
    if kind.keeps_attachments:
        for file in files:
            container.add_attachment(file.name, file.mimetype, file.data)
        return iter(())
    return iter([packet for file in files for packet in _cover(container, file)])


def _cover(container: OutputContainer, file: AttachedFile) -> "Iterator[av.Packet[Any]]":
    try:
        picture = av.open(io.BytesIO(file.data), "r", format=_FORMATS[file.mimetype])
    except av.FFmpegError:
        return
    with picture:
        template = picture.streams.video[0]
        packet = next((packet for packet in picture.demux(template) if packet.size), None)
        if packet is None or not (template.width and template.height):
            return
        stream = container.add_stream_from_template(template, opaque=True)
        stream.disposition = Disposition.attached_pic
    packet.stream, packet.pts, packet.dts, packet.time_base = stream, 0, 0, Fraction(1, 25)
    yield packet
