"""The audio and subtitle tracks of an output: a stream for each track of the audio archive, and their packets."""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from fractions import Fraction
from functools import reduce
from itertools import takewhile
from operator import or_
from pathlib import Path
from typing import Any, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition, Stream

from slomo_batch.media.made_tracks import DISPOSITIONS
from slomo_batch.media.matroska_template import CODEC_IDS, SUBTITLE_IDS, delayed_template, subtitle_template
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.packets import StreamHeader, to_av
from slomo_batch.plan.containers import Container


@contextmanager
def open_archive(path: Path | None) -> Iterator[ArchiveReader | None]:
    """The opened audio archive; None if the output has no audio."""
    if path is None:
        yield None
        return
    with path.open("rb") as file:
        yield ArchiveReader(file, str(path))


def add_tracks(archive: ArchiveReader, container: OutputContainer, kind: Container) -> "Iterator[av.Packet[Any]]":
    """Add the tracks of the audio archive to the container, and return the packets."""
    delays_s = [Fraction(0)] * len(archive.headers) if kind.has_exact_times else _delays_s(archive)
    tracks = [
        _subtitle_stream(container, header)
        if header.kind == "subtitle"
        else _audio_stream(container, header, delays_s[place])
        for place, header in enumerate(archive.headers)
    ]
    _set_dispositions(tracks, archive)
    return _packets_of_tracks(archive, tracks)


def _packets_of_tracks(archive: ArchiveReader, tracks: Sequence[Stream]) -> "Iterator[av.Packet[Any]]":
    for archived in archive:
        packet = to_av(archived, archive.headers[archived.stream])
        packet.stream = tracks[archived.stream]
        yield packet


def _audio_stream(container: OutputContainer, header: StreamHeader, delay_s: Fraction) -> AudioStream:
    """A stream for packets of the audio archive, of which the first `delay_s` seconds are not heard.

    PyAV makes one only from a template stream, which is then set from the header.
    """
    with ExitStack() as stack:
        stream = container.add_stream_from_template(_template_stream(stack, container, header, delay_s), opaque=True)
    context = stream.codec_context
    context.extradata = header.extradata or None
    context.sample_rate = header.sample_rate
    context.layout = header.layout
    context.bit_rate = header.bit_rate
    if header.sample_format:
        context.format = header.sample_format
    stream.time_base = header.time_base
    _set_names(stream, header)
    return stream


def _subtitle_stream(container: OutputContainer, header: StreamHeader) -> Stream:
    """A stream for packets of a subtitle track of the archive."""
    with ExitStack() as stack:
        if header.codec in SUBTITLE_IDS:
            template: Any = subtitle_template(stack, header)
        else:
            scratch = av.open(io.BytesIO(), "w", format=container.format.name)
            template = scratch.add_stream(header.codec)
        stream: Stream = container.add_stream_from_template(template, opaque=True)
    stream.codec_context.extradata = header.extradata or None
    stream.time_base = header.time_base
    _set_names(stream, header)
    return stream


def _set_names(stream: Stream, header: StreamHeader) -> None:
    """Language and title. MP4 has no track title: players show the handler name."""
    named = {"language": header.language, "title": header.title, "handler_name": header.title}
    stream.metadata.update({name: value for name, value in named.items() if value})


def _set_dispositions(streams: Sequence[Stream], archive: ArchiveReader) -> None:
    """What each track is for, as in the source. If no audio track is the default, the first is."""
    stated = archive.note.get(DISPOSITIONS) or [()] * len(streams)
    names = [{name for name in of_track if name in Disposition.__members__} for of_track in stated]
    audio = [place for place, header in enumerate(archive.headers) if header.kind == "audio"]
    if audio and not any("default" in names[place] for place in audio):
        names[audio[0]].add("default")
    for stream, of_track in zip(streams, names, strict=True):
        stream.disposition = reduce(or_, (Disposition[name] for name in of_track), Disposition(0))


def _template_stream(
    stack: ExitStack, container: OutputContainer, header: StreamHeader, delay_s: Fraction
) -> AudioStream:
    """A template stream of this codec, in a file that `stack` closes.

    Only Matroska states the delay. MP4 and MOV state it in an edit list, computed from the packets' times.
    """
    if delay_s and header.codec in CODEC_IDS:
        return delayed_template(stack, header, delay_s)
    scratch = av.open(io.BytesIO(), "w", format=container.format.name)
    return cast("AudioStream", scratch.add_stream(header.codec, rate=header.sample_rate))


def _delays_s(archive: ArchiveReader) -> list[Fraction]:
    """By track, the seconds before zero; packets before zero come first in the archive.

    An Opus header states the delay too, by samples. It holds unless the two differ by more than the times' rounding.
    """
    delays_s = [Fraction(0)] * len(archive.headers)
    for packet in takewhile(lambda packet: (packet.pts or 0) < 0, archive):
        start_s = (packet.pts or 0) * archive.headers[packet.stream].time_base
        delays_s[packet.stream] = max(delays_s[packet.stream], -start_s)
    for place, header in enumerate(archive.headers):
        stated_s = _opus_delay_s(header)
        if delays_s[place] and abs(stated_s - delays_s[place]) <= header.time_base:
            delays_s[place] = stated_s
    return delays_s


def _opus_delay_s(header: StreamHeader) -> Fraction:
    is_opus = header.codec == "opus" and header.extradata.startswith(b"OpusHead")
    return Fraction(int.from_bytes(header.extradata[10:12], "little"), 48_000) if is_opus else Fraction(0)
