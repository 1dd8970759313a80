"""Open a source and demux its packets, the same way in every pass over it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import av
from av.container import InputContainer
from av.error import InvalidDataError
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.media.audio_jumps import DISCONTINUOUS_FORMATS
from slomo_batch.media.clock_wraps import ClockUnwrapper
from slomo_batch.media.mp4_boxes import BinaryFile, is_fragmented
from slomo_batch.media.picture_limits import DECODER_OPTIONS

OPEN_TIMEOUT_S = 1800.0
"""Timeout for opening a file: the index of an hours-long video may arrive over a slow connection."""
READ_TIMEOUT_S = 600.0
"""Timeout for reading one packet."""
MAX_DAMAGED_PLACES = 1000
"""Damaged places in one file after which reading stops."""

_OPTIONS = {"protocol_whitelist": "none"}  # a playlist or reference movie must not open other files or addresses
_WITHOUT_END = {"skip_estimate_duration_from_pts": "1"}  # without it, opening a transport stream reads its end too
MAX_PACKETS_BEFORE_SECOND = 1000
"""Video packets read to look for the second packet of a stream that may be a cover."""
_PICTURE_CODECS = frozenset({"mjpeg", "png", "bmp", "webp", "tiff", "gif", "jpeg2000", "ppm"})
_NOT_THE_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails


@contextmanager
def open_source(file: BinaryFile, *, estimates_duration: bool = False) -> Iterator[InputContainer]:
    """Open the container in `file`. Call it, and everything that reads from it, within `media.av_errors.reading`.

    The fragments of an MP4 are read as they come. By default FFmpeg looks for all of them when it opens the file,
    which is a second pass over it. With `estimates_duration`, the end of a file that states no duration is read too.
    """
    fragments = {"fflags": "+ignidx"} if is_fragmented(file) else {}
    file.seek(0)
    container = av.open(
        file,
        "r",
        metadata_errors="replace",
        container_options={**_OPTIONS, **({} if estimates_duration else _WITHOUT_END), **fragments},
        timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
    )
    with container:
        for stream in container.streams.video:
            if has_decoder(stream):
                stream.codec_context.options = DECODER_OPTIONS
        yield container


def main_video(container: InputContainer, name: str, covers: frozenset[int] = frozenset()) -> VideoStream:
    """The main video stream: no cover picture; among several, the default one, then the largest, then the first.

    `covers` are the indices of streams that are pictures without being marked so (`find_covers`).

    Raises:
        SourceUnreadable: there is none.
        SourceUnsupported: FFmpeg has no decoder for it.
    """
    videos = [
        stream
        for stream in container.streams.video
        if not stream.disposition & _NOT_THE_VIDEO and stream.index not in covers
    ]
    if not videos:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no streams"
        raise SourceUnreadable("the file has no video stream", where=name, got=kinds)
    decodable = [stream for stream in videos if has_decoder(stream)]
    if not decodable:
        raise SourceUnsupported("this build of FFmpeg has no decoder for the video stream", where=name)
    return max(decodable, key=_rank)


def may_be_cover(container: InputContainer, video: VideoStream) -> bool:
    """True if the stream has a codec of pictures, and another one could be the video."""
    others = (stream for stream in container.streams.video if not stream.disposition & _NOT_THE_VIDEO)
    return _is_of_pictures(video) and any(not _is_of_pictures(stream) for stream in others)


def find_covers(container: InputContainer) -> frozenset[int]:
    """Indices of the streams that have a codec of pictures and a single packet. Reads until each has a second one."""
    wanted = {stream.index: 0 for stream in container.streams.video if _is_of_pictures(stream)}
    for num_packets, packet in enumerate(demux_packets(container, container.streams.video)):
        if packet.stream_index in wanted:
            wanted[packet.stream_index] += 1
        if num_packets >= MAX_PACKETS_BEFORE_SECOND or all(count > 1 for count in wanted.values()):
            break
    return frozenset(index for index, count in wanted.items() if count <= 1)


def _is_of_pictures(stream: VideoStream) -> bool:
    return has_decoder(stream) and stream.codec_context.codec.canonical_name in _PICTURE_CODECS


def _rank(stream: VideoStream) -> tuple[bool, int, int]:
    return bool(stream.disposition & Disposition.default), stream.width * stream.height, -stream.index


def has_decoder(stream: Stream) -> bool:
    """True if this build of FFmpeg can decode the stream."""
    return stream.codec_context is not None


def demux_packets(container: InputContainer, streams: Sequence[Stream]) -> "Iterator[av.Packet[Any]]":
    """The packets of these streams in file order, with the wraps of their clocks undone. Damaged places are skipped.

    Packets of other streams are discarded, so containers with an index do not even read them.
    """
    for stream in container.streams:
        stream.discard = Discard.default if stream in streams else Discard.all
    clock = ClockUnwrapper() if container.format.name in DISCONTINUOUS_FORMATS else None
    num_damaged = 0
    while num_damaged <= MAX_DAMAGED_PLACES:
        try:
            for packet in container.demux(*streams):
                if packet.size:
                    yield packet if clock is None else clock.unwrap(packet)
        except InvalidDataError:
            num_damaged += 1
        except IndexError:  # at the end PyAV looks up streams that appeared midway, and does not find them
            return
        else:
            return
