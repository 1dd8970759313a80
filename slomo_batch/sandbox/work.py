"""What child processes do: each function calls one of `media`, and makes an answer of what that returns."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import TypeAlias

from slomo_batch.media.audio import AudioResult
from slomo_batch.media.chunk_cutter import ChunkArchive
from slomo_batch.media.metadata_reading import attached_files
from slomo_batch.media.motion import motion_at
from slomo_batch.media.probe import probe
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.split import SourceSlice, SplitPart
from slomo_batch.media.survey import survey_source
from slomo_batch.records.source_facts import Track, VideoFacts
from slomo_batch.sandbox.answers import Answer, answer_of_files, answer_of_probe, answer_of_survey
from slomo_batch.serialization import to_json
from slomo_batch.settings import Deinterlace, ScanSetting
from slomo_batch.timeline.index import VideoIndex

Parts = Generator[int, None, Answer]
"""The numbers that the work reports on the way, and its answer."""
Work = Callable[[RangeReader], Parts]
"""What a child is to do with a source. It is pickled on its way there."""
SplitFunction: TypeAlias = Callable[
    [RangeReader, str, VideoFacts, VideoIndex, Sequence[SourceSlice], Path], Generator[SplitPart]
]
"""A function of `media.split`, with its other arguments."""
AUDIO_ARCHIVE = -1
"""What a split reports for its audio archive; for a chunk's it is the number of the chunk."""


def probed(reader: RangeReader, name: str, scan: ScanSetting, deinterlace: Deinterlace) -> Parts:
    """Probe the source."""
    yield from ()
    return answer_of_probe(probe(reader, name, scan, deinterlace))


def motion(reader: RangeReader, name: str, pts: Sequence[int]) -> Parts:
    """Measure how much moves."""
    yield from ()
    return Answer(record=to_json(motion_at(reader, name, pts)))


def surveyed(  # noqa: PLR0917 - one job's nouns in their order
    reader: RangeReader, name: str, facts: VideoFacts, index: VideoIndex, max_held_frames: int, alpha: bool
) -> Parts:
    """Survey the source. Reports how many pictures are measured."""
    surveying = survey_source(reader, name, facts, index, max_held_frames=max_held_frames, alpha=alpha)
    return answer_of_survey((yield from surveying))


def cut(  # noqa: PLR0917 - one job's nouns in their order
    reader: RangeReader,
    split: SplitFunction,
    name: str,
    facts: VideoFacts,
    index: VideoIndex,
    slices: Sequence[SourceSlice],
    folder: Path,
) -> Parts:
    """Split the source. Reports each archive that is complete."""
    for part in split(reader, name, facts, index, slices, folder):
        yield part.index if isinstance(part, ChunkArchive) else AUDIO_ARCHIVE
    return Answer(record=b"null")


def files_read(reader: RangeReader, name: str, tracks: Sequence[Track]) -> Parts:
    """Read the files that are attached to the source."""
    yield from ()
    return answer_of_files(attached_files(reader, tracks, name))


def audio_made(reader: RangeReader, make: Callable[[], AudioResult]) -> Parts:  # noqa: ARG001
    """Make the audio, from an archive of packets."""
    yield from ()
    return Answer(record=to_json(make()))
