"""Encode the pictures of one chunk into a segment, with one configuration per video, and verify the result.

A segment numbers its frames from 0 in a time base of 1 / rate, starts with a keyframe, and is independent of
everything outside it. Its container (NUT, MOV for ProRes) keeps times exactly; stitching replaces them with the
plan's. Samples are encoded unchanged: a picture with another format or size than the segment's is refused, never
scaled. The bytes of a segment are not reproducible (x264's vary from run to run), but its pictures and times are.

Verification decodes every frame of the segment. It takes a few hundredths of the encoding time, so sampling is not
worth it.
"""

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import av
from av.container import InputContainer, OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from av.video.stream import VideoStream

from slomo_batch.errors import SegmentInvalid, SourceUnsupported
from slomo_batch.media.av_errors import ffmpeg_errors
from slomo_batch.media.color_names import FULL, LIMITED, MATRICES, PRIMARIES, TRANSFERS
from slomo_batch.media.frames import frame_from_picture, may_have_alpha, picture_from_frame, planar_format
from slomo_batch.media.packets import decoder_of
from slomo_batch.media.thread_priority import keep_thread_priority
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.plan.encoders import ENCODERS, segment_format
from slomo_batch.records.source_facts import ColorFacts

KEYFRAME_EVERY_S = 2
"""Maximum keyframe interval of the output in seconds, for seeking in players."""

_RANGES = {"limited": LIMITED, "full": FULL}
UNSPECIFIED_NUMBER = 2
"""Number of an unspecified color property in ITU-T H.273."""
_CHROMA_LOCATIONS = frozenset({"left", "center", "topleft", "top", "bottomleft", "bottom"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentFacts:
    """Properties of a segment, for its commit and for stitching."""

    num_frames: int
    extradata_sha256: str
    """SHA-256 of the encoder's global header: segments with different headers cannot be joined."""
    max_reorder: int
    """Maximum number of places by which a packet is earlier in decode order than in presentation order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColorNumbers:
    """A color description as numbers of ITU-T H.273, as FFmpeg uses them."""

    range: int
    primaries: int
    transfer: int
    matrix: int

    @classmethod
    def of(cls, color: ColorFacts) -> "ColorNumbers":
        """The numbers for these names."""
        return cls(
            range=_RANGES[color.range],
            primaries=_number(PRIMARIES, color.primaries),
            transfer=_number(TRANSFERS, color.transfer),
            matrix=_number(MATRICES, color.matrix),
        )

    @classmethod
    def found(cls, context: VideoCodecContext) -> "ColorNumbers":
        """The numbers of a demuxed stream; a range that is not stated counts as limited."""
        return cls(
            range=context.color_range or LIMITED,
            primaries=context.color_primaries,
            transfer=context.color_trc,
            matrix=context.colorspace,
        )

    def set_on(self, tagged: VideoCodecContext | av.VideoFrame) -> None:
        """Set the numbers on an encoder, a stream being muxed, or a frame."""
        tagged.color_range, tagged.color_primaries = self.range, self.primaries
        tagged.color_trc, tagged.colorspace = self.transfer, self.matrix


def _number(names: Mapping[int, str], wanted: str) -> int:
    return next((number for number, name in names.items() if name == wanted), UNSPECIFIED_NUMBER)


def extradata_sha256(context: VideoCodecContext) -> str:
    """SHA-256 of the global header of an encoder or a demuxed stream."""
    return hashlib.sha256(context.extradata or b"").hexdigest()


class ReorderCount:
    """Measures by how many places decode order precedes presentation order."""

    def __init__(self) -> None:
        self.num_packets = 0
        self.max_reorder = 0

    def add(self, pts: int) -> None:
        """Take the next packet in decode order. `pts` is its frame number within the segment."""
        self.max_reorder = max(self.max_reorder, self.num_packets - pts)
        self.num_packets += 1


# ---- writing -------------------------------------------------------------------------------------------------------


class SegmentEncoder:
    """Encodes pictures into one segment file, in order. Use it as a context manager; `finish` completes the file.

    Raises:
        SourceUnsupported: the encoder does not support these pictures or options.
        SegmentInvalid: encoding or writing failed, or a picture does not have the segment's format and size.
    """

    def __init__(
        self,
        path: Path,
        *,
        encoder: str,
        options: Sequence[tuple[str, str]],
        pixel_format: str,
        width: int,
        height: int,
        rate: Fraction,
        color: ColorFacts,
        sample_aspect_ratio: Fraction,
    ) -> None:
        self._path, self._time_base = path, 1 / rate
        self._format, self._size = PIXEL_FORMATS[pixel_format], (width, height)
        self._layout = ENCODERS[encoder].other_layouts.get(pixel_format, pixel_format)
        self._file = segment_format(encoder, has_alpha=self._format.has_alpha)
        self._color = ColorNumbers.of(color)
        self._reorder = ReorderCount()
        self._num_frames = 0
        with _segment_errors(path):
            self._container = _segment_file(path)
            self._stream = cast("VideoStream", self._container.add_stream(encoder, rate=rate, options=dict(options)))
        context = self._stream.codec_context
        context.width, context.height, context.pix_fmt = width, height, self._layout
        context.time_base = self._time_base
        context.gop_size = ceil(KEYFRAME_EVERY_S * rate)
        context.sample_aspect_ratio = sample_aspect_ratio
        self._color.set_on(context)
        if color.chroma_location in _CHROMA_LOCATIONS:
            context.options = {**context.options, "chroma_sample_location": color.chroma_location}
        self._open(encoder)

    def _open(self, encoder: str) -> None:
        os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 writes its configuration to stderr otherwise
        try:
            with keep_thread_priority():
                self._stream.codec_context.open()
        except (av.FFmpegError, ValueError) as error:
            kind = SegmentInvalid if ENCODERS[encoder].is_nvenc else SourceUnsupported
            width, height = self._size
            raise kind(
                f"encoder {encoder} cannot be opened",
                got=f"{width}x{height} {self._layout}: {error}",
                remedy="Choose another encode.codec or encode.encoder.",
            ) from error
        with _segment_errors(self._path):
            self._container.start_encoding()

    def add(self, picture: Picture) -> None:
        """Encode the next picture."""
        if picture.format.name != self._format.name or (picture.width, picture.height) != self._size:
            raise SegmentInvalid(
                f"frame {self._num_frames} does not have the segment's format and size",
                where=str(self._path),
                expected=f"{self._format.name} {self._size[0]}x{self._size[1]}",
                got=f"{picture.format.name} {picture.width}x{picture.height}",
            )
        frame = frame_from_picture(picture)
        if self._layout != self._format.name:
            frame = _rearranged(frame, self._layout, self._color.range)
        self._color.set_on(frame)  # ProRes has them in every frame
        frame.pts, frame.time_base, frame.pict_type = self._num_frames, self._time_base, PictureType.NONE
        self._num_frames += 1
        self._encode(frame)

    def finish(self) -> SegmentFacts:
        """Complete the file.

        Raises:
            SegmentInvalid: no picture was added, or the encoder did not return one packet for each.
        """
        self._encode(None)
        digest = extradata_sha256(self._stream.codec_context)
        with _segment_errors(self._path):
            self._container.close()
        if not self._num_frames == self._reorder.num_packets > 0:
            raise SegmentInvalid(
                "the encoder did not return one packet per picture",
                where=str(self._path),
                expected=f"{self._num_frames} packets, at least 1",
                got=str(self._reorder.num_packets),
            )
        return SegmentFacts(num_frames=self._num_frames, extradata_sha256=digest, max_reorder=self._reorder.max_reorder)

    def _encode(self, frame: av.VideoFrame | None) -> None:
        with _segment_errors(self._path):
            for packet in self._stream.encode(frame):
                self._stamp(packet)
                self._container.mux(packet)

    def _stamp(self, packet: "av.Packet[Any]") -> None:
        """Set what encoders set inconsistently: the duration, and the decode time, which NUT requires but does not
        store.

        x265 leaves the decode time of a stream of one or two pictures unset (its issue 781), and FFmpeg then
        sometimes rejects the packet.
        """
        number, ticks = _frame_number(packet, self._time_base), int(self._time_base / packet.time_base)
        packet.dts = (self._reorder.num_packets - self._file.decode_lead) * ticks
        packet.duration = 0  # every frame lasts one tick
        if self._file.frame_s is not None:
            packet.pts, packet.dts, packet.time_base = number, self._reorder.num_packets, self._file.frame_s
        self._reorder.add(number)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            with _silent_close():
                self._container.close()


def _segment_file(path: Path) -> OutputContainer:
    # By default NUT shifts all times if a dts is negative. Here only dts are negative, never a pts.
    return av.open(str(path), "w", container_options={"avoid_negative_ts": "disabled"})


def _rearranged(frame: av.VideoFrame, layout: str, color_range: int) -> av.VideoFrame:
    return frame.reformat(format=layout, src_color_range=color_range, dst_color_range=color_range, threads=1)


def _frame_number(packet: "av.Packet[Any]", time_base: Fraction) -> int:
    number = Fraction(packet.pts or 0) * packet.time_base / time_base
    if packet.pts is None or number.denominator != 1:
        raise SegmentInvalid(
            "the time of a packet is not a multiple of the frame duration",
            got=f"pts {packet.pts} x {packet.time_base}",
        )
    return number.numerator


def _segment_errors(path: Path) -> AbstractContextManager[None]:
    return ffmpeg_errors(SegmentInvalid, "FFmpeg cannot write or read a segment", where=str(path))


@contextmanager
def _silent_close() -> Iterator[None]:
    """Suppress errors of closing a file that an earlier error left incomplete: the first error is the one to report."""
    try:
        yield
    except (av.FFmpegError, OSError, ValueError):
        return


# ---- verifying -----------------------------------------------------------------------------------------------------


def verify_segment(
    path: Path, *, facts: SegmentFacts, source_hashes: Sequence[str] | None, has_alpha: bool = False, threads: int = 1
) -> None:
    """Read the segment back and check packets, times, that every frame decodes, and in a lossless codec every sample.

    `source_hashes` are those of the pictures given to a lossless encoder, in order; None for any other encoder.
    With `has_alpha`, every frame must have alpha. `threads` are those of the decoder.

    Raises:
        SegmentInvalid: the file does not match `facts` and the hashes.
    """
    with _segment_errors(path), av.open(str(path)) as container:
        stream = container.streams.video[0]
        _expect(path, "global header", facts.extradata_sha256, extradata_sha256(stream.codec_context))
        decoder = decoder_of(stream, alpha=has_alpha)
        decoder.thread_count = threads
        hashes = _read_back(path, stream, decoder, facts, has_alpha=has_alpha, hashing=source_hashes is not None)
    if source_hashes is not None:
        _expect(path, "decoded pictures", list(source_hashes), hashes)


def _read_back(
    path: Path, stream: VideoStream, decoder: VideoCodecContext, facts: SegmentFacts, *, has_alpha: bool, hashing: bool
) -> list[str]:
    """Check packets and decoded frames of a whole segment. Returns the hashes of its pictures if `hashing` is set."""
    size = stream.codec_context.width, stream.codec_context.height
    packet_pts: list[int | None] = []
    frame_pts: list[int | None] = []
    hashes: list[str] = []
    for packet in cast("InputContainer", stream.container).demux(stream):
        if packet.size:
            if not packet_pts:
                _expect(path, "pts and keyframe flag of the first packet", (0, True), (packet.pts, packet.is_keyframe))
            packet_pts.append(packet.pts)
        for frame in decoder.decode(packet if packet.size else None):
            _expect(
                path,
                "width, height, alpha and damage of a picture",
                (*size, has_alpha, False),
                (frame.width, frame.height, may_have_alpha(frame.format), frame.is_corrupt),
            )
            frame_pts.append(frame.pts)
            if hashing:
                hashes.append(picture_from_frame(frame, planar_format(frame.format.name, alpha=has_alpha)).hash())
    step = frame_pts[1] or 0 if len(frame_pts) > 1 else 1
    times = [number * step for number in range(facts.num_frames)] if step > 0 else []
    _expect(path, "frame times", times, frame_pts)
    _expect(path, "packet times", times, sorted(pts for pts in packet_pts if pts is not None))
    _expect(path, "number of packets", facts.num_frames, len(packet_pts))
    return hashes


def _expect(path: Path, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise SegmentInvalid(
            f"the segment does not match what was encoded: {what}",
            where=str(path),
            expected=_shortened(expected),
            got=_shortened(got),
        )


def _shortened(value: object) -> str:
    text = str(value)
    return text if len(text) <= 200 else f"{text[:90]} ... {text[-90:]}"


# ---- what works here -----------------------------------------------------------------------------------------------


def encoder_works(name: str) -> bool:
    """True if this machine can open the encoder and encode a frame with it; being listed by FFmpeg does not
    prove that."""
    try:
        context = av.CodecContext.create(name, "w")
        if not isinstance(context, VideoCodecContext):
            return False
        formats = context.codec.video_formats
        pix_fmt = formats[0].name if formats else "yuv420p"
        context.width, context.height, context.pix_fmt = 320, 240, pix_fmt
        context.time_base, context.framerate = Fraction(1, 25), Fraction(25)
        frame = av.VideoFrame(320, 240, pix_fmt)
        frame.pts = 0
        with keep_thread_priority():
            packets = [*context.encode(frame), *context.encode(None)]
    except (av.FFmpegError, ValueError):
        return False
    return len(packets) > 0
