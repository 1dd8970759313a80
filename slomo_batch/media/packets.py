"""Stream headers and coded packets as plain records, and their conversion to and from PyAV."""

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal, cast

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import CodecContext
from av.packet import PacketSideData, packet_sidedata_type_from_literal
from av.stream import Stream
from av.subtitles.codeccontext import SubtitleCodecContext
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnsupported
from slomo_batch.media.picture_limits import DECODER_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHeader:
    """Everything that a decoder must know about a stream before its first packet."""

    kind: Literal["video", "audio", "subtitle"]
    time_base: Fraction
    """Seconds per tick of the packets' timestamps."""
    codec: str
    """FFmpeg's name of the codec, not of one of its decoders."""
    decoder: str = ""
    """FFmpeg's name of the decoder found for the codec; empty: the one with the codec's own name. The two can differ:
    the decoder named av1 needs a graphics device, and the one named mp3 rounds to 16 bits."""
    extradata: bytes = b""
    codec_tag: str = ""
    """Four characters; empty if the tag is zero or not text."""
    width: int = 0
    height: int = 0
    pix_fmt: str = ""
    bits_per_coded_sample: int = 0
    reorder_depth: int = 0
    """Number of frames that the decoder holds back to put them in order, as found when the container was probed."""
    sample_aspect_ratio: Fraction = Fraction(0)
    """0 if the file does not state one."""
    color_range: int = 0
    """FFmpeg's number. The next three are numbers of ITU-T H.273. 0 (range) and 2 (the others) mean unspecified."""
    color_primaries: int = 2
    color_transfer: int = 2
    color_matrix: int = 2
    field_order: int = 0
    """FFmpeg's number of the field order that the container states; 0 if it states none. Some decoders mark their
    frames as interlaced by it."""
    sample_rate: int = 0
    layout: str = ""
    """FFmpeg's name of the channel layout. Like the sample rate, it is unknown if the audio starts late in a file whose
    only headers are those in the audio packets."""
    sample_format: str = ""
    bit_rate: int = 0
    language: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedPacket:
    """One coded packet with everything that the demuxer reports about it."""

    stream: int
    """Index of its stream among the archive's headers."""
    pts: int | None
    dts: int | None
    duration: int | None
    is_keyframe: bool
    is_discarded: bool
    """True if the packet is decoded only because other frames refer to it, and never shown (edit lists)."""
    data: bytes
    side_data: tuple[tuple[str, bytes], ...] = field(default=())
    """Pairs of the type, by PyAV's name, and the data."""


_NEEDS_BLOCK_ALIGN = ("wma", "atrac", "cook", "sipr", "ra_", "adpcm_g726", "gsm_ms", "truespeech", "qdm", "metasound")
"""Prefixes of codec names whose decoders need the block size (block_align), which PyAV does not expose."""
_FIXED_DECODER_OPTIONS = {"adpcm_ima_wav": {"bits_per_coded_sample": "4"}}
"""Decoder options for values that PyAV does not expose but that are always the same."""


ALPHA_BESIDE: Literal["matroska_block_additional"] = "matroska_block_additional"
"""The side data of a packet that has alpha, by PyAV's name."""
_ALPHA_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
"""Decoders of codecs whose alpha is beside their packets. FFmpeg's own decoders ignore it."""


# ---- to and from PyAV ----------------------------------------------------------------------------------------------


def has_alpha_beside(stream: Stream) -> bool:
    """True if the stream has alpha beside its packets, as VP8 and VP9 have it in Matroska and WebM."""
    context = stream.codec_context
    is_stated = context is not None and stream.metadata.get("alpha_mode") == "1"
    return is_stated and context.codec.canonical_name in _ALPHA_DECODERS


def decoder_of(stream: VideoStream, *, alpha: bool) -> VideoCodecContext:
    """The decoder of a stream: with `alpha`, one that also decodes alpha beside the packets."""
    if not (alpha and has_alpha_beside(stream)):
        return stream.codec_context
    header = stream_header(stream, alpha=True)
    return cast("VideoCodecContext", open_decoder(header, thread_count=stream.codec_context.thread_count))


def stream_header(stream: Stream, *, alpha: bool = False) -> StreamHeader:
    """The header of a demuxed video, audio or subtitle stream; with `alpha`, for a decoder that decodes alpha too.

    Raises:
        SourceUnsupported: the stream is of another kind, or this build of FFmpeg has no decoder for it.
    """
    context = stream.codec_context
    if isinstance(context, VideoCodecContext):
        named = _common(stream)
        if alpha and has_alpha_beside(stream):
            named["decoder"] = _ALPHA_DECODERS[named["codec"]]
        return StreamHeader(
            kind="video",
            **named,
            width=context.width,
            height=context.height,
            pix_fmt=context.pix_fmt or "",
            bits_per_coded_sample=context.bits_per_coded_sample,
            reorder_depth=context.reorder_depth,
            sample_aspect_ratio=sample_aspect_ratio_of(stream),
            color_range=context.color_range,
            color_primaries=context.color_primaries,
            color_transfer=context.color_trc,
            color_matrix=context.colorspace,
            field_order=context.field_order,
        )
    if isinstance(context, AudioCodecContext):
        return StreamHeader(
            kind="audio",
            **_common(stream),
            sample_rate=context.sample_rate,
            layout=context.layout.name if context.layout.nb_channels else "",
            sample_format=context.format.name if context.format else "",
            bit_rate=context.bit_rate or 0,
        )
    if isinstance(context, SubtitleCodecContext):
        return StreamHeader(kind="subtitle", **_common(stream))
    raise SourceUnsupported(f"this build of FFmpeg has no decoder for stream {stream.index} ({stream.type})")


def sample_aspect_ratio_of(stream: Stream) -> Fraction:
    """Pixel width over pixel height, as stated by the container, else by the codec; 0 if neither states it."""
    return (stream.sample_aspect_ratio if isinstance(stream, VideoStream) else None) or Fraction(0)


def can_be_archived(stream: Stream) -> bool:
    """True if a decoder opened from the stream's header works as well as the demuxer's own."""
    context = stream.codec_context
    return context is not None and not context.codec.canonical_name.startswith(_NEEDS_BLOCK_ALIGN)


_SELF_DESCRIBING = frozenset({"aac", "mp1", "mp2", "mp3", "ac3", "eac3", "dts", "truehd", "mlp"})
"""Codecs whose packets each state the number of channels and the sample rate."""


def has_audio_format(stream: Stream) -> bool:
    """True if the header of an audio track states channels and sample rate, or its packets can."""
    context = stream.codec_context
    if not isinstance(context, AudioCodecContext):
        return False
    is_stated = context.layout.nb_channels > 0 and context.sample_rate > 0
    return is_stated or context.codec.canonical_name in _SELF_DESCRIBING


def _common(stream: Stream) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "codec": context.codec.canonical_name,
        "decoder": context.codec.name,
        "time_base": stream.time_base or Fraction(1, 1000),
        "extradata": context.extradata or b"",
        "codec_tag": codec_tag(context),
        "language": stream.language or "",
        "title": stream.metadata.get("title", ""),
    }


def codec_tag(context: CodecContext) -> str:
    """The four characters of the codec tag; empty if they are zero or PyAV cannot read them as text."""
    try:
        tag = context.codec_tag
    except UnicodeDecodeError:
        return ""
    return tag if tag.strip("\0") else ""


def open_decoder(header: StreamHeader, *, thread_count: int = 1) -> CodecContext:
    """A decoder for the packets of this stream. FFmpeg opens it at the first packet."""
    context: CodecContext = CodecContext.create(header.decoder or header.codec, "r")
    context.thread_count = thread_count
    context.extradata = header.extradata or None
    if header.codec_tag:
        context.codec_tag = header.codec_tag
    time_base = f"{header.time_base.numerator}/{header.time_base.denominator}"
    limits = DECODER_OPTIONS if isinstance(context, VideoCodecContext) else {}
    context.options = {"pkt_timebase": time_base, **limits, **_FIXED_DECODER_OPTIONS.get(header.codec, {})}
    if isinstance(context, VideoCodecContext):
        _configure_video(context, header)
    if isinstance(context, AudioCodecContext):
        _configure_audio(context, header)
    return context


def _configure_video(context: VideoCodecContext, header: StreamHeader) -> None:
    context.width, context.height = header.width, header.height
    if header.pix_fmt:
        context.pix_fmt = header.pix_fmt
    context.bits_per_coded_sample = header.bits_per_coded_sample
    context.reorder_depth = header.reorder_depth
    context.color_range = header.color_range
    context.color_primaries = header.color_primaries
    context.color_trc = header.color_transfer
    context.colorspace = header.color_matrix
    context.field_order = header.field_order


def _configure_audio(context: AudioCodecContext, header: StreamHeader) -> None:
    if header.sample_rate:
        context.sample_rate = header.sample_rate
    if header.layout:
        context.layout = header.layout
    if header.sample_format:
        context.format = header.sample_format
    if header.bit_rate:
        context.bit_rate = header.bit_rate


def from_av(packet: "av.Packet[Any]", stream: int) -> ArchivedPacket:
    """The packet as demuxed. `stream` is the index of its stream among the archive's headers."""
    return ArchivedPacket(
        stream=stream,
        pts=packet.pts,
        dts=packet.dts,
        duration=packet.duration,
        is_keyframe=packet.is_keyframe,
        is_discarded=packet.is_discard,
        data=bytes(packet),
        side_data=tuple((side.data_type, bytes(side)) for side in packet.iter_sidedata() if side),
    )


def to_av(packet: ArchivedPacket, header: StreamHeader) -> "av.Packet[Any]":
    """The packet for a decoder or a muxer. PyAV cannot set the discard flag: check `is_discarded` instead.

    The data is copied into a buffer that FFmpeg allocates: decoders read past the end of a packet, and only such a
    buffer has zeros there.
    """
    packet_av: av.Packet[Any] = av.Packet(len(packet.data))
    if packet.data:
        packet_av.update(packet.data)
    packet_av.pts, packet_av.dts, packet_av.duration = packet.pts, packet.dts, packet.duration
    packet_av.time_base = header.time_base
    packet_av.is_keyframe = packet.is_keyframe
    for kind, data in packet.side_data:
        side = PacketSideData(packet_sidedata_type_from_literal(kind), len(data))  # type: ignore[call-arg,arg-type]
        memoryview(side)[:] = data
        packet_av.set_sidedata(side)
    return packet_av
