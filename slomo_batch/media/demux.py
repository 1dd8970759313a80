"""Opening a source and taking its packets, the same way in every pass over it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import av
from av.container import InputContainer
from av.error import InvalidDataError
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.media.mp4_boxes import BinaryFile, is_fragmented
from slomo_batch.media.picture_limits import DECODER_OPTIONS

OPEN_TIMEOUT_S = 1800.0
"""Longest that opening may take: the index of a film of hours, over a slow line."""
READ_TIMEOUT_S = 600.0
"""Longest that one packet may take."""
MAX_DAMAGED_PLACES = 1000
"""Damaged places in one file after which the rest is given up."""

_OPTIONS = {
    "protocol_whitelist": "none",  # a playlist or reference movie must not make us read other files or addresses
    "skip_estimate_duration_from_pts": "1",  # or opening a transport stream reads its end as well
}
_NOT_THE_VIDEO = Disposition.attached_pic | Disposition.timed_thumbnails


@contextmanager
def open_source(file: BinaryFile) -> Iterator[InputContainer]:
    """The container in `file`. Call it, and all that reads, within `media.foreign.reading`.

    The fragments of an MP4 are read as they come: by default FFmpeg looks for all of them when it opens the file, which
    is a second pass over it.
    """
    fragments = {"fflags": "+ignidx"} if is_fragmented(file) else {}
    file.seek(0)
    container = av.open(
        file,
        "r",
        metadata_errors="replace",
        container_options={**_OPTIONS, **fragments},
        timeout=(OPEN_TIMEOUT_S, READ_TIMEOUT_S),
    )
    with container:
        for stream in container.streams.video:
            if has_decoder(stream):
                stream.codec_context.options = DECODER_OPTIONS
        yield container


def main_video(container: InputContainer, name: str) -> VideoStream:
    """The video among the streams: no cover picture; of several the default one, then the largest, then the first.

    Raises:
        SourceUnreadable: there is none.
        SourceUnsupported: FFmpeg has no decoder for it.
    """
    videos = [stream for stream in container.streams.video if not stream.disposition & _NOT_THE_VIDEO]
    if not videos:
        kinds = ", ".join(sorted({stream.type for stream in container.streams})) or "no streams"
        raise SourceUnreadable("the file has no video stream", where=name, got=kinds)
    decodable = [stream for stream in videos if has_decoder(stream)]
    if not decodable:
        raise SourceUnsupported("this build of FFmpeg has no decoder for the video stream", where=name)
    return max(decodable, key=_rank)


def _rank(stream: VideoStream) -> tuple[bool, int, int]:
    return bool(stream.disposition & Disposition.default), stream.width * stream.height, -stream.index


def has_decoder(stream: Stream) -> bool:
    """True where this build of FFmpeg can decode the stream."""
    return stream.codec_context is not None


def demux_packets(container: InputContainer, streams: Sequence[Stream]) -> "Iterator[av.Packet[Any]]":
    """The packets of these streams in the order of the file; damaged places are passed over.

    Packets of other streams are discarded, so that containers with an index don't even read them.
    """
    for stream in container.streams:
        stream.discard = Discard.default if stream in streams else Discard.all
    stumbles = 0
    while stumbles <= MAX_DAMAGED_PLACES:
        try:
            for packet in container.demux(*streams):
                if packet.size:
                    yield packet
        except InvalidDataError:
            stumbles += 1
        except IndexError:  # at the end PyAV looks up streams that appeared midway, and does not know them
            return
        else:
            return
