"""Pinned: a video's plan and all its chunks, as they stand in the work store; every later step reads them there."""

from dataclasses import dataclass

from slomo_batch.records import Chunk, Lane, VideoPlan


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What will be made of one video. Whatever is pinned stands: no later run plans the video again."""

    plan: VideoPlan
    chunks: tuple[Chunk, ...]
    notes: tuple[str, ...]
    """What the plan had to decide that a person should know of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MovedTo:
    """The lane that a video was moved to after its plan was pinned."""

    lane: Lane
