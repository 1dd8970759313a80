"""The strip of a chunk: a small picture of the pair most worth a look, for the report.

It shows three output frames side by side: the first of the pair, one that was made between, and the first of the next
pair. The pair that the method doubts most is chosen; of equal ones, the one whose frames differ most.
"""

from dataclasses import dataclass

import numpy as np

from slomo_batch.media.jpeg import jpeg_of_at_most, thumbnail
from slomo_batch.media.rgb import Rgb
from slomo_batch.picture import Picture
from slomo_batch.records.source_facts import ColorFacts
from slomo_batch.steps.frame_maker import OutputFrame

HEIGHT_PX = 120
MAX_BYTES = 15_000
_STEP = 16
"""Every sixteenth sample of every sixteenth row decides how much two frames differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strip:
    """The strip of a chunk."""

    jpeg: bytes
    frame: int
    """Place of the frame in its middle among the output frames of the chunk."""
    doubt: int
    """How much the method doubts the pair, in sixteenths; -1 if it did not judge it."""


@dataclass(slots=True)
class _StripPair:
    """The frames of a pair that a strip would show, as they come."""

    first: OutputFrame
    num_frames: int = 1
    middle: OutputFrame | None = None
    middle_place: int = 0
    """Of the middle frame among the pair's frames."""

    def add(self, frame: OutputFrame) -> None:
        """Keep the frame if it is nearer to the middle; how many will come is not known."""
        if frame.kind != "source" and self.num_frames >= 2 * self.middle_place:
            self.middle, self.middle_place = frame, self.num_frames
        self.num_frames += 1


class StripPicker:
    """Looks at the output frames of a chunk, in order, and keeps the strip of one pair."""

    def __init__(self, color: ColorFacts) -> None:
        """`color` describes the samples of the output frames."""
        self._color = color
        self._pair: _StripPair | None = None
        self._num_frames = 0
        self._best: tuple[int, float] = (-2, 0.0)
        self._pictures: list[Rgb] = []
        self._frame = 0

    def add(self, frame: OutputFrame) -> None:
        """Look at the next frame."""
        if self._pair is not None and self._pair.first.pair == frame.pair:
            self._pair.add(frame)
        else:
            self._compare(frame.picture)
            self._pair = _StripPair(frame)
        self._num_frames += 1

    def strip(self) -> Strip | None:
        """Return the strip, after the last frame; None if no frame was made between source frames."""
        if self._pair is not None:
            self._compare(None)
            self._pair = None
        if not self._pictures:
            return None
        jpeg = jpeg_of_at_most(np.concatenate(self._pictures, axis=1), MAX_BYTES)
        return Strip(jpeg=jpeg, frame=self._frame, doubt=self._best[0])

    def _compare(self, following: Picture | None) -> None:
        """Take the pair that has ended for the strip if it is the best so far."""
        pair = self._pair
        if pair is None or pair.middle is None:
            return
        last = following or pair.middle.picture
        doubt = -1 if pair.middle.doubt is None else pair.middle.doubt
        score = doubt, _difference(pair.first.picture, last)
        if score > self._best:
            self._best, self._frame = score, self._num_frames - pair.num_frames + pair.middle_place
            shown = (pair.first.picture, pair.middle.picture, *([following] if following else []))
            self._pictures = [thumbnail(one, self._color, height=HEIGHT_PX) for one in shown]


def _difference(first: Picture, second: Picture) -> float:
    samples = (one.luma[::_STEP, ::_STEP].astype(np.int32) for one in (first, second))
    return float(np.abs(next(samples) - next(samples)).mean())
