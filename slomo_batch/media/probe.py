"""Probing a source: what it is, when its frames are shown, and whether its packets may be copied.

One look at the file does it all: the index comes from the moov of an MP4 or MOV, else from all packets; the first
pictures are decoded on the way (`proof`). Refused with a reason: what is no video or holds no frame that decodes, and
what this version does not take (interlaced, HDR).
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.media.av_errors import reading
from slomo_batch.media.color_names import (
    HDR_TRANSFERS,
    MATRICES,
    PRIMARIES,
    TRANSFERS,
    UNSPECIFIED,
)
from slomo_batch.media.copy_check import CopyCheck
from slomo_batch.media.demux import main_video, open_source
from slomo_batch.media.frames import planar_format_name
from slomo_batch.media.index import PacketIndex, ZeroFilledFile, has_whole_moov, index_from_moov, index_from_packets
from slomo_batch.media.packet_notes import packet_notes
from slomo_batch.media.packets import can_be_archived, has_audio_format, sample_aspect_ratio_of, stream_header
from slomo_batch.media.picture_limits import MAX_PICTURE_PX, check_picture_size
from slomo_batch.media.picture_properties import is_full_range
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.unread_tail import unread_tail_note
from slomo_batch.records import AudioTrack, ColorFacts, VideoFacts
from slomo_batch.timeline.index import SourceTimeline, VideoIndex, source_timeline

MAX_FRAME_GAP_S = 3600
"""Two neighbouring frames further apart than this have a damaged timestamp."""
NOTABLE_GAP_S = 10
"""Two neighbouring frames further apart than this are mentioned."""
USUAL_RATES = 1, 1000
"""A frame rate below the first or above the second, in frames per second, is mentioned."""
_PROGRESSIVE, _UNKNOWN_ORDER = 1, 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """All that is known of a source before anything is made of it."""

    facts: VideoFacts
    index: VideoIndex
    timeline: SourceTimeline


def probe(reader: RangeReader, name: str) -> Probe:
    """Look at one source; `name` is what messages call it.

    Raises:
        SourceUnreadable: damaged, empty, not a video, without a frame.
        SourceUnsupported: a kind of video this version does not take.
        SourceChanged, StorageBusy: from the store.
    """
    if reader.size_bytes == 0:
        raise SourceUnreadable("the file is empty", where=name)
    with reading(reader, name):
        return _with_note(*(_by_moov(reader, name) or _by_packets(reader, name)), reader)


def _with_note(found: Probe, end_byte: int, track: int, reader: RangeReader) -> Probe:
    """The probe, with a note where something follows in the file that was not read."""
    note = unread_tail_note(reader, found.facts.container, end_byte, track)
    facts = replace(found.facts, oddities=(*found.facts.oddities, note)) if note else found.facts
    return replace(found, facts=facts)


def _by_moov(reader: RangeReader, name: str) -> tuple[Probe, int, int] | None:
    """As _by_packets; None where the moov does not do."""
    if not has_whole_moov(reader, name):
        return None
    file = ZeroFilledFile(reader)
    with open_source(file) as container:
        video = main_video(container, name)
        check_picture_size(video.width, video.height, name)
        pictures = CopyCheck(video)
        found = index_from_moov(container, video, file, pictures.see, name)
        return None if found is None else (_probed(container, video, found, pictures, name), found.end_byte, video.id)


def _by_packets(reader: RangeReader, name: str) -> tuple[Probe, int, int]:
    """The probe, where the last packet of the video ends, and the number of its track."""
    with open_source(reader) as container:
        video = main_video(container, name)
        check_picture_size(video.width, video.height, name)
        pictures = CopyCheck(video)
        found = index_from_packets(container, video, pictures.see, name)
        return _probed(container, video, found, pictures, name), found.end_byte, video.id


def _probed(container: InputContainer, video: VideoStream, found: PacketIndex, pictures: CopyCheck, name: str) -> Probe:
    pictures.finish()
    if found.index.joins:
        pictures.truncate(found.index.joins[0].first_packet)
    if pictures.sample is None:
        what = f"none of the first {len(pictures.packets)} packets of the video can be decoded"
        remedy = f"The file is damaged, or its pictures have more than {MAX_PICTURE_PX:,} pixels."
        raise SourceUnreadable(what, where=name, got=stream_header(video).codec, remedy=remedy)
    check_picture_size(pictures.sample.width, pictures.sample.height, name)
    _refuse_unsupported(video, pictures, name)
    index, num_left_out = _without_undecodable_lead(found.index, pictures)
    index, dropped_duration_s = _without_endless_end(index)
    timeline = _timeline(index, video, name)
    fault = pictures.fault(replace(found, index=index))
    converted = tuple(
        sorted(
            {planar_format_name(name) for name in pictures.formats} - {planar_format_name(pictures.sample.format.name)}
        )
    )
    oddities = (
        *(f"the pixel format changes midway: {form} is converted" for form in converted),
        *_content_notes(container, video, pictures.sample),
        *_time_notes(timeline, num_left_out, dropped_duration_s),
        *packet_notes(found),
    )
    facts = VideoFacts(
        container=container.format.name,
        stream_index=video.index,
        codec=stream_header(video).codec,
        width=pictures.sample.width,
        height=pictures.sample.height,
        pixel_format=pictures.sample.format.name,
        sample_aspect_ratio=sample_aspect_ratio_of(video) or Fraction(1),
        rotation_deg=_rotation(pictures.sample),
        color=_color(video, pictures.sample),
        rate_from_header=video.average_rate or Fraction(0),
        num_frames=timeline.num_frames,
        lane="decode" if fault else "copy",
        lane_reason=fault,
        audio=_audio(container),
        converted_formats=converted,
        oddities=oddities,
    )
    return Probe(facts=facts, index=index, timeline=timeline)


# ---- what is refused -----------------------------------------------------------------------------------------------


def _refuse_unsupported(video: VideoStream, pictures: CopyCheck, name: str) -> None:
    change = pictures.change
    if change is not None:
        raise SourceUnsupported(
            change.what,
            where=f"{name}, {change.where}" if change.where else name,
            expected=change.expected,
            got=change.got,
            remedy=change.remedy,
        )
    if video.codec_context.field_order not in {_PROGRESSIVE, _UNKNOWN_ORDER}:
        raise SourceUnsupported(
            "not yet supported: interlaced video",
            where=name,
            got=f"field order {_field_order(video)}",
            remedy="Deinterlace it first, for instance with FFmpeg's bwdif.",
        )
    if pictures.sample is not None:
        planar_format_name(pictures.sample.format.name)
        transfer = _color(video, pictures.sample).transfer
        if transfer in HDR_TRANSFERS:
            raise SourceUnsupported("not yet supported: HDR", where=name, got=f"transfer {transfer}")


def _field_order(video: VideoStream) -> str:
    return {2: "tt", 3: "bb", 4: "tb", 5: "bt"}.get(video.codec_context.field_order, "unknown")


# ---- time ----------------------------------------------------------------------------------------------------------


def _without_undecodable_lead(index: VideoIndex, pictures: CopyCheck) -> tuple[VideoIndex, int]:
    """The index without the frames at its start that refer to what was before the file began, and their number.

    They are the packets before the first keyframe, and those shown before it, that gave no picture.
    """
    keyframes = np.flatnonzero(index.is_keyframe)
    if not len(keyframes):
        return index, 0
    first, num_seen = int(keyframes[0]), len(pictures.packets)
    came = np.isin(index.pts, [time for time in pictures.pts if time is not None])
    place = np.arange(len(index.pts))
    lead = ((place < first) | (index.pts < index.pts[first])) & (place < num_seen) & ~came & ~index.is_discarded
    return replace(index, is_discarded=index.is_discarded | lead), int(lead.sum())


def _without_endless_end(index: VideoIndex) -> tuple[VideoIndex, Fraction]:
    """Drop a duration of the last frame above MAX_FRAME_GAP_S. Returns the index, and the dropped duration in seconds,
    0 if none was dropped.

    The frame then lasts as long as a usual frame of the video: all frames are present, only the end of the last one is
    unknown.
    """
    last_s = index.last_duration * index.time_base
    if last_s <= MAX_FRAME_GAP_S:
        return index, Fraction(0)
    return replace(index, last_duration=0), last_s


def _timeline(index: VideoIndex, video: VideoStream, name: str) -> SourceTimeline:
    pts = index.frame_pts
    if not len(pts):
        raise SourceUnreadable("no frame of the video is ever shown", where=name)
    leap_s = int(np.diff(pts).max(initial=0)) * index.time_base
    if leap_s > MAX_FRAME_GAP_S:
        raise SourceUnreadable(
            "the timestamps leap",
            where=name,
            got=f"{float(leap_s):.0f} s between two frames",
            remedy="Repair the file.",
        )
    rates = (video.average_rate, video.guessed_rate, video.base_rate)
    return source_timeline(index, tuple(rate for rate in rates if rate and 1 / rate <= MAX_FRAME_GAP_S))


# ---- facts ---------------------------------------------------------------------------------------------------------


def _color(video: VideoStream, frame: av.VideoFrame) -> ColorFacts:
    """The frame's own description; what it leaves unsaid, the container's."""
    context = video.codec_context
    return ColorFacts(
        range="full" if is_full_range(frame, context.color_range) else "limited",
        matrix=_name_of_first_known(MATRICES, frame.colorspace, context.colorspace),
        primaries=_name_of_first_known(PRIMARIES, frame.color_primaries, context.color_primaries),
        transfer=_name_of_first_known(TRANSFERS, frame.color_trc, context.color_trc),
    )


def _name_of_first_known(names: dict[int, str], *numbers: int) -> str:
    return next((names[number] for number in numbers if number in names), UNSPECIFIED)


def _rotation(frame: av.VideoFrame) -> int:
    """The nearest quarter turn, counter-clockwise."""
    return round(frame.rotation / 90) * 90 % 360


def _audio(container: InputContainer) -> tuple[AudioTrack, ...]:
    carried = (track for track in container.streams.audio if can_be_archived(track) and has_audio_format(track))
    headers = ((track.index, stream_header(track)) for track in carried)
    return tuple(
        AudioTrack(
            stream_index=number,
            codec=header.codec,
            sample_rate=header.sample_rate,
            layout=header.layout,
            language=header.language,
            title=header.title,
        )
        for number, header in headers
    )


# ---- oddities ------------------------------------------------------------------------------------------------------


def _content_notes(container: InputContainer, video: VideoStream, sample: av.VideoFrame) -> Iterator[str]:
    """What a person should know of the file's contents."""
    if _rotation(sample):
        yield f"rotated by {_rotation(sample)} degrees counter-clockwise when played"
    if sample.rotation % 90:
        yield f"rotated by {sample.rotation} degrees, which is not a quarter turn: the nearest one is kept"
    if _is_mirrored(sample):
        yield "mirrored when played: the mirroring is not carried"
    if any(component.is_alpha for component in sample.format.components):
        yield "transparency is not carried"
    yield from _not_carried(container, video)


def _is_mirrored(frame: av.VideoFrame) -> bool:
    matrix: Any = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return False
    a, b, _, c, d = struct.unpack_from("<5i", bytes(matrix))
    return bool(a * d - b * c < 0)


def _not_carried(container: InputContainer, video: VideoStream) -> Iterator[str]:
    streams = container.streams
    counts = {
        "other video stream": sum(stream is not video for stream in streams.video),
        "sound track in a codec that is not supported": sum(not can_be_archived(track) for track in streams.audio),
        "subtitle track": len(streams.subtitles),
        "data track": len(streams.data),
        "attachment": len(streams.attachments),
        "chapter": len(container.chapters()),
    }
    for what, number in counts.items():
        if number:
            yield f"{number} {what}{'s' * (number > 1)} not carried"
    damaged = sum(can_be_archived(track) and not has_audio_format(track) for track in streams.audio)
    if damaged:
        whose = "its header is" if damaged == 1 else "their headers are"
        yield f"{damaged} sound track{'s' * (damaged > 1)} not carried: {whose} damaged"


def _time_notes(timeline: SourceTimeline, num_left_out: int, dropped_duration_s: Fraction) -> Iterator[str]:
    if num_left_out:
        yield f"{num_left_out} frames at the start cannot be decoded without what came before them: left out"
    if timeline.rate is None and timeline.num_frames > 1:
        yield f"variable frame rate, taken for {timeline.nominal_rate} where the source's rate is asked for"
    gap_s = int(np.diff(timeline.ticks).max(initial=0)) * timeline.tick_s
    if gap_s > NOTABLE_GAP_S:
        yield f"a gap of {float(gap_s):.1f} s between two frames"
    last_s = int(timeline.end - timeline.ticks[-1]) * timeline.tick_s
    if dropped_duration_s:
        instead = f"it is shown for {round(float(last_s), 3):g} s"
        yield f"the last frame's duration, {float(dropped_duration_s):,.0f} s, looks damaged: {instead}"
    elif last_s > NOTABLE_GAP_S:
        yield f"the last frame is shown for {float(last_s):.1f} s"
    if not USUAL_RATES[0] <= timeline.nominal_rate <= USUAL_RATES[1]:
        rate = f"{float(timeline.nominal_rate):,.{0 if timeline.nominal_rate > 1 else 6}f}"
        yield f"an unusual frame rate of {rate} frames/s: its timestamps may be damaged"
