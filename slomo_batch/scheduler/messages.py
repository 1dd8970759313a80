"""What the scheduling brain is told, and what it asks for: the vocabulary between `Dispatch` and an engine.

A video is a number that the engine gave it: rising in the order in which videos were found. Whatever concerns chunk
objects and segments names the lane, since a video may change from the copy to the decode lane while work of the old
lane is still running.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from slomo_batch.records import Lane

Step = Literal["open", "split", "sound", "stitch"]


# ---- instructions: what an engine shall do -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """Probe and plan the video, and see what of it is committed. Ends in Opened, Closed or StepFailed."""

    step: ClassVar[Step] = "open"
    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Store the `wanted` chunk objects of `lane`. A ChunkReady for each; ends in SplitFinished or StepFailed."""

    step: ClassVar[Step] = "split"
    video: int
    lane: Lane
    wanted: frozenset[int]
    """Numbers of the chunks whose objects are missing."""
    sound: bool
    """Store the source's sound packets too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSound:
    """Make the video's sound. Ends in SoundMade or StepFailed."""

    step: ClassVar[Step] = "sound"
    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stitch:
    """Join the segments of `lane`, verify and publish. Ends in Stitched or StepFailed."""

    step: ClassVar[Step] = "stitch"
    video: int
    lane: Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeChunk:
    """Interpolate one chunk. Ends in ChunkMade, ChunkErred or ChunkLost."""

    video: int
    lane: Lane
    chunk: int
    attempt_number: int
    """From 1."""
    alone: bool
    """True where it needs a machine to itself, because it may be what kills workers."""
    avoid: frozenset[str] = frozenset()
    """Machines on which workers died while they held it: another one is to be preferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """The video is given up: record it. Nothing more is asked for it."""

    video: int
    error: str
    """Name of the error class."""
    reason: str
    """For a person."""


Task = Open | Split | MakeSound | Stitch


# ---- events: what an engine reports --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A video was pulled from the job's list, as `wants_video` asked for."""

    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NoMoreVideos:
    """The job's list is at its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """The video is planned."""

    video: int
    num_chunks: int
    lane: Lane
    """The lane to go on in: the planned one, or decode if an earlier run changed to it."""
    done: frozenset[int]
    """Chunks committed in that lane."""
    ready: frozenset[int]
    """Chunks whose objects stand in that lane."""
    sound: bool
    """The output wants sound, and it is not committed yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Closed:
    """Nothing is to be done for the video (any more): it is published already, or left alone as the settings ask."""

    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkReady:
    """The chunk's object stands."""

    video: int
    lane: Lane
    chunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitFinished:
    """All objects that the split was asked for stand."""

    video: int
    lane: Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkMade:
    """The chunk's segment is committed."""

    video: int
    lane: Lane
    chunk: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkErred:
    """An attempt at the chunk ended in an error; its worker lives on."""

    video: int
    lane: Lane
    chunk: int
    error: str
    """Name of the error class."""
    reason: str
    retryable: bool
    wants_decode_lane: bool
    lost_input: bool = False
    """True where the chunk's object is missing or was damaged and is deleted: it is to be stored again."""
    machine: str = ""
    """Where it happened, by the engine's name of it; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkLost:
    """The worker that held the chunk is gone."""

    video: int
    lane: Lane
    chunk: int
    explained: bool
    """True where the chunk is not to blame: its machine went or is to go, or another chunk was being computed when the
    process died."""
    reason: str
    """What is known of the death."""
    machine: str = ""
    """Where it happened, by the engine's name of it; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundMade:
    """The video's sound is committed."""

    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Stitched:
    """The video is published."""

    video: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """A task ended in an error, or its process was lost."""

    video: int
    step: Step
    lane: Lane | None = None
    """The lane of a split or a stitch; an open and a sound have none."""
    error: str
    """Name of the error class."""
    reason: str
    retryable: bool
    wants_decode_lane: bool = False
    """True where copied packets proved unable to give the planned frames (BorderMismatch, FrameMissing)."""
    lost_input: bool = False
    """True where what the step reads is missing or was damaged and is deleted. Before a sound is tried again, its
    packets are stored again; before a stitch, the video is opened again to see what is left of it."""
    explained_loss: bool = False
    """True where the process was lost because it was preempted or drained or its machine died: it does not count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Start nothing new; what runs may end."""


ChunkEvent = ChunkMade | ChunkErred | ChunkLost
StepEvent = Opened | Closed | ChunkReady | SplitFinished | SoundMade | Stitched | StepFailed
Event = Found | NoMoreVideos | Stop | ChunkEvent | StepEvent
