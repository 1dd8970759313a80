"""Packet archive: coded packets in a file of our own, exactly as a demuxer gave them. Format in docs/packet-archive.md.

No container keeps every codec, negative timestamps, discard flags and extradata that changes midway; this does. A file
holds a head (the streams' headers and a note), the packets in decode order, and a tail (count, checksum, and what of
the note was known only at the end). Whatever is cut off or altered is found: by the tail when the archive is opened,
by each packet's own checksum as it is read.
"""

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from types import TracebackType
from typing import IO, Any, Literal, Self
from zlib import crc32

import av
from av.audio.codeccontext import AudioCodecContext
from av.codec.context import CodecContext
from av.packet import PacketSideData, packet_sidedata_type_from_literal
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from slomo_batch.errors import SegmentInvalid, SourceUnsupported
from slomo_batch.media.picture_limits import DECODER_OPTIONS

JSON = str | int | float | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]

MAGIC, END_MAGIC = b"SLOMOPKT", b"TKPOMOLS"
VERSION = 1
_HEAD = struct.Struct("<8sIII")
"""Magic, version, size and checksum of the JSON that follows."""
_PACKET = struct.Struct("<cBHHxxqqqII")
"""Tag, flags, stream, number of side data, pts, dts, duration, size of the side data, size of the payload."""
_SIDE = struct.Struct("<BI")
"""Length of the type's name, size of the data; name and data follow."""
_CHECKSUM = struct.Struct("<I")
_TAIL = struct.Struct("<II8s")
"""Size and checksum of the JSON that stands before, magic: the last bytes of the file."""
_KEYFRAME, _DISCARDED, _HAS_PTS, _HAS_DTS, _HAS_DURATION = 1, 2, 4, 8, 16


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamHeader:
    """All that a decoder must know of a stream before its first packet."""

    kind: Literal["video", "audio"]
    time_base: Fraction
    """Seconds per tick of the packets' times."""
    codec: str
    """FFmpeg's name of the codec, not of one of its decoders."""
    decoder: str = ""
    """FFmpeg's name of the decoder that was found for it; empty: the one of the codec's own name. They can differ: the
    decoder called av1 needs a graphics device, the one called mp3 rounds to 16 bits."""
    extradata: bytes = b""
    codec_tag: str = ""
    """Four characters; empty where the tag is none or not text."""
    width: int = 0
    height: int = 0
    pix_fmt: str = ""
    bits_per_coded_sample: int = 0
    reorder_depth: int = 0
    """How many frames the decoder holds back to put them in order, as the container's probing found it."""
    sample_aspect_ratio: Fraction = Fraction(0)
    """0 where the file says nothing."""
    color_range: int = 0
    """This and the next three as numbered by FFmpeg, that is by ITU-T H.273; 0 and 2: unspecified."""
    color_primaries: int = 2
    color_transfer: int = 2
    color_matrix: int = 2
    sample_rate: int = 0
    layout: str = ""
    """FFmpeg's name of the channel layout; like the rate, unknown where the sound begins late in a file that has no
    headers but those in the sound."""
    sample_format: str = ""
    bit_rate: int = 0
    language: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchivedPacket:
    """One coded packet and everything a demuxer says of it."""

    stream: int
    """Place of its stream among the archive's headers."""
    pts: int | None
    dts: int | None
    duration: int | None
    is_keyframe: bool
    is_discarded: bool
    """Decoded for its neighbours' sake, never shown (edit lists)."""
    data: bytes
    side_data: tuple[tuple[str, bytes], ...] = field(default=())
    """Type, by PyAV's name, and contents."""


_NEEDS_BLOCK_ALIGN = ("wma", "atrac", "cook", "sipr", "ra_", "adpcm_g726", "gsm_ms", "truespeech", "qdm", "metasound")
"""Codecs, by the start of their names, whose decoders must know the size of a block, which PyAV does not tell."""
_UNTOLD = {"adpcm_ima_wav": {"bits_per_coded_sample": "4"}}
"""Decoder options for what PyAV does not tell but which is always the same."""


# ---- to and from PyAV ----------------------------------------------------------------------------------------------


def header_of(stream: Stream) -> StreamHeader:
    """The header of a demuxed video or audio stream.

    Raises:
        SourceUnsupported: the stream is neither video nor audio, or no decoder for it is built in.
    """
    context = stream.codec_context
    if isinstance(context, VideoCodecContext):
        return StreamHeader(
            kind="video",
            **_common(stream),
            width=context.width,
            height=context.height,
            pix_fmt=context.pix_fmt or "",
            bits_per_coded_sample=context.bits_per_coded_sample,
            reorder_depth=context.reorder_depth,
            sample_aspect_ratio=stream_aspect_ratio(stream),
            color_range=context.color_range,
            color_primaries=context.color_primaries,
            color_transfer=context.color_trc,
            color_matrix=context.colorspace,
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
    raise SourceUnsupported(f"stream {stream.index} ({stream.type}) cannot be decoded by this build of FFmpeg")


def stream_aspect_ratio(stream: Stream) -> Fraction:
    """Width of a pixel over its height as the container, else the codec, states it; 0 when neither does."""
    return (stream.sample_aspect_ratio if isinstance(stream, VideoStream) else None) or Fraction(0)


def can_be_archived(stream: Stream) -> bool:
    """True where a decoder opened from the stream's header can do what the demuxer's own can."""
    context = stream.codec_context
    return context is not None and not context.codec.canonical_name.startswith(_NEEDS_BLOCK_ALIGN)


_SELF_DESCRIBING = frozenset({"aac", "mp1", "mp2", "mp3", "ac3", "eac3", "dts", "truehd", "mlp"})
"""Codecs whose every packet can say how many channels there are, and at which sample rate."""


def has_sound_format(stream: Stream) -> bool:
    """True where the header of a sound track states channels and a sample rate, or its packets can."""
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
    """The four characters of the codec tag; empty where PyAV cannot read them as text, or where they are zero."""
    try:
        tag = context.codec_tag
    except UnicodeDecodeError:
        return ""
    return tag if tag.strip("\0") else ""


def open_decoder(header: StreamHeader, *, thread_count: int = 1) -> CodecContext:
    """A decoder for the packets of this stream, not yet opened by FFmpeg: the first packet does that."""
    context: CodecContext = CodecContext.create(header.decoder or header.codec, "r")
    context.thread_count = thread_count
    context.extradata = header.extradata or None
    if header.codec_tag:
        context.codec_tag = header.codec_tag
    time_base = f"{header.time_base.numerator}/{header.time_base.denominator}"
    limits = DECODER_OPTIONS if isinstance(context, VideoCodecContext) else {}
    context.options = {"pkt_timebase": time_base, **limits, **_UNTOLD.get(header.codec, {})}
    if isinstance(context, VideoCodecContext):
        _tell_video(context, header)
    if isinstance(context, AudioCodecContext):
        _tell_audio(context, header)
    return context


def _tell_video(context: VideoCodecContext, header: StreamHeader) -> None:
    context.width, context.height = header.width, header.height
    if header.pix_fmt:
        context.pix_fmt = header.pix_fmt
    context.bits_per_coded_sample = header.bits_per_coded_sample
    context.reorder_depth = header.reorder_depth
    context.color_range = header.color_range
    context.color_primaries = header.color_primaries
    context.color_trc = header.color_transfer
    context.colorspace = header.color_matrix


def _tell_audio(context: AudioCodecContext, header: StreamHeader) -> None:
    if header.sample_rate:
        context.sample_rate = header.sample_rate
    if header.layout:
        context.layout = header.layout
    if header.sample_format:
        context.format = header.sample_format
    if header.bit_rate:
        context.bit_rate = header.bit_rate


def from_av(packet: "av.Packet[Any]", stream: int) -> ArchivedPacket:
    """The packet as it was demuxed; `stream` is its place among the archive's headers."""
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
    """The packet for a decoder or a muxer. PyAV cannot set the discard flag: look at `is_discarded` instead.

    The data is copied into a buffer of FFmpeg's own: decoders read beyond a packet's end, and only there find zeros.
    """
    made: av.Packet[Any] = av.Packet(len(packet.data))
    if packet.data:
        made.update(packet.data)
    made.pts, made.dts, made.duration = packet.pts, packet.dts, packet.duration
    made.time_base = header.time_base
    made.is_keyframe = packet.is_keyframe
    for kind, data in packet.side_data:
        side = PacketSideData(packet_sidedata_type_from_literal(kind), len(data))  # type: ignore[call-arg,arg-type]
        memoryview(side)[:] = data
        made.set_sidedata(side)
    return made


# ---- writing -------------------------------------------------------------------------------------------------------


def record_of(packet: ArchivedPacket) -> bytes:
    """The packet as it stands in an archive, its checksum last; the same in every archive."""
    side = b"".join(_SIDE.pack(len(name), len(data)) + name.encode() + data for name, data in packet.side_data)
    flags = _KEYFRAME * packet.is_keyframe | _DISCARDED * packet.is_discarded
    flags |= _HAS_PTS * (packet.pts is not None) | _HAS_DTS * (packet.dts is not None)
    flags |= _HAS_DURATION * (packet.duration is not None)
    times = packet.pts or 0, packet.dts or 0, packet.duration or 0
    front = _PACKET.pack(b"P", flags, packet.stream, len(packet.side_data), *times, len(side), len(packet.data))
    return b"".join((front, side, packet.data, _CHECKSUM.pack(crc32(packet.data, crc32(front + side)))))


class ArchiveWriter:
    """Writes an archive into a binary file, front to back. The file stays the caller's to close.

    As a context manager it closes the archive unless an exception passes: what is left then has no tail: refused.
    """

    def __init__(self, file: IO[bytes], headers: Sequence[StreamHeader], note: Mapping[str, JSON]) -> None:
        self._file = file
        self._num_streams = len(headers)
        self._checksum = 0
        self.num_packets = 0
        self.size_bytes = 0
        text = _json({"streams": [_spelled(header) for header in headers], "note": note})
        self._write(_HEAD.pack(MAGIC, VERSION, len(text), crc32(text)) + text)

    def add(self, packet: ArchivedPacket) -> None:
        """Write the next packet in decode order."""
        if not 0 <= packet.stream < self._num_streams:
            raise ValueError(f"the archive has {self._num_streams} streams, got a packet of stream {packet.stream}")
        self.add_record(record_of(packet))

    def add_record(self, record: bytes) -> None:
        """Write the next packet, given as `record_of` spelled it."""
        self._checksum = crc32(record[-_CHECKSUM.size :], self._checksum)
        self.num_packets += 1
        self._write(record)

    def close(self, late_note: Mapping[str, JSON] | None = None) -> None:
        """Write the tail. Entries of `late_note` replace those of the note."""
        text = _json({"num_packets": self.num_packets, "checksum": self._checksum, "note": late_note or {}})
        self._write(b"E" + text + _TAIL.pack(len(text), crc32(text), END_MAGIC))
        self._file.flush()

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self.size_bytes += len(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()


def _json(value: JSON) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "replace")


_FRACTIONS = ("time_base", "sample_aspect_ratio")


def _spelled(header: StreamHeader) -> dict[str, JSON]:
    spelled: dict[str, JSON] = {name: getattr(header, name) for name in header.__slots__}
    spelled |= {name: str(spelled[name]) for name in _FRACTIONS}
    return spelled | {"extradata": b64encode(header.extradata).decode()}


# ---- reading -------------------------------------------------------------------------------------------------------


class ArchiveReader:
    """Reads an archive from a seekable binary file. Iterating gives the packets in decode order, any number of times.

    Raises:
        SegmentInvalid: on opening: no archive, another version, cut off; while iterating: altered bytes, with where.
    """

    def __init__(self, file: IO[bytes], name: str = "") -> None:
        self._file = file
        self._name = name or str(getattr(file, "name", "packet archive"))
        head = self._head()
        self._first_packet = file.tell()
        tail, self._end = self._tail()
        try:
            self.headers = tuple(_header(spelled) for spelled in head["streams"])
            self.note: dict[str, Any] = {**head["note"], **tail["note"]}
            self.num_packets: int = tail["num_packets"]
            self._checksum: int = tail["checksum"]
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise self._invalid("head or tail lacks an entry", 0, got=repr(error)) from error

    def __iter__(self) -> Iterator[ArchivedPacket]:
        self._file.seek(self._first_packet)
        offset, checksum = self._first_packet, 0
        for number in range(self.num_packets):
            packet, own = self._packet(number, offset)
            checksum = crc32(own, checksum)
            offset = self._file.tell()
            yield packet
            self._file.seek(offset)
        if self._file.read(1) != b"E" or offset != self._end or checksum != self._checksum:
            raise self._invalid("the packets are not those the tail counts", offset)

    def _packet(self, number: int, offset: int) -> tuple[ArchivedPacket, bytes]:
        front = self._file.read(_PACKET.size)
        if len(front) < _PACKET.size or front[:1] != b"P":
            raise self._invalid(f"packet {number} is missing", offset)
        _, flags, stream, num_sides, pts, dts, duration, side_size, data_size = _PACKET.unpack(front)
        if offset + _PACKET.size + side_size + data_size + _CHECKSUM.size > self._end:
            raise self._invalid(f"packet {number} runs beyond the end", offset)
        side, data, own = (self._file.read(size) for size in (side_size, data_size, _CHECKSUM.size))
        if own != _CHECKSUM.pack(crc32(data, crc32(front + side))) or stream >= len(self.headers):
            raise self._invalid(f"packet {number} does not match its checksum", offset)
        packet = ArchivedPacket(
            stream=stream,
            pts=pts if flags & _HAS_PTS else None,
            dts=dts if flags & _HAS_DTS else None,
            duration=duration if flags & _HAS_DURATION else None,
            is_keyframe=bool(flags & _KEYFRAME),
            is_discarded=bool(flags & _DISCARDED),
            data=data,
            side_data=_side_data(side, num_sides),
        )
        return packet, own

    def _head(self) -> dict[str, Any]:
        self._file.seek(0)
        front = self._file.read(_HEAD.size)
        if len(front) < _HEAD.size or not front.startswith(MAGIC):
            raise self._invalid("not a packet archive", 0, got=repr(front[: len(MAGIC)]))
        _, version, size, checksum = _HEAD.unpack(front)
        if version != VERSION:
            raise self._invalid("a packet archive of another version", 0, expected=str(VERSION), got=str(version))
        return self._document(self._file.read(size), checksum, "head", _HEAD.size)

    def _tail(self) -> tuple[dict[str, Any], int]:
        size = self._file.seek(0, 2)
        self._file.seek(max(size - _TAIL.size, 0))
        back = self._file.read(_TAIL.size)
        if len(back) < _TAIL.size or not back.endswith(END_MAGIC):
            raise self._invalid("the archive is cut off", size)
        length, checksum, _ = _TAIL.unpack(back)
        start = size - _TAIL.size - length
        if start <= self._first_packet:
            raise self._invalid("the tail is larger than the archive", size)
        self._file.seek(start)
        return self._document(self._file.read(length), checksum, "tail", start), start - 1

    def _document(self, text: bytes, checksum: int, what: str, offset: int) -> dict[str, Any]:
        if crc32(text) != checksum:
            raise self._invalid(f"the {what} does not match its checksum", offset)
        document: dict[str, Any] = json.loads(text)
        return document

    def _invalid(self, what: str, offset: int, *, expected: str = "", got: str = "") -> SegmentInvalid:
        where = f"{self._name}, byte {offset}"
        return SegmentInvalid(what, where=where, expected=expected, got=got)


def _header(spelled: Mapping[str, Any]) -> StreamHeader:
    fractions = {name: Fraction(spelled[name]) for name in _FRACTIONS}
    return StreamHeader(**{**spelled, **fractions, "extradata": b64decode(spelled["extradata"])})


def _side_data(side: bytes, num_sides: int) -> tuple[tuple[str, bytes], ...]:
    found, at = [], 0
    for _ in range(num_sides):
        name_length, size = _SIDE.unpack_from(side, at)
        at += _SIDE.size
        name = side[at : at + name_length].decode()
        at += name_length
        found.append((name, side[at : at + size]))
        at += size
    return tuple(found)


def dump(file: IO[bytes]) -> Iterator[str]:
    """An archive in words, a line at a time: note, streams, packets."""
    archive = ArchiveReader(file)
    yield f"packet archive, version {VERSION}, {archive.num_packets} packets"
    yield f"note {json.dumps(archive.note, ensure_ascii=False)}"
    for number, header in enumerate(archive.headers):
        yield f"stream {number} " + " ".join(f"{name}={value}" for name, value in _told(header))
    for number, packet in enumerate(archive):
        flags = ("K" if packet.is_keyframe else "-") + ("D" if packet.is_discarded else "-")
        sides = "".join(f" {kind}[{len(data)}]" for kind, data in packet.side_data)
        times = f"pts={packet.pts} dts={packet.dts} duration={packet.duration}"
        yield f"packet {number} stream={packet.stream} {times} {flags} bytes={len(packet.data)}{sides}"


def _told(header: StreamHeader) -> Iterator[tuple[str, object]]:
    for name, value in _spelled(header).items():
        if value != StreamHeader.__dataclass_fields__[name].default:
            yield name, f"{len(header.extradata)} bytes" if name == "extradata" else value
