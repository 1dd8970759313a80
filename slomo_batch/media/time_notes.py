"""Notes for the plan about the times of frames: frames left out, a rate that varies, and gaps."""

from collections.abc import Iterator
from fractions import Fraction

import numpy as np

from slomo_batch.timeline.index import SourceTimeline
from slomo_batch.timeline.rates import MAX_OF_MEAN, median_rate

NOTABLE_GAP_S = 10
"""If two consecutive frames are further apart than this, a note says so."""
USUAL_RATES = 1, 1000
"""Frame rates outside this range, in frames per second, get a note."""


def time_notes(timeline: SourceTimeline, num_left_out: int, dropped_duration_s: Fraction) -> Iterator[str]:
    """Notes on the times of a source's frames.

    `num_left_out`: frames at the start that are left out. `dropped_duration_s`: the duration of the last frame, in
    seconds, if it was too long to be true; else 0.
    """
    if num_left_out:
        yield f"{num_left_out} frames at the start are left out: they need earlier frames or headers that are missing"
    yield from _rate_notes(timeline)
    yield from _skipped_frames(timeline)
    gap_s = int(np.diff(timeline.ticks).max(initial=0)) * timeline.tick_s
    if gap_s > NOTABLE_GAP_S:
        yield f"gap of {float(gap_s):.1f} s between two frames"
    last_s = int(timeline.end - timeline.ticks[-1]) * timeline.tick_s
    if dropped_duration_s:
        instead = f"it is shown for {round(float(last_s), 3):g} s"
        yield f"the last frame's duration of {float(dropped_duration_s):,.0f} s is probably damaged: {instead}"
    elif last_s > NOTABLE_GAP_S:
        yield f"the last frame is shown for {float(last_s):.1f} s"
    if not USUAL_RATES[0] <= timeline.nominal_rate <= USUAL_RATES[1]:
        rate = f"{float(timeline.nominal_rate):,.{0 if timeline.nominal_rate > 1 else 6}f}"
        yield f"unusual frame rate of {rate} frames/s: the timestamps may be damaged"


def _rate_notes(timeline: SourceTimeline) -> Iterator[str]:
    """Notes about a rate that varies, and about film with repeated fields."""
    if timeline.num_film == timeline.num_frames:
        yield f"soft telecine: frames are spaced evenly at {timeline.nominal_rate} frames/s, without repeated fields"
    elif timeline.num_film:
        yield (
            f"soft telecine in {timeline.num_film:,} of {timeline.num_frames:,} frames: these are spaced evenly, the"
            f" others keep their times; `fps: source` uses {timeline.nominal_rate}"
        )
    elif timeline.rate is None and timeline.num_frames > 1:
        usual = median_rate(timeline.ticks, timeline.tick_s)
        in_bursts = usual > MAX_OF_MEAN * timeline.nominal_rate
        why = f", near the mean rate: frames come in bursts of {round(usual):,} frames/s" if in_bursts else ""
        yield f"variable frame rate: `fps: source` uses {timeline.nominal_rate}{why}"


def _skipped_frames(timeline: SourceTimeline) -> Iterator[str]:
    """A note on the grid points of a constant rate that have no frame: a lost part of a file leaves nothing else."""
    if timeline.rate is None:
        return
    steps = np.diff(timeline.ticks)
    places = np.flatnonzero(steps > 1)
    if len(places):
        number, first_s = int((steps[places] - 1).sum()), int(timeline.ticks[places[0]] + 1) * timeline.tick_s
        yield (
            f"the timestamps skip {number:,} frame{'s' * (number > 1)}, the first at {float(first_s):.2f} s: they"
            " are missing from the file, or the recording paused"
        )
