"""Stitch: join the segments of a video and its audio into one file, without decoding.

The packets of the segments get the times of the plan (`segment_packets`), and those of the audio are interleaved by
time (`output_tracks`). Both are read as streams, so memory does not grow with the video.

MP4 and MOV files have their index at the front (`moov_size`) and exact times; Matroska rounds times to the millisecond.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from heapq import merge
from itertools import chain
from math import ceil
from pathlib import Path
from typing import Any

import av
from av.container import OutputContainer
from av.error import ArgumentError
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from slomo_batch.errors import OutputInvalid
from slomo_batch.media.av_errors import ffmpeg_errors
from slomo_batch.media.encode import ColorNumbers
from slomo_batch.media.header_file import header_file, with_boxes_of_stream, without_spatial_video
from slomo_batch.media.matroska_display import display_size, reserve_display_size, write_display_size
from slomo_batch.media.metadata_writing import metadata_bytes, metadata_flags, write_attached_files, write_metadata
from slomo_batch.media.moov_size import MAX_MOOV_BYTES, max_moov_bytes
from slomo_batch.media.output_tracks import add_tracks, open_archive
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.segment_packets import check_headers, video_packets
from slomo_batch.media.side_data_boxes import boxes_of_side_data
from slomo_batch.media.stitch_spec import StitchSpec
from slomo_batch.metadata import AttachedFile
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.containers import Container, container_of
from slomo_batch.plan.encoders import ENCODERS, codec_of

_LEAST_MOVIE_TIMESCALE, _LARGEST_TIMESCALE = 10_000, 2**31 - 1


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
    check_headers(spec, out)
    kind = container_of(out.suffix)
    paths = iter(segments)
    first = next(paths, None)
    if first is None:
        raise OutputInvalid("no segments to join", where=str(out))
    failed = ffmpeg_errors(OutputInvalid, "FFmpeg cannot join the segments", where=str(out), also=(ValueError,))
    with (
        failed,
        open_archive(audio) as archive,
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
        audio_packets = add_tracks(archive, container, kind) if archive else iter(())
        covers = write_attached_files(container, attached, kind)
        segment_packets = video_packets(spec, chain([first], paths), video)
        for packet in chain(covers, merge(segment_packets, audio_packets, key=_decode_time_s)):
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


def _decode_time_s(packet: "av.Packet[Any]") -> Fraction:
    """Decode time of a packet in seconds."""
    return (packet.dts or 0) * packet.time_base


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
