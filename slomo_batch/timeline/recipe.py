"""Recipe: which source pictures a surveyed video has, and what each is made of."""

from dataclasses import dataclass, replace
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.index import Int64s, SourceTimeline
from slomo_batch.timeline.scan_counts import ScanCounts


class PictureAction(IntEnum):
    """What is done to a decoded picture to make a source picture of it. The numbers are stored."""

    AS_IS = 0
    """Nothing: its samples stay as they are."""
    TOP_BEFORE = 1
    """The top field is replaced by that of the picture before."""
    BOTTOM_BEFORE = 2
    """The bottom field is replaced by that of the picture before."""
    TFF_FIRST = 3
    """A frame is made of the first field, by deinterlacing. The top field is first. Successive pictures that are
    deinterlaced so are read together."""
    TFF_SECOND = 4
    BFF_FIRST = 5
    BFF_SECOND = 6
    TOP_ALONE = 7
    """A frame is made of the top field alone."""
    BOTTOM_ALONE = 8


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
    scan: ScanCounts | None = None
    """What was found of the scan of the pictures; None if it was not decided from the survey."""

    def __post_init__(self) -> None:
        if len(self.recipe) != self.timeline.num_frames:
            raise ValueError(f"{len(self.recipe)} source pictures have {self.timeline.num_frames} times")
