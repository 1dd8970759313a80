"""The packets of the segments of a video, checked against its plan, with the times of the output.

Times come from the plan alone: output frame k is presented at k / rate. The decoding time of a packet is its index
in decode order minus D, the largest reordering of any segment. So decoding times increase by one frame at a time and
never exceed presentation times. (Adding an offset to the segments' own decoding times is not exact: short segments
reorder less.)
"""

from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.video.stream import VideoStream

from slomo_batch.errors import OutputInvalid
from slomo_batch.media.encode import SegmentFacts, extradata_sha256
from slomo_batch.media.stitch_spec import StitchSpec
from slomo_batch.plan.encoders import segment_format


def check_headers(spec: StitchSpec, out: Path) -> None:
    """Check that all segments have the same global header: players decode them with that of the first."""
    first = spec.segments[0].extradata_sha256 if spec.segments else ""
    for place, facts in enumerate(spec.segments):
        if facts.extradata_sha256 != first:
            raise OutputInvalid(
                f"segment {place} has another global header than segment 0, so they cannot be joined",
                where=str(out),
                expected=first,
                got=facts.extradata_sha256,
                remedy="The encoder's builds differ between machines: install the same version of PyAV on all of them.",
            )


def video_packets(spec: StitchSpec, segments: Iterable[Path], stream: VideoStream) -> "Iterator[av.Packet[Any]]":
    """The packets of all segments with the times of the plan, in decode order."""
    start = 0
    planned = iter(spec.segments)
    for path in segments:
        facts = next(planned, None)
        if facts is None:
            raise OutputInvalid("more segments than planned", where=str(path), expected=str(len(spec.segments)))
        for place, (packet, number) in enumerate(_segment_packets(path, facts, spec)):
            packet.time_base = 1 / spec.rate
            packet.pts, packet.dts = start + number, start + place - spec.max_reorder
            packet.duration = 1
            packet.stream = stream
            yield packet
        start += facts.num_frames
    if start != spec.num_frames:
        raise OutputInvalid("segments are missing", expected=f"{spec.num_frames} frames", got=str(start))


def _segment_packets(path: Path, facts: SegmentFacts, spec: StitchSpec) -> "Iterator[tuple[av.Packet[Any], int]]":
    """The packets of one segment in decode order, each with its frame number within the segment."""
    numbers: list[int] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        size = stream.codec_context.width, stream.codec_context.height
        _check(path, "picture size", (spec.width, spec.height), size)
        _check(path, "global header", facts.extradata_sha256, extradata_sha256(stream.codec_context))
        frame_s = segment_format(spec.encoder, has_alpha=spec.has_alpha).frame_s or 1 / spec.rate
        for packet in container.demux(stream):
            if not packet.size:
                continue
            if not numbers:
                _check(path, "first packet a keyframe", True, packet.is_keyframe)
            number = Fraction(packet.pts or 0) * packet.time_base / frame_s
            _check(path, "time of a packet in frames", number.numerator, number)
            _check(path, "reordering within bounds", True, len(numbers) - number <= facts.max_reorder)
            numbers.append(number.numerator)
            yield packet, number.numerator
    _check(path, "numbers of the frames", list(range(facts.num_frames)), sorted(numbers))


def _check(path: Path, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise OutputInvalid(
            f"a segment does not match the plan: {what}",
            where=str(path),
            expected=str(expected)[:200],
            got=str(got)[:200],
        )
