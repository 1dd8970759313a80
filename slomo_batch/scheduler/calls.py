"""Calls: the steps a driver asks an engine to carry out, and what comes back. Everything here pickles."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from slomo_batch.attempts import Attempt, ChunkHead, ChunkTask, Errored, FramesMade, StepHead, Succeeded
from slomo_batch.errors import DISK_FULL, OutOfMemory, SlomoError, SurveyMissing
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.plan.stored_plan import PlannedVideo, StoredPlan, SurveyWanted
from slomo_batch.records.commits import AudioDone, ChunkDone
from slomo_batch.records.requests import VideoRequest
from slomo_batch.records.results import Published
from slomo_batch.records.source_facts import Lane
from slomo_batch.scheduler.call_stats import CallClock
from slomo_batch.scheduler.messages import MakeChunk
from slomo_batch.settings import Exists
from slomo_batch.steps.audio import make_video_audio
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.steps.stitch import stitch_video
from slomo_batch.steps.survey import survey_video
from slomo_batch.storage.local_errors import storage_error

if TYPE_CHECKING:
    from slomo_batch.steps.interpolate import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """Probe and plan a video, and see what is made of it already."""

    head: StepHead
    request: VideoRequest
    pin: JobPin
    remake: bool
    """Forget an earlier publication: the output is gone, or will be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyCall:
    """Decode a video once, in order, and commit what is measured."""

    head: StepHead
    request: VideoRequest
    pin: JobPin


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCall:
    """Read the source once and store the wanted chunk objects; each is reported as soon as it exists."""

    head: StepHead
    stored: StoredPlan
    lane: Lane
    wanted: frozenset[int]
    audio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioCall:
    """Make a video's audio."""

    head: StepHead
    stored: StoredPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchCall:
    """Join, verify and publish a video."""

    head: StepHead
    stored: StoredPlan
    lane: Lane
    exists: Exists
    """What this run does if something else exists under the output's name; the plan may be an earlier run's."""
    sidecar: bool
    """Whether this run writes a sidecar."""
    disk_bytes: int = 0
    """Local disk that it needs at most; 0 if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCall:
    """One attempt at one chunk, and what dispatch wants of the worker that gets it."""

    order: MakeChunk
    task: ChunkTask
    report_s: float = 1.0
    """Seconds between two reports of how many frames are made."""

    @property
    def head(self) -> ChunkHead:
        """Which attempt it is."""
        return self.task.head


TaskCall = OpenCall | SurveyCall | SplitCall | AudioCall | StitchCall
"""Calls that need no model."""
Call = TaskCall | ChunkCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkStored:
    """A part of a split: the object of this chunk exists."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyProgress:
    """A part of a survey: so many pictures are decoded."""

    num_pictures: int
    num_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A part of a chunk's making: the call is in this phase now. It helps to explain the death of its process."""

    phase: "Phase"


Outcome = ChunkStored | SurveyProgress | FramesMade | Attempt
"""What a call reports: parts of it, then what became of it."""


def is_end(outcome: Outcome) -> bool:
    """Whether the call has ended with this outcome."""
    return not isinstance(outcome, ChunkStored | SurveyProgress | FramesMade)


class Interval:
    """Says when something that happens often is due: once in so many seconds."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._seconds, self._clock = seconds, clock
        self._due_s = clock() + seconds

    def is_over(self) -> bool:
        """Whether the interval is over; then the next one begins."""
        now_s = self._clock()
        if now_s < self._due_s:
            return False
        self._due_s = now_s + self._seconds
        return True


def perform(call: Call, context: StepContext) -> Iterator[Outcome | Entered]:
    """Carry out one call: yield its parts as they come, then what became of it. Any exception raised is a defect."""
    clock = CallClock(context)
    try:
        yield from _reports_of(call, clock)
    except SlomoError as error:
        yield Errored(head=call.head, error=error, stats=clock.stats())
    except MemoryError:
        memory = OutOfMemory("this machine ran out of memory", remedy="Use fewer workers per machine.")
        yield Errored(head=call.head, error=memory, stats=clock.stats())
    except OSError as error:  # of the local disk, where steps keep what is on the way
        if error.errno not in DISK_FULL:
            raise
        yield Errored(head=call.head, error=storage_error(error, str(context.scratch)), stats=clock.stats())


def _reports_of(call: Call, clock: CallClock) -> Iterator[Outcome | Entered]:
    result: object = None
    match call:
        case ChunkCall():
            yield from _perform_chunk(call, clock)
            return
        case SurveyCall():
            for num_pictures, num_total in survey_video(call.request, call.pin, clock.context):
                yield SurveyProgress(num_pictures=num_pictures, num_total=num_total)
        case SplitCall():
            for index in split_video(call.stored, call.lane, call.wanted, clock.context, audio=call.audio):
                yield ChunkStored(index=index)
        case _:
            result = _result(call, clock.context)
    yield Succeeded(head=call.head, stats=clock.stats(), result=result)


def _perform_chunk(call: ChunkCall, clock: CallClock) -> Iterator[FramesMade | Entered | Succeeded]:
    from slomo_batch.steps.interpolate import interpolate_chunk  # noqa: PLC0415 loads torch

    interval = Interval(call.report_s)
    for said in interpolate_chunk(call.task, clock.context):
        if isinstance(said, ChunkDone):
            yield Succeeded(head=call.head, stats=clock.stats(), result=said)
        elif not isinstance(said, FramesMade):
            yield Entered(phase=said)
        elif interval.is_over():
            yield said


def _result(
    call: OpenCall | AudioCall | StitchCall, context: StepContext
) -> PlannedVideo | SurveyWanted | AudioDone | Published:
    match call:
        case OpenCall():
            try:
                return open_video(call.request, call.pin, context, remake=call.remake)
            except SurveyMissing as missing:
                return SurveyWanted(notes=missing.notes)
        case AudioCall():
            return make_video_audio(call.stored, context)
        case StitchCall():
            return stitch_video(call.stored, call.lane, context, exists=call.exists, sidecar=call.sidecar)
