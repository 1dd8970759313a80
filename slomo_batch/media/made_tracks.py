"""Tracks of the output beside the video, made as they are read, and the archive that holds them all."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from heapq import merge
from pathlib import Path

from slomo_batch.media.packet_archive import ArchiveReader, ArchiveWriter
from slomo_batch.media.packets import ArchivedPacket, StreamHeader

DISPOSITIONS = "dispositions"
"""Entry of an archive's note: for each stream, FFmpeg's names of what it is for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeTrack:
    """One track of the output; its packets are made when they are read."""

    header: StreamHeader
    packets: Iterator[ArchivedPacket]
    notes: Callable[[], list[str]]
    """Call it after all packets have been read."""
    disposition: tuple[str, ...] = ()
    """FFmpeg's names of what the track is for."""


def write_tracks(tracks: Sequence[MadeTrack], out: Path) -> None:
    """Write the tracks into one packet archive, merged by time."""
    note = {DISPOSITIONS: [list(track.disposition) for track in tracks]}
    with out.open("wb") as file, ArchiveWriter(file, [track.header for track in tracks], note) as writer:
        timed = [_timed(number, track) for number, track in enumerate(tracks)]
        for _, packet in merge(*timed, key=lambda pair: pair[0]):
            writer.add(packet)


def _timed(number: int, track: MadeTrack) -> Iterator[tuple[Fraction, ArchivedPacket]]:
    for packet in track.packets:
        yield (packet.dts or 0) * track.header.time_base, replace(packet, stream=number)


def made_tracks(archive: Path) -> list[MadeTrack]:
    """The tracks of an archive that `write_tracks` wrote."""
    with archive.open("rb") as file:
        reader = ArchiveReader(file, str(archive))
    stated = reader.note.get(DISPOSITIONS) or [()] * len(reader.headers)
    return [
        MadeTrack(header=header, packets=packets_of(archive, place), notes=list, disposition=tuple(stated[place]))
        for place, header in enumerate(reader.headers)
    ]


def packets_of(source: Path, place: int) -> Iterator[ArchivedPacket]:
    """The packets of one stream of an archive."""
    with source.open("rb") as file:
        for packet in ArchiveReader(file, str(source)):
            if packet.stream == place:
                yield packet
