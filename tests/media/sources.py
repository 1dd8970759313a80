"""Helpers for tests of probing and splitting: a source over bytes, direct decoding as the reference, slices."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import av.error
from av.video.stream import VideoStream

from slomo_batch.media.chunk_cutter import ChunkArchive
from slomo_batch.media.decode import decode_chunk
from slomo_batch.media.frames import fit_frame, picture_from_frame, planar_format_name
from slomo_batch.media.packet_archive import ArchiveReader
from slomo_batch.media.probe import Probe, probe
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.split import SourceSlice, SplitPart, split_copy, split_decode
from slomo_batch.picture import PIXEL_FORMATS, Picture
from slomo_batch.records.source_facts import Lane, ScanFlag, VideoFacts


class CountingReader(RangeReader):
    """A reader of bytes in memory that counts what it fetches."""

    def __init__(self, data: bytes) -> None:
        self.bytes_fetched = 0
        super().__init__(self._counted, len(data))
        self._data = data

    def _counted(self, start: int, end: int) -> bytes:
        self.bytes_fetched += min(end, len(self._data)) - start
        return self._data[start:end]


def reader_of(data: bytes) -> CountingReader:
    return CountingReader(data)


@dataclass(frozen=True)
class Opened:
    """A probed source together with its bytes."""

    name: str
    data: bytes
    probe: Probe

    @classmethod
    def of(cls, name: str, data: bytes) -> "Opened":
        return cls(name, data, probe(reader_of(data), name))

    def slices(self, borders: Sequence[int], overlap: int = 2) -> list[SourceSlice]:
        """One slice from each border to the next, extended by `overlap` frames on either side."""
        return self.slices_of(self.probe.timeline.ticks.tolist(), borders, overlap)

    def slices_of(self, ticks: Sequence[int], borders: Sequence[int], overlap: int = 0) -> list[SourceSlice]:
        """The same, with the times of the frames in ticks of the source timeline."""
        pts = self.probe.index.frame_pts.tolist()
        made = []
        for number, (first, end) in enumerate(pairwise(borders)):
            own = slice(max(first - overlap, 0), min(end + overlap, len(pts)))
            made.append(SourceSlice(index=number, first_frame=own.start, pts=tuple(pts[own]), ticks=tuple(ticks[own])))
        return made

    def split(
        self,
        slices: Sequence[SourceSlice],
        folder: Path,
        *,
        lane: Lane = "copy",
        audio: bool = False,
        alpha: bool = False,
        max_held_frames: int = 0,
        reader: RangeReader | None = None,
    ) -> Iterator[SplitPart]:
        source = reader or reader_of(self.data)
        found, name = self.probe, self.name
        if lane == "copy":
            return split_copy(source, name, found.facts, found.index, slices, folder, audio=audio, alpha=alpha)
        limit = max_held_frames
        return split_decode(
            source, name, found.facts, found.index, slices, folder, audio=audio, alpha=alpha, max_held_frames=limit
        )

    def chunk_hashes(self, parts: Iterator[SplitPart]) -> dict[int, list[str]]:
        """For every chunk archive, the hashes of its frames in order. Archives are removed as they are read."""
        hashes = {}
        for part in parts:
            if isinstance(part, ChunkArchive):
                hashes[part.index] = [picture.hash() for picture in pictures_of(part.path)]
                part.path.unlink()
        return hashes


def pictures_of(path: Path, scan_flag: ScanFlag = "progressive") -> list[Picture]:
    """The frames of a chunk archive."""
    with path.open("rb") as file:
        return list(decode_chunk(ArchiveReader(file), scan_flag=scan_flag))


def straight(data: bytes, facts: VideoFacts) -> list[str]:
    """Hashes of all frames that a player would show, in order, from the demuxer's own decoder, without slomo_batch."""
    form = PIXEL_FORMATS[planar_format_name(facts.pixel_format)]
    with av.open(io.BytesIO(data), "r") as container:
        video = container.streams[facts.stream_index]
        assert isinstance(video, VideoStream)
        frames = (frame for packet in container.demux(video) for frame in _decoded(packet))
        return [picture_from_frame(fit_frame(frame, form, facts.width, facts.height), form).hash() for frame in frames]


def _decoded(packet: Any) -> list[av.VideoFrame]:
    try:
        frames: list[av.VideoFrame] = packet.decode()
    except av.error.InvalidDataError:
        return []
    return frames
