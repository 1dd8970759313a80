"""The packet index of a source: from the moov alone if an MP4 or MOV allows it, else from one pass over the file.

The moov of an unfragmented MP4 describes every packet. The file is demuxed with zeros in place of the payload: times
and sizes are exact; the keyframe flags are wrong then and come from the container's index instead. If anything is
inconsistent, the whole file is read.
"""

from array import array
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnreadable
from slomo_batch.media.audio_jumps import DISCONTINUOUS_FORMATS, MIN_JUMP_S, MIN_JUMP_STEPS, AudioJumps
from slomo_batch.media.demux import demux_packets
from slomo_batch.media.mp4_boxes import FIRST_BOXES, MAX_TOP_BOXES, top_boxes
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.sequence_headers import sequence_headers
from slomo_batch.timeline.index import FALLBACK_RATE, Bools, Int64s, VideoIndex
from slomo_batch.timeline.joins import (
    find_part_starts,
    forward_jumps,
    median_step,
    packet_offsets,
    place_joins,
    separate_last_frames,
)

INDEXED_BY_HEADER = frozenset(
    {
        "h264",
        "hevc",
        "av1",
        "vp9",
        "vp8",
        "mpeg4",
        "prores",
        "dnxhd",
        "mjpeg",
        "png",
        "ffv1",
        "rawvideo",
        "v210",
        "dvvideo",
    }
)
"""Codecs whose packets FFmpeg takes from an MP4 exactly as the moov lists them, without parsing them for their
boundaries."""
MAX_TICKS = 1 << 59
"""A larger timestamp is invalid; sums and differences of smaller ones fit in 64 bits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PacketIndex:
    """The index of the video stream, and what was noticed while reading its packets."""

    index: VideoIndex
    read_in_full: bool
    """True if the whole file was read."""
    is_cut_off: bool
    """True if packets lie beyond the end of the file."""
    has_timestamps: bool
    """False if packets lack timestamps, so that times were assigned in decode order."""
    has_new_extradata: bool
    """True if the decoder's extradata changes midway."""
    end_byte: int
    """End of the last packet in the file, in bytes; 0 if the demuxer does not report it."""
    num_undecodable: int
    """Number of packets between a join and the next keyframe. They cannot be decoded, and are marked as discarded."""


_NO_TIME = -(1 << 63)
_KEYFRAME, _DISCARDED, _NEW_EXTRADATA = 1, 2, 4


class _PacketColumns:
    """The packets' properties, compactly: a film of several hours has a million packets."""

    def __init__(self) -> None:
        self.pts, self.dts, self.size, self.duration = (array("q") for _ in range(4))
        self.flags = bytearray()
        self.end_byte = 0
        self._latest = _NO_TIME

    def is_backward_jump(self, packet: "av.Packet[Any]") -> bool:
        """True for a keyframe whose time is before that of an earlier packet: it may begin a part of a joined file."""
        return packet.is_keyframe and packet.pts is not None and packet.pts < self._latest

    def add(self, packet: "av.Packet[Any]") -> None:
        self.end_byte = max(self.end_byte, (packet.pos or 0) + packet.size)
        self.pts.append(_NO_TIME if packet.pts is None else packet.pts)
        self._latest = max(self._latest, self.pts[-1])
        self.dts.append(_NO_TIME if packet.dts is None else packet.dts)
        self.size.append(packet.size)
        self.duration.append(packet.duration or 0)
        is_shown = not packet.is_discard and not _is_theora_header(packet)
        flags = _KEYFRAME * packet.is_keyframe | _DISCARDED * (not is_shown)
        self.flags.append(flags | _NEW_EXTRADATA * packet.has_sidedata("new_extradata"))

    def has(self, flag: int) -> Bools:
        return (np.frombuffer(bytes(self.flags), np.uint8) & flag).astype(np.bool_)


def _is_theora_header(packet: "av.Packet[Any]") -> bool:
    """True for a Theora header among the packets: concatenated Ogg files repeat them."""
    context = packet.stream.codec_context
    return context is not None and context.name == "theora" and bytes(memoryview(packet)[:1]) >= b"\x80"


PacketInspector = Callable[["av.Packet[Any]"], bool]
"""A callback that gets the first packets with their payload and returns True as long as it needs more.

After that it gets only keyframes that may begin a part of a joined file.
"""


class ZeroFilledFile:
    """The file, with zeros beyond its real end and, once `is_zero_filled` is set, everywhere."""

    def __init__(self, reader: RangeReader) -> None:
        self.is_zero_filled = False
        self.end = reader.size_bytes
        """Where reading ends; zeros are read beyond the end of the real file."""
        self._reader = reader

    @property
    def size_bytes(self) -> int:
        """Size of the real file."""
        return self._reader.size_bytes

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Move the position."""
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        """Return the position."""
        return self._reader.tell()

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes, real or zero."""
        start = self._reader.tell()
        num_bytes = max((self.end if size < 0 else min(start + size, self.end)) - start, 0)
        real = b"" if self.is_zero_filled else self._reader.read(num_bytes)
        if self._reader.failure is not None:
            return b""
        self._reader.seek(start + num_bytes)
        return real.ljust(num_bytes, b"\0")


# ---- from the moov -------------------------------------------------------------------------------------------------


def has_whole_moov(reader: RangeReader, name: str) -> bool:
    """True for an MP4 or MOV with a moov and, as far as its top-level boxes show, no fragments.

    Raises:
        SourceUnreadable: the file begins like an MP4 but has no moov.
    """
    kinds = [kind for kind, _ in top_boxes(reader)]
    if not kinds or kinds[0] not in FIRST_BOXES:
        return False
    if b"moov" not in kinds and kinds[0] == b"ftyp" and len(kinds) < MAX_TOP_BOXES:
        raise SourceUnreadable(
            "the file has no index (moov)",
            where=name,
            remedy="It is truncated, or its recording did not finish: copy it again, or repair it.",
        )
    return b"moov" in kinds and b"moof" not in kinds


def index_from_moov(
    container: InputContainer, video: VideoStream, file: ZeroFilledFile, inspect: PacketInspector, name: str
) -> PacketIndex | None:
    """Index the video from the moov alone, except for the packets that `inspect` needs; None if the moov is not
    sufficient.

    Raises:
        SourceUnreadable: the video has no packet.
    """
    if video.codec_context.codec.canonical_name not in INDEXED_BY_HEADER:
        return None
    sizes, keyframes, end = _index_entries(video)
    if not len(sizes) or max(sizes) > file.size_bytes:
        return None
    file.end = max(end, file.size_bytes)
    columns = _PacketColumns()
    for packet in demux_packets(container, [video]):
        columns.add(packet)
        file.is_zero_filled = file.is_zero_filled or not inspect(packet)
    if columns.size != sizes:
        return None
    return _packet_index(columns, video, name, keyframes, read_in_full=False, is_cut_off=end > file.size_bytes)


def _index_entries(video: VideoStream) -> tuple["array[int]", Bools, int]:
    """Sizes and keyframe flags from the container's index, and the end of the payload in bytes."""
    sizes, keyframes, end = array("q"), bytearray(), 0
    for entry in video.index_entries:
        sizes.append(entry.size)
        keyframes.append(entry.is_keyframe)
        end = max(end, entry.pos + entry.size)
    return sizes, np.frombuffer(bytes(keyframes), np.bool_), end


# ---- from all packets ----------------------------------------------------------------------------------------------


def index_from_packets(
    container: InputContainer,
    video: VideoStream,
    inspect: PacketInspector,
    name: str,
    sample: "Callable[[av.Packet[Any]], None]",
) -> PacketIndex:
    """Index the video by reading the file to its end. `sample` gets every packet of the video.

    Raises:
        SourceUnreadable: the video has no packet.
    """
    columns, needs_more, audio_jumps = _PacketColumns(), True, AudioJumps()
    codec, known = video.codec_context.codec.canonical_name, frozenset[bytes]()
    may_jump = container.format.name in DISCONTINUOUS_FORMATS
    streams = [video, *(container.streams.audio if may_jump else ())]
    for packet in demux_packets(container, streams):
        if packet.stream is not video:
            audio_jumps.add(packet, packet.stream, len(columns.size))
            continue
        headers = sequence_headers(packet, codec)
        is_notable = columns.is_backward_jump(packet) or bool(known and headers - known)
        known |= headers
        needs_more = (needs_more or is_notable) and inspect(packet)
        sample(packet)
        columns.add(packet)
    return _packet_index(
        columns,
        video,
        name,
        columns.has(_KEYFRAME),
        read_in_full=True,
        is_cut_off=False,
        confirm_jump=audio_jumps.confirm if may_jump else None,
    )


def _packet_index(
    columns: _PacketColumns,
    video: VideoStream,
    name: str,
    keyframes: Bools,
    *,
    read_in_full: bool,
    is_cut_off: bool,
    confirm_jump: Callable[[int, Fraction], bool] | None = None,
) -> PacketIndex:
    """Build the index from the packets' properties.

    `confirm_jump` gets a packet and the size of its forward jump in seconds, and returns whether the audio jumps
    too; None if the format permits no jumps.

    Raises:
        SourceUnreadable: there is no packet, or a timestamp is out of range.
    """
    if not columns.size:
        raise SourceUnreadable("the video stream has no frames", where=name)
    pts, has_timestamps = _as_int64(columns.pts), _NO_TIME not in columns.pts
    if not has_timestamps:
        pts = _substitute_times(columns, video)
    if pts.max() > MAX_TICKS or pts.min() < -MAX_TICKS:
        remedy = "The file is damaged: copy it again from its original."
        raise SourceUnreadable("a timestamp is out of range", where=name, remedy=remedy)
    starts = _part_starts(pts, columns, keyframes, video, confirm_jump) if has_timestamps else []
    pts = separate_last_frames(pts, starts)
    is_undecodable = _is_undecodable(starts, keyframes)
    is_discarded = columns.has(_DISCARDED) | is_undecodable
    joins = place_joins(starts, pts, ~is_discarded, _frame_ticks(video))
    pts = pts + packet_offsets(joins, len(pts))
    index = VideoIndex(
        time_base=video.time_base or Fraction(1, 1000),
        pts=pts,
        size_bytes=_as_int64(columns.size),
        is_keyframe=keyframes,
        is_discarded=is_discarded,
        last_duration=_last_duration(columns, pts, is_discarded),
        joins=joins,
    )
    return PacketIndex(
        index=index,
        read_in_full=read_in_full,
        is_cut_off=is_cut_off,
        has_timestamps=has_timestamps,
        has_new_extradata=bool(columns.has(_NEW_EXTRADATA)[1:].any()),
        end_byte=columns.end_byte,
        num_undecodable=int(is_undecodable.sum()),
    )


def _part_starts(
    pts: Int64s,
    columns: _PacketColumns,
    keyframes: Bools,
    video: VideoStream,
    confirm_jump: Callable[[int, Fraction], bool] | None,
) -> list[int]:
    """First packets of all parts except the first: where timestamps jump back, or jump forward and the audio confirms
    it.

    Packets that are not shown do not count: an edit list may go back to a keyframe for its next segment.
    """
    shown = np.flatnonzero(~columns.has(_DISCARDED))
    is_keyframe = keyframes[shown]
    if is_keyframe.all() and video.codec_context.reorder_depth:
        is_keyframe = np.zeros(len(shown), np.bool_)  # the file lists no keyframes, so FFmpeg marks every packet as one
    starts = shown[find_part_starts(pts[shown], is_keyframe)].tolist() if len(shown) else []
    if confirm_jump is None:
        return starts
    tick_s = video.time_base or Fraction(1, 1000)
    found = forward_jumps(pts, starts, max(round(MIN_JUMP_S / tick_s), MIN_JUMP_STEPS * median_step(pts)))
    return sorted({*starts, *(packet for packet, jump in found if confirm_jump(packet, jump * tick_s))})


def _is_undecodable(starts: Sequence[int], keyframes: Bools) -> Bools:
    """True for the packets between the start of a part and its first keyframe, except in the first part."""
    undecodable = np.zeros(len(keyframes), np.bool_)
    for first, stop in pairwise((*starts, len(keyframes))):
        leading = np.flatnonzero(keyframes[first:stop])
        undecodable[first : first + (int(leading[0]) if len(leading) else 0)] = True
    return undecodable


def _as_int64(column: "array[int]") -> Int64s:
    return np.frombuffer(column.tobytes(), np.int64)


def _substitute_times(columns: _PacketColumns, video: VideoStream) -> Int64s:
    """Times for packets without timestamps: their decoding times if all are known and increasing, else one frame apart.

    They are in decode order: correct only if frames are assigned times in the decoder's order, as the decode lane
    does.
    """
    dts = _as_int64(columns.dts)
    if _NO_TIME not in columns.dts and (np.diff(dts) > 0).all():
        return dts
    return np.arange(len(dts), dtype=np.int64) * _frame_ticks(video)


def _frame_ticks(video: VideoStream) -> int:
    """Ticks of one frame at the rate that the container states."""
    rate = video.average_rate or video.guessed_rate or FALLBACK_RATE
    return max(1, round(1 / (rate * (video.time_base or Fraction(1, 1000)))))


def _last_duration(columns: _PacketColumns, pts: Int64s, is_discarded: Bools) -> int:
    """Duration of the packet shown last, in ticks; 0 if unknown or out of range."""
    shown = np.flatnonzero(~is_discarded)
    if not len(shown):
        return 0
    latest = shown[np.flatnonzero(pts[shown] == pts[shown].max())[-1]]
    duration = columns.duration[int(latest)]
    return duration if 0 < duration <= MAX_TICKS else 0
