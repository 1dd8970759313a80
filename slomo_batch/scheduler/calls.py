"""Calls: the steps a driver asks an engine to carry out, and what comes back. Everything here pickles."""

from collections.abc import Iterator
from dataclasses import dataclass

from slomo_batch.errors import DISK_FULL, OutOfMemory, SlomoError
from slomo_batch.plan.job_pin import JobPin
from slomo_batch.plan.stored_plan import PlannedVideo, StoredPlan
from slomo_batch.records import CallStats, ChunkDone, ChunkTask, Lane, Published, SoundDone, VideoRequest
from slomo_batch.scheduler.call_stats import CallClock
from slomo_batch.settings import Exists
from slomo_batch.steps.audio import make_video_sound
from slomo_batch.steps.context import StepContext
from slomo_batch.steps.interpolate import Phase, interpolate_chunk
from slomo_batch.steps.open import open_video
from slomo_batch.steps.split import split_video
from slomo_batch.steps.stitch import stitch_video
from slomo_batch.storage.local_errors import storage_error


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCall:
    """Probe and plan a video, and see what is made of it already."""

    video: int
    request: VideoRequest
    pin: JobPin
    afresh: bool
    """Forget an earlier publication: the output is gone, or is to be replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitCall:
    """Read the source once and store the wanted chunk objects; each is reported as soon as it stands."""

    video: int
    stored: StoredPlan
    lane: Lane
    wanted: frozenset[int]
    sound: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkCall:
    """One attempt at one chunk."""

    video: int
    task: ChunkTask
    alone: bool
    """Whether it needs a machine to itself."""
    avoid: frozenset[str]
    """Machines to be avoided where there are others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundCall:
    """Make a video's sound."""

    video: int
    stored: StoredPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchCall:
    """Join, verify and publish a video."""

    video: int
    stored: StoredPlan
    lane: Lane
    exists: Exists
    """What this run is to do where something else stands under the output's name; the plan may be an earlier run's."""


TaskCall = OpenCall | SplitCall | SoundCall | StitchCall
"""Calls that need no model."""
Call = TaskCall | ChunkCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkStored:
    """A part of a split: this chunk's object stands."""

    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Entered:
    """A part of a chunk's making: the call is in this phase now. Of use to whoever survives its process."""

    phase: Phase


Value = PlannedVideo | ChunkDone | SoundDone | Published
"""What a call that succeeded comes to; a split comes to nothing more than its parts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """The call succeeded; its value is what the step returned."""

    value: Value | None
    stint: CallStats


@dataclass(frozen=True, slots=True, kw_only=True)
class Erred:
    """The call failed in a way that was foreseen."""

    error: SlomoError
    stint: CallStats | None = None
    """None where the process could not tell any more."""
    machine: str = ""
    """Where it ran, by the engine's name of it; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The process that held the call died."""

    explained: bool
    """Whether the call is not to blame: its machine was taken away, or another call was being computed there."""
    reason: str
    machine: str = ""
    """Where it ran, by the engine's name of it; empty where that is not known."""


Outcome = ChunkStored | Done | Erred | Lost


def perform(call: Call, context: StepContext) -> Iterator[Outcome | Entered]:
    """Carry out one call: its parts as they come, then its one end, Done or Erred. Anything raised is a defect."""
    clock = CallClock(context)
    try:
        if isinstance(call, SplitCall):
            for index in split_video(call.stored, call.lane, call.wanted, clock.context, sound=call.sound):
                yield ChunkStored(index=index)
            yield Done(value=None, stint=clock.stint())
        elif isinstance(call, ChunkCall):
            for said in interpolate_chunk(call.task, clock.context):
                yield Done(value=said, stint=clock.stint()) if isinstance(said, ChunkDone) else Entered(phase=said)
        else:
            yield Done(value=_value(call, clock.context), stint=clock.stint())
    except SlomoError as error:
        yield Erred(error=error, stint=clock.stint())
    except MemoryError:
        memory = OutOfMemory("this machine ran out of memory", remedy="Use fewer workers per machine.")
        yield Erred(error=memory, stint=clock.stint())
    except OSError as error:  # of the local disk, where steps keep what is on the way
        if error.errno not in DISK_FULL:
            raise
        yield Erred(error=storage_error(error, str(context.scratch)), stint=clock.stint())


def _value(call: OpenCall | SoundCall | StitchCall, context: StepContext) -> Value:
    match call:
        case OpenCall():
            return open_video(call.request, call.pin, context, afresh=call.afresh)
        case SoundCall():
            return make_video_sound(call.stored, context)
        case StitchCall():
            return stitch_video(call.stored, call.lane, context, exists=call.exists)
