"""Write the packets of the source's audio and subtitle tracks into one archive, in file order.

Some decoders need values of the container that PyAV does not expose, so they cannot be opened from a stored header
later (`can_be_archived`). Tracks of such codecs are decoded here by the demuxer's own decoder and stored as samples.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.stream import Stream

from slomo_batch.media.joined_timestamps import JoinedTimestamps
from slomo_batch.media.made_tracks import DISPOSITIONS
from slomo_batch.media.packet_archive import ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader, can_be_archived, from_av, stream_header
from slomo_batch.media.pcm import FrameSamples, PcmFormat

Packet: TypeAlias = "av.Packet[Any]"
_SAMPLES = "pcm_f32le"
"""Decoder of tracks that are stored as samples."""
_UNDECODABLE = b"\0"
"""Stored for a packet that cannot be decoded: less than one sample, which the reader cannot decode either."""


class _Stored(Protocol):
    """One track of the archive."""

    header: StreamHeader

    def packets(self, packet: "Packet | None") -> Iterable[ArchivedPacket]:
        """What is stored for a packet of the source, or for None at the end of the source."""
        ...


@contextmanager
def track_archive(
    path: Path, streams: Sequence[Stream], timestamps: JoinedTimestamps | None
) -> Iterator[Callable[[Packet], None]]:
    """A function that adds a packet of one of the streams. The archive is complete when the block ends.

    `timestamps` shifts packets of a joined file.
    """
    tracks = {stream.index: _track(stream, place) for place, stream in enumerate(streams)}
    by_place = tuple(tracks.values())
    note = {DISPOSITIONS: [[str(flag.name) for flag in stream.disposition] for stream in streams]}
    with path.open("wb") as file, ArchiveWriter(file, [track.header for track in by_place], note) as archive:

        def add(archived: ArchivedPacket) -> None:
            time_base = by_place[archived.stream].header.time_base
            shifted = archived if timestamps is None else timestamps.shift_audio(archived, time_base)
            if shifted is not None:
                archive.add(shifted)

        def write(packet: Packet) -> None:
            for archived in tracks[packet.stream.index].packets(packet):
                add(archived)

        yield write
        for track in by_place:
            for archived in track.packets(None):
                add(archived)


def _track(stream: Stream, place: int) -> _Stored:
    return _CopiedTrack(stream, place) if can_be_archived(stream) else _DecodedTrack(stream, place)


class _CopiedTrack:
    def __init__(self, stream: Stream, place: int) -> None:
        self.header = stream_header(stream)
        self._place = place

    def packets(self, packet: "Packet | None") -> Iterable[ArchivedPacket]:
        return () if packet is None else (from_av(packet, self._place),)


class _DecodedTrack:
    """A track that is stored as samples; its header names the codec of the source."""

    def __init__(self, stream: Stream, place: int) -> None:
        own = stream_header(stream)
        self.header = replace(own, decoder=_SAMPLES, extradata=b"", codec_tag="", sample_format="flt", bit_rate=0)
        self._place = place
        self._stream = stream
        form = PcmFormat(
            sample_rate=own.sample_rate, layout=own.layout, num_channels=av.AudioLayout(own.layout).nb_channels
        )
        self._samples = FrameSamples(form)

    def packets(self, packet: "Packet | None") -> Iterable[ArchivedPacket]:
        decoder = self._stream.codec_context
        if not isinstance(decoder, AudioCodecContext):
            return
        try:
            frames = decoder.decode(packet)
        except av.FFmpegError:
            if packet is not None:
                yield self._stored(packet.pts, 0, _UNDECODABLE)
            return
        for frame in frames:
            yield from self._stored_frame(frame)

    def _stored_frame(self, frame: AudioFrame) -> Iterable[ArchivedPacket]:
        block = self._samples.block(frame)
        if block.shape[1]:
            duration = round(block.shape[1] / (self.header.sample_rate * self.header.time_base))
            yield self._stored(frame.pts, duration, np.ascontiguousarray(block.T, "<f4").tobytes())

    def _stored(self, pts: int | None, duration: int, data: bytes) -> ArchivedPacket:
        return ArchivedPacket(
            stream=self._place,
            pts=pts,
            dts=pts,
            duration=duration,
            is_keyframe=True,
            is_discarded=False,
            data=data,
        )
