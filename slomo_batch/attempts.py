"""Attempts: one chunk as a worker gets it, and the outcome of one attempt at any step of a video.

The driver sets the head of an attempt when the call goes out. The worker makes the outcome (`Succeeded`, `Errored`),
or, if its process died, the engine (`Lost`). Scheduler, ledger, displays and metrics read it as it is.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Self

from slomo_batch.errors import BorderMismatch, FrameMissing, ProgramFault, SlomoError, WorkDamaged, WorkerLost
from slomo_batch.records.commits import ChunkDone
from slomo_batch.records.plans import Chunk, VideoPlan
from slomo_batch.records.source_facts import Lane

StepName = Literal["open", "survey", "split", "interpolate", "sound", "stitch"]
"""A step's name in what is stored and shown. The step that makes the audio is called sound there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkHead:
    """Which attempt at which chunk it is."""

    step: ClassVar[StepName] = "interpolate"
    video: int
    """The driver's number of the video."""
    uri: str
    """Of the source."""
    video_id: str
    lane: Lane
    """Where the chunk's packets come from."""
    chunk: int
    """Place among the video's chunks, from 0."""
    chunk_id: str
    attempt: str
    """Id of the attempt, part of the key of its segment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepHead:
    """Which step of which video an attempt is at: any step but interpolate."""

    step: Literal["open", "survey", "split", "sound", "stitch"]
    video: int
    """The driver's number of the video."""
    uri: str
    """Of the source."""
    video_id: str
    """Empty before the video is planned."""
    lane: Lane | None = None
    """The lane of a split or a stitch; the other steps have none."""


Head = ChunkHead | StepHead


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesMade:
    """How far an attempt at a chunk is. For displays only: a lost report changes nothing, since the next one has the
    whole count."""

    num_frames: int
    """Output frames that the attempt has made so far. Not all of them are encoded yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunkTask:
    """One attempt at one chunk, complete: a worker needs nothing else but the stores."""

    head: ChunkHead
    plan: VideoPlan
    chunk: Chunk

    @classmethod
    def of(cls, plan: VideoPlan, chunk: Chunk, *, lane: Lane, attempt: str, video: int = 0) -> Self:
        """The attempt of this id at a chunk of a plan; `video` is the driver's number."""
        head = ChunkHead(
            video=video,
            uri=plan.request.source.uri,
            video_id=plan.video_id,
            lane=lane,
            chunk=chunk.index,
            chunk_id=chunk.chunk_id,
            attempt=attempt,
        )
        return cls(head=head, plan=plan, chunk=chunk)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStats:
    """One call as its process measured it. For reports only; nothing is decided by it."""

    host: str
    process: int
    """Number of the process on its host."""
    began_s: float
    """Seconds since 1970 by the host's clock."""
    took_s: float
    read_bytes: int
    """Contents of objects that came from the stores: sources, chunk objects, segments, records."""
    written_bytes: int
    """Contents of objects that went to them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Succeeded:
    """The step is done."""

    head: Head
    stats: CallStats
    result: object
    """What the step returned: of a chunk its commit document (`ChunkDone`), of a split nothing."""

    @property
    def was_found(self) -> bool:
        """True where another attempt had committed the chunk before."""
        return (
            isinstance(self.head, ChunkHead)
            and isinstance(self.result, ChunkDone)
            and self.result.attempt != self.head.attempt
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Errored:
    """The attempt ended in an error; its process lives on."""

    head: Head
    error: SlomoError
    stats: CallStats | None = None
    """None where the process could not send them any more."""
    machine: str = ""
    """Where it ran, by the engine's name; empty where that is not known."""

    @property
    def error_name(self) -> str:
        """Name of the error's class."""
        return type(self.error).__name__

    @property
    def reason(self) -> str:
        """The error's message."""
        return str(self.error)

    @property
    def retryable(self) -> bool:
        """False: the same again would fail the same way."""
        return self.error.retryable or (isinstance(self.head, ChunkHead) and isinstance(self.error, ProgramFault))

    @property
    def wants_decode_lane(self) -> bool:
        """True where copied packets proved unable to give the planned frames."""
        return isinstance(self.error, BorderMismatch | FrameMissing)

    @property
    def lost_input(self) -> bool:
        """True where what the step reads is missing, or was damaged and is deleted: it must be made again first."""
        return isinstance(self.error, WorkDamaged)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """The process that held the attempt died."""

    head: Head
    explained: bool
    """True where the attempt is not to blame: its machine was taken away, or another call was being computed there."""
    cause: str
    """What is known of the death."""
    machine: str = ""
    """Where it ran, by the engine's name; empty where that is not known."""

    @property
    def error_name(self) -> str:
        """Name of the error's class."""
        return WorkerLost.__name__

    @property
    def reason(self) -> str:
        """What is lost, and what is known of it."""
        what = "worker that held this chunk" if isinstance(self.head, ChunkHead) else "process that held this step"
        return str(WorkerLost(f"the {what} is lost", got=self.cause))

    @property
    def retryable(self) -> bool:
        """Another process may succeed."""
        return WorkerLost.retryable

    @property
    def wants_decode_lane(self) -> bool:
        """Nothing is known of the packets."""
        return False

    @property
    def lost_input(self) -> bool:
        """Nothing is known of the input."""
        return False

    @property
    def stats(self) -> None:
        """Lost with the process."""


Failed = Errored | Lost
Attempt = Succeeded | Failed
