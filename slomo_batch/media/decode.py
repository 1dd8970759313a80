"""Decode a chunk object: exactly the frames it was cut for, in order, one at a time.

If a frame is missing or out of order, copying this source's packets does not work: FrameMissing moves the source to
the decode lane. A frame that differs from the others in a property of `picture_properties` fails the video.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from slomo_batch.errors import FrameMissing, SegmentInvalid, SourceUnsupported
from slomo_batch.media.captions import captions_of
from slomo_batch.media.frames import picture_from_frame, planar_format
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.packets import ArchivedPacket, StreamHeader, open_decoder, to_av
from slomo_batch.media.picture_properties import PropertyCheck
from slomo_batch.picture import Picture
from slomo_batch.records.commits import FrameCaptions
from slomo_batch.records.source_facts import ScanFlag


def decode_chunk(
    archive: ArchiveReader, captions: list[FrameCaptions] | None = None, scan_flag: ScanFlag = "progressive"
) -> Iterator[Picture]:
    """The pictures listed in the chunk archive's note, in planar form, before they are deinterlaced. Their closed
    captions are added to `captions`, with the numbers of the pictures.

    Raises:
        FrameMissing: the decoder does not return a listed frame.
        SourceUnsupported: a frame has another scan flag, or differs from the others in size, color or pixel shape.
        SegmentInvalid: the archive is damaged.
    """
    note = archive.note
    planar = planar_format(note["pixel_format"], alpha=note.get("alpha", False))
    expected = {planar_format(note["pixel_format"]), planar.opaque}  # the decode lane stores gray with alpha as RGB
    size = note["width"], note["height"]
    frames = frames_at(archive, archive.headers[0], note["pts"], scan_flag, note.get("joins", ()))
    for number, frame in enumerate(frames, note.get("first_picture", note["first_frame"])):
        if (frame.width, frame.height) != size or planar_format(frame.format.name) not in expected:
            raise SourceUnsupported(
                "not yet supported: the size or pixel format changes midway",
                where=f"source frame at pts {frame.pts}",
                expected=f"{size[0]}x{size[1]} {planar.name}",
                got=f"{frame.width}x{frame.height} {frame.format.name}",
                remedy="Cut the file there, and convert its parts separately.",
            )
        if captions is not None and (found := captions_of(frame, number)) is not None:
            captions.append(found)
        yield picture_from_frame(frame, planar)


def frames_at(
    packets: Iterable[ArchivedPacket],
    header: StreamHeader,
    pts: Sequence[int],
    scan_flag: ScanFlag = "progressive",
    joins: Sequence[int] = (),
) -> Iterator[av.VideoFrame]:
    """The frames at these strictly increasing pts; of several with the same pts, the last.

    `joins` are the indices of packets at which a part of a joined file begins. All frames must have the same
    properties (`picture_properties`), and this scan flag.

    Raises:
        FrameMissing: a frame is missing, or comes after a later one.
        SourceUnsupported: a frame has another scan flag, or differs from those before it.
    """
    properties = PropertyCheck(scan_flag)
    wanted = iter(pts)
    next_pts = next(wanted, None)
    last_frame: av.VideoFrame | None = None
    planned = frozenset(pts)
    for frame, decoder in _decoded(packets, header, joins):
        if frame.pts is None or frame.pts not in planned:
            continue
        properties.check(frame, decoder)
        if last_frame is not None and frame.pts != last_frame.pts:
            yield last_frame
            last_frame = None
        if last_frame is None and frame.pts != next_pts:
            break
        if last_frame is None:
            next_pts = next(wanted, None)
        last_frame = frame
    if last_frame is not None:
        yield last_frame
    if next_pts is not None:
        raise FrameMissing(
            "the decoder did not return a planned source frame",
            where=f"source frame at pts {next_pts}",
            remedy="The source must be decoded from start to end.",
        )


def decoded(packets: Iterable[ArchivedPacket], header: StreamHeader) -> Iterator[av.VideoFrame]:
    """All frames that the packets decode to, in the decoder's order. What cannot be decoded is skipped.

    Frames that are not shown have no pts.
    """
    return (frame for frame, _ in _decoded(packets, header, ()))


def _decoded(
    packets: Iterable[ArchivedPacket], header: StreamHeader, joins: Sequence[int]
) -> Iterator[tuple[av.VideoFrame, VideoCodecContext]]:
    """Every frame and its decoder. `joins` are the indices of packets at which a part of a joined file begins; each
    part is decoded like a separate file."""
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
        raise SegmentInvalid("the stream of the packet archive is not a video", got=header.codec)
    return decoder


def decode_packet(decoder: CodecContext, packet: "av.Packet[Any] | None") -> list[av.VideoFrame]:
    """The frames that the decoder returns for one packet, or for None, which flushes it; empty if it rejects the
    packet."""
    try:
        frames = decoder.decode(packet)  # type: ignore[attr-defined]
    except FFmpegError:
        return []
    return [frame for frame in frames if isinstance(frame, av.VideoFrame)]
