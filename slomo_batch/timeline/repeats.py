"""Repeated pictures: which pictures of a video repeat the one before, from how much each differs from it.

Coding noise makes a repeat differ, and the noise of one file is more than the motion of another. So a picture counts as
a repeat in relation to what surrounds it: it, or the run of pictures that it belongs to, differs much less than the
pictures right before and right after the run. Real motion slows down and speeds up more gradually. A rhythm is further
evidence: if repeats come regularly, less is required of each (`cadences`).

docs/decisions/0015-surveys-decide-timelines.md has the measurements that the limits come from.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from slomo_batch.timeline.survey import Survey

Bools = NDArray[np.bool_]
Floats = NDArray[np.float32]

LONGEST_STILL = 12
"""A picture that is shown for more pictures than this is a still: its repeats are kept."""
CLEAR_RATIO, LIKELY_RATIO = 3.5, 2.0
"""How many times more the pictures on either side of a run differ than those in it: to count as repeats on their own,
and as part of a cadence."""
CLEAR_NOISE, LIKELY_NOISE = 16.0, 24.0
"""Largest change of a block of a repeat, likewise, in 8-bit levels."""
LEAST_MOTION = 4.0
"""Smallest change of a block, in 8-bit levels, that counts as motion beside a run of pictures that are not equal."""
CUT_CHANGE, CUT_TIMES_OTHERS, CUT_REACH = 8.0, 3.0, 3
"""A scene cut has at least this mean change, in 8-bit levels, and so many times more than the pictures around it, up to
this many away."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changes:
    """How much each source picture of a video differs from the one before it. The values of the first do not count."""

    block: Floats
    """Largest mean absolute difference of a block, in 8-bit levels."""
    mean: Floats
    """Mean absolute difference of luma, in 8-bit levels."""
    is_new: Bools
    """True for pictures that are no repeats, whatever the differences: the first one, the first one of each part of a
    joined file, and copies of a neighbor in place of a picture that cannot be decoded."""

    @classmethod
    def of_decoded(cls, survey: Survey, part_starts: Collection[int]) -> Self:
        """The changes between the decoded pictures of a survey."""
        is_new = survey.is_held.copy()
        is_new[[0, *part_starts]] = True
        return cls(block=survey.block_change, mean=survey.mean_change, is_new=is_new)


def clear_repeats(changes: Changes) -> Bools:
    """The pictures that are repeats by themselves."""
    return _in_quiet_runs(changes, CLEAR_RATIO, CLEAR_NOISE)


def likely_repeats(changes: Changes) -> Bools:
    """The pictures that are repeats if they are part of a cadence."""
    return _in_quiet_runs(changes, LIKELY_RATIO, LIKELY_NOISE)


def _in_quiet_runs(changes: Changes, ratio: float, most_noise: float) -> Bools:
    """The pictures in runs of up to LONGEST_STILL - 1 that change little, right between two that change a lot more.

    The start and the end of the video count as a large change, and so does a cut; but not both sides of a run may be of
    these kinds, because a shot with little motion lies between two cuts.
    """
    borders = np.concatenate((changes.block, [np.float32(np.inf)]))
    borders[0] = np.inf
    is_outer = np.concatenate((_cuts(changes) | changes.is_new, [True]))
    is_repeat = np.zeros(len(changes.block), dtype=np.bool_)
    for length in range(1, min(LONGEST_STILL, len(is_repeat))):
        runs = sliding_window_view(changes.block[1:], length)
        noise, left, right = runs.max(axis=1), borders[: len(runs)], borders[length + 1 :][: len(runs)]
        motion = np.minimum(left, right)
        is_quiet = (motion > noise) & (motion >= ratio * noise) & (noise <= most_noise)
        is_quiet &= (noise == 0) | (motion >= LEAST_MOTION) & ~(is_outer[: len(runs)] & is_outer[length + 1 :])
        for first in np.flatnonzero(is_quiet):
            is_repeat[first + 1 : first + 1 + length] = True
    return is_repeat & ~changes.is_new


def _cuts(changes: Changes) -> Bools:
    """The pictures that begin a scene, as far as that shows in the mean change."""
    reach = np.pad(changes.mean, CUT_REACH)
    around = sliding_window_view(reach, 2 * CUT_REACH + 1).copy()
    around[:, CUT_REACH] = 0
    is_cut: Bools = (changes.mean >= CUT_CHANGE) & (changes.mean >= CUT_TIMES_OTHERS * around.max(axis=1))
    return is_cut
