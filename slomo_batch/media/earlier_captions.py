"""Read the closed captions of the pictures before a range: they decide which text is shown when it begins."""

from collections.abc import Sequence
from typing import TypeAlias

import av
import numpy as np

from slomo_batch.media.captions import caption_bytes, captions_in
from slomo_batch.media.coverage import covering_packets
from slomo_batch.media.decode import decode_packet
from slomo_batch.media.packet_archive import JSON
from slomo_batch.media.packets import ArchivedPacket, StreamHeader, open_decoder, to_av
from slomo_batch.records.commits import FrameCaptions
from slomo_batch.timeline.index import VideoIndex

CaptionNote: TypeAlias = Sequence[JSON]


def packets_of(index: VideoIndex, pictures: range) -> range:
    """Numbers of the packets that these pictures are decoded from."""
    if not pictures:
        return range(0)
    pts = index.frame_pts
    (start,), (end,) = covering_packets(index, [int(pts[pictures.start])], [int(pts[pictures.stop - 1])])
    return range(int(start), int(end))


class EarlierCaptions:
    """The captions of some pictures, from their packets or from the decoded frames, in order."""

    def __init__(self, header: StreamHeader, index: VideoIndex, pictures: range) -> None:
        """`header` is that of the video stream."""
        self._header, self._pictures = header, pictures
        self._pts = index.frame_pts[pictures.start : pictures.stop]
        self._joins = frozenset(join.first_packet for join in index.joins)
        self._decoder = open_decoder(header)
        self._found: dict[int, FrameCaptions] = {}
        self._packets = packets_of(index, pictures)

    def add_packet(self, number: int, packet: ArchivedPacket) -> None:
        """Take packet `number` of the video; numbers must increase. A packet that is not needed is ignored."""
        if number not in self._packets:
            return
        if number in self._joins:
            self._finish_part()
        self._decode(to_av(packet, self._header))

    def add_frame(self, number: int, frame: av.VideoFrame) -> None:
        """Take the decoded picture `number`. A picture that is not needed is ignored."""
        if number in self._pictures:
            self.add_data(number, caption_bytes(frame))

    def add_data(self, number: int, data: bytes) -> None:
        """Take the side data of picture `number`, likewise."""
        if number in self._pictures and (captions := captions_in(data, number)) is not None:
            self._found[number] = captions

    def note(self) -> list[CaptionNote]:
        """What the archive of the first chunk states of them: the arguments of a FrameCaptions each."""
        self._finish_part()
        found = (self._found[number] for number in sorted(self._found))
        return [(one.frame, one.pairs, one.has_708) for one in found]

    def _finish_part(self) -> None:
        self._decode(None)
        self._decoder = open_decoder(self._header)

    def _decode(self, packet: "av.Packet[av.VideoStream] | None") -> None:
        for frame in decode_packet(self._decoder, packet):
            place = int(np.searchsorted(self._pts, frame.pts or 0))
            if place < len(self._pts) and self._pts[place] == frame.pts:
                self.add_frame(self._pictures[place], frame)
