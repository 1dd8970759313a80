"""The decode lane: decode every planned frame of a source in one pass.

Presentation times come from the index. If the timestamps of the decoder's frames are reliable (checked on the first
of them), they identify each frame. Otherwise the sorted timestamps of the packets are assigned in the decoder's
order, which is presentation order. A missing frame is held: it becomes a copy of the frame before it (at the start:
the one after), and is counted.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice, pairwise
from typing import Any

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from slomo_batch.errors import SourceUnreadable
from slomo_batch.media.av_errors import COPY_AGAIN, KEEP_THE_REST
from slomo_batch.media.decode import decode_packet
from slomo_batch.media.picture_properties import PropertyCheck
from slomo_batch.media.sequence_headers import sequence_headers
from slomo_batch.records.source_facts import ScanFlag
from slomo_batch.timeline.index import VideoIndex

NUM_TRIAL_FRAMES = range(8, 49)
"""Fewest and most frames used to check whether the decoder's timestamps are reliable."""
MAX_HELD_SHARE = Fraction(1, 10)
"""Largest share of frames that may be held, whatever max_held_frames says; one frame is always allowed."""
TRIAL_BYTES = 256 << 20
"""Memory limit for the frames of that check; large pictures use fewer frames."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SourceFrame:
    """One planned source frame."""

    number: int
    frame: av.VideoFrame
    is_held: bool
    """True for a copy of a neighbor."""


def all_source_frames(  # noqa: PLR0917 - one job's nouns in their order
    decoder: VideoCodecContext,
    packets: "Iterable[av.Packet[Any]]",
    index: VideoIndex,
    name: str,
    max_held_frames: int,
    scan_flag: ScanFlag,
    other_formats: Collection[str] = (),
    *,
    any_size: bool = False,
) -> Iterator[SourceFrame]:
    """Every presented frame of the index, in order. `packets` are those of the stream, from the first.

    Frames may have the planar formats in `other_formats` in addition to that of the first frame, and other sizes with
    `any_size`.

    Raises:
        SourceUnsupported: a frame has another scan flag, or differs from those before it.
        SourceUnreadable: more than `max_held_frames` of them, or than MAX_HELD_SHARE, cannot be decoded; or there
            are more pictures than packets.
    """
    properties = PropertyCheck(scan_flag, other_formats, any_size=any_size)
    decoded = _decoded(decoder, packets, index, properties, any_size=any_size)
    num_trial = TRIAL_BYTES // (3 * decoder.width * decoder.height + 1)
    trial_frames = list(islice(decoded, min(max(num_trial, NUM_TRIAL_FRAMES.start), NUM_TRIAL_FRAMES.stop - 1)))
    numbered = _by_pts if pts_match_index([frame.pts for frame in trial_frames], index) else _by_order
    frames = _at_most_one_per_packet(chain(_drained(trial_frames), decoded), index, name)
    yield from _without_holes(numbered(frames, index), len(index.frame_pts), name, max_held_frames)


def pts_match_index(pts: list[int | None], index: VideoIndex) -> bool:
    """True if these timestamps of decoded frames do not decrease, and all are in the index."""
    times = [time for time in pts if time is not None]
    rise = all(a <= b for a, b in pairwise(times))
    return rise and len(times) == len(pts) and bool(np.isin(times, index.pts).all())


def _decoded(
    decoder: VideoCodecContext,
    packets: "Iterable[av.Packet[Any]]",
    index: VideoIndex,
    properties: PropertyCheck,
    *,
    any_size: bool,
) -> Iterator[av.VideoFrame]:
    """Every frame, in the decoder's order. Each part of a joined file is decoded like a separate file, and with
    `any_size` each part with its own sequence header: decoders drop the frames that they hold back."""

    def frames_from(packet: "av.Packet[Any] | None") -> Iterator[av.VideoFrame]:
        for frame in decode_packet(decoder, packet):
            properties.check(frame, decoder)
            yield frame

    first_packets = {join.first_packet for join in index.joins}
    first_join, codec = min(first_packets, default=len(index.pts)), decoder.codec.canonical_name
    latest: frozenset[bytes] = frozenset()
    for place, packet in enumerate(packets):
        headers = sequence_headers(packet, codec) if any_size else frozenset()
        is_other = bool(headers and latest and headers != latest)
        latest = headers or latest
        if place in first_packets or is_other:
            yield from frames_from(None)
            decoder.flush_buffers()
        if first_join <= place < len(index.pts) and index.is_discarded[place] and not packet.is_discard:
            continue
        yield from frames_from(packet)
    yield from frames_from(None)


def _at_most_one_per_packet(frames: Iterable[av.VideoFrame], index: VideoIndex, name: str) -> Iterator[av.VideoFrame]:
    """The frames; raises SourceUnreadable if there are more frames than packets, because the extra ones have no
    time."""
    for number, frame in enumerate(frames):
        if number >= len(index.pts):
            raise SourceUnreadable(
                "packets of the video hold more than one picture",
                where=name,
                expected=f"at most {len(index.pts)} pictures, one per packet",
                got="more",
                remedy="Convert it first, so that each packet holds one picture.",
            )
        yield frame


def _drained(frames: list[av.VideoFrame]) -> Iterator[av.VideoFrame]:
    """The frames one by one; each is removed from the list before it is yielded."""
    frames.reverse()
    while frames:
        yield frames.pop()


def _by_pts(frames: Iterable[av.VideoFrame], index: VideoIndex) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each frame with its number, found by its timestamp."""
    planned, last = index.frame_pts, 0
    for frame in frames:
        number = int(np.searchsorted(planned, frame.pts)) if frame.pts is not None else len(planned)
        if number < len(planned) and planned[number] == frame.pts and number >= last:
            last = number
            yield number, frame


def _by_order(frames: Iterable[av.VideoFrame], index: VideoIndex) -> Iterator[tuple[int, av.VideoFrame]]:
    """Each frame with its number, assigned in the decoder's order."""
    planned = index.frame_pts
    times = np.sort(index.pts[~index.is_discarded])
    remaining = iter(frames)
    yield from zip(np.searchsorted(planned, times).tolist(), remaining, strict=False)
    for _ in remaining:  # reading on raises an error if there are more frames than packets
        pass


def _without_holes(
    numbered: Iterator[tuple[int, av.VideoFrame]], num_frames: int, name: str, max_held_frames: int
) -> Iterator[SourceFrame]:
    """All planned frames in order; missing ones are copies of a neighbor."""
    limit = min(max_held_frames, max(1, int(num_frames * MAX_HELD_SHARE)))
    num_held, following, previous = 0, 0, None
    for number, frame in chain(_last_of_each(numbered), [(num_frames, None)]):
        copied = previous if previous is not None else frame
        if copied is None:
            what = "no frame of the video can be decoded"
            raise SourceUnreadable(what, where=name, got=f"{num_frames} frames", remedy=COPY_AGAIN)
        num_held += number - following
        if num_held > limit:
            raise _too_many(num_held, num_frames, max_held_frames, limit, name)
        for hole in range(following, number):
            yield SourceFrame(number=hole, frame=copied, is_held=True)
        if frame is not None:
            yield SourceFrame(number=number, frame=frame, is_held=False)
        following, previous = number + 1, frame


def _last_of_each(numbered: Iterator[tuple[int, av.VideoFrame]]) -> Iterator[tuple[int, av.VideoFrame]]:
    """The last of consecutive frames with the same number."""
    kept = next(numbered, None)
    if kept is None:
        return
    for item in numbered:
        if item[0] != kept[0]:
            yield kept
        kept = item
    yield kept


def _too_many(num_held: int, num_frames: int, max_held_frames: int, limit: int, name: str) -> SourceUnreadable:
    what = f"at least {num_held} of {num_frames} frames cannot be decoded"
    if limit < max_held_frames:
        return SourceUnreadable(
            what, where=name, expected=f"at most {limit} (a tenth of the frames)", remedy=KEEP_THE_REST
        )
    return SourceUnreadable(
        what,
        where=name,
        expected=f"at most {limit} (max_held_frames)",
        remedy="Copy it again from its original, or raise max_held_frames: each is replaced by a copy of its neighbor.",
    )
