"""Messages between `Dispatch` and the driver: instructions out, events in.

A video is named by a number that the driver gave it, rising in the order in which videos were found. Messages on chunk
objects and segments name the lane, since a video may change from the copy to the decode lane while work of the old
lane is still running. What became of an attempt is reported as the `Attempt` itself (slomo_batch.attempts).
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from slomo_batch.attempts import Attempt
from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.records.source_facts import Lane

Step = Literal["open", "survey", "split", "sound", "stitch"]
What = tuple[Literal["chunk"], int] | tuple[Step, Literal[0]]
"""A chunk by its number, or a step."""


# ---- instructions: what an engine shall do -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Probe and plan the video, and see what of it is committed. Ends in Opened, NeedsSurvey or a failed attempt."""

    step: ClassVar[Step] = "open"
    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSurvey:
    """Decode the video once and commit its survey. Ends in an attempt."""

    step: ClassVar[Step] = "survey"
    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Store the `wanted` chunk objects of `lane`. A ChunkReady for each; ends in an attempt."""

    step: ClassVar[Step] = "split"
    video: int
    lane: Lane
    wanted: frozenset[int]
    """Numbers of the chunks whose objects are missing."""
    audio: bool
    """Store the source's audio packets too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeAudio:
    """Make the video's audio. Ends in an attempt."""

    step: ClassVar[Step] = "sound"
    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stitch:
    """Join the segments of `lane`, verify and publish. Ends in an attempt."""

    step: ClassVar[Step] = "stitch"
    video: int
    lane: Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeChunk:
    """Interpolate one chunk. Ends in an attempt."""

    video: int
    lane: Lane
    chunk: int
    attempt_number: int
    """From 1."""
    isolated: bool
    """True if it needs a machine to itself, because it may be what kills workers."""
    avoid: frozenset[str] = frozenset()
    """Machines on which an attempt failed or its worker died; another one is preferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Record that the video failed. Nothing more is asked for it."""

    video: int
    error: str
    """Name of the error class."""
    reason: str
    """For a person."""


Task = Open | MakeSurvey | Split | MakeAudio | Stitch


# ---- events: what an engine reports --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFound:
    """A video was taken from the job's list, as `wants_video` asked."""

    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMoreVideos:
    """The job's list has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The video is planned."""

    video: int
    existing: ExistingWork


@dataclass(frozen=True, slots=True, kw_only=True)
class NeedsSurvey:
    """The video cannot be planned without a survey, and has none."""

    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkReady:
    """The chunk's object exists."""

    video: int
    lane: Lane
    chunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Start nothing new; what runs may end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progressed:
    """A running chunk or step has read what it needs. It matters during a pause only."""

    video: int
    what: What


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreAsked:
    """The driver itself wrote to the store, found it busy, or was refused."""

    outcome: Literal["answered", "busy", "refused"]


Event = VideoFound | NoMoreVideos | Opened | NeedsSurvey | ChunkReady | Progressed | Stop | StoreAsked | Attempt
