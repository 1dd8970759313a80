"""Open a source as it was planned, to read its video packets, and to write its audio packets into an archive."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import av
from av.container import InputContainer
from av.stream import Stream
from av.video.stream import VideoStream

from slomo_batch.errors import SourceChanged
from slomo_batch.media.demux import demux_packets, has_decoder, open_source
from slomo_batch.media.joined_avi import in_step, later_avi_parts
from slomo_batch.media.joined_timestamps import JoinedTimestamps
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.track_archive import track_archive
from slomo_batch.records.source_facts import Track, VideoFacts
from slomo_batch.timeline.index import VideoIndex

Packet: TypeAlias = "av.Packet[Any]"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedSource:
    """An opened source. Taking packets of the video writes the audio packets stored before them into their archive.

    If the file has joins, the packets have shifted timestamps, as in the index.
    """

    container: InputContainer
    video: VideoStream
    video_packets: Iterator[Packet]
    has_audio: bool

    def finish(self) -> None:
        """If there is audio, read on to its end."""
        if self.has_audio:
            for _ in self.video_packets:
                pass


@contextmanager
def opened_as_planned(  # noqa: PLR0917 - one job's nouns in their order
    reader: RangeReader,
    name: str,
    facts: VideoFacts,
    index: VideoIndex,
    tracks: Sequence[Track] = (),
    audio_path: Path = Path("audio.packets"),
) -> Iterator[PlannedSource]:
    """The source `name`, at its first packet. The packets of `tracks` are written into the archive `audio_path`.

    Raises:
        SourceChanged: a stream is no longer what it was when the video was planned.
    """
    avi_parts = later_avi_parts(reader) if facts.container == "avi" and tracks else []
    with ExitStack() as stack:
        container = stack.enter_context(open_source(reader))
        stack.enter_context(reader.reading_ahead())
        video = _stream_as_planned(container, facts.stream_index, name)
        if not isinstance(video, VideoStream):
            raise SourceChanged(f"stream {facts.stream_index} is no longer the video", where=name)
        video.thread_count = 1
        audio_streams = [_stream_as_planned(container, track.stream_index, name) for track in tracks]
        timestamps = JoinedTimestamps(index) if index.joins else None
        write_audio: Callable[[Packet], None] = _no_audio
        if audio_streams:
            write_audio = stack.enter_context(track_archive(audio_path, audio_streams, timestamps))
        packets = demux_packets(container, [video, *audio_streams])
        if avi_parts:
            packets = in_step(packets, video, avi_parts)
        video_packets = _video_packets(packets, video, write_audio)
        shifted = video_packets if timestamps is None else map(timestamps.shift_video, video_packets)
        yield PlannedSource(container=container, video=video, video_packets=shifted, has_audio=bool(audio_streams))


def _stream_as_planned(container: InputContainer, number: int, name: str) -> Stream:
    if number >= len(container.streams) or not has_decoder(container.streams[number]):
        raise SourceChanged(f"stream {number} has changed since the video was planned", where=name)
    return container.streams[number]


def _no_audio(_: Packet) -> None:
    """Takes no packet, since none are demuxed."""


def _video_packets(
    packets: Iterator[Packet], video: VideoStream, write_audio: Callable[[Packet], None]
) -> Iterator[Packet]:
    """The packets of the video. Those of other streams that are stored before the next one are passed to
    `write_audio`."""
    for packet in packets:
        if packet.stream is video:
            yield packet
        else:
            write_audio(packet)
