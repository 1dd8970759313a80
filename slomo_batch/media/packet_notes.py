"""Notes for the plan about packets and frames: where a file was joined, and why it has more packets than frames."""

from collections.abc import Iterator

import numpy as np

from slomo_batch.media.index import PacketIndex

MAX_NAMED_JOINS = 5
"""Number of joins whose times are listed."""


def packet_notes(found: PacketIndex) -> Iterator[str]:
    """Notes for the plan and the report. Every packet of the index is either shown as a frame or counted in a note."""
    yield from _joins(found)
    yield from _packets_without_frame(found)


def _joins(found: PacketIndex) -> Iterator[str]:
    index = found.index
    if not index.joins:
        return
    zero = int(index.frame_pts[0])
    firsts = [join.first_packet for join in index.joins[:MAX_NAMED_JOINS]]
    times = ", ".join(f"{float((int(index.pts[first]) - zero) * index.time_base):.2f} s" for first in firsts)
    more = " and later" if len(index.joins) > MAX_NAMED_JOINS else ""
    count = len(index.joins)
    yield (
        f"the timestamps jump {count} time{'s' * (count > 1)} (at {times}{more}): the output plays the parts one"
        " after the other, each with its audio"
    )
    if found.num_undecodable:
        yield f"{found.num_undecodable} frames after a join are left out: they need earlier frames that are missing"


def _packets_without_frame(found: PacketIndex) -> Iterator[str]:
    index = found.index
    num_hidden = int(index.is_discarded.sum()) - found.num_undecodable
    if num_hidden:
        yield f"{num_hidden} packets are not shown: headers, or frames that an edit list marks as decode only"
    shown = index.pts[~index.is_discarded]
    num_same = len(shown) - len(np.unique(shown))
    if num_same:
        yield (
            f"{num_same} of {len(index.pts)} packets have the timestamp of another packet (second fields, hidden"
            " frames, or damaged timestamps): one frame is shown for each timestamp"
        )
