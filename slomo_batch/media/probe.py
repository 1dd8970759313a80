"""Probe a source: its properties, when its frames are shown, and whether its packets may be copied.

One pass does it all: the index comes from the moov of an MP4 or MOV, else from all packets. The first pictures are
decoded on the way (`copy_check`), and some in the middle and near the end, to see how they are scanned
(`scan_samples`). Sources are refused, with a reason, if they are not a video, if no frame can be decoded, or if this
version does not support them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import av
import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from slomo_batch.errors import SourceUnreadable, SourceUnsupported
from slomo_batch.media import field_packets
from slomo_batch.media.av_errors import reading
from slomo_batch.media.color_names import MATRICES, PRIMARIES, TRANSFERS, UNSPECIFIED
from slomo_batch.media.copy_check import CopyCheck
from slomo_batch.media.deinterlace import can_deinterlace
from slomo_batch.media.demux import find_covers, main_video, may_be_cover, open_source
from slomo_batch.media.frames import planar_format_name
from slomo_batch.media.index import PacketIndex, ZeroFilledFile, has_whole_moov, index_from_moov, index_from_packets
from slomo_batch.media.metadata_reading import metadata_of
from slomo_batch.media.orientation import orientation_of
from slomo_batch.media.packet_notes import packet_notes
from slomo_batch.media.packets import sample_aspect_ratio_of, stream_header
from slomo_batch.media.picture_limits import MAX_PICTURE_PX, check_picture_size
from slomo_batch.media.picture_properties import is_full_range
from slomo_batch.media.picture_sizes import picture_sizes
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.scan_samples import LaterWindows
from slomo_batch.media.side_data_reading import side_data_of
from slomo_batch.media.stated_length import StatedLength
from slomo_batch.media.time_notes import time_notes
from slomo_batch.media.tracks import notes_on_lost_tracks, tracks_of
from slomo_batch.media.unread_parts import ReadPart, completed
from slomo_batch.picture import PIXEL_FORMATS
from slomo_batch.plan.scan import ScanEvidence, decide_scan
from slomo_batch.records.source_facts import AudioTrack, ColorFacts, FieldOrder, Scan, VideoFacts
from slomo_batch.settings import Deinterlace, ScanSetting
from slomo_batch.timeline.fields import field_timeline
from slomo_batch.timeline.index import SourceTimeline, VideoIndex, source_timeline
from slomo_batch.timeline.recipe import Recipe

MAX_FRAME_GAP_S = 3600
"""If two consecutive frames are further apart than this, a timestamp is damaged."""
_FROM_WEBP = "Convert it first, for example with ImageMagick: `magick in.webp out.gif`."
_OF_PICTURES = "_pipe"
"""How FFmpeg's names of formats of single pictures end: dpx_pipe, tiff_pipe."""
_FIELD_ORDERS: dict[int, FieldOrder] = {2: "tff", 3: "bff", 4: "tff", 5: "bff"}
"""By FFmpeg's number of what the container states. Numbers 4 and 5 are those of the QuickTime values 9 and 14."""
_STATING_SCAN = frozenset(
    {"h264", "hevc", "vvc", "mpeg1video", "mpeg2video", "mpeg4", "vc1", "wmv3", "dvvideo", "prores", "dnxhd", "ffv1"}
)
"""Codecs whose pictures state their scan, so that what the container states does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """Everything that is known about a source before it is processed."""

    facts: VideoFacts
    index: VideoIndex
    timeline: SourceTimeline
    recipe: Recipe | None = None
    """How its source pictures are made, if it is surveyed."""


def probe(reader: RangeReader, name: str, scan: ScanSetting = "auto", deinterlace: Deinterlace = "field") -> Probe:
    """Probe one source; messages call it `name`. `scan` and `deinterlace` are the settings of these names.

    Raises:
        SourceUnreadable: it is empty, damaged, not a video, or has no frame.
        SourceUnsupported: this version does not support this kind of video.
        SourceChanged, StorageBusy: raised by the store.
    """
    if reader.size_bytes == 0:
        raise SourceUnreadable("the file is empty", where=name)
    with reading(reader, name):
        asked = _Asked(name, scan, deinterlace)
        made, read = _probe_from_moov(reader, asked) or _probe_from_packets(reader, asked)
        return replace(made, facts=completed(made.facts, reader, read))


@dataclass(frozen=True, slots=True)
class _Asked:
    """The name and the settings of the source."""

    name: str
    scan: ScanSetting
    deinterlace: Deinterlace


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What was read of the source."""

    container: InputContainer
    video: VideoStream
    packets: PacketIndex
    copy_check: CopyCheck
    asked: _Asked
    num_covers: int = 0
    """Streams that are single pictures, and look like a video."""


def _probe_from_moov(reader: RangeReader, asked: _Asked) -> tuple[Probe, ReadPart] | None:
    """Like _probe_from_packets, from the moov; None if the moov is not sufficient."""
    name = asked.name
    if not has_whole_moov(reader, name):
        return None
    file = ZeroFilledFile(reader)
    with open_source(file) as container:
        video = main_video(container, name)
        if may_be_cover(container, video):
            return None
        check_picture_size(video.width, video.height, name)
        copy_check = CopyCheck(video)
        found = index_from_moov(container, video, file, copy_check.add, name)
        if found is None:
            return None
        copy_check.finish()
        windows = LaterWindows(video, reader.size_bytes)
        windows.read(reader, [entry.pos for entry in video.index_entries], found.index)
        copy_check.samples.append(windows.samples)
        return _probed(_Read(container=container, video=video, packets=found, copy_check=copy_check, asked=asked))


def _probe_from_packets(reader: RangeReader, asked: _Asked) -> tuple[Probe, ReadPart]:
    with open_source(reader) as container, reader.reading_ahead():
        video = main_video(container, asked.name)
        if not may_be_cover(container, video):
            return _probe_all_packets(container, video, reader, asked)
    with open_source(reader) as container:
        covers = find_covers(container)
    with open_source(reader) as container, reader.reading_ahead():
        video = main_video(container, asked.name, covers)
        return _probe_all_packets(container, video, reader, asked, num_covers=len(covers))


def _probe_all_packets(
    container: InputContainer, video: VideoStream, reader: RangeReader, asked: _Asked, *, num_covers: int = 0
) -> tuple[Probe, ReadPart]:
    check_picture_size(video.width, video.height, asked.name)
    copy_check, windows = CopyCheck(video), LaterWindows(video, reader.size_bytes)
    found = index_from_packets(container, video, copy_check.add, asked.name, windows.add)
    windows.finish()
    copy_check.finish()
    copy_check.samples.append(windows.samples)
    return _probed(
        _Read(
            container=container, video=video, packets=found, copy_check=copy_check, asked=asked, num_covers=num_covers
        )
    )


def _probed(read: _Read) -> tuple[Probe, ReadPart]:
    container, video, copy_check, asked = read.container, read.video, read.copy_check, read.asked
    first_frame = _first_frame(read)
    scan, scan_notes = decide_scan(_scan_evidence(video, copy_check), asked.scan, asked.deinterlace, asked.name)
    orientation = orientation_of(first_frame)
    sizes = picture_sizes(copy_check.sizes, scan, asked.name)
    times = _times_of(read, scan)
    _refuse_picture(container.format.name, times.timeline.num_frames, asked.name)
    copy_obstacle = copy_check.copy_obstacle(replace(read.packets, index=times.index))
    converted = _converted_formats(copy_check, first_frame)
    tracks = tracks_of(container, video)
    facts = VideoFacts(
        container=container.format.name,
        stream_index=video.index,
        codec=stream_header(video).codec,
        width=sizes.main[0],
        height=sizes.main[1],
        pixel_format=first_frame.format.name,
        has_alpha=copy_check.has_alpha,
        sample_aspect_ratio=sample_aspect_ratio_of(video) or Fraction(1),
        rotation_deg=orientation.quarter_turns_deg,
        is_mirrored=orientation.is_mirrored,
        color=_color(video, first_frame),
        rate_from_header=video.average_rate or Fraction(0),
        num_frames=times.timeline.num_frames,
        scan=scan,
        lane="decode" if copy_obstacle else "copy",
        lane_reason=copy_obstacle,
        audio=tuple(track for track in tracks if isinstance(track, AudioTrack)),
        other_tracks=tuple(track for track in tracks if not isinstance(track, AudioTrack)),
        part_starts=tuple(start * scan.frames_per_picture for start in times.index.part_starts),
        converted_formats=converted,
        fitted_sizes=sizes.fitted,
        side_data=side_data_of(video, first_frame, asked.name),
        metadata=metadata_of(container, video, times.first_frame_s),
        oddities=(
            *(f"the pixel format changes midway: {form} is converted" for form in converted),
            *sizes.notes,
            *scan_notes,
            *orientation.notes(),
            *_cover_notes(read),
            *notes_on_lost_tracks(tracks),
            *times.notes,
            *packet_notes(read.packets),
        ),
    )
    return Probe(facts=facts, index=times.index, timeline=times.timeline), _read_part(read, times)


def _converted_formats(copy_check: CopyCheck, first_frame: av.VideoFrame) -> tuple[str, ...]:
    """Planar formats of later pictures, which are converted to that of the first."""
    formats = {planar_format_name(name) for name in copy_check.formats}
    return tuple(sorted(formats - {planar_format_name(first_frame.format.name)}))


def _cover_notes(read: _Read) -> Iterator[str]:
    if read.num_covers:
        yield f"the video is stream {read.video.index}, since another stream is a single picture"


def _read_part(read: _Read, times: "_Times") -> ReadPart:
    return ReadPart(
        end_byte=read.packets.end_byte,
        track=read.video.id,
        first_frame_s=times.first_frame_s,
        length=StatedLength.of(read.container, read.video, read.packets),
    )


# ---- what is refused -----------------------------------------------------------------------------------------------


def _first_frame(read: _Read) -> av.VideoFrame:
    """The first decoded frame of a video that is supported."""
    copy_check, joins = read.copy_check, read.packets.index.joins
    if joins:
        copy_check.truncate(joins[0].first_packet)
    if copy_check.first_frame is None:
        raise _undecodable(stream_header(read.video).codec, len(copy_check.packets), read.asked.name)
    _refuse_unsupported(copy_check, read.asked.name)
    return copy_check.first_frame


def _undecodable(codec: str, num_packets: int, name: str) -> SourceUnsupported | SourceUnreadable:
    """The error for a video of which no packet that was tried can be decoded."""
    if codec == "webp":
        return SourceUnsupported("this build of FFmpeg cannot decode animated WebP", where=name, remedy=_FROM_WEBP)
    what = f"none of the first {num_packets} video packets can be decoded"
    remedy = f"The file is damaged, or its pictures have more than {MAX_PICTURE_PX:,} pixels."
    return SourceUnreadable(what, where=name, got=codec, remedy=remedy)


def _refuse_unsupported(copy_check: CopyCheck, name: str) -> None:
    change = copy_check.change
    if change is not None:
        raise SourceUnsupported(
            change.what,
            where=f"{name}, {change.where}" if change.where else name,
            expected=change.expected,
            got=change.got,
            remedy=change.remedy,
        )
    if copy_check.first_frame is not None:
        planar_format_name(copy_check.first_frame.format.name)


def _refuse_picture(container: str, num_frames: int, name: str) -> None:
    """Refuse a file that is one picture: by its container, for a video may have one frame too."""
    if num_frames == 1 and container.endswith(_OF_PICTURES):
        raise SourceUnsupported(
            "this is a picture, not a video",
            where=name,
            got=container.removesuffix("_pipe"),
            remedy="Join the pictures of a sequence into one file first, for example: "
            "ffmpeg -framerate 24 -i scan%06d.dpx -c:v ffv1 scan.mkv",
        )


def _scan_evidence(video: VideoStream, copy_check: CopyCheck) -> ScanEvidence:
    samples, first = copy_check.samples, copy_check.first_frame
    codec = video.codec_context.codec.canonical_name
    return ScanEvidence(
        flags=samples.flags,
        change=samples.change,
        header=None if codec in _STATING_SCAN else _FIELD_ORDERS.get(video.codec_context.field_order),
        verdicts=samples.verdicts,
        show_film=samples.show_film,
        may_be_fields=codec in {"hevc", "vvc"},
        can_deinterlace=first is not None
        and can_deinterlace(PIXEL_FORMATS[planar_format_name(first.format.name)], first.width, first.height),
    )


def _without_second_fields(index: VideoIndex, video: VideoStream, copy_check: CopyCheck) -> VideoIndex:
    if video.codec_context.codec.canonical_name not in field_packets.CODECS:
        return index
    return field_packets.without_second_fields(index, copy_check.pts, copy_check.sources, len(copy_check.packets))


# ---- time ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class _Times:
    """Which packets are shown as frames, and when."""

    index: VideoIndex
    timeline: SourceTimeline
    notes: tuple[str, ...]

    @property
    def first_frame_s(self) -> Fraction:
        """When the first frame is shown, in seconds of the source's clock."""
        return int(self.index.frame_pts[0]) * self.index.time_base


def _times_of(read: _Read, scan: Scan) -> _Times:
    index = _without_second_fields(read.packets.index, read.video, read.copy_check)
    index, num_left_out = _without_undecodable_lead(index, read.copy_check)
    index, dropped_duration_s = _without_endless_end(index)
    timeline = _timeline(index, read.video, read.asked.name, scan)
    notes = tuple(time_notes(timeline, num_left_out, dropped_duration_s))
    return _Times(index=index, timeline=timeline, notes=notes)


def _without_undecodable_lead(index: VideoIndex, copy_check: CopyCheck) -> tuple[VideoIndex, int]:
    """The index without the frames at its start that need data from before the start of the file, and their number.

    These are packets before the first keyframe, or shown before it, for which the decoder returned no picture. If
    packets lack timestamps, which pictures get in the decoder's order, they are all before the first picture.
    """
    keyframes = np.flatnonzero(index.is_keyframe)
    place, num_seen = np.arange(len(index.pts)), len(copy_check.packets)
    if None in copy_check.pts:
        lead = place < min((source for source in copy_check.sources if source is not None), default=0)
    elif len(keyframes):
        first = int(keyframes[0])
        is_decoded = np.isin(index.pts, np.array(copy_check.pts, np.int64))
        lead = ((place < first) | (index.pts < index.pts[first])) & (place < num_seen) & ~is_decoded
    else:
        return index, 0
    lead &= ~index.is_discarded
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


def _timeline(index: VideoIndex, video: VideoStream, name: str, scan: Scan) -> SourceTimeline:
    pts = index.frame_pts
    if not len(pts):
        raise SourceUnreadable("no frame of the video is presented", where=name)
    gap_s = int(np.diff(pts).max(initial=0)) * index.time_base
    if gap_s > MAX_FRAME_GAP_S:
        raise SourceUnreadable(
            "timestamp gap of more than an hour",
            where=name,
            got=f"{float(gap_s):.0f} s between two frames",
            remedy="Repair the file.",
        )
    rates = (video.average_rate, video.guessed_rate, video.base_rate)
    pictures = source_timeline(index, tuple(rate for rate in rates if rate and 1 / rate <= MAX_FRAME_GAP_S))
    return field_timeline(pictures) if scan.frames_per_picture == 2 else pictures


# ---- facts ---------------------------------------------------------------------------------------------------------


def _color(video: VideoStream, frame: av.VideoFrame) -> ColorFacts:
    """The frame's own color description, completed from the container's."""
    context = video.codec_context
    return ColorFacts(
        range="full" if is_full_range(frame, context, context.color_range) else "limited",
        matrix=_name_of_first_known(MATRICES, frame.colorspace, context.colorspace),
        primaries=_name_of_first_known(PRIMARIES, frame.color_primaries, context.color_primaries),
        transfer=_name_of_first_known(TRANSFERS, frame.color_trc, context.color_trc),
    )


def _name_of_first_known(names: dict[int, str], *numbers: int) -> str:
    """The name of the first number that has one."""
    return next((names[number] for number in numbers if number in names), UNSPECIFIED)
