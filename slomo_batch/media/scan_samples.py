"""Sample the pictures of a source in the middle and at its end, to see how they are scanned.

Those at the start are seen by `copy_check`. The windows depend on the file alone. Each begins at a keyframe and has
WINDOW_PACKETS packets, or fewer if they reach WINDOW_BYTES: the first one from half of the file on, and the last one.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from slomo_batch.media.combing import CombingCheck
from slomo_batch.media.decode import decode_packet
from slomo_batch.media.field_matching import Luma, examined_luma, field_measures
from slomo_batch.media.frames import picture_from_frame
from slomo_batch.media.packets import ArchivedPacket, from_av, open_decoder, stream_header, to_av
from slomo_batch.media.picture_properties import position_of
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.scan_flags import ScanFlags
from slomo_batch.picture import Picture
from slomo_batch.timeline.index import Int64s, VideoIndex
from slomo_batch.timeline.scan_runs import shows_film

START_PICTURES = 24
"""Pictures examined at the start."""
WINDOW_PACKETS = 12
"""Most packets read in one window."""
WINDOW_BYTES = 4 << 20
"""Most bytes of packets in one window, unless a single packet is larger."""


class PictureSamples:
    """What the pictures of a run show: their scan flags, and the verdicts on their samples."""

    def __init__(self) -> None:
        self.flags: Counter[str] = Counter()
        self.change = ""
        """Position of the first picture whose flag differs from that of the pictures before it; empty if none does."""
        self.first = ""
        """Position of the first picture."""
        self.verdicts: list[str] = []
        self.windows: list[list[Luma]] = [[]]
        """Luma of the examined pictures of each window."""
        self._scan_flags = ScanFlags()
        self._combing = CombingCheck()
        self._num_examined = 0
        self._layout: tuple[object, ...] = ()

    def append(self, later: "PictureSamples") -> None:
        """Add the samples of later pictures."""
        if self.flags and later.flags and not self.change:
            self.change = later.change or ("" if later.flags.keys() <= self.flags.keys() else later.first)
        self.flags.update(later.flags)
        self.verdicts += later.verdicts
        self.windows += later.windows

    def begin_window(self) -> None:
        """Begin a run of pictures that does not continue the one before it."""
        self._combing = CombingCheck()
        self.windows.append([])
        self._num_examined, self._layout = 0, ()

    def add_flag(self, frame: av.VideoFrame) -> None:
        """Count the scan flag of a picture."""
        order = self._scan_flags.order_of(frame)
        self.first = self.first or position_of(frame)
        if self.flags and order not in self.flags and not self.change:
            self.change = position_of(frame)
        self.flags[order] += 1

    def add_picture(self, picture: Picture) -> None:
        """Examine the samples of the next picture, unless the window is full or its pictures changed in size."""
        layout = picture.format, picture.width, picture.height
        if self._num_examined >= START_PICTURES or layout != (self._layout or layout):
            return
        self._num_examined, self._layout = self._num_examined + 1, layout
        self.verdicts += self._combing.add(picture)
        self.windows[-1].append(examined_luma(picture))

    @property
    def show_film(self) -> bool:
        """Whether the pictures of a window are film with repeated fields. Some of these are combed."""
        is_combed = not {"tff", "bff"}.isdisjoint(self.verdicts)
        return is_combed and any(shows_film(_measures(lumas)) for lumas in self.windows if len(lumas) > 1)


def _measures(lumas: Sequence[Luma]) -> Int64s:
    return np.array([field_measures(before, luma) for before, luma in pairwise(lumas)], np.int64)


class LaterWindows:
    """The windows in the middle and at the end of a video."""

    def __init__(self, video: VideoStream, size_bytes: int) -> None:
        self._header = stream_header(video)
        self._middle = size_bytes // 2
        self._window: _Window | None = None
        self._last: _Window | None = None
        self._has_middle = False
        self.samples = PictureSamples()

    def add(self, packet: "av.Packet[Any]") -> None:
        """Take the next packet of the whole stream."""
        if self._window is None and packet.is_keyframe and (packet.pos or 0) >= self._middle:
            self._window = _Window()
        if self._window is None:
            return
        self._window.add(from_av(packet, 0))
        if self._window.is_complete:
            self._last, self._window = self._window, None
            if not self._has_middle:
                self._has_middle = True
                self._decode_last()

    def finish(self) -> None:
        """Decode the last window. Call it after the last packet."""
        self._last = self._last or self._window
        self._decode_last()

    def read(self, reader: RangeReader, positions: Sequence[int], index: VideoIndex) -> None:
        """Read the windows from a file whose packets are at these byte positions, in the order of the index."""
        keyframes = np.flatnonzero(index.is_keyframe)
        middle = keyframes[keyframes >= len(positions) // 2]
        ends = middle[middle <= len(positions) - WINDOW_PACKETS]
        for first in dict.fromkeys([*middle[:1].tolist(), *ends[-1:].tolist()]):
            self._last = _Window()
            for packet in _packets_at(reader, positions[first:], index, first):
                self._last.add(packet)
                if self._last.is_complete:
                    break
            self._decode_last()

    def _decode_last(self) -> None:
        decoder, window = open_decoder(self._header), self._last
        self._last = None
        if window is None or not window.packets or not isinstance(decoder, VideoCodecContext):
            return
        self.samples.begin_window()
        for packet in (*(to_av(packet, self._header) for packet in window.packets), None):
            for frame in decode_packet(decoder, packet):
                self.samples.add_flag(frame)
                self.samples.add_picture(picture_from_frame(frame))


class _Window:
    """Successive packets, from a keyframe on."""

    def __init__(self) -> None:
        self.packets: list[ArchivedPacket] = []
        self._num_bytes = 0

    def add(self, packet: ArchivedPacket) -> None:
        self.packets.append(packet)
        self._num_bytes += len(packet.data)

    @property
    def is_complete(self) -> bool:
        return len(self.packets) >= WINDOW_PACKETS or self._num_bytes >= WINDOW_BYTES


def _packets_at(
    reader: RangeReader, positions: Sequence[int], index: VideoIndex, first: int
) -> Iterator[ArchivedPacket]:
    for number, position in enumerate(positions, first):
        size, pts = int(index.size_bytes[number]), int(index.pts[number])
        reader.seek(position)
        data = reader.read(size)
        if len(data) < size:
            return
        yield ArchivedPacket(
            stream=0,
            pts=pts,
            dts=None,
            duration=None,
            is_keyframe=bool(index.is_keyframe[number]),
            is_discarded=False,
            data=data,
        )
