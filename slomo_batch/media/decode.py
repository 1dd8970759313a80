"""Decoding a chunk object: exactly the frames it was cut for, in order, one at a time.

A frame that does not come, or comes out of order, shows that copying this source's packets does not work: FrameMissing,
which sends the source to the decode lane. A frame unlike the others (`traits`) fails the video.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from slomo_batch.errors import FrameMissing, SegmentInvalid, SourceUnsupported
from slomo_batch.media.frames import picture_from_frame, planar_format_name
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.packets import ArchivedPacket, StreamHeader, open_decoder, to_av
from slomo_batch.media.picture_properties import PropertyCheck
from slomo_batch.picture import PIXEL_FORMATS, Picture


def decode_chunk(archive: ArchiveReader) -> Iterator[Picture]:
    """The source frames that the chunk archive's note lists, in planar form.

    Raises:
        FrameMissing: a listed frame does not come out of the decoder.
        SourceUnsupported: a frame is interlaced, or its size, color or shape of pixels is not that of the others.
        SegmentInvalid: the archive is damaged.
    """
    note = archive.note
    planar = PIXEL_FORMATS[planar_format_name(note["pixel_format"])]
    size = note["width"], note["height"]
    for frame in frames_at(archive, archive.headers[0], note["pts"], note.get("joins", ())):
        if (frame.width, frame.height) != size or planar_format_name(frame.format.name) != planar.name:
            raise SourceUnsupported(
                "not yet supported: the size or pixel format changes midway",
                where=f"source frame at pts {frame.pts}",
                expected=f"{size[0]}x{size[1]} {planar.name}",
                got=f"{frame.width}x{frame.height} {frame.format.name}",
                remedy="Cut the file there, and convert its parts one by one.",
            )
        yield picture_from_frame(frame, planar)


def held_frames(archive: ArchiveReader) -> tuple[int, ...]:
    """Numbers of the chunk's source frames that could not be decoded and are copies of a neighbour."""
    return tuple(archive.note["held"])


def frames_at(
    packets: Iterable[ArchivedPacket], header: StreamHeader, pts: Sequence[int], joins: Sequence[int] = ()
) -> Iterator[av.VideoFrame]:
    """The frames at these strictly rising pts; of several with the same pts the later. `joins` are
    the places among the packets at which a part of a joined file begins.

    They must be alike (`traits`).

    Raises:
        FrameMissing: one of them does not come, or comes after a later one.
        SourceUnsupported: one is interlaced, or unlike those before it.
    """
    traits = PropertyCheck()
    wanted = iter(pts)
    awaited = next(wanted, None)
    kept: av.VideoFrame | None = None
    planned = frozenset(pts)
    for frame, decoder in _decoded(packets, header, joins):
        if frame.pts is None or frame.pts not in planned:
            continue
        traits.see(frame, decoder)
        if kept is not None and frame.pts != kept.pts:
            yield kept
            kept = None
        if kept is None and frame.pts != awaited:
            break
        if kept is None:
            awaited = next(wanted, None)
        kept = frame
    if kept is not None:
        yield kept
    if awaited is not None:
        raise FrameMissing(
            "a planned source frame did not come out of the decoder",
            where=f"source frame at pts {awaited}",
            remedy="The source has to be decoded in one go.",
        )


def decoded(packets: Iterable[ArchivedPacket], header: StreamHeader) -> Iterator[av.VideoFrame]:
    """Every frame that the packets decode to, in the decoder's order; what cannot be decoded is passed over.

    Frames that are not to be shown come without a pts.
    """
    return (frame for frame, _ in _decoded(packets, header, ()))


def _decoded(
    packets: Iterable[ArchivedPacket], header: StreamHeader, joins: Sequence[int]
) -> Iterator[tuple[av.VideoFrame, VideoCodecContext]]:
    """Every frame and its decoder. `joins` are the places among the packets at which a part of a joined file begins:
    each part is decoded as a file of its own."""
    decoder = _video_decoder(header)
    for place, packet in enumerate(packets):
        if place in joins:
            yield from ((frame, decoder) for frame in decode_packet(decoder, None))
            decoder = _video_decoder(header)
        made = to_av(packet, header)
        if packet.is_discarded:
            made.pts = None
        yield from ((frame, decoder) for frame in decode_packet(decoder, made))
    yield from ((frame, decoder) for frame in decode_packet(decoder, None))


def _video_decoder(header: StreamHeader) -> VideoCodecContext:
    decoder = open_decoder(header)
    if not isinstance(decoder, VideoCodecContext):
        raise SegmentInvalid("the archive's stream is not a video", got=header.codec)
    return decoder


def decode_packet(decoder: CodecContext, packet: "av.Packet[Any] | None") -> list[av.VideoFrame]:
    """What one packet, or the flush at the end, gives; nothing where the decoder refuses it."""
    try:
        frames = decoder.decode(packet)  # type: ignore[attr-defined]
    except FFmpegError:
        return []
    return [frame for frame in frames if isinstance(frame, av.VideoFrame)]
