"""Header files: MP4 or MOV files without packets, which hold what FFmpeg knows of one video stream, as boxes.

PyAV neither reads nor sets the side data of a stream (cropping, Dolby Vision, mastering display). FFmpeg reads it from
every container and writes it as boxes of MP4. So it is read from the header file of a source's stream; and it is set by
the header file of a segment's stream with boxes added, which becomes the template of the output's stream.
"""

import io
from typing import BinaryIO

import av
from av.video.stream import VideoStream

from slomo_batch.media.mp4_boxes import blank_box, boxes_in, with_boxes

_SAMPLE_ENTRY = (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd")
_TABLE_HEAD, _ENTRY_HEAD = 8, 78
"""Bytes at the front of the contents of a table of sample entries, and of the sample entry of a video."""
_OPTIONS = {"movflags": "empty_moov+frag_keyframe", "strict": "unofficial", "fflags": "+bitexact"}


def header_file(stream: VideoStream) -> bytes:
    """The header file of a stream; empty if neither MP4 nor MOV takes its codec."""
    return _header_file(stream, "mp4") or _header_file(stream, "mov")


def _header_file(stream: VideoStream, muxer: str) -> bytes:
    file = io.BytesIO()
    container = av.open(file, "w", format=muxer, container_options=_OPTIONS)
    try:
        made = container.add_stream_from_template(stream, opaque=True)
        made.codec_context.codec_tag = "\0\0\0\0"  # MP4 has tags of its own
        container.start_encoding()
        return file.getvalue()
    except (av.FFmpegError, ValueError):
        return b""


def boxes_of_stream(header: bytes) -> dict[bytes, bytes]:
    """The contents of the boxes in the sample entry of a header file, by type; empty if there are none."""
    inside = header
    for kind in _SAMPLE_ENTRY:
        inside = boxes_in(inside).get(kind, b"")
    entry = next(iter(boxes_in(inside[_TABLE_HEAD:]).values()), b"")
    return boxes_in(entry[_ENTRY_HEAD:])


def with_boxes_of_stream(header: bytes, added: bytes) -> bytes:
    """The header file with these boxes at the end of its sample entry."""
    return with_boxes(header, _SAMPLE_ENTRY, added, skipped=_TABLE_HEAD)


def without_spatial_video(file: BinaryIO) -> None:
    """In a finished file, blank the boxes of Apple's spatial video (vexu) that FFmpeg writes beside st3d and sv3d.

    They say less: not how the two pictures are arranged, nor how the sphere is turned. But FFmpeg believes them first.
    """
    inside = [(kind, _TABLE_HEAD if kind == b"stsd" else 0) for kind in _SAMPLE_ENTRY]
    blank_box(file, [*inside, (b"", _ENTRY_HEAD)], b"vexu")
