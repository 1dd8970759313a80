"""The decode lane: every planned frame of a source decoded in one go, and stored losslessly.

Presentation times are those of the index. Where the decoder's frames carry trustworthy timestamps (proved on the first
of them) a frame is known by its own; else the sorted timestamps of the packets are given out in the decoder's order,
which is the order of presentation. A frame that does not come is held: it is a copy of the frame before it, at the
start of the one after, and counted.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnreadable
from slomo_batch.media.decode import decode_packet
from slomo_batch.media.frames import fit_frame, frame_from_picture, picture_from_frame, planar_format_name
from slomo_batch.media.packet_archive import packet_record
from slomo_batch.media.packets import ArchivedPacket, StreamHeader
from slomo_batch.media.picture_properties import PropertyCheck
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.ffv1_slices import ffv1_slices
from slomo_batch.records import VideoFacts
from slomo_batch.timeline.index import VideoIndex

NUM_TRIAL_FRAMES = range(8, 49)
"""Fewest and most frames by which it is judged whether the decoder's timestamps can be trusted."""
MAX_HELD_SHARE = Fraction(1, 10)
"""Most of the frames that may be held, whatever max_held_frames says; but one may be in any video."""
TRIAL_BYTES = 256 << 20
"""They are held in memory meanwhile: of large pictures fewer."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceFrame:
    """One planned source frame."""

    number: int
    frame: av.VideoFrame
    is_held: bool
    """True for a copy of a neighbour."""


def all_source_frames(  # noqa: PLR0917 - one job's nouns in their order
    video: VideoStream,
    packets: "Iterable[av.Packet[Any]]",
    index: VideoIndex,
    name: str,
    max_held_frames: int,
    other_formats: Collection[str] = (),
) -> Iterator[SourceFrame]:
    """Every presented frame of the index, in order. `packets` are the stream's, from the first.

    Frames may have the planar formats of `other_formats` besides that of the first frame.

    Raises:
        SourceUnsupported: a frame is interlaced, or unlike those before it.
        SourceUnreadable: more than `max_held_frames` of them, or than MAX_HELD_SHARE, cannot be decoded; or there are
            more pictures than packets.
    """
    decoded = _decoded(video, packets, index, PropertyCheck(other_formats))
    num_trial = TRIAL_BYTES // (3 * video.width * video.height + 1)
    trial = list(islice(decoded, min(max(num_trial, NUM_TRIAL_FRAMES.start), NUM_TRIAL_FRAMES.stop - 1)))
    placed = _by_pts if pts_match_index([frame.pts for frame in trial], index) else _by_order
    frames = _at_most_one_per_packet(chain(_drained(trial), decoded), index, name)
    yield from _without_holes(placed(frames, index), len(index.frame_pts), name, max_held_frames)


def pts_match_index(pts: list[int | None], index: VideoIndex) -> bool:
    """True where these timestamps of decoded frames do not fall, and are ones that the index has."""
    times = [time for time in pts if time is not None]
    rise = all(a <= b for a, b in pairwise(times))
    return rise and len(times) == len(pts) and bool(np.isin(times, index.pts).all())


def _decoded(
    video: VideoStream, packets: "Iterable[av.Packet[Any]]", index: VideoIndex, properties: PropertyCheck
) -> Iterator[av.VideoFrame]:
    """Every frame, in the decoder's order; each part of a joined file is decoded as a file of its own."""

    def given(packet: "av.Packet[Any] | None") -> Iterator[av.VideoFrame]:
        for frame in decode_packet(video.codec_context, packet):
            properties.check(frame, video.codec_context)
            yield frame

    first_packets = {join.first_packet for join in index.joins}
    may_be_headless = min(first_packets, default=len(index.pts))
    for place, packet in enumerate(packets):
        if place in first_packets:
            yield from given(None)
            video.codec_context.flush_buffers()
        if may_be_headless <= place < len(index.pts) and index.is_discarded[place] and not packet.is_discard:
            continue
        yield from given(packet)
    yield from given(None)


def _at_most_one_per_packet(frames: Iterable[av.VideoFrame], index: VideoIndex, name: str) -> Iterator[av.VideoFrame]:
    """The frames, if there are no more than packets: one more would be lost, since it has no time of its own."""
    for number, frame in enumerate(frames):
        if number >= len(index.pts):
            raise SourceUnreadable(
                "packets of the video hold more than one picture",
                where=name,
                expected=f"at most {len(index.pts)} pictures, one for each packet and its time",
                got="more",
                remedy="Convert it first, so that each picture has a packet of its own.",
            )
        yield frame


def _drained(frames: list[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The frames one by one, each let go as it is given."""
    frames.reverse()
    while frames:
        yield frames.pop()


def _by_pts(frames: Iterable[av.VideoFrame], index: VideoIndex) -> Iterator[tuple[int, av.VideoFrame]]:
    planned, last = index.frame_pts, 0
    for frame in frames:
        number = int(np.searchsorted(planned, frame.pts)) if frame.pts is not None else len(planned)
        if number < len(planned) and planned[number] == frame.pts and number >= last:
            last = number
            yield number, frame


def _by_order(frames: Iterable[av.VideoFrame], index: VideoIndex) -> Iterator[tuple[int, av.VideoFrame]]:
    planned = index.frame_pts
    times = np.sort(index.pts[~index.is_discarded])
    remaining = iter(frames)
    yield from zip(np.searchsorted(planned, times).tolist(), remaining, strict=False)
    for _ in remaining:  # counted, and refused where there are more than packets
        pass


def _without_holes(
    placed: Iterator[tuple[int, av.VideoFrame]], num_frames: int, name: str, max_held_frames: int
) -> Iterator[SourceFrame]:
    limit = min(max_held_frames, max(1, int(num_frames * MAX_HELD_SHARE)))
    num_held, following, previous = 0, 0, None
    for number, frame in chain(_last_of_each(placed), [(num_frames, None)]):
        copied = previous if previous is not None else frame
        if copied is None:
            raise SourceUnreadable("no frame of the video can be decoded", where=name, got=f"{num_frames} frames")
        num_held += number - following
        if num_held > limit:
            raise _too_many(num_held, num_frames, max_held_frames, limit, name)
        for hole in range(following, number):
            yield SourceFrame(number=hole, frame=copied, is_held=True)
        if frame is not None:
            yield SourceFrame(number=number, frame=frame, is_held=False)
        following, previous = number + 1, frame


def _last_of_each(placed: Iterator[tuple[int, av.VideoFrame]]) -> Iterator[tuple[int, av.VideoFrame]]:
    """Of frames with the same number the last."""
    kept = next(placed, None)
    if kept is None:
        return
    for item in placed:
        if item[0] != kept[0]:
            yield kept
        kept = item
    yield kept


def _too_many(num_held: int, num_frames: int, max_held_frames: int, limit: int, name: str) -> SourceUnreadable:
    what = f"at least {num_held} of {num_frames} frames cannot be decoded"
    if limit < max_held_frames:
        return SourceUnreadable(
            what, where=name, expected=f"at most {limit} (a tenth of the frames)", remedy="Repair the file."
        )
    return SourceUnreadable(
        what,
        where=name,
        expected=f"at most {limit} (max_held_frames)",
        remedy="Raise max_held_frames to accept that each is replaced by a copy of its neighbour, or repair the file.",
    )


class LosslessEncoder:
    """Frames as packets of a lossless codec, each on its own: FFV1 where it keeps every sample, else raw samples.

    A frame of another pixel format than the source's is converted to it.
    """

    def __init__(self, facts: VideoFacts, index: VideoIndex, source: StreamHeader) -> None:
        self._format = PIXEL_FORMATS[planar_format_name(facts.pixel_format)]
        self._size = facts.width, facts.height
        self._pts = index.frame_pts
        self._encoder = _encoder(self._format.name, self._size, index.time_base)
        self._last: tuple[av.VideoFrame, bytes] | None = None
        self.header = StreamHeader(
            kind="video",
            codec=self._encoder.codec.canonical_name,
            time_base=index.time_base,
            extradata=self._encoder.extradata or b"",
            width=facts.width,
            height=facts.height,
            pix_fmt=self._format.name,
            sample_aspect_ratio=source.sample_aspect_ratio,
            color_range=source.color_range,
            color_primaries=source.color_primaries,
            color_transfer=source.color_transfer,
            color_matrix=source.color_matrix,
        )

    def record(self, restored: SourceFrame) -> bytes:
        """The archive's record of one frame."""
        pts = int(self._pts[restored.number])
        return packet_record(
            ArchivedPacket(
                stream=0,
                pts=pts,
                dts=pts,
                duration=None,
                is_keyframe=True,
                is_discarded=False,
                data=self._coded(restored.frame),
            )
        )

    def _coded(self, frame: av.VideoFrame) -> bytes:
        if self._last is None or self._last[0] is not frame:
            picture = picture_from_frame(fit_frame(frame, self._format, *self._size), self._format)
            exact = frame_from_picture(picture)
            self._last = frame, b"".join(bytes(packet) for packet in self._encoder.encode(exact))
        return self._last[1]


def _encoder(pix_fmt: str, size: tuple[int, int], time_base: Fraction) -> VideoCodecContext:
    ffv1 = av.Codec("ffv1", "w")
    slices = ffv1_slices(PIXEL_FORMATS[pix_fmt], *size)
    keeps_all = slices > 0 and pix_fmt in {form.name for form in ffv1.video_formats or ()}
    context = (ffv1 if keeps_all else av.Codec("rawvideo", "w")).create("video")
    context.width, context.height = size
    context.pix_fmt = pix_fmt
    context.time_base = time_base
    context.thread_count = 1
    if keeps_all:
        context.gop_size = 1
        context.options = {"level": "3", "slices": str(slices), "slicecrc": "1"}
    context.open()
    return context
