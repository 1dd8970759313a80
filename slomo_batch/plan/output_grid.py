"""The output frames of a video: its rate, its slowdown and its range, applied to the source's timeline."""

from collections.abc import Iterator
from fractions import Fraction
from math import ceil

from slomo_batch.errors import SourceUnsupported
from slomo_batch.settings import Retime
from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.instants import parse_instant
from slomo_batch.timeline.ramp import PlacedKey, SpeedPart, parse_ramp, speed_parts
from slomo_batch.timeline.retiming import OutputGrid
from slomo_batch.timeline.source_range import frames_in_range

NOTABLE_STRETCH = 4
"""Audio of a ramp that is stretched by more than this gets a note."""


def output_grid(timeline: SourceTimeline, retime: Retime, rate: Fraction, name: str) -> OutputGrid:
    """The grid of a video at `rate` output frames per second; messages call it `name`.

    Raises:
        SourceUnsupported: no frame is in the range, a key of the ramp is outside it, or the video has no such timecode.
    """
    _check_timecodes(retime, timeline.picture_rate, name)
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
    grid = OutputGrid.covering(
        timeline,
        rate=rate,
        slowdown=retime.slowdown,
        first_pair=frames.start,
        end_pair=0 if frames.stop == timeline.num_frames else frames.stop,
    )
    return grid.ramped(timeline, _ramp_parts(grid, timeline, retime.ramp, name)) if retime.ramp else grid


def _check_timecodes(retime: Retime, picture_rate: Fraction, name: str) -> None:
    """Check that a video of this rate has the timecodes of the settings."""
    wanted = retime.range
    keys = parse_ramp(retime.ramp) if retime.ramp else ()
    for text in (wanted.start, wanted.end, wanted.duration, *(key.at for key in keys)):
        if text and not parse_instant(text).is_counted_at(picture_rate):
            raise SourceUnsupported(
                "the video has no such timecode at its frame rate",
                where=name,
                got=f"{text} at {picture_rate} frames/s",
                remedy="Write the time in seconds. A semicolon is for 30000/1001 and 60000/1001 frames/s.",
            )


def _ramp_parts(grid: OutputGrid, timeline: SourceTimeline, ramp: str, name: str) -> tuple[SpeedPart, ...]:
    """The parts of a ramp, whose keys move to the next source frame, or to the end.

    Raises:
        SourceUnsupported: a key is not in the range, or not after the key before it.
    """
    end = int(timeline.ticks[grid.end_pair]) if grid.end_pair else timeline.end
    ticks = [*timeline.ticks[grid.pairs(timeline.num_frames).start :].tolist(), timeline.end]
    keys: list[PlacedKey] = []
    for key in parse_ramp(ramp):
        wanted = ceil(parse_instant(key.at).at(timeline.picture_rate) / timeline.tick_s)
        tick = next((tick for tick in ticks if tick >= wanted), end + 1)
        least = keys[-1].tick + 1 if keys else grid.first_tick
        if wanted < grid.first_tick or not least <= tick <= end:
            begin_s, end_s = float(grid.first_tick * timeline.tick_s), float(end * timeline.tick_s)
            raise SourceUnsupported(
                "a key of retime.ramp is outside the video or its range, or within a frame of the key before it",
                where=name,
                expected=f"keys in order from {begin_s:.3f} s to {end_s:.3f} s",
                got=key.at,
                remedy="Set another time.",
            )
        keys.append(PlacedKey(tick=tick, speed=1 / key.slowdown, is_smooth=key.is_smooth))
    return speed_parts(keys, first_tick=grid.first_tick, end_tick=end, tick_s=timeline.tick_s, rate=grid.rate)


def grid_notes(grid: OutputGrid, timeline: SourceTimeline, *, has_audio: bool) -> Iterator[str]:
    """Notes that name the source frames of a range, and the parts of a ramp."""
    if grid.parts:
        counts = ", ".join(f"{part.num_frames:,}" for part in grid.parts)
        yield f"ramp: parts of {counts} output frames; their speeds are fitted to whole frames"
        most = max(1 / min(part.first_speed, part.last_speed) for part in grid.parts)
        if has_audio and most > NOTABLE_STRETCH:
            yield f"audio is stretched by up to {float(most):g}: above {NOTABLE_STRETCH} it sounds unnatural"
    if grid.is_range:
        frames = grid.pairs(timeline.num_frames)
        end = int(timeline.ticks[frames.stop]) if grid.end_pair else timeline.end
        begin_s, end_s = float(grid.first_tick * timeline.tick_s), float(end * timeline.tick_s)
        yield (
            f"range: source frames {frames.start:,} to {frames.stop - 1:,} of {timeline.num_frames:,}, from"
            f" {begin_s:.3f} s to {end_s:.3f} s"
        )
