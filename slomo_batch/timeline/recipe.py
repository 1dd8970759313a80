"""Recipe: which source pictures a surveyed video has, and what each is made of."""

from dataclasses import dataclass, replace
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
    """The source pictures of one video, in order, and what each is made of.

    The split follows it, and stores the source pictures; workers treat them like decoded ones. A source picture is made
    of one decoded picture; an action may also read the decoded pictures before and after it.
    """

    pictures: Int64s
    """Number of the decoded picture that each source picture is made of, never falling."""
    actions: NDArray[np.int8]
    """The `PictureAction` of each source picture."""

    def __post_init__(self) -> None:
        if len(self.pictures) != len(self.actions):
            raise ValueError(f"a recipe has an action for each picture, got {len(self.pictures)}, {len(self.actions)}")
        if (np.diff(self.pictures) < 0).any():
            raise ValueError("the pictures of a recipe must not fall")
        for column in (self.pictures, self.actions):
            column.flags.writeable = False

    def __len__(self) -> int:
        """Number of source pictures."""
        return len(self.pictures)

    @classmethod
    def as_decoded(cls, num_pictures: int) -> Self:
        """The recipe that takes every decoded picture as it is."""
        return cls(
            pictures=np.arange(num_pictures, dtype=np.int64),
            actions=np.full(num_pictures, PictureAction.AS_IS, dtype=np.int8),
        )

    def only(self, is_kept: NDArray[np.bool_]) -> Self:
        """The recipe without the source pictures for which `is_kept` is False."""
        return replace(self, pictures=self.pictures[is_kept], actions=self.actions[is_kept])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SurveyedPictures:
    """What was decided from the survey of a video: its source pictures, and when each is shown."""

    recipe: Recipe
    timeline: SourceTimeline
    """Of the source pictures, before fields become frames."""
    num_repeats: int = 0
    """Pictures that are left out because they repeat the one before."""

    def __post_init__(self) -> None:
        if len(self.recipe) != self.timeline.num_frames:
            raise ValueError(f"{len(self.recipe)} source pictures have {self.timeline.num_frames} times")
