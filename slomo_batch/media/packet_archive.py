"""Packet archive: a file of coded packets exactly as demuxed. Its format is described in docs/packet-archive.md.

No container keeps every codec, negative timestamps, discard flags and extradata that changes midway; a packet
archive does. It consists of a head (the streams' headers and a note), the packets in decode order, and a tail
(count, checksum, and note entries known only at the end). Truncation is detected from the tail when the archive is
opened; changed bytes are detected by the checksum of each packet when it is read.
"""

import json
import struct
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from types import TracebackType
from typing import IO, Any, Self
from zlib import crc32

from slomo_batch.errors import SegmentInvalid
from slomo_batch.media.packets import ArchivedPacket, StreamHeader

JSON = str | int | float | bool | None | Sequence["JSON"] | Mapping[str, "JSON"]

MAGIC, END_MAGIC = b"SLOMOPKT", b"TKPOMOLS"
VERSION = 1
_HEAD = struct.Struct("<8sIII")
"""Magic, version, size and checksum of the JSON that follows."""
_PACKET = struct.Struct("<cBHHxxqqqII")
"""Tag, flags, stream, number of side data entries, pts, dts, duration, side data size, payload size."""
_SIDE = struct.Struct("<BI")
"""Length of the type's name and size of the data; the name and the data follow."""
_CHECKSUM = struct.Struct("<I")
_TAIL = struct.Struct("<II8s")
"""Size and checksum of the JSON before it, then the magic: the last bytes of the file."""
_KEYFRAME, _DISCARDED, _HAS_PTS, _HAS_DTS, _HAS_DURATION = 1, 2, 4, 8, 16


# ---- writing -------------------------------------------------------------------------------------------------------


def packet_record(packet: ArchivedPacket) -> bytes:
    """The packet as bytes of an archive, ending with its checksum; the same in every archive."""
    side = b"".join(_SIDE.pack(len(name), len(data)) + name.encode() + data for name, data in packet.side_data)
    flags = _KEYFRAME * packet.is_keyframe | _DISCARDED * packet.is_discarded
    flags |= _HAS_PTS * (packet.pts is not None) | _HAS_DTS * (packet.dts is not None)
    flags |= _HAS_DURATION * (packet.duration is not None)
    times = packet.pts or 0, packet.dts or 0, packet.duration or 0
    front = _PACKET.pack(b"P", flags, packet.stream, len(packet.side_data), *times, len(side), len(packet.data))
    return b"".join((front, side, packet.data, _CHECKSUM.pack(crc32(packet.data, crc32(front + side)))))


class ArchiveWriter:
    """Write an archive to a binary file sequentially. The caller closes the file.

    As a context manager it completes the archive, unless an exception is raised: then the tail is missing, so
    readers refuse the file.
    """

    def __init__(self, file: IO[bytes], headers: Sequence[StreamHeader], note: Mapping[str, JSON]) -> None:
        self._file = file
        self._num_streams = len(headers)
        self._checksum = 0
        self.num_packets = 0
        self.size_bytes = 0
        text = _json({"streams": [_header_to_json(header) for header in headers], "note": note})
        self._write(_HEAD.pack(MAGIC, VERSION, len(text), crc32(text)) + text)

    def add(self, packet: ArchivedPacket) -> None:
        """Write the next packet in decode order."""
        if not 0 <= packet.stream < self._num_streams:
            raise ValueError(f"packet of stream {packet.stream}, but the archive has {self._num_streams} streams")
        self.add_record(packet_record(packet))

    def add_record(self, record: bytes) -> None:
        """Write the next packet, given as the result of `packet_record`."""
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


def _header_to_json(header: StreamHeader) -> dict[str, JSON]:
    fields: dict[str, JSON] = {name: getattr(header, name) for name in header.__slots__}
    fields |= {name: str(fields[name]) for name in _FRACTIONS}
    return fields | {"extradata": b64encode(header.extradata).decode()}


# ---- reading -------------------------------------------------------------------------------------------------------


class ArchiveReader:
    """Read an archive from a seekable binary file. Iteration yields the packets in decode order and can be repeated.

    Raises:
        SegmentInvalid: on opening, if the file is not a packet archive, has another version or is truncated; during
            iteration, if bytes have changed. The message gives the position.
    """

    def __init__(self, file: IO[bytes], name: str = "") -> None:
        self._file = file
        self._name = name or str(getattr(file, "name", "packet archive"))
        head = self._head()
        self._first_packet = file.tell()
        tail, self._end = self._tail()
        try:
            self.headers = tuple(_header_from_json(fields) for fields in head["streams"])
            self.note: dict[str, Any] = {**head["note"], **tail["note"]}
            self.num_packets: int = tail["num_packets"]
            self._checksum: int = tail["checksum"]
        except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
            raise self._invalid("an entry is missing or invalid in the head or tail", 0, got=repr(error)) from error

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
            raise self._invalid("the packets do not match the count and checksum in the tail", offset)

    def _packet(self, number: int, offset: int) -> tuple[ArchivedPacket, bytes]:
        front = self._file.read(_PACKET.size)
        if len(front) < _PACKET.size or front[:1] != b"P":
            raise self._invalid(f"packet {number} is missing", offset)
        _, flags, stream, num_sides, pts, dts, duration, side_size, data_size = _PACKET.unpack(front)
        if offset + _PACKET.size + side_size + data_size + _CHECKSUM.size > self._end:
            raise self._invalid(f"packet {number} extends past the end of the packets", offset)
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
            raise self._invalid("unsupported packet archive version", 0, expected=str(VERSION), got=str(version))
        return self._document(self._file.read(size), checksum, "head", _HEAD.size)

    def _tail(self) -> tuple[dict[str, Any], int]:
        size = self._file.seek(0, 2)
        self._file.seek(max(size - _TAIL.size, 0))
        back = self._file.read(_TAIL.size)
        if len(back) < _TAIL.size or not back.endswith(END_MAGIC):
            raise self._invalid("the packet archive is truncated", size)
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


def _header_from_json(fields: Mapping[str, Any]) -> StreamHeader:
    fractions = {name: Fraction(fields[name]) for name in _FRACTIONS}
    return StreamHeader(**{**fields, **fractions, "extradata": b64decode(fields["extradata"])})


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
    """Describe an archive line by line: note, streams, packets."""
    archive = ArchiveReader(file)
    yield f"packet archive, version {VERSION}, {archive.num_packets} packets"
    yield f"note {json.dumps(archive.note, ensure_ascii=False)}"
    for number, header in enumerate(archive.headers):
        yield f"stream {number} " + " ".join(f"{name}={value}" for name, value in _stated_fields(header))
    for number, packet in enumerate(archive):
        flags = ("K" if packet.is_keyframe else "-") + ("D" if packet.is_discarded else "-")
        sides = "".join(f" {kind}[{len(data)}]" for kind, data in packet.side_data)
        times = f"pts={packet.pts} dts={packet.dts} duration={packet.duration}"
        yield f"packet {number} stream={packet.stream} {times} {flags} bytes={len(packet.data)}{sides}"


def _stated_fields(header: StreamHeader) -> Iterator[tuple[str, object]]:
    for name, value in _header_to_json(header).items():
        if value != StreamHeader.__dataclass_fields__[name].default:
            yield name, f"{len(header.extradata)} bytes" if name == "extradata" else value
