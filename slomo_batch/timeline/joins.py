"""Joins: points where the timestamps of a stream restart because files were concatenated without correcting them.

Each part between two joins keeps its own timestamps; `offset` shifts them so that each part follows the one before.
Joins are found from presentation times alone: FFmpeg guesses decoding times after a join, so they are unreliable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Int64s = NDArray[np.int64]
Bools = NDArray[np.bool_]

NUM_NEIGHBORS = 16
"""Packets before and after a backward jump that are examined to tell a join from a few damaged timestamps."""
MAX_REORDERED = 20
"""Upper bound on the frames stored before a frame that is shown first, in any codec. At a variable rate they may span
minutes."""
NUM_LAST_PACKETS = 4
"""Packets before a join whose times FFmpeg may have guessed from the packets after it."""
MAX_BACKWARD_JUMPS = 1000
"""A stream with more backward jumps than this has damaged timestamps, not joins."""
BLOCK_PACKETS = 1 << 14
"""Packets searched at a time for the next backward jump."""
_LOWEST = np.iinfo(np.int64).min // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """The start of a part whose timestamps are independent of those before it."""

    first_packet: int
    """The part's first packet, as an index in decode order."""
    offset: int
    """Ticks added to the times of the part's packets."""


def find_part_starts(pts: Int64s, is_keyframe: Bools) -> list[int]:
    """First packets of all parts except the first, from the packets' times in decode order.

    Two rules hold within a part: a keyframe is shown after everything stored before it, and at most MAX_REORDERED
    packets stored before any other frame are shown after it. A packet that breaks a rule is a backward jump. It
    starts a part unless only a few packets around it have odd times.
    """
    clock, at = pts.copy(), 0
    starts: list[int] = []
    for _ in range(MAX_BACKWARD_JUMPS):
        begin = starts[-1] if starts else 0
        jump = _next_backward_jump(clock, is_keyframe, begin, at)
        if jump is None:
            return starts
        top = int(clock[begin:jump].max())
        if _is_sparse_before(clock, begin, jump, top):
            outliers = slice(max(begin, jump - NUM_NEIGHBORS), jump)
            clock[outliers] = np.minimum(clock[outliers], clock[jump])
        elif _is_sparse_after(clock, begin, jump, top):
            clock[jump] = top
        else:
            starts.append(jump)
        at = jump
    return []


def _next_backward_jump(clock: Int64s, is_keyframe: Bools, begin: int, at: int) -> int | None:
    """The first packet from `at` on whose time is impossible in the part that starts at `begin`, or None."""
    step = median_step(clock[begin:])
    for start in range(at, len(clock), BLOCK_PACKETS):
        block = slice(start, start + BLOCK_PACKETS)
        reached = clock[begin:start].max(initial=_LOWEST)
        top = np.maximum.accumulate(np.concatenate(([reached], clock[block])))[:-1]
        is_below = 2 * (top - clock[block]) > step  # less than half a frame is a rounding error, not a jump
        seen = max(begin, start - 2 * MAX_REORDERED)
        num_shown_later = _num_shown_later(clock[seen : block.stop])[start - seen :]
        places = np.flatnonzero(is_below & (is_keyframe[block] | (num_shown_later > MAX_REORDERED)))
        if len(places):
            return start + int(places[0])
    return None


def _num_shown_later(pts: Int64s) -> Int64s:
    """For each packet, how many of those stored just before it are shown after it; counts up to 2 * MAX_REORDERED."""
    num = np.zeros(len(pts), np.int64)
    for distance in range(1, min(2 * MAX_REORDERED, len(pts) - 1) + 1):
        num[distance:] += pts[:-distance] > pts[distance:]
    return num


def _is_sparse_before(clock: Int64s, begin: int, jump: int, top: int) -> bool:
    """True if only a few packets before the jump have later times than it: their times jumped forward and came back."""
    before = clock[max(begin, jump - NUM_NEIGHBORS) : jump]
    usual = min(len(before), (top - int(clock[jump])) / median_step(clock[begin : jump + NUM_NEIGHBORS]))
    return bool(np.count_nonzero(before > clock[jump]) < usual / 2)


def _is_sparse_after(clock: Int64s, begin: int, jump: int, top: int) -> bool:
    """True if only a few packets from the jump on have times below `top`: the timestamps recover at once."""
    after = clock[jump : jump + NUM_NEIGHBORS]
    usual = min(len(after), (top - int(clock[jump])) / median_step(clock[begin:jump]) + 1)
    return bool(np.count_nonzero(after <= top) < usual / 2)


def forward_jumps(pts: Int64s, starts: Sequence[int], least: int) -> list[tuple[int, int]]:
    """Packets at which the times of a part jump forward by more than `least` ticks and continue from there.

    Returns pairs of the packet and the size of the jump in ticks.
    """
    found = []
    for first, stop in pairwise((0, *starts, len(pts))):
        own = pts[first:stop]
        top = np.maximum.accumulate(own)
        for place in (np.flatnonzero(own[1:] - top[:-1] > least) + 1).tolist():
            following = own[place : place + NUM_NEIGHBORS]
            if (following - top[place - 1] > least / 2).all():
                found.append((first + place, int(following.min() - top[place - 1])))
    return found


def median_step(pts: Int64s) -> int:
    """Median distance between consecutive times, in ticks, at least 1."""
    steps = np.diff(np.unique(pts[: 64 * NUM_NEIGHBORS]))
    return max(1, int(np.median(steps))) if len(steps) else 1


def place_joins(starts: Sequence[int], pts: Int64s, is_shown: Bools, lone_step: int) -> tuple[Join, ...]:
    """The joins at these packets. Their offsets make the first frame of each part follow the last one of the part
    before.

    `lone_step` is the duration in ticks of a frame that is the only one of its part.
    """
    made: list[Join] = []
    end: Fraction | None = None
    for first, stop in pairwise((0, *starts, len(pts))):
        own = np.unique(pts[first:stop][is_shown[first:stop]])
        offset = made[-1].offset if made else 0
        if first and end is not None and len(own):
            offset = round(end - int(own[0]))
        if first:
            made.append(Join(first_packet=first, offset=offset))
        if len(own):
            end = int(own[-1]) + offset + _mean_step(own, lone_step)
    return tuple(made)


def separate_last_frames(pts: Int64s, starts: Sequence[int]) -> Int64s:
    """The times, with the duplicate that FFmpeg's guess causes before a join moved to the end of its part.

    If the last packets of a part lack timestamps, as in a VOB, FFmpeg gives the part's last frame, which is stored
    before its B-frames, the time of one of them. It is shown after all others.
    """
    repaired = pts.copy()
    for first, stop in pairwise((0, *starts)):
        tail = slice(max(first, stop - NUM_LAST_PACKETS), stop)
        last = np.flatnonzero(pts[tail] == pts[first:stop].max())
        if len(last) > 1:
            repaired[tail.start + last[0]] += round(_mean_step(np.unique(pts[first:stop]), lone_step=1))
    return repaired


def _mean_step(pts: Int64s, lone_step: int) -> Fraction:
    """Mean distance between these increasing times, gaps excluded, in ticks."""
    steps = np.diff(pts)
    if not len(steps):
        return Fraction(max(1, lone_step))
    usual = steps[steps < 2 * float(np.median(steps))]  # of film with repeated fields, the longer steps too
    return Fraction(int(usual.sum()), len(usual))


def packet_offsets(joins: Sequence[Join], num_packets: int) -> Int64s:
    """For each packet, the ticks that were added to its time."""
    moved = np.zeros(num_packets, np.int64)
    for join in joins:
        moved[join.first_packet :] = join.offset
    return moved


def first_frame_times(joins: Sequence[Join], pts: Int64s, is_shown: Bools) -> list[int]:
    """Time of the first shown frame of each part, in ticks with offsets added. A part without shown frames repeats the
    time of the part before."""
    times: list[int] = []
    for first, stop in pairwise((0, *(join.first_packet for join in joins), len(pts))):
        own = pts[first:stop][is_shown[first:stop]]
        times.append(int(own.min()) if len(own) else times[-1] if times else 0)
    return times
