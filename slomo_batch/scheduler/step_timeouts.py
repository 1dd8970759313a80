"""StepTimeouts: how long a step without a model may be silent before it counts as hanging. Pure, and without a clock.

A split and a survey report their progress; the other steps report only their end. The limit of a kind of step follows
from the longest silence of those that ended, in proportion to the size of the video. Before the first one has ended, a
slow network is assumed.
"""

from math import isinf

from slomo_batch.attempts import StepName
from slomo_batch.scheduler.calls import OpenCall, StitchCall, SurveyCall, TaskCall
from slomo_batch.scheduler.hang_timeout import HangTimeout

ANY_STEP = 1e9
"""What a step takes whatever the size of its video, in bytes: a small video does not take nearly no time."""
UNKNOWN_LEAST_S = 600.0
"""Seconds before which no step counts as hanging while none of its kind has ended."""
SLOWEST_PER_S = 1e5
"""Bytes that a step reads or writes in a second at least, as far as is known before one has ended."""


class StepTimeouts:
    """The limits, learned from how long steps are silent."""

    def __init__(self, *, least_s: float) -> None:
        """No step counts as hanging before `least_s` seconds."""
        self._least_s = least_s
        self._learned: dict[StepName, HangTimeout] = {}

    def ended(self, call: TaskCall, silent_s: float) -> None:
        """Record a step that ended well, and the longest time for which it reported nothing."""
        learned = self._learned.setdefault(call.head.step, HangTimeout(least_s=self._least_s))
        learned.made(ANY_STEP + size_of(call), silent_s)

    def limit_s(self, call: TaskCall) -> float:
        """Seconds of silence after which the step counts as hanging."""
        learned = self._learned.get(call.head.step)
        limit_s = learned.limit_s(ANY_STEP + size_of(call)) if learned else float("inf")
        if isinf(limit_s):
            return max(self._least_s, UNKNOWN_LEAST_S, size_of(call) / SLOWEST_PER_S)
        return limit_s


def size_of(call: TaskCall) -> float:
    """Bytes that the step reads or writes, roughly."""
    if isinstance(call, OpenCall | SurveyCall):
        return float(call.request.source.size_bytes)
    if isinstance(call, StitchCall):
        return float(call.disk_bytes)
    return float(call.stored.plan.request.source.size_bytes)
