"""Stitch: join the segments of a video and its audio into one file, without decoding.

Times come from the plan alone: output frame k is presented at k / rate. The decoding time of a packet is its index
in decode order minus D, the largest reordering of any segment. So decoding times increase by one frame at a time and
never exceed presentation times. (Adding an offset to the segments' own decoding times is not exact: short segments
reorder less.) Audio packets are interleaved by time. Both are read as streams, so memory does not grow with the
video.

MP4 and MOV files have their index at the front (`moov_size`) and exact times; Matroska rounds times to the millisecond.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from heapq import merge
from itertools import chain, takewhile
from math import ceil
from operator import or_
from pathlib import Path
from typing import Any, cast

import av
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import ArgumentError
from av.stream import Disposition, Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from slomo_batch.errors import OutputInvalid
from slomo_batch.media.av_errors import ffmpeg_errors
from slomo_batch.media.encode import ColorNumbers, SegmentFacts, extradata_sha256
from slomo_batch.media.header_file import header_file, with_boxes_of_stream, without_spatial_video
from slomo_batch.media.made_tracks import DISPOSITIONS
from slomo_batch.media.matroska_display import display_size, reserve_display_size, write_display_size
from slomo_batch.media.matroska_template import CODEC_IDS, SUBTITLE_IDS, delayed_template, subtitle_template
from slomo_batch.media.metadata_writing import metadata_bytes, metadata_flags, write_attached_files, write_metadata
from slomo_batch.media.moov_size import MAX_MOOV_BYTES, max_moov_bytes
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.packets import StreamHeader, to_av
from slomo_batch.media.side_data_boxes import boxes_of_side_data
from slomo_batch.metadata import NO_METADATA, AttachedFile, FileMetadata
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.codecs import ENCODERS, codec_of, segment_format
from slomo_batch.plan.containers import Container, container_of
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.side_data import NO_SIDE_DATA, SideData

Packet = Any
"""A packet of PyAV, whose class is generic in its stubs only."""

_LEAST_MOVIE_TIMESCALE, _LARGEST_TIMESCALE = 10_000, 2**31 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchSpec:
    """What the segments are, and what the output file is to state."""

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
    """Rotation in degrees counterclockwise that a player applies."""
    has_alpha: bool = False
    """Whether the pictures of the segments have alpha."""
    is_mirrored: bool = False
    """Whether it then mirrors the pictures from left to right."""
    side_data: SideData = NO_SIDE_DATA
    metadata: FileMetadata = NO_METADATA
    segments: tuple[SegmentFacts, ...]
    """The segments, in order."""

    @property
    def max_reorder(self) -> int:
        """D: number of frames by which decoding starts before the first presentation."""
        return max(facts.max_reorder for facts in self.segments)


class MoovDoesNotFit(Exception):
    """The index of the file is larger than the space reserved for it."""


def stitch(
    spec: StitchSpec,
    segments: Iterable[Path],
    audio: Path | None,
    out: Path,
    *,
    attached: Sequence[AttachedFile] = (),
    reserves_moov: bool = True,
) -> None:
    """Join the segments and the audio archive into `out`, whose suffix determines the container, with these files.

    The next of `segments` is taken only when the one before is finished, so they may be fetched and deleted on the
    way. With `reserves_moov` an MP4 or MOV is written in one pass, otherwise in two.

    Raises:
        MoovDoesNotFit: with `reserves_moov`: call again without it. The file is not usable.
        OutputInvalid: a segment does not match the plan, or the container refuses a stream.
    """
    _check_headers(spec, out)
    kind = container_of(out.suffix)
    paths = iter(segments)
    first = next(paths, None)
    if first is None:
        raise OutputInvalid("no segments to join", where=str(out))
    failed = ffmpeg_errors(OutputInvalid, "FFmpeg cannot join the segments", where=str(out), also=(ValueError,))
    with (
        failed,
        _open_audio(audio) as archive,
        _output(out, spec, kind, _moov_bytes(spec, first, archive, attached) if reserves_moov else None) as container,
    ):
        with av.open(str(first)) as opened, _template(opened.streams.video[0], spec) as template:
            video = _video_stream(container, template, spec, kind)
            context = opened.streams.video[0].codec_context
            video.codec_context.extradata, video.codec_context.pix_fmt = context.extradata, _pixel_format(context, spec)
            if codec_of(spec.encoder).quality_is_profile:
                video.codec_context.codec_tag = context.codec_tag  # which names the profile
        write_metadata(container, video, spec.metadata, kind, _chapter_tick_s(spec, kind))
        if _states_display_size(spec, kind):
            reserve_display_size(video)
        audio_packets = _audio_packets(archive, container, kind) if archive else iter(())
        covers = write_attached_files(container, attached, kind)
        video_packets = _video_packets(spec, chain([first], paths), video)
        for packet in chain(covers, merge(video_packets, audio_packets, key=_decode_time_s)):
            container.mux_one(packet)
    if kind.has_exact_times and spec.side_data.kept:
        with out.open("r+b") as file:
            without_spatial_video(file)
    if _states_display_size(spec, kind):
        with out.open("r+b") as file:
            write_display_size(file, display_size(spec.width, spec.height, spec.sample_aspect_ratio, spec.side_data))


def _states_display_size(spec: StitchSpec, kind: Container) -> bool:
    """Whether the file states the sample aspect ratio by the size in which the video is shown."""
    return not kind.has_exact_times and spec.sample_aspect_ratio != 1


def _decode_time_s(packet: Packet) -> Fraction:
    """Decode time of a packet in seconds."""
    return Fraction(packet.dts * packet.time_base)


def _check_headers(spec: StitchSpec, out: Path) -> None:
    """Check that all segments have the same global header: players decode them with that of the first."""
    first = spec.segments[0].extradata_sha256 if spec.segments else ""
    for place, facts in enumerate(spec.segments):
        if facts.extradata_sha256 != first:
            raise OutputInvalid(
                f"segment {place} has another global header than segment 0, so they cannot be joined",
                where=str(out),
                expected=first,
                got=facts.extradata_sha256,
                remedy="The encoder's builds differ between machines: install the same version of PyAV on all of them.",
            )


# ---- the file ------------------------------------------------------------------------------------------------------


@contextmanager
def _output(out: Path, spec: StitchSpec, kind: Container, moov_bytes: int | None) -> Iterator[OutputContainer]:
    """The output file, which is complete if the block ends without an error. `moov_bytes` are reserved at its front."""
    # By default Matroska shifts all tracks if one has a negative time, and gives each file a random id. Here the same
    # segments must make the same bytes.
    options = {"avoid_negative_ts": "disabled", "fflags": "+bitexact"}
    if kind.has_exact_times:
        flags = metadata_flags(spec.metadata, kind) + ("+faststart" if moov_bytes is None else "")
        options = {"movflags": flags} if flags else {}
        options |= {} if moov_bytes is None else {"moov_size": str(moov_bytes)}
        options |= {"movie_timescale": str(_movie_timescale(spec.rate))}
    if spec.side_data.kept:
        options |= {"strict": "unofficial"}  # otherwise MP4 leaves out projection and stereo layout
    container = av.open(str(out), "w", format=kind.muxer, container_options=options)
    try:
        yield container
    except BaseException:
        with suppress(av.FFmpegError, OSError, ValueError):  # the first error is the one to report
            container.close()
        raise
    try:
        container.close()
    except ArgumentError as error:
        if kind.has_exact_times and moov_bytes is not None:
            raise MoovDoesNotFit from error
        raise


def _moov_bytes(
    spec: StitchSpec, first: Path, archive: ArchiveReader | None, attached: Sequence[AttachedFile]
) -> int | None:
    """Bytes to reserve for the index; None if they are too many."""
    with av.open(str(first)) as opened:
        header = opened.streams.video[0].codec_context.extradata or b""
    needed = max_moov_bytes(
        num_frames=spec.num_frames,
        reorders=spec.max_reorder > 0,
        video_header=header,
        audio=archive.headers if archive else (),
        num_audio_packets=archive.num_packets if archive else 0,
    )
    needed += metadata_bytes(spec.metadata, attached)
    return needed if needed <= MAX_MOOV_BYTES else None


def _chapter_tick_s(spec: StitchSpec, kind: Container) -> Fraction:
    """Unit in which the container states when chapters begin, in seconds. That of Matroska is smaller still."""
    return Fraction(1, _movie_timescale(spec.rate) if kind.has_exact_times else 1_000_000)


def _movie_timescale(rate: Fraction) -> int:
    """Ticks per second of edit lists and chapters: a multiple of the frame rate, not FFmpeg's default of 1000."""
    scale = rate.numerator * ceil(_LEAST_MOVIE_TIMESCALE / rate.numerator)
    return scale if scale <= _LARGEST_TIMESCALE else _LEAST_MOVIE_TIMESCALE


@contextmanager
def _template(segment: VideoStream, spec: StitchSpec) -> Iterator[VideoStream]:
    """The stream of a segment, with the side data of the output."""
    if not spec.side_data.kept:
        yield segment
        return
    boxes = boxes_of_side_data(spec.side_data, spec.width, spec.height)
    with av.open(io.BytesIO(with_boxes_of_stream(header_file(segment), boxes))) as header:
        yield header.streams.video[0]


def _video_stream(container: OutputContainer, template: VideoStream, spec: StitchSpec, kind: Container) -> VideoStream:
    stream = container.add_stream_from_template(template, opaque=True)
    context = stream.codec_context
    stream.time_base = 1 / spec.rate
    context.framerate = spec.rate
    context.sample_aspect_ratio = spec.sample_aspect_ratio
    ColorNumbers.of(spec.color).set_on(context)
    tag = kind.tags.get(ENCODERS[spec.encoder].codec)
    if tag:
        context.codec_tag = tag
    if spec.rotation_deg or spec.is_mirrored:
        stream.set_display_rotation(spec.rotation_deg, hflip=spec.is_mirrored)
    return stream


def _pixel_format(segment: VideoCodecContext, spec: StitchSpec) -> str | None:
    """The pixel format of the output, from which the muxer knows that there is alpha beside the packets."""
    is_beside = spec.has_alpha and codec_of(spec.encoder).alpha == "beside packets"
    return PIXEL_FORMATS[segment.pix_fmt].with_alpha.name if is_beside and segment.pix_fmt else segment.pix_fmt


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
    """The packets of one segment in decode order, each with its frame number within the segment."""
    numbers: list[int] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = stream.codec_context.width, stream.codec_context.height
        _check(path, "picture size", (spec.width, spec.height), size)
        _check(path, "global header", facts.extradata_sha256, extradata_sha256(stream.codec_context))
        frame_s = segment_format(spec.encoder, has_alpha=spec.has_alpha).frame_s or 1 / spec.rate
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if not numbers:
                _check(path, "first packet a keyframe", True, packet.is_keyframe)
            number = Fraction(packet.pts or 0) * packet.time_base / frame_s
            _check(path, "time of a packet in frames", number.numerator, number)
            _check(path, "reordering within bounds", True, len(numbers) - number <= facts.max_reorder)
            numbers.append(number.numerator)
            yield packet, number.numerator
    _check(path, "numbers of the frames", list(range(facts.num_frames)), sorted(numbers))


def _check(path: Path, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise OutputInvalid(
            f"a segment does not match the plan: {what}",
            where=str(path),
            expected=str(expected)[:200],
            got=str(got)[:200],
        )


def _audio_packets(archive: ArchiveReader, container: OutputContainer, kind: Container) -> Iterator[Packet]:
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


def _packets_of_tracks(archive: ArchiveReader, tracks: Sequence[Stream]) -> Iterator[Packet]:
    for archived in archive:
        packet = to_av(archived, archive.headers[archived.stream])
        packet.stream = tracks[archived.stream]
        yield packet


@contextmanager
def _open_audio(path: Path | None) -> Iterator[ArchiveReader | None]:
    """The opened audio archive; None if the output has no audio."""
    if path is None:
        yield None
        return
    with path.open("rb") as file:
        yield ArchiveReader(file, str(path))
