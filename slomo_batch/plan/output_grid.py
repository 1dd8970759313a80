"""The output frames of a video: its rate, its slowdown and its range, applied to the source's timeline."""

from collections.abc import Iterator
from fractions import Fraction

from slomo_batch.errors import SourceUnsupported
from slomo_batch.settings import Retime
from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.retiming import OutputGrid
from slomo_batch.timeline.source_range import frames_in_range


def output_grid(timeline: SourceTimeline, retime: Retime, rate: Fraction, name: str) -> OutputGrid:
    """The grid of a video at `rate` output frames per second; messages call it `name`.

    Raises:
        SourceUnsupported: no frame is in the range.
    """
    wanted = retime.range
    frames = frames_in_range(timeline, start=wanted.start, end=wanted.end, duration=wanted.duration)
    if not frames:
        until = f"end {wanted.end}" if wanted.end else f"duration {wanted.duration}" if wanted.duration else "no end"
        raise SourceUnsupported(
            "retime.range contains no frame of the video",
            where=name,
            expected=f"a part of {float(timeline.duration_s):.3f} s",
            got=f"start {wanted.start or '0'}, {until}",
            remedy="Set another start, end or duration.",
        )
    return OutputGrid.covering(
        timeline,
        rate=rate,
        slowdown=retime.slowdown,
        first_pair=frames.start,
        end_pair=0 if frames.stop == timeline.num_frames else frames.stop,
    )


def range_notes(grid: OutputGrid, timeline: SourceTimeline) -> Iterator[str]:
    """A note that names the source frames of a range, if it is one."""
    if grid.is_range:
        frames = grid.pairs(timeline.num_frames)
        end = int(timeline.ticks[frames.stop]) if grid.end_pair else timeline.end
        begin_s, end_s = float(grid.first_tick * timeline.tick_s), float(end * timeline.tick_s)
        yield (
            f"range: source frames {frames.start:,} to {frames.stop - 1:,} of {timeline.num_frames:,}, from"
            f" {begin_s:.3f} s to {end_s:.3f} s"
        )
