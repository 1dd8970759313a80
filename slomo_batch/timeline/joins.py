"""Joins: places in a stream where its clock jumps, because files were joined without correcting their times.

Each part between two joins keeps its own times; `offset` moves them so that the parts follow one another. A join is
found in the presentation times alone: decode times are unreliable after one, since FFmpeg guesses them.
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
"""Packets before and after a fall of the clock that show whether it is a join or a few damaged times."""
MAX_REORDERED = 20
"""No codec stores more frames than this before one that is shown first. With a variable rate they may be minutes."""
NUM_LAST_PACKETS = 4
"""Packets before a join whose times FFmpeg may have guessed from what comes after it."""
MAX_BACKWARD_JUMPS = 1000
"""A stream with more falls than this has damaged times, not joins."""
BLOCK_PACKETS = 1 << 14
"""Packets that are searched at once for the next fall."""
_LOWEST = np.iinfo(np.int64).min // 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Join:
    """A part of the stream begins, on a clock of its own."""

    first_packet: int
    """The part's first packet, by its place in decode order."""
    offset: int
    """What is added to the times of the part's packets, in ticks."""


def find_part_starts(pts: Int64s, is_keyframe: Bools) -> list[int]:
    """First packets of all parts but the first, from the packets' times in decode order.

    A keyframe is shown after everything stored before it, and of other frames no more than MAX_REORDERED that were
    stored before are shown later: what violates that is a fall of the clock. It starts a part unless only a few packets
    around it have odd times.
    """
    clock, at = pts.copy(), 0
    starts: list[int] = []
    for _ in range(MAX_BACKWARD_JUMPS):
        begin = starts[-1] if starts else 0
        fall = _next_backward_jump(clock, is_keyframe, begin, at)
        if fall is None:
            return starts
        top = int(clock[begin:fall].max())
        if _is_sparse_before(clock, begin, fall, top):
            outliers = slice(max(begin, fall - NUM_NEIGHBORS), fall)
            clock[outliers] = np.minimum(clock[outliers], clock[fall])
        elif _is_sparse_after(clock, begin, fall, top):
            clock[fall] = top
        else:
            starts.append(fall)
        at = fall
    return []


def _next_backward_jump(clock: Int64s, is_keyframe: Bools, begin: int, at: int) -> int | None:
    """The first packet from `at` on whose time is impossible after those of the part that begins at `begin`."""
    step = median_step(clock[begin:])
    for start in range(at, len(clock), BLOCK_PACKETS):
        block = slice(start, start + BLOCK_PACKETS)
        reached = clock[begin:start].max(initial=_LOWEST)
        top = np.maximum.accumulate(np.concatenate(([reached], clock[block])))[:-1]
        is_below = 2 * (top - clock[block]) > step  # less than half a frame is a time badly rounded, not another clock
        seen = max(begin, start - 2 * MAX_REORDERED)
        num_shown_later = _num_shown_later(clock[seen : block.stop])[start - seen :]
        places = np.flatnonzero(is_below & (is_keyframe[block] | (num_shown_later > MAX_REORDERED)))
        if len(places):
            return start + int(places[0])
    return None


def _num_shown_later(pts: Int64s) -> Int64s:
    """For each packet how many of those stored just before it are shown after it; counted up to 2 * MAX_REORDERED."""
    num = np.zeros(len(pts), np.int64)
    for distance in range(1, min(2 * MAX_REORDERED, len(pts) - 1) + 1):
        num[distance:] += pts[:-distance] > pts[distance:]
    return num


def _is_sparse_before(clock: Int64s, begin: int, fall: int, top: int) -> bool:
    """True where only a few of the packets before the fall are above it: their times jumped forward and came back."""
    before = clock[max(begin, fall - NUM_NEIGHBORS) : fall]
    usual = min(len(before), (top - int(clock[fall])) / median_step(clock[begin : fall + NUM_NEIGHBORS]))
    return bool(np.count_nonzero(before > clock[fall]) < usual / 2)


def _is_sparse_after(clock: Int64s, begin: int, fall: int, top: int) -> bool:
    """True where only a few packets from the fall on are below what was reached: the clock comes back at once."""
    after = clock[fall : fall + NUM_NEIGHBORS]
    usual = min(len(after), (top - int(clock[fall])) / median_step(clock[begin:fall]) + 1)
    return bool(np.count_nonzero(after <= top) < usual / 2)


def forward_jumps(pts: Int64s, starts: Sequence[int], least: int) -> list[tuple[int, int]]:
    """Packets at which a part's clock jumps forward by more than `least` ticks and goes on there; and by how much."""
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
    """The median distance of neighboring times, in ticks, at least 1."""
    steps = np.diff(np.unique(pts[: 64 * NUM_NEIGHBORS]))
    return max(1, int(np.median(steps))) if len(steps) else 1


def place_joins(starts: Sequence[int], pts: Int64s, is_shown: Bools, lone_step: int) -> tuple[Join, ...]:
    """The joins at these packets, placed so that each part's first frame follows the last frame of the part before.

    `lone_step` is the duration in ticks of a frame that is a part of its own.
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
    """The times, without the collision that FFmpeg's guess makes before a join.

    Where the last packets of a part have no time of their own, as in a VOB, FFmpeg gives the last frame, stored before
    its B-frames, the time of one of them. It belongs after all others.
    """
    mended = pts.copy()
    for first, stop in pairwise((0, *starts)):
        tail = slice(max(first, stop - NUM_LAST_PACKETS), stop)
        last = np.flatnonzero(pts[tail] == pts[first:stop].max())
        if len(last) > 1:
            mended[tail.start + last[0]] += round(_mean_step(np.unique(pts[first:stop]), lone_step=1))
    return mended


def _mean_step(pts: Int64s, lone_step: int) -> Fraction:
    """The usual distance between these rising times: the mean, but for gaps."""
    steps = np.diff(pts)
    if not len(steps):
        return Fraction(max(1, lone_step))
    usual = steps[steps <= 1.5 * float(np.median(steps))]
    return Fraction(int(usual.sum()), len(usual))


def packet_offsets(joins: Sequence[Join], num_packets: int) -> Int64s:
    """For each packet what its time was moved by, in ticks."""
    moved = np.zeros(num_packets, np.int64)
    for join in joins:
        moved[join.first_packet :] = join.offset
    return moved


def first_frame_times(joins: Sequence[Join], pts: Int64s, is_shown: Bools) -> list[int]:
    """Time of the first shown frame of each part, in moved ticks; a part without one has that of the part before."""
    times: list[int] = []
    for first, stop in pairwise((0, *(join.first_packet for join in joins), len(pts))):
        own = pts[first:stop][is_shown[first:stop]]
        times.append(int(own.min()) if len(own) else times[-1] if times else 0)
    return times
