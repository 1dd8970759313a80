"""Stitching: the segments of a video and its sound become one file, without decoding anything.

Times come from the plan alone: output frame k is presented at k / rate. Decoding times are the packet's place in
decode order less D, the largest reordering of any segment: they rise by one frame at a time, and never pass a
presentation time. (Adding an offset to the segments' own decoding times is not exact: short segments reorder less.)
Sound packets are merged in by time. Both are read as streams, so memory does not grow with the video.

MP4 and MOV get their index in front, and times exact to the tick; Matroska rounds them to the millisecond.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from itertools import chain, takewhile
from math import ceil
from pathlib import Path
from typing import Any, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from slomo_batch.errors import OutputInvalid
from slomo_batch.media.av_errors import ffmpeg_errors
from slomo_batch.media.encode import ColorNumbers, SegmentFacts, extradata_sha256
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.packets import StreamHeader, to_av
from slomo_batch.records import ColorFacts

Packet = Any
"""A packet of PyAV, whose class is generic in its stubs only."""

FORMATS: Mapping[str, str] = {".mp4": "mp4", ".mov": "mov", ".mkv": "matroska"}
"""FFmpeg's muxers by file suffix."""
EXACT_SUFFIXES = frozenset({".mp4", ".mov"})
"""Files whose times are exact to the tick, and whose index stands in front."""
_HEVC = frozenset({"libx265", "hevc_nvenc"})
_LEAST_MOVIE_TIMESCALE, _LARGEST_TIMESCALE = 10_000, 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchSpec:
    """What the segments are and what the file made of them is to say of itself."""

    rate: Fraction
    """Output frames per second."""
    num_frames: int
    width: int
    height: int
    encoder: str
    """FFmpeg's name of the encoder that made the segments."""
    color: ColorFacts
    sample_aspect_ratio: Fraction
    rotation_deg: int
    """Counter-clockwise rotation a player applies."""
    segments: tuple[SegmentFacts, ...]
    """The segments, in order."""

    @property
    def max_reorder(self) -> int:
        """D: frames by which decoding starts before the first presentation."""
        return max(facts.max_reorder for facts in self.segments)


def stitch(spec: StitchSpec, segments: Iterable[Path], sound: Path | None, out: Path) -> None:
    """Join the segments and the sound archive into `out`, whose suffix names the container.

    `segments` are taken one at a time, the next only when the one before is done with: they may be fetched and deleted
    on the way.

    Raises:
        OutputInvalid: a segment is not what the plan says, or the container refuses a stream.
    """
    _check_headers(spec, out)
    paths = iter(segments)
    first = next(paths, None)
    if first is None:
        raise OutputInvalid("there are no segments to join", where=str(out))
    failed = ffmpeg_errors(OutputInvalid, "FFmpeg failed at joining the segments", where=str(out))
    with failed, _sound(sound) as archive, _output(out, spec) as container:
        with av.open(str(first)) as opened:
            video = _video_stream(container, opened.streams.video[0], spec, out.suffix)
        audio_packets = _audio_packets(archive, container) if archive else iter(())
        video_packets = _video_packets(spec, chain([first], paths), video)
        for packet in merge(video_packets, audio_packets, key=_instant):
            container.mux_one(packet)


def _instant(packet: Packet) -> Fraction:
    return Fraction(packet.dts * packet.time_base)


def _check_headers(spec: StitchSpec, out: Path) -> None:
    """Every segment has the global header of the first, or players would decode it by the wrong one."""
    first = spec.segments[0].extradata_sha256 if spec.segments else ""
    for place, facts in enumerate(spec.segments):
        if facts.extradata_sha256 != first:
            raise OutputInvalid(
                f"segment {place} was encoded with another global header than segment 0, and cannot be joined to it",
                where=str(out),
                expected=first,
                got=facts.extradata_sha256,
                remedy="Builds of the encoder differ between machines: use the same version of PyAV everywhere.",
            )


# ---- the file ------------------------------------------------------------------------------------------------------


@contextmanager
def _output(out: Path, spec: StitchSpec) -> Iterator[OutputContainer]:
    """The output file, complete when the block ends without an error."""
    # Matroska would shift all tracks for a negative time in one, and give every file a random id: the same segments
    # are to make the same bytes.
    options = {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
    if out.suffix.lower() in EXACT_SUFFIXES:
        options = {"movflags": "+faststart", "movie_timescale": str(_movie_timescale(spec.rate))}
    container = av.open(str(out), "w", format=FORMATS[out.suffix.lower()], container_options=options)
    try:
        yield container
    except BaseException:
        with suppress(av.FFmpegError, OSError, ValueError):  # the first error is the one to tell
            container.close()
        raise
    container.close()


def _movie_timescale(rate: Fraction) -> int:
    """Ticks per second in which edit lists count: whole frames, not the default's milliseconds."""
    scale = rate.numerator * ceil(_LEAST_MOVIE_TIMESCALE / rate.numerator)
    return scale if scale <= _LARGEST_TIMESCALE else _LEAST_MOVIE_TIMESCALE


def _video_stream(container: OutputContainer, template: VideoStream, spec: StitchSpec, suffix: str) -> VideoStream:
    stream = container.add_stream_from_template(template, opaque=True)
    context = stream.codec_context
    stream.time_base = 1 / spec.rate
    context.framerate = spec.rate
    context.sample_aspect_ratio = spec.sample_aspect_ratio
    ColorNumbers.of(spec.color).set_on(context)
    if spec.encoder in _HEVC and suffix.lower() in EXACT_SUFFIXES:
        context.codec_tag = "hvc1"  # the only HEVC that Apple's players open
    if spec.rotation_deg:
        stream.set_display_rotation(spec.rotation_deg)
    return stream


def _audio_stream(container: OutputContainer, header: StreamHeader, place: int, *, has_delay: bool) -> AudioStream:
    """A stream for packets of the sound archive. PyAV makes one after the model of another stream only, so that of an
    encoder stands model, and is then told what the header says."""
    stream = container.add_stream_from_template(_model(container, header, has_delay), opaque=True)
    context = stream.codec_context
    context.extradata = header.extradata or None
    context.sample_rate = header.sample_rate
    context.layout = header.layout
    context.bit_rate = header.bit_rate
    if header.sample_format:
        context.format = header.sample_format
    stream.time_base = header.time_base
    # MP4 has no title of a track: the name of its handler is what players show.
    named = {"language": header.language, "title": header.title, "handler_name": header.title}
    stream.metadata.update({name: value for name, value in named.items() if value})
    stream.disposition = Disposition.default if place == 0 else Disposition(0)
    return stream


def _model(container: OutputContainer, header: StreamHeader, has_delay: bool) -> AudioStream:
    """A stream of this codec in a file that is never finished.

    Matroska says in the header how many samples of a track's beginning are not to be heard, and takes that from the
    encoder's delay, which only an opened encoder has. MP4 and MOV say it in an edit list, from the packets' times.
    """
    scratch = av.open(io.BytesIO(), "w", format=container.format.name)
    model: Any = scratch.add_stream(header.codec, rate=header.sample_rate)
    if has_delay and container.format.name == FORMATS[".mkv"]:
        model.codec_context.layout = header.layout
        with suppress(av.FFmpegError):  # a codec that is only ever copied: its times alone must do
            scratch.start_encoding()
    return cast("AudioStream", model)


def _delayed(archive: ArchiveReader) -> set[int]:
    """Tracks that begin before zero: their packets are the first in the archive."""
    early = takewhile(lambda packet: (packet.pts or 0) < 0, archive)
    return {packet.stream for packet in early}


# ---- packets -------------------------------------------------------------------------------------------------------


def _video_packets(spec: StitchSpec, segments: Iterable[Path], stream: VideoStream) -> Iterator[Packet]:
    """The packets of all segments with the times of the plan, in decode order."""
    start = 0
    planned = iter(spec.segments)
    for path in segments:
        facts = next(planned, None)
        if facts is None:
            raise OutputInvalid("more segments than planned", where=str(path), expected=str(len(spec.segments)))
        for place, (packet, number) in enumerate(_segment_packets(path, facts, spec)):
            packet.time_base = 1 / spec.rate
            packet.pts, packet.dts = start + number, start + place - spec.max_reorder
            packet.duration = 1
            packet.stream = stream
            yield packet
        start += facts.num_frames
    if start != spec.num_frames:
        raise OutputInvalid("segments are missing", expected=f"{spec.num_frames} frames", got=str(start))


def _segment_packets(path: Path, facts: SegmentFacts, spec: StitchSpec) -> Iterator[tuple[Packet, int]]:
    """The packets of one segment in decode order, each with the number of its frame within the segment."""
    numbers: list[int] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = stream.codec_context.width, stream.codec_context.height
        _check(path, "picture size", (spec.width, spec.height), size)
        _check(path, "global header", facts.extradata_sha256, extradata_sha256(stream.codec_context))
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if not numbers:
                _check(path, "first packet a keyframe", True, packet.is_keyframe)
            number = Fraction(packet.pts or 0) * packet.time_base * spec.rate
            _check(path, "time of a packet in frames", number.numerator, number)
            _check(path, "reordering within bounds", True, len(numbers) - number <= facts.max_reorder)
            numbers.append(number.numerator)
            yield packet, number.numerator
    _check(path, "numbers of the frames", list(range(facts.num_frames)), sorted(numbers))


def _check(path: Path, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise OutputInvalid(
            f"a segment is not as planned: {what}", where=str(path), expected=str(expected)[:200], got=str(got)[:200]
        )


def _audio_packets(archive: ArchiveReader, container: OutputContainer) -> Iterator[Packet]:
    """Adds the tracks of the sound archive at once, and gives its packets."""
    delayed = _delayed(archive)
    tracks = [
        _audio_stream(container, header, place, has_delay=place in delayed)
        for place, header in enumerate(archive.headers)
    ]
    return _addressed(archive, tracks)


def _addressed(archive: ArchiveReader, tracks: Sequence[AudioStream]) -> Iterator[Packet]:
    for archived in archive:
        packet = to_av(archived, archive.headers[archived.stream])
        packet.stream = tracks[archived.stream]
        yield packet


@contextmanager
def _sound(path: Path | None) -> Iterator[ArchiveReader | None]:
    """The opened sound archive; None where the output has no sound."""
    if path is None:
        yield None
        return
    with path.open("rb") as file:
        yield ArchiveReader(file, str(path))
