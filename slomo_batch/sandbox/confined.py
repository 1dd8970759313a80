"""Functions of `media` that read strangers' files, carried out in child processes: same results, same errors.

A child has no credentials, no network, and no files but its own folder (`confinement`). This process serves it the
bytes of the source. For debugging, the variable SLOMO_BATCH_SANDBOX=off turns this off (`conversation`).
"""

import stat
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from slomo_batch.errors import SlomoError
from slomo_batch.media.audio import AudioResult
from slomo_batch.media.chunk_cutter import ChunkArchive, chunk_path
from slomo_batch.media.probe import Probe
from slomo_batch.media.reader import RangeReader
from slomo_batch.media.split import AudioArchive, SourceSlice, SplitPart, audio_path
from slomo_batch.metadata import AttachedFile
from slomo_batch.records.source_facts import Track, VideoFacts
from slomo_batch.sandbox import work
from slomo_batch.sandbox.answers import Answer, read_files, read_probe, read_survey
from slomo_batch.sandbox.channel import InvalidMessage
from slomo_batch.sandbox.confinement import ChildPlaces, Confinement
from slomo_batch.sandbox.conversation import converse, refusing
from slomo_batch.serialization import from_json
from slomo_batch.settings import Deinterlace, ScanSetting
from slomo_batch.timeline.index import VideoIndex
from slomo_batch.timeline.survey import Survey

T = TypeVar("T")


def confinement() -> Confinement:
    """How children are confined on this machine, as one of them says."""
    return _record(Confinement, _answer(converse(None, "nothing")), "nothing")


def probe(reader: RangeReader, name: str, scan: ScanSetting = "auto", deinterlace: Deinterlace = "field") -> Probe:
    """See media.probe."""
    do = partial(work.probed, name=name, scan=scan, deinterlace=deinterlace)
    answer = _answer(converse(do, name, reader))
    return _checked(lambda: read_probe(answer), name)


def motion_at(reader: RangeReader, name: str, pts: Sequence[int]) -> float:
    """See media.motion."""
    return _record(float, _answer(converse(partial(work.motion, name=name, pts=pts), name, reader)), name)


def survey_source(
    reader: RangeReader, name: str, facts: VideoFacts, index: VideoIndex, *, max_held_frames: int, alpha: bool
) -> Generator[int, None, Survey]:
    """See media.survey."""
    do = partial(work.surveyed, name=name, facts=facts, index=index, max_held_frames=max_held_frames, alpha=alpha)
    answer = yield from converse(do, name, reader)
    return _checked(lambda: read_survey(answer, len(index.frame_pts)), name)


def split_source(  # noqa: PLR0917 - one job's nouns in their order
    split: work.SplitFunction,
    reader: RangeReader,
    name: str,
    facts: VideoFacts,
    index: VideoIndex,
    slices: Sequence[SourceSlice],
    folder: Path,
) -> Generator[SplitPart]:
    """Call `split`, a function of media.split that has its other arguments. Archives are in `folder`."""
    awaited = {part.index for part in slices} | {work.AUDIO_ARCHIVE}
    with _own_folder(folder) as own, refusing(name):
        do = partial(work.cut, split=split, name=name, facts=facts, index=index, slices=slices, folder=own)
        for number in converse(do, name, reader, ChildPlaces(writable=(own,))):
            if number not in awaited:
                raise InvalidMessage(f"the archive {number}")
            awaited.remove(number)
            if number == work.AUDIO_ARCHIVE:
                yield AudioArchive(path=_taken(audio_path(own), folder))
            else:
                yield ChunkArchive(index=number, path=_taken(chunk_path(own, number), folder))
        if awaited - {work.AUDIO_ARCHIVE}:
            raise InvalidMessage(f"no archive of {len(awaited)} chunks")


def attached_files(reader: RangeReader, tracks: Sequence[Track], name: str) -> list[AttachedFile]:
    """See media.metadata_reading."""
    answer = _answer(converse(partial(work.files_read, name=name, tracks=tracks), name, reader))
    return _checked(lambda: read_files(answer), name)


def make_audio(make: Callable[[Path, Path], AudioResult], source: Path, out: Path, name: str) -> AudioResult:
    """Call `make`, which is media.audio.make_audio with its other arguments. `name` is that of the video."""
    with _own_folder(out.parent) as own:
        do = partial(work.audio_made, make=partial(make, source, own / out.name))
        answer = _answer(converse(do, name, places=ChildPlaces(readable=(source,), writable=(own,))))
        with refusing(name):
            _taken(own / out.name, out.parent)
    return _record(AudioResult, answer, name)


def _answer(heard: Generator[int, None, Answer]) -> Answer:
    """The answer of a child that reports nothing before."""
    while True:
        try:
            next(heard)
        except StopIteration as ended:
            answer: Answer = ended.value
            return answer


def _record(kind: type[T], answer: Answer, name: str) -> T:
    return _checked(lambda: from_json(kind, answer.record), name)


def _checked(read: Callable[[], T], name: str) -> T:
    with refusing(name):
        try:
            return read()
        except (ValueError, ArithmeticError) as error:
            raise InvalidMessage(str(error)) from error


# ---- files that a child made ---------------------------------------------------------------------------------------


@contextmanager
def _own_folder(folder: Path) -> Iterator[Path]:
    """A folder in `folder` for a child. Errors raised within do not name it."""
    own = folder / "child"
    own.mkdir()
    try:
        yield own
    except SlomoError as error:
        error.remove_folder(str(own))
        raise


def _taken(made: Path, folder: Path) -> Path:
    """Move a file that a child made into `folder`, where the child cannot change it for another.

    Raises:
        InvalidMessage: there is no such file, or it is a link: to a file that the child must not read.
    """
    place = folder / made.name
    try:
        made.rename(place)
        found = place.lstat()
    except OSError as error:
        raise InvalidMessage(f"no file {made.name}") from error
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise InvalidMessage(f"{made.name} is not a file of its own")
    return place
