"""StoredPlan: the plan of one video and all its chunks, as the work place stores them. Every later step reads it."""

from collections.abc import Sequence
from dataclasses import dataclass

from slomo_batch.plan.existing_work import ExistingWork
from slomo_batch.records.commits import AudioDone, ChunkDone
from slomo_batch.records.plans import Chunk, VideoPlan
from slomo_batch.records.source_facts import Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPlan:
    """What will be made of one video. It is stored once: no later run plans the video again."""

    plan: VideoPlan
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...]
    """Decisions of the plan that a person should know of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedTo:
    """The lane that a video moved to after its plan was stored."""

    lane: Lane


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChoice:
    """The segments and the audio that an output is made of; stored before the first stitch, used by all later ones."""

    segment_keys: tuple[str, ...]
    sound_key: str
    """Empty if the output has no audio."""

    @classmethod
    def of(cls, segments: Sequence[ChunkDone], audio: AudioDone | None) -> "SegmentChoice":
        """The choice of these segments, in order, and this audio."""
        return cls(segment_keys=tuple(done.segment_key for done in segments), sound_key=audio.key if audio else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class SurveyWanted:
    """The answer of an open whose video cannot be planned yet, because it has no survey."""

    notes: tuple[str, ...] = ()
    """As of a planned video."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedVideo:
    """A planned video, and what exists of it."""

    stored: StoredPlan
    existing: ExistingWork
    notes: tuple[str, ...] = ()
    """What a person should know of what the work place holds, a sentence each."""
