"""Compare the length that the header of a source states with what can be read, and note what is missing.

MP4 and MOV count the frames of each track. Matroska states the duration or the number of frames of a track in its tags,
and that of the file, as FLV does. MXF states the duration of each track, AVI that of its pictures. The header of other
containers states neither, or FFmpeg guesses it from the file's size.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from slomo_batch.media.index import PacketIndex
from slomo_batch.media.mp4_boxes import is_fragmented
from slomo_batch.media.reader import RangeReader

MAX_DIFFERENCE_S = 1
"""A video that ends less than this before the end of the file is whole: its audio or a subtitle may be longer."""
_MP4, _MATROSKA, _FLV, _AVI, _MXF = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "avi", "mxf"
_TIME = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedLength:
    """What the header states of the video's length, and what was read."""

    container: str
    """FFmpeg's name of the demuxer."""
    num_stated: int
    """Number of frames that the header states; 0 if it states none."""
    num_listed: int
    """Number of packets in the index that FFmpeg made of the headers."""
    num_read: int
    """Number of packets read."""
    stated_s: Fraction
    """Time at which the video, or else the file, ends by its header, in seconds; 0 if it states none."""
    end_s: Fraction
    """Time at which the last packet ends."""

    @classmethod
    def of(cls, container: InputContainer, video: VideoStream, found: PacketIndex) -> "StatedLength":
        """The lengths of an opened source whose packets have been indexed."""
        index = found.index
        tick_s = index.time_base
        return cls(
            container=container.format.name,
            num_stated=_stated_number(container, video),
            num_listed=len(video.index_entries),
            num_read=len(index.pts),
            stated_s=_stated_s(container, video) if found.has_timestamps and not index.joins else Fraction(0),
            end_s=(int(index.pts.max()) + index.last_duration) * tick_s,
        )


def stated_length_note(reader: RangeReader, length: StatedLength) -> str:
    """Say how much of the stated length cannot be read, or is left out by an edit list; empty if nothing."""
    if length.container == _MP4 and is_fragmented(reader):
        return _missing_from_fragments(length)
    missing = length.num_stated - length.num_read
    if missing > 0 and length.container == _MP4:
        return _missing_from_mp4(reader, length)
    if missing > 0:
        return _missing(missing, length.num_stated)
    if length.stated_s - length.end_s > MAX_DIFFERENCE_S:
        return (
            f"the video ends at {float(length.end_s):,.1f} s, but the header states {float(length.stated_s):,.1f} s:"
            " the file is incomplete or damaged, or another track is longer"
        )
    return ""


def _missing(number: int, stated: int) -> str:
    return (
        f"{number:,} of the {stated:,} frames that the header counts cannot be read: the file is damaged or incomplete"
    )


def _missing_from_fragments(length: StatedLength) -> str:
    """FFmpeg stops before the end if a fragment places packets outside of the file, be they of another track."""
    missing = length.num_listed - length.num_read
    if missing <= 0:
        return ""
    return f"{missing:,} of the {length.num_listed:,} frames that the fragments list cannot be read: one is damaged"


def _missing_from_mp4(reader: RangeReader, length: StatedLength) -> str:
    """An edit list may leave frames out, which then are not in FFmpeg's index."""
    reader.seek(0)
    with av.open(reader, "r", metadata_errors="replace", container_options={"ignore_editlist": "1"}) as container:
        streams = [stream for stream in container.streams.video if stream.frames == length.num_stated]
        num_listed = max((len(stream.index_entries) for stream in streams), default=0)
    num_unread, num_cut = length.num_stated - num_listed, num_listed - length.num_read
    notes = [
        _missing(num_unread, length.num_stated) if num_unread > 0 else "",
        f"{num_cut:,} of {length.num_stated:,} frames are not shown: an edit list leaves them out"
        if num_cut > 0
        else "",
    ]
    return "; ".join(filter(None, notes))


# ---- what headers state --------------------------------------------------------------------------------------------


def _stated_number(container: InputContainer, video: VideoStream) -> int:
    if container.format.name == _MP4:
        return video.frames
    number = _tag(video.metadata, "NUMBER_OF_FRAMES") if container.format.name == _MATROSKA else ""
    return int(number) if number.isdecimal() else 0


def _stated_s(container: InputContainer, video: VideoStream) -> Fraction:
    tick_s = video.time_base or Fraction(0)
    match container.format.name:
        case "avi":
            return video.frames * tick_s
        case "mxf":
            return (video.duration or 0) * tick_s
        case "flv" | "matroska,webm":
            own = _seconds(_tag(video.metadata, "DURATION"))
            return own or Fraction(container.duration or 0, av.time_base)
    return Fraction(0)


def _tag(metadata: Mapping[str, str], name: str) -> str:
    """A statistics tag of Matroska, to whose name mkvmerge may have added a language."""
    return next((value for key, value in metadata.items() if key.upper().split("-")[0] == name), "")


def _seconds(text: str) -> Fraction:
    found = _TIME.match(text)
    return Fraction(0) if found is None else (int(found[1]) * 60 + int(found[2])) * 60 + Fraction(found[3])
