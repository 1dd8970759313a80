"""Timecodes that a video does not have."""

from fractions import Fraction

import numpy as np
import pytest

from slomo_batch.errors import SourceUnsupported
from slomo_batch.plan.output_grid import output_grid
from slomo_batch.settings import Range, Retime
from slomo_batch.timeline.fields import field_timeline
from slomo_batch.timeline.index import SourceTimeline

RATE = Fraction(25)
FIELDS = field_timeline(SourceTimeline(tick_s=1 / RATE, ticks=np.arange(100), end=100, rate=RATE, nominal_rate=RATE))


@pytest.mark.parametrize("retime", [Retime(range=Range(end="00:00:01:25")), Retime(ramp="00:00:01;02 4")])
def test_a_timecode_that_the_video_does_not_have_is_refused(retime: Retime) -> None:
    with pytest.raises(SourceUnsupported, match=r"no such timecode.*at 25 frames/s"):
        output_grid(FIELDS, retime, 2 * RATE, "film.mpg")
