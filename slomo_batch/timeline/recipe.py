"""Recipe: which source pictures a surveyed video has, what each is made of, and when it is shown."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.index import Int64s, SourceTimeline


class PictureAction(IntEnum):
    """What is done to a decoded picture to make a source picture of it. The numbers are stored."""

    AS_IS = 0
    """Nothing: its samples stay as they are."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recipe:
    """The source pictures of one video, in order. The split follows it, and workers see its pictures as ordinary ones.

    A source picture is made of one decoded picture; an action may also read the pictures before and after it.
    """

    pictures: Int64s
    """Number of the decoded picture that each source picture is made of, never falling."""
    actions: NDArray[np.int8]
    """The `PictureAction` of each source picture."""
    timeline: SourceTimeline
    """When each source picture is shown."""
    num_repeats: int = 0
    """Pictures that are left out because they repeat the one before."""

    def __post_init__(self) -> None:
        if not len(self.pictures) == len(self.actions) == self.timeline.num_frames:
            raise ValueError("a recipe has as many pictures and actions as its timeline")
        if (np.diff(self.pictures) < 0).any():
            raise ValueError("the pictures of a recipe must not fall")
        for column in (self.pictures, self.actions):
            column.flags.writeable = False

    @classmethod
    def as_decoded(cls, timeline: SourceTimeline) -> Self:
        """The recipe that takes every decoded picture as it is; `timeline` is that of the decoded pictures."""
        num_pictures = timeline.num_frames
        return cls(
            pictures=np.arange(num_pictures, dtype=np.int64),
            actions=np.full(num_pictures, PictureAction.AS_IS, dtype=np.int8),
            timeline=timeline,
        )
