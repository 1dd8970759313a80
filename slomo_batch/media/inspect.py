"""Inspect a finished file: it is published only if it matches the plan.

All packets are checked: their number, presentation times, decoding times, keyframes at the start of segments,
duration, size, color, rotation, audio tracks. Frames are decoded only around the borders of segments: each segment
was fully decoded when it was made, and its packets are copied.

In MP4 and MOV times must be exact to the tick. Matroska counts milliseconds, so its times may be off by half a
millisecond.
"""

from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.stream import VideoStream
from numpy.typing import NDArray

from slomo_batch.errors import OutputInvalid
from slomo_batch.media.encode import ColorNumbers
from slomo_batch.media.frames import may_have_alpha
from slomo_batch.media.orientation import Orientation, orientation_of
from slomo_batch.media.packets import ALPHA_BESIDE, has_alpha_beside
from slomo_batch.media.side_data_reading import side_data_of
from slomo_batch.media.stitch_spec import StitchSpec
from slomo_batch.plan.codecs import CODECS
from slomo_batch.plan.containers import container_of
from slomo_batch.plan.encoders import ENCODERS

FRAMES_AROUND_BORDER = 2
"""Maximum number of frames decoded before and after a border."""
_AT_ONCE = 4096
"""Frames checked at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _PacketTable:
    """The video's packets in decode order, in ticks."""

    time_base: Fraction
    pts: NDArray[np.int64]
    dts: NDArray[np.int64]
    """Meaningless in Matroska, which stores none."""
    is_keyframe: NDArray[np.bool_]
    end: int
    """Largest end time of a packet."""
    num_audio_packets: tuple[int, ...]
    num_alpha: int
    """Packets with alpha beside them."""


def verify_output(
    path: Path, spec: StitchSpec, *, borders: Sequence[int], num_audio_tracks: int, num_subtitle_tracks: int = 0
) -> None:
    """Check the file against the plan.

    `borders` are the numbers of the frames that begin a segment, except the first.

    Raises:
        OutputInvalid: the file differs from the plan; the message names the first difference.
    """
    if container_of(path.suffix).has_exact_times:
        _check_index_in_front(path)
    with _opened(path) as (container, stream):
        table = _packet_table(container, stream)
        _check_packets(path, spec, table, borders)
        _check_tags(path, spec, stream, table)
        _expect(path, "number of audio tracks", num_audio_tracks, len(table.num_audio_packets))
        _expect(path, "number of subtitle tracks", num_subtitle_tracks, len(container.streams.subtitles))
        _expect(path, "audio tracks without packets", 0, table.num_audio_packets.count(0))
    with _opened(path) as (container, stream):
        _check_borders(path, spec, container, stream, borders)


# ---- packets -------------------------------------------------------------------------------------------------------


def _packet_table(container: InputContainer, stream: VideoStream) -> _PacketTable:
    pts, dts, keyframes = array("q"), array("q"), bytearray()
    end = num_alpha = 0
    num_audio_packets = dict.fromkeys((track.index for track in container.streams.audio), 0)
    for packet in container.demux(stream, *container.streams.audio):
        if not packet.size:
            continue
        if packet.stream_index != stream.index:
            num_audio_packets[packet.stream_index] += 1
            continue
        if packet.pts is None:
            raise OutputInvalid(f"video packet {len(pts)} has no pts", where=container.name)
        pts.append(packet.pts)
        dts.append(packet.pts if packet.dts is None else packet.dts)
        keyframes.append(packet.is_keyframe)
        num_alpha += packet.has_sidedata(ALPHA_BESIDE)
        end = max(end, packet.pts + (packet.duration or 0))
    return _PacketTable(
        time_base=stream.time_base or Fraction(1),
        pts=np.frombuffer(pts, dtype=np.int64),
        dts=np.frombuffer(dts, dtype=np.int64),
        is_keyframe=np.frombuffer(keyframes, dtype=np.bool_),
        end=end,
        num_audio_packets=tuple(num_audio_packets.values()),
        num_alpha=num_alpha,
    )


def _check_packets(path: Path, spec: StitchSpec, table: _PacketTable, borders: Sequence[int]) -> None:
    _expect(path, "number of frames", spec.num_frames, len(table.pts))
    order = np.argsort(table.pts, kind="stable")
    exact = container_of(path.suffix).has_exact_times
    _expect(
        path,
        "first frame whose time is not its number / rate",
        None,
        _first_misplaced_frame(spec, table, order, exact=exact),
    )
    rises = int(np.diff(table.dts).min(initial=1)) > 0 or not exact
    _expect(path, "increasing decoding times", True, rises)
    late = int((table.pts - table.dts).min(initial=0)) < 0
    _expect(path, "packets presented before they are decoded", False, late and exact)
    starts = order[[0, *borders]]
    _expect(path, "segments that begin with a keyframe", len(starts), int(table.is_keyframe[starts].sum()))
    _expect(path, "segments whose first frame is decoded first", [0, *borders], starts.tolist())
    _check_duration(path, spec, table, exact=exact)


def _first_misplaced_frame(
    spec: StitchSpec, table: _PacketTable, order: NDArray[np.int64], *, exact: bool
) -> int | None:
    """The first frame whose presentation time differs from number / rate, or None. Uses exact integers, in batches of
    frames."""
    ticks = 1 / (spec.rate * table.time_base)
    allowed = 0 if exact else Fraction(1, 2) * ticks.denominator
    for start in range(0, len(order), _AT_ONCE):
        pts = table.pts[order[start : start + _AT_ONCE]].astype(object)
        planned = np.arange(start, start + len(pts)).astype(object) * ticks.numerator
        wrong = np.flatnonzero(abs(pts * ticks.denominator - planned) > allowed)
        if len(wrong):
            return start + int(wrong[0])
    return None


def _check_duration(path: Path, spec: StitchSpec, table: _PacketTable, *, exact: bool) -> None:
    planned = spec.num_frames / spec.rate
    allowed = Fraction(0) if exact else 2 * table.time_base
    found = table.end * table.time_base
    if abs(found - planned) > allowed:
        _expect(path, "duration in seconds", planned, found)


# ---- what the header says ------------------------------------------------------------------------------------------


def _check_tags(path: Path, spec: StitchSpec, stream: VideoStream, table: _PacketTable) -> None:
    context = stream.codec_context
    _expect(path, "picture size", (spec.width, spec.height), (context.width, context.height))
    is_beside, is_within = has_alpha_beside(stream), context.format is not None and may_have_alpha(context.format)
    _expect(path, "alpha", spec.has_alpha, is_beside or is_within)
    _expect(path, "packets with alpha beside them", spec.num_frames if is_beside else 0, table.num_alpha)
    codec, kind = ENCODERS[spec.encoder].codec, container_of(path.suffix)
    planned, found = ColorNumbers.of(spec.color), ColorNumbers.found(context)
    if not CODECS[codec].states_range:
        found = replace(found, range=planned.range)
    if kind.keeps_color(codec, spec.color):
        _expect(path, "color", planned, found)
    _expect(path, "sample aspect ratio", spec.sample_aspect_ratio, stream.sample_aspect_ratio or Fraction(1))


def _check_index_in_front(path: Path) -> None:
    """Check that in MP4 and MOV the index (moov) is before the media (mdat), so that players need not fetch the end
    first."""
    boxes = []
    with path.open("rb") as file:
        size, at = path.stat().st_size, 0
        while at + 8 <= size:
            file.seek(at)
            head = file.read(16)
            length = int.from_bytes(head[:4], "big")
            boxes.append(head[4:8].decode("latin-1"))
            at += {0: size, 1: int.from_bytes(head[8:16], "big")}.get(length, max(length, 8))
    ours = [box for box in boxes if box in {"moov", "mdat"}]
    _expect(path, "order of index and media", ["moov", "mdat"], ours)


# ---- pictures around borders ---------------------------------------------------------------------------------------


def _check_borders(
    path: Path, spec: StitchSpec, container: InputContainer, stream: VideoStream, borders: Sequence[int]
) -> None:
    """Decode the first frames of the file and those around each border, and check that none is missing."""
    for border in [0, *borders]:
        wanted = range(max(0, border - FRAMES_AROUND_BORDER), min(spec.num_frames, border + FRAMES_AROUND_BORDER))
        found = [number for number, _ in _decoded(container, stream, spec, wanted)]
        _expect(path, f"frames decoded around frame {border}", list(wanted), found)
    _check_side_data(path, spec, container, stream)
    first = next((frame for _, frame in _decoded(container, stream, spec, range(1))), None)
    found_orientation = orientation_of(first) if first is not None else Orientation()
    _expect(path, "rotation", spec.rotation_deg % 360, found_orientation.rotation_deg % 360)
    _expect(path, "mirroring", spec.is_mirrored, found_orientation.is_mirrored)


def _check_side_data(path: Path, spec: StitchSpec, container: InputContainer, stream: VideoStream) -> None:
    if not spec.side_data.kept:
        return
    container.seek(0, stream=stream)
    found = side_data_of(stream, next(container.decode(stream)), str(path))
    if found.mastering:  # AV1 rounds the luminance
        found = replace(found, mastering=spec.side_data.mastering)
    _expect(path, "side data", spec.side_data, replace(found, dropped=()))


def _decoded(
    container: InputContainer, stream: VideoStream, spec: StitchSpec, wanted: range
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Number of each wanted frame, and the frame, that the decoder returns after a seek to the keyframe before."""
    time_base = stream.time_base or Fraction(1)
    container.seek(int(wanted.start / spec.rate / time_base), stream=stream)
    for frame in container.decode(stream):
        number = round((frame.pts or 0) * time_base * spec.rate)
        if number >= wanted.stop:
            return
        if number >= wanted.start and not frame.is_corrupt:
            yield number, frame


@contextmanager
def _opened(path: Path) -> Iterator[tuple[InputContainer, VideoStream]]:
    """The file and its video stream. Every failure of FFmpeg to read it is converted to OutputInvalid."""
    try:
        with av.open(str(path)) as container:
            yield container, _only_video(path, container)
    except (av.FFmpegError, OSError) as error:
        raise OutputInvalid("FFmpeg cannot read the output", where=str(path), got=str(error)) from error


def _only_video(path: Path, container: InputContainer) -> VideoStream:
    videos: list[Stream] = [
        stream
        for stream in container.streams
        if stream.type == "video" and not stream.disposition & Disposition.attached_pic
    ]
    _expect(path, "number of video streams", 1, len(videos))
    return cast("VideoStream", videos[0])


def _expect(path: Path, what: str, expected: object, got: object) -> None:
    if expected != got:
        raise OutputInvalid(
            f"the output does not match the plan: {what}",
            where=str(path),
            expected=str(expected)[:200],
            got=str(got)[:200],
        )
