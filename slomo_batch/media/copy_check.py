"""Check whether a source's packets may be copied, by decoding its first groups of pictures twice.

They are decoded once with the demuxer's own decoder, and once as a worker decodes them: from the second keyframe,
from archived packets. The source is copied only if both give the same pictures with the timestamps of the index, in
increasing order. The index shows what the first pictures cannot: keyframes so rare that most copied packets would be
lead-in, and extradata that changes midway.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, cast

import av
import numpy as np
from av.codec.context import Flags
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from slomo_batch.errors import FrameMissing, SourceUnsupported
from slomo_batch.media.coverage import covering_packets, mean_lead_in
from slomo_batch.media.decode import decode_packet, frames_at
from slomo_batch.media.frames import has_alpha, picture_from_frame, planar_format
from slomo_batch.media.index import PacketIndex
from slomo_batch.media.packets import ArchivedPacket, decoder_of, from_av, open_decoder, stream_header, to_av
from slomo_batch.media.picture_properties import PropertyCheck
from slomo_batch.media.scan_samples import PictureSamples
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.timeline.index import VideoIndex

PACKETS_BEYOND_KEYFRAME = 24
"""Packets read beyond the second keyframe."""
MAX_PACKETS = 600
"""Maximum number of packets read, wherever the keyframes are."""
MAX_BYTES = 64 << 20
"""Maximum number of packet bytes read, wherever the keyframes are."""
MAX_DECODED_BYTES = 8 << 30
"""Maximum number of sample bytes decoded: 345 pictures of 4K in 10 bits."""
MAX_LATER_KEYFRAMES = 100
"""Maximum number of keyframes decoded in later parts of a joined file; workers check all other pictures."""
MAX_MEAN_LEAD_IN = 300
"""Packets copied per frame, on average, above which a source is decoded instead: keyframes 600 apart."""


class CopyCheck:
    """The first packets of the video, and the pictures that the demuxer's own decoder makes of them."""

    def __init__(self, video: VideoStream) -> None:
        video.thread_count = 1
        self._decoder = decoder_of(video, alpha=True)
        self._decoder.flags |= Flags.copy_opaque
        self._header = stream_header(video, alpha=True)
        self._num_bytes = self._num_decoded_bytes = 0
        self._second_keyframe = 0
        self._is_complete = False
        self._latest: int | None = None
        self._num_later_keyframes = 0
        self._num_pictures_before: dict[int, int] = {}
        """For packets that may begin a part of a joined file, the number of pictures before them."""
        self.packets: list[ArchivedPacket] = []
        self.first_frame: av.VideoFrame | None = None
        """The first picture."""
        self.pts: list[int | None] = []
        """Pts of the pictures, in the decoder's order."""
        self.sources: list[int | None] = []
        """Number of the packet that each picture begins in, from 0; None if the decoder does not tell."""
        self.hashes: list[str] = []
        self.formats: set[str] = set()
        """Pixel formats of the pictures."""
        self.has_alpha = False
        """Whether a picture has alpha."""
        self.change: SourceUnsupported | None = None
        """The error for the first picture that differs from those before it; None if there is none."""
        self.samples = PictureSamples()
        """How the pictures are scanned."""
        self.sizes: list[tuple[int, int]] = []
        """Sizes of the pictures, width and height, in the order in which they were found."""
        self._properties = PropertyCheck("any", other_formats=PIXEL_FORMATS, any_size=True)

    def add(self, packet: "av.Packet[Any]") -> bool:
        """Take the next packet in decode order. Returns False once no more are needed.

        Later packets must be keyframes. They are decoded alone, to compare the properties of their pictures with the
        first.
        """
        if self._is_complete:
            self._check_later_keyframe(packet)
            return False
        self._restart_at_join(packet)
        self.packets.append(from_av(packet, 0))
        self._num_bytes += packet.size
        if packet.is_keyframe and len(self.packets) > 1 and not self._second_keyframe:
            self._second_keyframe = len(self.packets) - 1
        self._decode(packet)
        if self._is_enough():
            self.finish()
        return not self._is_complete

    def _check_later_keyframe(self, keyframe: "av.Packet[Any]") -> None:
        decoder = open_decoder(self._header)
        if self._num_later_keyframes >= MAX_LATER_KEYFRAMES or not isinstance(decoder, VideoCodecContext):
            return
        self._num_later_keyframes += 1
        for packet in (to_av(from_av(keyframe, 0), self._header), None):
            for frame in decode_packet(decoder, packet):
                self._check(frame, decoder)

    def _restart_at_join(self, packet: "av.Packet[Any]") -> None:
        """Restart the decoder at a keyframe whose time is before that of an earlier packet, as if another file
        began."""
        if packet.pts is None:
            return
        if packet.is_keyframe and self._latest is not None and packet.pts < self._latest:
            self._decode(None)
            self._decoder.flush_buffers()
            self._num_pictures_before[len(self.packets)] = len(self.pts)
        self._latest = packet.pts if self._latest is None else max(self._latest, packet.pts)

    def truncate(self, num_packets: int) -> None:
        """Drop the packets from this one on, which begins another part of a joined file, and their pictures."""
        if num_packets < len(self.packets):
            num_pictures = self._num_pictures_before.get(num_packets, len(self.pts))
            for of_pictures in (self.pts, self.sources, self.hashes):
                del of_pictures[num_pictures:]
            del self.packets[num_packets:]

    def finish(self) -> None:
        """Flush the decoder."""
        if not self._is_complete:
            self._is_complete = True
            self._decode(None)

    def _is_enough(self) -> bool:
        if self._num_bytes > MAX_BYTES or len(self.packets) >= MAX_PACKETS:
            return True
        if self._num_decoded_bytes > MAX_DECODED_BYTES:
            return True
        return self._second_keyframe > 0 and len(self.packets) > self._second_keyframe + PACKETS_BEYOND_KEYFRAME

    def _decode(self, packet: "av.Packet[Any] | None") -> None:
        if packet is not None:
            packet.opaque = len(self.packets) - 1
        for frame in decode_packet(self._decoder, packet):
            self.first_frame = self.first_frame or frame
            self.pts.append(frame.pts)
            self.sources.append(cast("int | None", frame.opaque))
            picture = _whole_picture(frame)
            self._num_decoded_bytes += sum(plane.nbytes for plane in picture.planes)
            self.hashes.append(picture.hash())
            self.samples.add_picture(picture.layers[0])
            self._check(frame, self._decoder)

    def _check(self, frame: av.VideoFrame, decoder: VideoCodecContext) -> None:
        self.formats.add(frame.format.name)
        if (frame.width, frame.height) not in self.sizes:
            self.sizes.append((frame.width, frame.height))
        self.has_alpha = self.has_alpha or has_alpha(frame)
        self.samples.add_flag(frame)
        try:
            self._properties.check(frame, decoder)
        except SourceUnsupported as change:
            self.change = self.change or change

    def copy_obstacle(self, found: PacketIndex) -> str:
        """Why this source must be decoded; empty if its packets may be copied."""
        return next((obstacle for obstacle in self._obstacles(found) if obstacle), "")

    def _obstacles(self, found: PacketIndex) -> Iterator[str]:
        if found.is_cut_off:
            yield "the file is truncated"
        if not found.has_timestamps:
            yield "packets lack timestamps"
        if found.has_new_extradata:
            yield "the extradata changes midway"
        if len(self.formats) > 1:
            yield "the pixel format changes midway"
        if len(self.sizes) > 1:
            yield "the picture size changes midway"
        yield self._obstacle_in_times(found.index)
        yield self._obstacle_in_restart(found.index)
        if mean_lead_in(found.index) > MAX_MEAN_LEAD_IN:
            yield "keyframes are so rare that each chunk would copy most of the file"

    def _obstacle_in_times(self, index: VideoIndex) -> str:
        here = slice(0, len(self.packets))
        planned = np.unique(index.pts[here][~index.is_discarded[here]])
        times = [time for time in self.pts if time is not None]
        if len(self.pts) > len(self.packets):
            return "packets hold more than one picture"
        if len(times) < len(self.pts) or any(a > b for a, b in pairwise(times)):
            return "the timestamps of packets and frames differ"
        if not np.array_equal(np.unique(np.array(times, dtype=np.int64)), planned):
            return "not every packet near the start decodes to a frame"
        return ""

    def _obstacle_in_restart(self, index: VideoIndex) -> str:
        """Compare frames decoded from the second keyframe with the same frames decoded from the start."""
        if not 0 < self._second_keyframe < len(self.packets):
            return ""
        first_pts = int(index.pts[self._second_keyframe])
        known = {time: digest for time, digest in zip(self.pts, self.hashes, strict=True) if time is not None}
        wanted = [int(time) for time in index.frame_pts if time >= first_pts and time in known]
        reach = [covering_packets(index, [time], [time])[1][0] for time in wanted]
        wanted = [time for time, end in zip(wanted, reach, strict=True) if end <= len(self.packets)]
        if not wanted:
            return ""
        (start,), (end,) = covering_packets(index, wanted[:1], wanted[-1:])
        packets = [replace(packet, stream=0) for packet in self.packets[start:end]]
        try:
            again = [_whole_picture(frame).hash() for frame in frames_at(packets, self._header, wanted, "any")]
        except FrameMissing:
            return "decoding from the second keyframe does not return all frames"
        if again != [known[time] for time in wanted]:
            return "decoding from the second keyframe returns different pictures"
        return ""


def _whole_picture(frame: av.VideoFrame) -> Picture:
    """The picture of a frame, with its alpha."""
    return picture_from_frame(frame, planar_format(frame.format.name, alpha=has_alpha(frame)))
