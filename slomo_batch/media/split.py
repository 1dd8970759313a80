"""Split a source into chunk archives and one audio archive, reading it once and never holding it in memory.

The copy lane copies the packets that each chunk's frames need (`coverage`). The decode lane decodes the source in
one pass (`decode_lane`) and stores its pictures losslessly (`lossless`); those of a surveyed video are made by its
recipe. A worker gets all times from the note of the chunk
archive: `first_frame`; the `pts` of its pictures (ticks of the stream) and the `ticks` of its frames (ticks of the
source timeline); which pictures are `held`, that is, copies of a neighbor because they could not be decoded; their
`width`, `height` and `pixel_format`; `first_picture`, if the video is interlaced; and `alpha`, if alpha is read too. A
copied chunk of a joined file also has `joins`: the indices of its packets at which another part of the file begins. The
first chunk of a range has the `earlier_captions`, of pictures before the range.
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from av.error import FFmpegError

from slomo_batch.errors import SourceChanged, SourceUnreadable
from slomo_batch.media.av_errors import reading
from slomo_batch.media.chunk_cutter import ChunkArchive, ChunkCutter, Span
from slomo_batch.media.coverage import covering_packets
from slomo_batch.media.decode_lane import SourceFrame
from slomo_batch.media.demux import demux_packets, open_source
from slomo_batch.media.earlier_captions import EarlierCaptions, packets_of
from slomo_batch.media.lossless import LosslessEncoder
from slomo_batch.media.packet_archive import JSON, packet_record
from slomo_batch.media.packets import from_av, stream_header
from slomo_batch.media.planned_source import Packet, opened_as_planned
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.recipe import checked_pictures, source_pictures
from slomo_batch.media.source_pictures import PictureConverter, SourcePicture, planned_frames
from slomo_batch.plan.subtitles import subtitles_of
from slomo_batch.records.source_facts import VideoFacts
from slomo_batch.timeline.index import Int64s, VideoIndex
from slomo_batch.timeline.recipe import Recipe
from slomo_batch.timeline.survey import Survey

SEEK_FROM_BYTES = 8 << 20
"""The start of a file is read instead of skipped if it is smaller than this."""
SEEKABLE = ("mov", "matroska")
"""Demuxers that seek to a keyframe exactly, by an index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSlice:
    """The source frames that one chunk reads, and the pictures that they are made of."""

    index: int
    """The chunk's number."""
    first_frame: int
    """Number of its first source frame."""
    pts: tuple[int, ...]
    """Pts of its pictures, in ticks of the stream, strictly increasing."""
    ticks: tuple[int, ...]
    """Times of its frames, in ticks of the source timeline. Each picture is one frame if the video is progressive."""
    first_picture: int | None = None
    """Number of its first picture; None: that of its first frame, because each picture is one frame."""
    chunk_id: str = ""
    """Stored in the archive's note, so that an archive under another chunk's key is detected."""
    captioned: range = range(0)
    """Numbers of the pictures before the range whose closed captions its note states."""

    @property
    def pictures(self) -> range:
        """Numbers of its pictures."""
        first = self.first_frame if self.first_picture is None else self.first_picture
        return range(first, first + len(self.pts))


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioArchive:
    """All packets of all audio and subtitle tracks, on the local disk."""

    path: Path


SplitPart = ChunkArchive | AudioArchive

__all__ = ["AudioArchive", "ChunkArchive", "SourceSlice", "SplitPart", "audio_path", "split_copy", "split_decode"]


def split_copy(  # noqa: PLR0917 - one job's nouns in their order
    reader: RangeReader,
    name: str,
    facts: VideoFacts,
    index: VideoIndex,
    slices: Sequence[SourceSlice],
    folder: Path,
    *,
    audio: bool,
    alpha: bool = False,
) -> Generator[SplitPart]:
    """Copy the packets of each slice into its own archive, and all audio packets into one.

    Archives are yielded as soon as they are complete, the audio last. With `audio` the whole file is read, otherwise
    only what the slices need. With `alpha`, workers decode alpha too.

    Raises:
        SourceChanged: the packets are not those that were indexed.
        SourceUnreadable: the file cannot be read, or ends early.
    """
    tracks = (*facts.audio, *subtitles_of(facts)) if audio else ()
    parts = {part.index: part for part in slices}
    spans, captioned = _packet_spans(index, slices), _captioned(slices)
    first = 0 if tracks else _first_needed(index, spans, captioned)
    with reading(reader, name):
        resume_at = _resume_packet(reader, facts, index, first)
        with opened_as_planned(reader, name, facts, index, tracks, audio_path(folder)) as source:
            by_chunk = {span.index: span for span in spans}
            header = stream_header(source.video, alpha=alpha)
            earlier = EarlierCaptions(header, index, captioned)

            def note_of(number: int) -> Mapping[str, JSON]:
                note = _note(parts[number], facts, earlier, alpha=alpha)
                return {**note, "joins": _joins_in(by_chunk[number], index)}

            cutter = ChunkCutter(folder, header, spans, note_of)
            if resume_at:
                source.container.seek(int(index.pts[first]), stream=source.video)
            for number, packet in enumerate(source.video_packets, resume_at):
                _check(packet, number, index, name)
                archived = from_av(packet, 0)
                earlier.add_packet(number, archived)
                yield from cutter.add(number, packet_record(archived))
                if cutter.is_done:
                    break
            if not cutter.is_done:
                raise _ended(name, index)
            source.finish()
    if tracks:
        yield AudioArchive(path=audio_path(folder))


def split_decode(  # noqa: PLR0917 - one job's nouns in their order
    reader: RangeReader,
    name: str,
    facts: VideoFacts,
    index: VideoIndex,
    slices: Sequence[SourceSlice],
    folder: Path,
    *,
    audio: bool,
    max_held_frames: int,
    alpha: bool = False,
    surveyed: tuple[Survey, Recipe] | None = None,
) -> Generator[SplitPart]:
    """Decode the source once and store each slice's pictures losslessly; audio as in `split_copy`.

    If the video is `surveyed`, the slices are parts of the source pictures of its recipe.

    Raises:
        SourceChanged: the video stream has another index than planned.
        SourceUnreadable: more than `max_held_frames`, or a tenth, of the frames cannot be decoded, or the file
            cannot be read.
        SourceUnsupported: a frame has another scan flag than planned, or differs from those before it.
        WorkDamaged: a picture is not the one that was surveyed.
    """
    tracks = (*facts.audio, *subtitles_of(facts)) if audio else ()
    parts = {part.index: part for part in slices}
    held: list[int] = []

    def note_of(number: int) -> Mapping[str, JSON]:
        part = parts[number]
        return {**_note(part, facts, earlier, alpha=alpha), "held": [one for one in held if one in part.pictures]}

    spans = [Span(index=part.index, start=part.pictures.start, end=part.pictures.stop) for part in slices]
    with reading(reader, name), opened_as_planned(reader, name, facts, index, tracks, audio_path(folder)) as source:
        header, recipe = stream_header(source.video), surveyed[1] if surveyed else None
        encoder = LosslessEncoder(facts, picture_pts(index, recipe), index.time_base, header, alpha=alpha)
        earlier = EarlierCaptions(header, index, _captioned(slices))
        cutter = ChunkCutter(folder, encoder.header, spans, note_of)
        frames = planned_frames(source, facts, index, name, max_held_frames=max_held_frames, alpha=alpha)
        pictures = _pictures(frames, facts, cutter, earlier, surveyed, name, alpha=alpha)
        for number, is_held, picture in pictures if spans else ():
            if is_held:
                held.append(number)
            yield from cutter.add(number, encoder.record(picture) if picture else b"")
            if cutter.is_done:
                break
        source.finish()
    if tracks:
        yield AudioArchive(path=audio_path(folder))


def picture_pts(index: VideoIndex, recipe: Recipe | None) -> Int64s:
    """What identifies each source picture in a chunk archive: its pts, or its number if a recipe makes it."""
    return index.frame_pts if recipe is None else np.arange(len(recipe), dtype=np.int64)


def _pictures(  # noqa: PLR0917 - one job's nouns in their order
    frames: Iterable[SourceFrame],
    facts: VideoFacts,
    cutter: ChunkCutter,
    earlier: EarlierCaptions,
    surveyed: tuple[Survey, Recipe] | None,
    name: str,
    *,
    alpha: bool,
) -> Iterator[tuple[int, bool, SourcePicture | None]]:
    """The number of each source picture, whether it is held, and the picture; None if no chunk needs it."""
    convert = PictureConverter(facts, alpha=alpha).convert
    if surveyed is None:
        for frame in frames:
            if not frame.is_held:
                earlier.add_frame(frame.number, frame.frame)
            yield frame.number, frame.is_held, convert(frame) if cutter.needs(frame.number) else None
    else:
        survey, recipe = surveyed
        for picture in source_pictures(recipe, checked_pictures(map(convert, frames), survey, name)):
            earlier.add_data(picture.number, picture.captions)
            yield picture.number, picture.is_held, picture if cutter.needs(picture.number) else None


# ---- the source ----------------------------------------------------------------------------------------------------


def audio_path(folder: Path) -> Path:
    """Where the archive of the audio and subtitle tracks is made."""
    return folder / "audio.packets"


def _resume_packet(reader: RangeReader, facts: VideoFacts, index: VideoIndex, first: int) -> int:
    """The packet at which reading resumes after a seek to packet `first`; 0 to read from the start."""
    if index.joins or not facts.container.startswith(SEEKABLE) or int(index.size_bytes[:first].sum()) < SEEK_FROM_BYTES:
        return 0
    with open_source(reader) as container:
        video = container.streams[facts.stream_index]
        try:
            container.seek(int(index.pts[first]), stream=video)
        except FFmpegError:
            return 0
        packet = next(demux_packets(container, [video]), None)
    if packet is None or packet.pts is None:
        return 0
    places = np.flatnonzero((index.pts == packet.pts) & (index.size_bytes == packet.size))
    return int(places[0]) if len(places) == 1 and places[0] <= first else 0


def _check(packet: Packet, number: int, index: VideoIndex, name: str) -> None:
    planned = (int(index.pts[number]), int(index.size_bytes[number])) if number < len(index.pts) else "no packet"
    if (packet.pts, packet.size) != planned:
        raise SourceChanged(
            f"packet {number} of the video has changed since the video was planned",
            where=name,
            expected=f"pts and size {planned}",
            got=f"{(packet.pts, packet.size)}",
        )


def _ended(name: str, index: VideoIndex) -> SourceUnreadable:
    return SourceUnreadable(
        "the video ends before its last planned packet",
        where=name,
        expected=f"{len(index.pts)} packets",
        remedy="The file is damaged: copy it again from its original.",
    )


# ---- slices --------------------------------------------------------------------------------------------------------


def _packet_spans(index: VideoIndex, slices: Sequence[SourceSlice]) -> list[Span]:
    starts, ends = covering_packets(index, [part.pts[0] for part in slices], [part.pts[-1] for part in slices])
    return [
        Span(index=part.index, start=start, end=end)
        for part, start, end in zip(slices, starts.tolist(), ends.tolist(), strict=True)
    ]


def _first_needed(index: VideoIndex, spans: Sequence[Span], captioned: range) -> int:
    """The first packet of these spans and of the pictures whose captions are read; 0 if there are none."""
    starts = [span.start for span in spans] + ([packets_of(index, captioned).start] if captioned else [])
    return min(starts, default=0)


def _joins_in(span: Span, index: VideoIndex) -> list[int]:
    """Indices of the span's packets at which a part of a joined file begins."""
    firsts = (join.first_packet for join in index.joins)
    return [first - span.start for first in firsts if span.start < first < span.end]


def _captioned(slices: Sequence[SourceSlice]) -> range:
    """The pictures before the range whose captions are read."""
    return next((part.captioned for part in slices if part.captioned), range(0))


def _note(part: SourceSlice, facts: VideoFacts, earlier: EarlierCaptions, *, alpha: bool) -> dict[str, JSON]:
    return {
        "chunk_id": part.chunk_id,
        "first_frame": part.first_frame,
        **({} if part.first_picture is None else {"first_picture": part.first_picture}),
        **({"earlier_captions": earlier.note()} if part.captioned else {}),
        "pts": part.pts,
        "ticks": part.ticks,
        "held": [],
        "width": facts.width,
        "height": facts.height,
        "pixel_format": facts.pixel_format,
        **({"alpha": True} if alpha else {}),
    }
