"""Speed ramps: a slowdown that changes along the source, from key to key.

Between two keys the speed v = 1 / slowdown goes from v0 to v1 in output time, linearly or by smoothstep. Both have the
mean (v0 + v1) / 2, so a part of `ds` source seconds lasts 2 ds / (v0 + v1). That is rounded to whole output frames. The
speeds are scaled to fit, so that each part begins with an untouched source frame. With u from 0 to 1 over the part, the
source time shown is

    linear    s = s0 + ds (2 v0 u + (v1 - v0) u^2) / (v0 + v1)
    smooth    s = s0 + ds (2 v0 u + (v1 - v0) (2 u^3 - u^4)) / (v0 + v1)
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import floor

import numpy as np
from numpy.typing import NDArray

from slomo_batch.timeline.rates import parse_rational

Int64s = NDArray[np.int64]
SMOOTH = "smooth"
STEPS_PER_FRAME = 1 << 16
"""Resolution of output times for which there is no formula."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RampKey:
    """A slowdown at an instant of the source."""

    at: str
    """The instant, as text (`instants.parse_instant`)."""
    slowdown: Fraction
    is_smooth: bool = False
    """Whether the speed goes to the next key by smoothstep; else linearly."""


def ramp_text(keys: Iterable[RampKey]) -> str:
    """The keys on one line: `0 1, 1:30 4 smooth`."""
    return ", ".join(f"{key.at} {key.slowdown}{f' {SMOOTH}' if key.is_smooth else ''}" for key in keys)


def parse_ramp(text: str) -> tuple[RampKey, ...]:
    """Parse the keys of `ramp_text`.

    Raises:
        ValueError: the text is not of this form.
    """
    keys = []
    for part in text.split(","):
        at, slowdown, *ease = part.split()
        if ease not in ([], [SMOOTH]):
            raise ValueError(f"{part.strip()!r} is not a key of a ramp")
        keys.append(RampKey(at=at, slowdown=parse_rational(slowdown), is_smooth=bool(ease)))
    return tuple(keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedPart:
    """A part of the source over which the speed goes from one value to another. Times are ticks of the source."""

    first_tick: int
    end_tick: int
    num_frames: int
    """Output frames that show the part; at least 1."""
    first_speed: Fraction
    """Source time per output time at its start, before it is scaled to whole frames; above 0."""
    last_speed: Fraction
    """The same at its end."""
    is_smooth: bool = False

    def tick_at(self, frame: int | Fraction) -> Fraction:
        """The source time that its output frame `frame` shows, in ticks; 0 <= frame <= num_frames."""
        u = Fraction(frame) / self.num_frames
        shape = u * u * (u if self.is_smooth else 1) * (2 - u if self.is_smooth else 1)
        v0, v1 = self.first_speed, self.last_speed
        share = (2 * v0 * u + (v1 - v0) * shape) / (v0 + v1)
        return self.first_tick + (self.end_tick - self.first_tick) * share

    def frame_at(self, tick: Fraction) -> Fraction:
        """The output time at which a tick within the part is shown, in frames from the part's first. While the speed
        changes, it is the first multiple of 1 / STEPS_PER_FRAME."""
        if self.first_speed == self.last_speed:
            return (tick - self.first_tick) * self.num_frames / (self.end_tick - self.first_tick)
        return Fraction(self._first_step(tick, STEPS_PER_FRAME), STEPS_PER_FRAME)

    def first_frames(self, ticks: Int64s) -> Int64s:
        """For each of these ticks within the part, its first output frame that shows this tick or a later one."""
        if self.first_speed == self.last_speed:
            span = self.end_tick - self.first_tick
            past = [(tick - self.first_tick) * self.num_frames for tick in ticks.tolist()]
            return np.array([-(-one // span) for one in past], dtype=np.int64)
        return np.array([self._first_step(tick, 1) for tick in ticks.tolist()], dtype=np.int64)

    def _first_step(self, tick: int | Fraction, per_frame: int) -> int:
        """The first of `per_frame` steps per frame that shows this tick or a later one, by bisection: `tick_at`
        increases."""
        low, high = 0, self.num_frames * per_frame
        while low < high:
            middle = (low + high) // 2
            if self.tick_at(Fraction(middle, per_frame)) >= tick:
                high = middle
            else:
                low = middle + 1
        return low


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedKey:
    """A key of a ramp whose instant is a tick of the source."""

    tick: int
    speed: Fraction
    is_smooth: bool


def speed_parts(
    keys: Sequence[PlacedKey], *, first_tick: int, end_tick: int, tick_s: Fraction, rate: Fraction
) -> tuple[SpeedPart, ...]:
    """The parts from `first_tick` to `end_tick`, at `rate` output frames per second.

    Before the first key and after the last, the speed is theirs. Parts that last less than half an output frame are
    left out; if all do, there is one part of one frame. `keys` are in order, at different ticks in the range.
    """
    before = PlacedKey(tick=first_tick, speed=keys[0].speed, is_smooth=False)
    after = PlacedKey(tick=end_tick, speed=keys[-1].speed, is_smooth=False)
    parts = []
    stops = [*keys, after]
    for here, there in zip([before, *keys], stops, strict=True):
        source_s = (there.tick - here.tick) * tick_s
        num_frames = floor(2 * source_s * rate / (here.speed + there.speed) + Fraction(1, 2))
        if num_frames:
            parts.append(
                SpeedPart(
                    first_tick=here.tick,
                    end_tick=there.tick,
                    num_frames=num_frames,
                    first_speed=here.speed,
                    last_speed=there.speed,
                    is_smooth=here.is_smooth,
                )
            )
    whole = SpeedPart(
        first_tick=first_tick, end_tick=end_tick, num_frames=1, first_speed=Fraction(1), last_speed=Fraction(1)
    )
    return tuple(parts) or (whole,)
